"""Reading a page with the real Tesseract: encodings, resolutions and orientations of scanners; and errors a
person understands.
"""

import time
from collections.abc import Callable
from pathlib import Path

import pytesseract
import pytest
from PIL import Image

from pipeline import engines, ocr, page_image
from pipeline.failures import PageUnreadable
from pipeline.ocr_options import OcrOptions
from tests import builders

OPTIONS = OcrOptions()


def words(data: bytes) -> list[str]:
    return [word.text for word in ocr.read_page(builders.first_page(data), OPTIONS).words]


@pytest.mark.parametrize(
    ("mode", "compression"),
    [
        ("1", "group3"),
        ("1", "group4"),
        ("L", "tiff_lzw"),
        ("L", "jpeg"),
        ("RGB", "tiff_adobe_deflate"),
        ("CMYK", "raw"),
        ("P", "packbits"),
    ],
)
def test_reads_what_scanners_write(mode: str, compression: str) -> None:
    assert words(builders.tiff(builders.page_image("Number 4711", mode), compression=compression)) == [
        "Number",
        "4711",
    ]


def test_reads_sixteen_bits() -> None:
    deep = Image.frombytes(
        "I;16",
        (900, 240),
        b"".join(bytes((0, value)) for value in builders.page_image("Number 4711").tobytes()),
    )
    assert words(builders.tiff(deep)) == ["Number", "4711"]


def test_transparent_paper_is_white() -> None:
    letters = builders.page_image("Number 4711")
    image = Image.new("RGBA", letters.size, (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), mask=letters.point(lambda value: 255 - value))
    assert words(builders.tiff(image)) == ["Number", "4711"]


def test_a_fax_page_with_oblong_pixels_is_stretched_and_its_boxes_are_the_scans_own() -> None:
    squeezed = builders.page_image("Number 4711").resize((900, 120))
    text = ocr.read_page(builders.first_page(builders.tiff(squeezed, dpi=(204, 102))), OPTIONS)
    assert [word.text for word in text.words] == ["Number", "4711"]
    assert (text.width, text.height) == (900, 120)
    assert all(word.box[3] <= 120 for word in text.words)


def test_a_page_on_its_head_is_turned() -> None:
    letter = Image.new("L", (1700, 1100), 255)
    for row in range(6):
        letter.paste(builders.page_image("The quick brown fox jumps", size=(900, 160)), (100, 160 * row))
    text = ocr.read_page(builders.first_page(builders.tiff(letter.rotate(180))), OPTIONS)
    assert text.turned == 180
    assert "quick" in [word.text for word in text.words]


def test_a_blank_page_needs_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "engine", None)
    assert (
        ocr.read_page(builders.first_page(builders.tiff(Image.new("L", (1700, 2200), 250))), OPTIONS).words
        == ()
    )


def test_damaged_data_is_a_page_error() -> None:
    data = bytearray(builders.tiff(builders.page_image("Number 4711"), compression="tiff_lzw"))
    data[200:260] = bytes(60)
    with pytest.raises(PageUnreadable, match=r"damaged|combination"):
        ocr.read_page(builders.first_page(bytes(data)), OPTIONS)


def test_a_page_that_claims_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(PageUnreadable, match="900 x 240 pixels"):
        page_image.load(builders.first_page(builders.tiff(builders.page_image("x"))), max_pixels=10_000)


VERSION = 'if [ "$1" = --version ]; then echo tesseract 5.5.0; exit; fi\n'


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Makes a command that is run instead of Tesseract; what pytesseract knows of its version is
    forgotten.
    """
    version = pytesseract.pytesseract.get_tesseract_version

    def make(script: str) -> str:
        command = tmp_path / "tesseract"
        command.write_text(f"#!/bin/sh\n{script}\n")
        command.chmod(0o755)
        monkeypatch.setattr(version, "_result", version)
        return str(command)

    return make


def test_an_engine_that_takes_too_long_is_stopped(engine: Callable[[str], str]) -> None:
    slow = engine(VERSION + "sleep 30")
    with pytest.raises(PageUnreadable, match="longer than 1 s"):
        ocr.read_page(
            builders.first_page(builders.tiff(builders.page_image("x"))),
            OcrOptions(engine="pytesseract", tesseract=slow, page_timeout=1),
        )


def test_the_turns_of_a_page_share_its_time(engine: Callable[[str], str]) -> None:
    """The page as scanned is read in no time, and hardly; each turn would take all the time that there is."""
    columns = [
        "level",
        "page_num",
        "block_num",
        "par_num",
        "line_num",
        "word_num",
        "left",
        "top",
        "width",
        "height",
        "conf",
        "text",
    ]
    read = "\t".join(columns) + "\\n" + "\t".join([*"5111111199", "30", "hardly"])
    slow = engine(VERSION + f'[ -e "$0".again ] && sleep 30; touch "$0".again; printf "{read}\\n" > "$2".tsv')
    began = time.perf_counter()
    text = ocr.read_page(
        builders.first_page(builders.tiff(builders.page_image("x"))),
        OcrOptions(engine="pytesseract", tesseract=slow, page_timeout=2),
    )
    assert [word.text for word in text.words] == ["hardly"]
    assert time.perf_counter() - began < 10


def test_an_engine_that_is_none_is_named(engine: Callable[[str], str]) -> None:
    broken = engine("exit 0")
    with pytest.raises(RuntimeError, match=f"{broken} does not run as Tesseract"):
        ocr.read_page(
            builders.first_page(builders.tiff(builders.page_image("x"))),
            OcrOptions(engine="pytesseract", tesseract=broken),
        )


def test_a_missing_engine_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match="OCR_TESSERACT"):
        ocr.read_page(
            builders.first_page(builders.tiff(builders.page_image("x"))),
            OcrOptions(engine="pytesseract", tesseract="/nowhere/tesseract"),
        )
