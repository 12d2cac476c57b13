"""How much text a second the detectors go through: a letter, lines full of numbers, and pages of forms."""

import textwrap
from pathlib import Path

import pytest

from fixtures import office
from pipeline import npi, ocr, tiff
from pipeline.npi.typed import aligned, page_text
from pipeline.ocr_options import OcrOptions
from pipeline.page_text import PageText
from tests import builders

LETTER = (
    "Dear neighbour, the committee met on the second Tuesday of the month and agreed that the path along the "
    "river will be mended before winter. The work should take about three weeks and will be paid for by the "
    "parish. We thank all volunteers of the summer fair, which raised 1,240 pounds for the new roof. "
)
LINES = 40


def _letter() -> list[PageText]:
    return [page_text(*textwrap.wrap(LETTER * 8, 80))]


def _lines() -> list[PageText]:
    texts = [line for _, text in builders.labelled_lines() for line in aligned(text)]
    return [page_text(*texts[first : first + LINES]) for first in range(0, len(texts), LINES)]


def _forms(folder: Path) -> list[PageText]:
    office.make(folder, 2, 7)
    pages = []
    for path in sorted(folder.glob("*.tif*")):
        data = path.read_bytes()
        chain = tiff.read_chain(lambda offset, size, data=data: data[offset : offset + size], len(data))
        pages += [
            ocr.read_page(builders.page_file(data, chain.layout, at), OcrOptions()) for at in chain.offsets
        ]
    return pages


@pytest.mark.parametrize("kind", ["letter", "lines", "forms"])
def test_detectors(benchmark, kind: str, tmp_path_factory) -> None:
    made = {"letter": _letter, "lines": _lines, "forms": lambda: _forms(tmp_path_factory.mktemp("forms"))}
    pages = made[kind]()
    size = sum(len(word.text) + 1 for page in pages for word in page.words)

    def examine() -> None:
        for page in pages:
            npi.examine(1, page)

    benchmark.pedantic(examine, rounds=10, warmup_rounds=1)
    if benchmark.stats:
        benchmark.extra_info["MB a second"] = round(size / benchmark.stats.stats.min / 1e6, 2)
        benchmark.extra_info["ms a page"] = round(benchmark.stats.stats.min / len(pages) * 1000, 2)
