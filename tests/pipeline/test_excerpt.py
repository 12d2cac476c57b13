"""What is read to flag a page: what can hold a number, with all that may name it, and nothing else."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image, ImageDraw

from fixtures import bad_scans, office, specimens
from pipeline import engines, excerpt, npi, ocr, page_reading, screened, tiff
from pipeline.documents import PageFile
from pipeline.ocr_options import OcrOptions
from pipeline.page_text import Word
from tests import builders

FULL, FLAG = OcrOptions(), OcrOptions(findings="flag")
FACE = "matplotlib:DejaVuSans"
CORPORA = Path(__file__).parents[3] / "shared" / "corpora"
PROSE = "the committee thanks all members for their kind help"


def drawn(*texts: tuple[int, int, str], size: tuple[int, int] = (1700, 1100)) -> Image.Image:
    page = Image.new("L", size, 255)
    for left, top, text in texts:
        ImageDraw.Draw(page).text((left, top), text, font=specimens.font(FACE, 30), fill=0)
    return page


def read(image: Image.Image, options: OcrOptions = FLAG) -> ocr.PageText:
    return ocr.read_page(builders.first_page(builders.tiff(image)), options)


def words(text: ocr.PageText) -> str:
    return " ".join(word.text for word in text.words)


LABELLED = {
    "before it": [(100, 500, "Social Security Number: 123-45-6789")],
    "in the cell to the left": [(100, 500, "Social Security Number"), (900, 500, "123-45-6789")],
    "above it": [(900, 455, "Social Security Number"), (900, 500, "123-45-6789")],
    "at the head of its column": [
        (900, 400, "Social Security Number"),
        (900, 480, "123-45-6789"),
        (900, 560, "228-45-6781"),
        (900, 640, "431-45-6782"),
    ],
    "before its month": [(100, 500, "Birth Date"), (400, 500, "July"), (500, 500, "23, 1935")],
    "behind it": [(100, 500, "123-45-6789 Social Security Number")],
    "under it": [(900, 500, "123-45-6789"), (900, 540, "Social Security Number")],
}


@pytest.mark.parametrize("where", LABELLED)
def test_a_number_is_read_with_its_label(where: str) -> None:
    page = drawn(*LABELLED[where], (100, 100, PROSE), (100, 900, PROSE))
    text = read(page)
    label = {"Birth", "Date"} if where == "before its month" else {"Social", "Security", "Number"}
    assert label <= set(words(text).replace(":", "").split())
    assert [finding.type for finding in npi.detect(1, text)] == [
        finding.type for finding in npi.detect(1, read(page, FULL))
    ]


def test_what_holds_no_number_is_not_read_and_no_mark_either() -> None:
    text = read(drawn((100, 100, PROSE), (100, 160, PROSE), (100, 700, "Account 4417123456")))
    assert words(text) == "Account 4417123456"
    assert text.left_out >= 2
    assert text.marks == ()


def test_words_stand_where_they_stand_on_the_page() -> None:
    page = drawn((100, 100, PROSE), (200, 300, "Account"), (1100, 300, "4417123456"), (700, 900, "021000021"))
    places = [{word.text: word.box for word in read(page, options).words} for options in (FULL, FLAG)]
    for name in ("Account", "4417123456", "021000021"):
        assert np.allclose(places[0][name], places[1][name], atol=4), name


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_pages_that_are_turned_are_flagged(turn: int) -> None:
    page = drawn((100, 100, PROSE), (100, 200, PROSE), (100, 500, "Social Security Number: 123-45-6789"))
    text = read(page.rotate(turn, expand=True))
    assert (text.turned + turn) % 360 == 0
    assert [finding.type for finding in npi.detect(1, text)] == ["SSN"]


def test_a_page_without_numbers_needs_no_recognition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines.Tesseract, "words", None)
    text = read(drawn((100, 100, PROSE), (100, 300, PROSE), (100, 500, PROSE)))
    assert (text.words, text.left_out > 2) == ((), True)


def test_print_in_white_on_black_is_read() -> None:
    page = drawn((100, 100, PROSE), size=(1700, 700))
    bar = drawn((30, 20, "Social Security Number: 123-45-6789"), size=(900, 80))
    page.paste(bar.point(lambda value: 255 - value), (100, 400))
    assert [finding.type for finding in npi.detect(1, read(page))] == ["SSN"]
    whole = drawn((100, 100, "Social Security Number: 123-45-6789"), (100, 200, PROSE), (100, 300, PROSE))
    assert [finding.type for finding in npi.detect(1, read(whole.point(lambda value: 255 - value)))] == [
        "SSN"
    ]


def test_a_dark_page_on_which_little_is_read_is_doubted() -> None:
    page = Image.new("L", (1700, 1100), 20)
    ImageDraw.Draw(page).ellipse((300, 300, 340, 330), fill=230)
    assert read(page).doubt == "the page is dark all over"


def test_what_was_seen_and_not_read_makes_all_of_the_page_be_read() -> None:
    boxes = [(100, 100 * row, 400, 100 * row + 30) for row in range(1, 7)]
    word = ocr.Word("4417", (110, 100, 200, 130), 90, 0)
    assert not excerpt.are_read(boxes, [word])
    assert not excerpt.are_read(boxes[:2], [word])  # of so few, each


@pytest.mark.parametrize(
    "text", ["SSN 411 - 11 - 1117", "411 – 11 – 1117", "Social Security No: 111 - 11 - 1112"]
)
def test_groups_that_dashes_with_spaces_part_are_one_number(text: str) -> None:
    """Slim groups are too short to be looked for, each by itself; the dashes are read with them."""
    found = npi.detect(
        1, read(drawn((150, 300, "The path along the river will be mended."), (150, 420, text)))
    )
    assert [finding.type for finding in found] == ["SSN"]


def test_where_numbers_seem_to_stand_and_nothing_is_read_there_is_a_doubt() -> None:
    numbers = ((100, 100, 300, 140), (100, 300, 300, 340))
    word = Word("411-11-1117", (100, 100, 300, 140), 90.0, 0)
    letters = msgspec.structs.replace(word, text="Ill-II", box=numbers[1])
    assert excerpt.are_seen(numbers[:1], ()) is False
    assert excerpt.are_seen((), ()) is True
    assert excerpt.are_seen(numbers, (word,))  # half of it may be a picture
    # ... but all of the page is read, unless digits were read in each of so few places
    assert not excerpt.are_read(numbers, (word, letters))
    assert excerpt.are_read(numbers, (word, msgspec.structs.replace(letters, text="111-11")))


def differences(pages: list[PageFile]) -> list[tuple[int, set[str]]]:
    """Pages that a full reading flags and a screened one does not."""
    lost = []
    for number, page in enumerate(pages):
        full, flag = (npi.examine(1, page_reading.read_page(page, options))[0] for options in (FULL, FLAG))
        if full and not flag:
            lost.append((number, {finding.type for finding in full}))
    return lost


def pages_of(file: Path) -> list[PageFile]:
    data = file.read_bytes()
    chain = tiff.read_chain(lambda offset, size: data[offset : offset + size], len(data))
    return [builders.page_file(data, chain.layout, offset) for offset in chain.offsets]


def test_a_slim_digit_in_a_box_of_its_own_parts_no_number() -> None:
    places = [*range(600, 780, 60), *range(820, 940, 60), *range(980, 1220, 60)]
    digits = [(place, 300, digit) for place, digit in zip(places, "267661895", strict=True)]
    page = drawn((600, 230, "Social security number"), *digits)
    for place in places:
        ImageDraw.Draw(page).rectangle((place - 18, 280, place + 42, 350), outline=0, width=4)
    numbers = screened.upright(page, 200).numbers
    assert [round(box[0] / 20) for box in numbers] == [round(place / 20) for place in places]


@pytest.mark.parametrize("seed", [21, pytest.param(1, marks=pytest.mark.slow)])
def test_no_page_is_lost_of_office_forms(tmp_path: Path, seed: int) -> None:
    """Typed, and with seed 1 by hand as well: where the screen sees a hand on a page of few pieces, all is read."""
    office.make(tmp_path, 2 if seed == 1 else 1, seed)
    for file in sorted(tmp_path.glob("*.tiff")):
        assert differences(pages_of(file)) == []


@pytest.mark.slow
def test_no_page_is_lost_of_bad_scans(tmp_path: Path) -> None:
    bad_scans.make(tmp_path, 2, 22)
    lost = {file.name: differences(pages_of(file)) for file in sorted(tmp_path.glob("*.tiff"))}
    assert sum(map(len, lost.values())) <= 1, lost  # what can hardly be read is read one way or the other


@pytest.mark.parametrize("name", ["doc000.tiff", "doc004.tiff"])
def test_no_page_is_lost_of_scanned_forms(name: str) -> None:
    file = CORPORA / "npi_forms" / name
    if not file.exists():
        pytest.skip("the corpora of real scans are not here")
    assert differences(pages_of(file)) == []


def test_all_is_read_where_the_screen_sees_little() -> None:
    noise = np.random.default_rng(3).integers(0, 2, (600, 900), dtype=np.uint8) * 255
    page = screened.upright(Image.fromarray(noise), 200)
    assert page.is_strange or not page.numbers or excerpt.of(page).image is not None
