"""A page in doubt is suspect, never taken for clean; an empty form is not."""

import msgspec
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from pipeline import npi, ocr, page_reading
from pipeline.ocr_options import OcrOptions
from pipeline.page_text import PageText, Word
from tests import builders
from tests.builders import page_text

OPTIONS = OcrOptions()


def form(*, ink: bool, boxes: bool = False, label: str = "Social security number") -> Image.Image:
    """A form with fields under and beside their labels, filled in by hand, which means scribbles, or not at all."""
    sheet = Image.new("L", (1700, 1100), 255)
    canvas, generator = ImageDraw.Draw(sheet), np.random.default_rng(5)
    large, small = ImageFont.load_default(44), ImageFont.load_default(26)
    canvas.text((200, 80), "Application for membership in the club", fill=0, font=large)
    canvas.text((200, 250), label, fill=0, font=small)
    canvas.text((200, 500), "Reason for the application and further remarks", fill=0, font=small)
    canvas.text((200, 700), "All members receive the monthly letter of the club by mail", fill=0, font=small)
    if boxes:
        for number in range(9):
            canvas.rectangle((200 + 60 * number, 300, 260 + 60 * number, 360), outline=0, width=3)
    else:
        canvas.line((200, 360, 740, 360), fill=0, width=3)
    if ink:
        for number in range(9):
            points = np.add(generator.integers(0, 44, (7, 2)), (208 + 60 * number, 308))
            canvas.line([tuple(map(int, point)) for point in points], fill=0, width=4)
    return sheet


def verdict(sheet: Image.Image) -> tuple[tuple, str]:
    text = ocr.read_page(builders.first_page(builders.tiff(sheet, compression="tiff_lzw")), OPTIONS)
    return npi.examine(1, text)


@pytest.mark.parametrize("boxes", [False, True])
@pytest.mark.parametrize("label", ["Social security number", "Date of birth"])
def test_a_field_filled_in_by_hand_is_suspect_and_an_empty_one_is_not(boxes: bool, label: str) -> None:
    assert verdict(form(ink=False, boxes=boxes, label=label)) == ((), "")
    findings, suspicion = verdict(form(ink=True, boxes=boxes, label=label))
    assert findings or "is filled in" in suspicion or "confidence" in suspicion


def test_ink_beside_a_label_of_nothing_private_is_not() -> None:
    assert verdict(form(ink=True, label="Colour of the bicycle"))[1] == ""


def test_much_ink_without_words_is_suspect() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (1100, 850), dtype=np.uint8)
    _, suspicion = verdict(Image.fromarray(noise))
    assert suspicion


def test_a_value_that_was_read_with_next_to_no_confidence_is_suspect_and_not_found() -> None:
    text = builders.page_text("SSN: 536-22-8145", confidence=12.0)
    assert npi.examine(1, text) == ((), "what may be a value of SSN was read with 12 % confidence")


def test_doubtful_pixels_make_a_page_suspect() -> None:
    text = msgspec.structs.replace(builders.page_text("Dear reader"), doubt="the image data is damaged")
    assert npi.examine(1, text)[1] == "the image data is damaged"
    assert npi.examine(1, PageText(100, 100))[1] == ""


@pytest.mark.parametrize("findings", ["flag", "full"])
def test_every_value_of_the_public_reports_is_found_or_its_page_suspect(
    shared_corpora, findings: str
) -> None:
    from pipeline import tiff
    from pipeline.documents import PageFile

    missed = []
    for path in sorted((shared_corpora / "reports").glob("*.tif")):
        data = path.read_bytes()
        chain = tiff.read_chain(lambda offset, size, data=data: data[offset : offset + size], len(data))
        page = PageFile(chain.layout, chain.offsets[0], len(data), ((0, data),))
        text = page_reading.read_page(page, msgspec.structs.replace(OPTIONS, findings=findings))
        if npi.examine(1, text) == ((), ""):
            missed.append(path.name)
    assert missed == []


def test_a_page_of_few_words_that_were_hardly_read_is_suspect() -> None:
    """A card filled in by hand: even its labels are lost."""
    printed = page_text("DRIVER LICENSE", "460 MAIN STREET")
    scrawl = page_text("Pe NU SL", "he MOSM AVES", confidence=20, line_height=200)
    text = PageText(1700, 2200, printed.words + scrawl.words)
    assert npi.examine(1, text)[1] == "few of its words were surely read (5), others hardly (6)"
    assert npi.examine(1, printed)[1] == ""


