"""A page that is read in part is read as a whole as soon as a doubt is left."""

from collections.abc import Callable

import msgspec
import pytest
from PIL import Image

from pipeline import ocr, page_reading
from pipeline.failures import PageUnreadable
from pipeline.ocr_options import OcrOptions
from pipeline.page_text import PageText, Word
from tests import builders

FULL, FLAG = OcrOptions(), OcrOptions(findings="flag")
PAGE = builders.first_page(builders.tiff(Image.new("L", (400, 300), 255)))
Reads = dict[str, PageText | PageUnreadable]


def line(text: str, confidence: float) -> tuple[Word, ...]:
    places = range(100, 2000, 220)
    return tuple(
        Word(word, (left, 100, left + 200, 130), confidence, 0)
        for left, word in zip(places, text.split(), strict=False)
    )


SURE = PageText(2000, 2000, line("SSN 219-09-9998", 95), left_out=30)
DOUBTFUL = PageText(2000, 2000, line("SSN 219-09-9998", 12), left_out=30)
CLEAN = PageText(2000, 2000, line("nothing here at all", 95))


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Callable[[Reads], list[str]]:
    def given(reads: Reads) -> list[str]:
        asked: list[str] = []

        def read_page(_page: object, options: OcrOptions) -> PageText:
            asked.append(options.findings)
            found = reads[options.findings]
            if isinstance(found, PageUnreadable):
                raise found
            return found

        monkeypatch.setattr(ocr, "read_page", read_page)
        return asked

    return given


def test_without_a_doubt_a_page_is_read_once(reading: Callable[[Reads], list[str]]) -> None:
    asked = reading({"flag": SURE})
    assert page_reading.read_page(PAGE, FLAG) == SURE
    assert asked == ["flag"]


def test_with_a_doubt_all_of_it_is_read_and_that_counts(reading: Callable[[Reads], list[str]]) -> None:
    asked = reading({"flag": DOUBTFUL, "full": SURE})
    assert page_reading.read_page(PAGE, FLAG) == SURE
    assert asked == ["flag", "full"]
    reading({"flag": DOUBTFUL, "full": CLEAN})  # what stands around a number may say that it is none
    assert page_reading.read_page(PAGE, FLAG) == CLEAN


def test_what_was_read_as_a_whole_is_not_read_again(reading: Callable[[Reads], list[str]]) -> None:
    asked = reading({"full": DOUBTFUL})
    assert page_reading.read_page(PAGE, FULL) == DOUBTFUL
    assert asked == ["full"]
    whole = PageText(2000, 2000, DOUBTFUL.words)
    asked = reading({"flag": whole})  # the screen said too little, so that all was read at once
    assert page_reading.read_page(PAGE, FLAG) == whole
    assert asked == ["flag"]


def test_the_first_reading_and_its_doubt_stay_without_a_second(
    reading: Callable[[Reads], list[str]],
) -> None:
    asked = reading({"flag": DOUBTFUL, "full": PageUnreadable("OCR took longer than 60 s")})
    assert page_reading.read_page(PAGE, FLAG) == DOUBTFUL
    assert asked == ["flag", "full"]
    asked.clear()
    no_time = msgspec.structs.replace(FLAG, page_timeout=0)
    assert page_reading.read_page(PAGE, no_time) == DOUBTFUL
    assert asked == ["flag"]
