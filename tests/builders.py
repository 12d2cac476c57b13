"""Builders of what tests arrange: words on a page, TIFF bytes, messages, and a whole run."""

import io
import struct
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, TiffImagePlugin

from fixtures import corpus
from harness import config
from harness.cloud import latency
from harness.cloud.limits import ACCOUNT_CONCURRENCY
from harness.faults.scenario import CALM, Scenario
from harness.runs import inputs
from harness.runs import run as runs
from harness.runs.rig import ComputeKind, Options, Progress, quiet
from pipeline.documents import PageFile
from pipeline.npi.typed import aligned, page_text
from pipeline.tiff import Layout, read_chain

__all__ = ["aligned", "page_text"]

PROJECT = Path(__file__).parent.parent
CONFIG = config.load(PROJECT)
LEDGER = PROJECT / ".harness" / "ledger.sqlite"


def page_image(text: str, mode: str = "L", size: tuple[int, int] = (900, 240)) -> Image.Image:
    """Text in large letters on white."""
    image = Image.new("L", size, 255)
    ImageDraw.Draw(image).text((40, 80), text, fill=0, font=ImageFont.load_default(48))
    return image.convert(mode)


def tiff(*pages: Image.Image, **options: object) -> bytes:
    """A multi-page TIFF; options are those of Pillow's TIFF writer."""
    buffer = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(buffer, True) as writer:
        for page in pages:
            page.save(writer, format="TIFF", **{"dpi": (200, 200), **options})
            writer.newFrame()
    return buffer.getvalue()


def first_page(data: bytes) -> PageFile:
    chain = read_chain(lambda offset, size: data[offset : offset + size], len(data))
    return page_file(data, chain.layout, chain.offsets[0])


def page_file(data: bytes, layout: Layout, offset: int) -> PageFile:
    return PageFile(layout, offset, len(data), ((0, data),))


def ifd_chain(links: list[int], big: bool = False) -> bytes:
    """A file of directories without images: link i is the number of the directory that follows directory i
    (-1: none).
    """
    entry, header = (20, 16) if big else (12, 8)
    count, pointer, value = ("<Q", "<Q", "<HHQQ") if big else ("<H", "<I", "<HHII")
    size = struct.calcsize(count) + 2 * entry + struct.calcsize(pointer)
    at = [header + size * number for number in range(len(links))]
    data = struct.pack("<2sHHHQ", b"II", 43, 8, 0, at[0]) if big else struct.pack("<2sHI", b"II", 42, at[0])
    for link in links:
        data += struct.pack(count, 2) + struct.pack(value, 256, 4, 1, 8) + struct.pack(value, 257, 4, 1, 8)
        data += struct.pack(pointer, at[link] if link >= 0 else 0)
    return data


def labelled_lines() -> list[tuple[frozenset[str], str]]:
    """(types, text) of each line and table of fixtures/lines.txt; clean ones have no types."""
    rows = (PROJECT / "fixtures" / "lines.txt").read_text(encoding="utf-8").splitlines()
    parted = (row.split(" | ", 1) for row in rows if row and not row.startswith("#"))
    return [(frozenset() if types == "-" else frozenset(types.split(",")), text) for types, text in parted]


def sample() -> Path:
    """The corpus of `make run`, made when it is not there."""
    folder = PROJECT / ".harness" / f"sample-{corpus.VERSION}-{CONFIG.sample.files}-{CONFIG.sample.seed}"
    if not (folder / "truth.json").is_file():
        corpus.make(folder, CONFIG.sample.files, CONFIG.sample.seed)
    return folder


def run(
    folder: Path,
    *,
    seed: int = 0,
    compute: ComputeKind = "recorded",
    parameters: dict[str, str] | None = None,
    ledger: Path = LEDGER,
    cpu_factor: float = 1.0,
    work_factor: float = 1.0,
    faults: Scenario = CALM,
    account_concurrency: int = ACCOUNT_CONCURRENCY,
    template: Path = PROJECT / "template.yaml",
    progress: Progress = quiet,
) -> runs.Run:
    """A run of the real template on a folder of TIFFs."""
    options = Options(
        template=template,
        parameters=parameters or {},
        seed=seed,
        compute=compute,
        latencies=latency.load(),
        ledger=ledger,
        cpu_factor=cpu_factor,
        work_factor=work_factor,
        faults=faults,
        account_concurrency=account_concurrency,
    )
    return runs.run(CONFIG, inputs.collect([folder], CONFIG.input_suffixes), options, progress)


def tagged(data: bytes, tags: dict[int, int | tuple[int, ...]], counts: int | None = -1) -> bytes:
    """A little-endian TIFF of one strip with these tags; `counts`: its StripByteCounts, None for no such tag."""
    entries = {tag: value if isinstance(value, tuple) else (value,) for tag, value in tags.items()}
    entries[273] = (8,)
    if counts is not None:
        entries[279] = (len(data) if counts == -1 else counts,)
    data += b"\0" * (len(data) % 2)
    start = 8 + len(data)
    behind = start + 2 + 12 * len(entries) + 4
    body, values = struct.pack("<H", len(entries)), b""
    for tag, numbers in sorted(entries.items()):
        kind, form = (4, "I") if tag in (273, 279) else (3, "H")
        raw = struct.pack(f"<{len(numbers)}{form}", *numbers)
        if len(raw) > 4:
            body += struct.pack("<HHII", tag, kind, len(numbers), behind + len(values))
            values += raw
        else:
            body += struct.pack("<HHI", tag, kind, len(numbers)) + raw.ljust(4, b"\0")
    return struct.pack("<2sHI", b"II", 42, start) + data + body + struct.pack("<I", 0) + values


def with_segments(page: PageFile, segments: tuple[tuple[int, bytes], ...]) -> PageFile:
    return PageFile(page.layout, page.offset, page.size, segments)
