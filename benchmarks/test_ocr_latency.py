"""OCR latency by kind of page, by engine and by what is read: the one cost that dominates, in real time."""

from importlib.util import find_spec

import numpy as np
import pytest

from fixtures import pages, scan, values
from pipeline import ocr
from pipeline.documents import PageFile
from pipeline.ocr_options import OcrOptions
from tests import builders

SCANNERS = {scanner.name: scanner for scanner in scan.SCANNERS}
ROUNDS = 5


def page(kind: str, scanner: str) -> PageFile:
    """A page of a kind, with NPI on it unless it is blank, as a scanner leaves it."""
    generator = np.random.default_rng(11)
    chosen = SCANNERS[scanner]
    types = ("SSN", "DATE_OF_BIRTH") if kind != "blank" else ()
    planted = [values.plant(type_, generator) for type_ in types]
    drawn = pages.draw(kind, max(chosen.dpi), planted, generator)
    return builders.first_page(
        scan.encode([(scan.scan(drawn.image, max(chosen.dpi), chosen, generator), chosen)])
    )


def measure(benchmark, read: PageFile, options: OcrOptions, rounds: int = ROUNDS) -> None:
    text = benchmark.pedantic(ocr.read_page, (read, options), rounds=rounds, warmup_rounds=1)
    benchmark.extra_info |= {"words": len(text.words), "confidence": round(text.confidence, 1)}


@pytest.mark.benchmark(group="OCR by kind of page and scanner")
@pytest.mark.parametrize("scanner", ["g4", "jpeg", "g3-fax"])
@pytest.mark.parametrize("kind", pages.KINDS)
def test_ocr_of_a_page(benchmark, kind: str, scanner: str) -> None:
    measure(benchmark, page(kind, scanner), OcrOptions(findings="flag"))


@pytest.mark.benchmark(group="OCR by engine and what is read")
@pytest.mark.parametrize("findings", ["flag", "full"])
@pytest.mark.parametrize("engine", ["tesserocr", "pytesseract", "rapidocr"])
@pytest.mark.parametrize("kind", ["form", "letter"])
def test_ocr_by_engine(benchmark, kind: str, engine: str, findings: str) -> None:
    if engine == "rapidocr" and not find_spec("rapidocr_onnxruntime"):
        pytest.skip("uv pip install rapidocr-onnxruntime")
    options = OcrOptions(engine=engine, findings=findings)  # type: ignore[arg-type]
    measure(benchmark, page(kind, "g4"), options, rounds=2 if engine == "rapidocr" else ROUNDS)
