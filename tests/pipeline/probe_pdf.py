"""Makes the PDF of a file of so many pages in a process of its own, and prints how much memory it took.

    python -m tests.pipeline.probe_pdf MODE PAGES [g4|grey|jpeg|colour]

prints its peak in MB, the PDF's MB, its CPU seconds and the parts that it was uploaded in. S3 is a file on
disk, and what is uploaded is counted and forgotten: memory is that of the pipeline alone. Pages are of G4, 25
KB of noise each, or, if one of these is named, letters as scanners make them.
"""

import io
import itertools
import resource
import struct
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from pipeline import file_pdf, results, text_layer
from pipeline.messages import FileRef
from pipeline.page_text import Finding, PageText, Word
from pipeline.results import BatchOutcome, PageOutcome
from pipeline.settings import Settings
from pipeline.text_layer import PageLayer

IN_A_BATCH = 10
WORDS = 150


def chained(pages: list[bytes], count: int) -> Any:
    """A file on disk: TIFFs of one page, over and over again, in one chain."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 it goes with the process
    file.write(struct.pack("<2sHI", b"II", 42, 0))
    pointer = 4
    for page in itertools.islice(itertools.cycle(pages), count):
        start = file.seek(0, 2)
        (directory,) = struct.unpack_from("<I", page, 4)
        moved = bytearray(page)
        (entries,) = struct.unpack_from("<H", page, directory)
        for at in range(directory + 2, directory + 2 + 12 * entries, 12):
            tag, kind, number, value = struct.unpack_from("<HHII", page, at)
            size = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}[kind] * number
            if size > 4 or tag == 273:
                struct.pack_into("<I", moved, at + 8, value + start)
        file.write(moved)
        file.seek(pointer)
        file.write(struct.pack("<I", start + directory))
        pointer = start + directory + 2 + 12 * entries
    return file


class Disk:
    """The little of an S3 client that is needed: ranged reads of one file; uploads are counted."""

    def __init__(self, file: Any, layers: dict[str, bytes]) -> None:
        self._file, self._layers = file, layers
        self.size = file.seek(0, 2)
        self.parts = self.uploaded = 0

    def get_object(self, **request: Any) -> dict[str, Any]:
        if request["Key"] in self._layers:
            return {"Body": io.BytesIO(self._layers[request["Key"]])}
        first, last = request["Range"].removeprefix("bytes=").split("-")
        self._file.seek(int(first))
        return {"Body": io.BytesIO(self._file.read(int(last) - int(first) + 1))}

    def put_object(self, **request: Any) -> None:
        self.upload_part(**request)

    def create_multipart_upload(self, **_: Any) -> dict[str, str]:
        return {"UploadId": "1"}

    def upload_part(self, **request: Any) -> dict[str, str]:
        self.parts += 1
        self.uploaded += len(request["Body"])
        return {"ETag": "etag"}

    def complete_multipart_upload(self, **_: Any) -> None:
        pass


def scanned(image: Image.Image, **options: object) -> bytes:
    """A TIFF of one page; without `tests.builders`, which would bring the wind tunnel into this memory."""
    written = io.BytesIO()
    image.save(written, "TIFF", **{"dpi": (200, 200), **options})
    return written.getvalue()


def small_pages() -> list[bytes]:
    noise = Image.effect_noise((300, 300), 120).convert("1", dither=Image.Dither.NONE)
    return [scanned(noise, compression="group4", strip_size=2**30)]


def scans() -> dict[str, bytes]:
    """Letters as scanners make them, by kind."""
    colour = letter((2550, 3300), "RGB")
    return {
        "g4": scanned(letter((2550, 3300), "1"), dpi=(300, 300), compression="group4", strip_size=2**30),
        "grey": scanned(letter((1700, 2200), "L"), compression="tiff_lzw", strip_size=2**30),
        "jpeg": scanned(colour, dpi=(300, 300), compression="jpeg", strip_size=2**30),
        "colour": scanned(colour, dpi=(300, 300), compression="tiff_lzw", strip_size=2**30),
    }


def letter(size: tuple[int, int], mode: str) -> Image.Image:
    image = Image.new("L", size, 255)
    if mode != "1":
        image = Image.blend(image, Image.effect_noise(size, 20), 0.1)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size[1] // 75)
    for row in range(6, 66):
        draw.text(
            (size[0] // 10, row * size[1] // 75), "Office of records and accounts, notice to members", 0, font
        )
    return image.convert(mode)


def layer(mode: str, page: int, size: tuple[int, int]) -> PageLayer:
    width, height = size
    step = width // 12
    words = tuple(
        Word(f"word{number}", (x, y, x + step - 8, y + 20), 90, number // 10)
        for number, (y, x) in enumerate(
            itertools.product(range(40, height - 40, max(30, height // 18)), range(step, width - step, step))
        )
    )[:WORDS]
    hidden = (words[3].box, words[17].box) if mode == "redacted" else ()
    return PageLayer(page, PageText(width, height, words), hidden)


def peak_megabytes() -> float:
    """Of this program alone: what getrusage tells begins with the memory of the process that started it."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def run(mode: str, count: int, pages: list[bytes]) -> tuple[float, float, float, int]:
    sizes = []
    for page in pages:
        with Image.open(io.BytesIO(page)) as image:
            sizes.append(image.size)
    ref = FileRef("documents", "uploads/a.tif", 0, "etag", "1")
    batches, layers = [], {}
    for number, first in enumerate(range(1, count + 1, IN_A_BATCH), 1):
        of_batch = [
            layer(mode, page, sizes[(page - 1) % len(sizes)]) for page in range(first, first + IN_A_BATCH)
        ]
        name = f"{first}-{first + IN_A_BATCH - 1}"
        outcomes = tuple(
            PageOutcome(one.page, 90, tuple(Finding(one.page, "SSN", 90, box, "***") for box in one.hidden))
            for one in of_batch
        )
        layers[text_layer.key(ref.file_id, number, name)] = text_layer.encode(of_batch)
        batches.append(BatchOutcome(number, name, outcomes, text_parts=(name,)))
    verdict = results.judge(count, tuple(batches), "")
    disk = Disk(chained(pages, count), layers)
    settings = Settings(table_name="", pdf_mode=mode, whole_file_bytes=65_536)
    began = time.process_time()
    ref = FileRef(ref.bucket, ref.key, disk.size, ref.etag, ref.version_id)
    made = file_pdf.make(disk, settings, ref, count, verdict, batches, lambda: 900.0)
    assert (bool(made.key), made.withheld) == (True, ()), made.reason
    return peak_megabytes(), disk.uploaded / 2**20, time.process_time() - began, disk.parts


if __name__ == "__main__":
    print(*run(sys.argv[1], int(sys.argv[2]), [scans()[sys.argv[3]]] if sys.argv[3:] else small_pages()))
