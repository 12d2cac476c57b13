"""OCR latency by kind of page: the one cost that dominates, measured on the real engine."""

import numpy as np
import pytest

from fixtures import pages, scan, values
from pipeline import ocr
from pipeline.ocr_options import OcrOptions
from tests import builders

SCANNERS = {scanner.name: scanner for scanner in scan.SCANNERS}


@pytest.mark.parametrize("scanner", ["g4", "jpeg", "g3-fax"])
@pytest.mark.parametrize("kind", pages.KINDS)
def test_ocr_of_a_page(benchmark, kind: str, scanner: str) -> None:
    generator = np.random.default_rng(11)
    chosen = SCANNERS[scanner]
    planted = (
        [values.plant(type_, generator) for type_ in ("SSN", "DATE_OF_BIRTH")] if kind != "blank" else []
    )
    drawn = pages.draw(kind, max(chosen.dpi), planted, generator)
    data = scan.encode([(scan.scan(drawn.image, max(chosen.dpi), chosen, generator), chosen)])
    page = builders.first_page(data)
    text = benchmark.pedantic(ocr.read_page, (page, OcrOptions()), rounds=5, warmup_rounds=1)
    benchmark.extra_info |= {
        "words": len(text.words),
        "confidence": round(text.confidence, 1),
        "bytes": len(data),
    }