def test_digits_that_were_read_in_boxes_under_a_label_but_are_no_number_are_suspect() -> None:
    assert "SSN is filled in" in npi.examine(1, page_text("Social security number", "9 3 622 8 14"))[1]


def test_a_printed_label_that_was_hardly_read_is_no_handwriting() -> None:
    label = page_text("PAYER'S TIN   RECIPIENT'S TIN").words
    hardly = tuple(Word(w.text, w.box, 16.0 if w.text == "RECIPIENT'S" else 96.0, w.line) for w in label)
    assert npi.examine(1, PageText(1700, 2200, hardly))[1] == ""
    alone = tuple(word for number, word in enumerate(hardly) if number != 3)
    assert npi.examine(1, PageText(1700, 2200, alone))[1]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("ABA routing number: 946575010", "a number that a label names ROUTING_NUMBER fails its check"),
        ("Card number: 4315 0906 1640 9904", "a number that a label names CARD_NUMBER fails its check"),
        ("NPI: 1234567890", "a number that a label names NATIONAL_PROVIDER_IDENTIFIER fails its check"),
        ("SSN 365-0 -5427", "a number that a label names SSN was read in part"),
        ("Social Security Number: 365-0 -5427", "a number that a label names SSN was read in part"),
        ("Card 4315 0906 1640 9904 12/27", "a number that a label names CARD_NUMBER fails its check"),
        ("SSN: 000-14-7306", "a number that a label names SSN was read in part"),
        ("Passport no. (if any) 58-20-316-474", "the place of PASSPORT is filled in"),
        ("Date of birth: 13/45/1961", "the place of DATE_OF_BIRTH is filled in"),
    ],
)
def test_a_labelled_number_that_was_misread_is_suspect(line: str, told: str) -> None:
    findings, suspicion = npi.examine(1, page_text(line))
    assert findings == ()
    assert suspicion.startswith(told)


@pytest.mark.parametrize(
    "line",
    [
        "Parcel 4315 0906 1640 9904",
        "Routing slip 12 of 946575010",
        "Social security wages 80,075.55",
        "SSN: XXX-XX-1234",
        "The card is sent to 946575010 homes",
        "Social Security Administration 800 772 1213",
        "Medicare premiums 1,164,185.00",
        "Account 12/31/2024",
        "Date of birth 12-3456789",
        "Policy 2021-2024",
        "Rendering physician 217-555-0142",
        "SSN follows; order no. 12-345-678",
    ],
)
def test_a_number_that_no_label_names_is_not(line: str) -> None:
    assert npi.examine(1, page_text(line)) == ((), "")


@pytest.mark.parametrize(
    ("label", "value", "kind"),
    [
        ("Routing number", "994947988", "ROUTING_NUMBER"),
        ("Card no.", "4315 0906 1640 9904", "CARD_NUMBER"),
        ("33a. NPI", "1234567890", "NATIONAL_PROVIDER_IDENTIFIER"),
    ],
)
def test_a_number_that_was_misread_is_suspect_beside_and_under_its_label_too(
    label: str, value: str, kind: str
) -> None:
    under = [f"Name of bank     {label}", f"First Plains     {value}   12/27"]
    for lines in ([f"{label}     {value}"], [label, value], under):
        findings, suspicion = npi.examine(1, page_text(*lines))
        assert findings == ()
        assert suspicion.startswith(f"a number that a label names {kind} fails its check")


def test_a_labelled_place_with_a_number_that_is_no_value_is_suspect() -> None:
    for lines in (
        ["Social security number", "528 14 73 06 1"],
        ["Alien registration number     58-2031647-4"],
    ):
        assert "is filled in" in npi.examine(1, page_text(*lines))[1]


@pytest.mark.parametrize(
    "value",
    [
        "(555) 010-2030",
        "555-010-2030",
        "123,456.78",
        "05/06/2020",
        "$80,075.55",
        "12-3456789",
        "2021-2024",
        "12345",
        "",
    ],
)
def test_what_stands_beside_labels_on_clean_forms_is_not(value: str) -> None:
    for label in ("Social security number", "Passport no.", "Routing number"):
        for lines in ([f"{label}     {value}"], [label, value]):
            assert npi.examine(1, page_text(*lines)) == ((), "")


def test_a_number_of_scrawl_that_looks_labelled_by_scrawl_is_not() -> None:
    words = [Word("dL/", (100, 100, 160, 130), 5, 0), Word("234702055", (170, 100, 350, 130), 57, 0)]
    printed = page_text(
        "Ship date and terms of the order that we sent to you last week by mail", line_height=300
    ).words
    assert npi.examine(1, PageText(1700, 2200, (*printed, *words)))[1] == ""
