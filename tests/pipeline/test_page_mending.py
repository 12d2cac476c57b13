"""What a bad scan did to a page is mended where it must be, and a good page is left as it is."""

import msgspec
import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw

from fixtures import bad_scans, office
from fixtures.sheet import Sheet
from pipeline import npi, ocr, page_image, page_mending
from pipeline.ocr_options import OcrOptions
from tests import builders


@pytest.fixture(scope="module")
def sheet() -> Sheet:
    return office.draw("account opening", "typed", np.random.default_rng(5))


def read(image: Image.Image, mending: str = OcrOptions().mending, **options):
    page = builders.first_page(builders.tiff(image, compression="tiff_lzw", **options))
    return ocr.read_page(page, OcrOptions(mending=mending))


def types(text) -> set[str]:
    return {finding.type for finding in npi.detect(1, text)}


def test_a_good_page_is_left_as_it_is(sheet: Sheet) -> None:
    assert page_mending.despeckled(sheet.image) is sheet.image
    assert page_mending.levelled(sheet.image, sheet.image.reduce(8)) is sheet.image
    assert page_mending.skew(sheet.image, 200) == 0


@pytest.mark.parametrize("degrees", [-3.2, -2.1, 2.0, 2.9])
def test_the_skew_of_a_page_is_found(sheet: Sheet, degrees: float) -> None:
    skewed = sheet.image.rotate(-degrees, Image.Resampling.BICUBIC, fillcolor=255)
    assert page_mending.skew(skewed, 200) == pytest.approx(degrees, abs=0.2)


@pytest.mark.parametrize("degrees", [-1.4, -0.5, 0.7, 1.3])
def test_a_little_skew_is_left_to_recognition(sheet: Sheet, degrees: float) -> None:
    assert page_mending.skew(sheet.image.rotate(-degrees, fillcolor=255), 200) == 0


def test_boxes_of_a_skewed_page_are_where_its_values_stand(sheet: Sheet) -> None:
    """The SSN's box is turned with the page; the finding's middle lies in it."""
    text = read(sheet.image.rotate(-2.8, Image.Resampling.BICUBIC, fillcolor=255))
    assert text.skew == pytest.approx(2.8, abs=0.2)
    (found,) = [finding for finding in npi.detect(1, text) if finding.type == "SSN"]
    mask = Image.new("L", sheet.image.size, 0)
    (truth,) = [one for one in sheet.truth if one.type == "SSN"]
    ImageDraw.Draw(mask).rectangle(truth.box, fill=255)
    left, top, right, bottom = mask.rotate(-2.8).getbbox()
    middle = (found.box[0] + found.box[2]) / 2, (found.box[1] + found.box[3]) / 2
    assert left < middle[0] < right
    assert top < middle[1] < bottom


def test_slim_strokes_survive_where_specks_go(sheet: Sheet) -> None:
    generator = np.random.default_rng(2)
    page = np.full((600, 800), 255, dtype=np.uint8)
    page[100:500, 100] = page[300, 100:700] = 0  # lines of a pixel, as thin print has them
    specks = generator.random(page.shape) < 0.02
    speckled = page.copy()
    speckled[specks] = 0
    mended = np.asarray(page_mending.despeckled(Image.fromarray(speckled)))
    assert (mended[100:500, 100] == 0).mean() > 0.98
    assert (mended[300, 100:700] == 0).mean() > 0.98
    dirt = specks & (page == 255)
    assert (mended[dirt] == 255).mean() > 0.9


def test_shaded_paper_becomes_white_and_its_ink_black(sheet: Sheet) -> None:
    light = np.linspace(0.3, 1.0, sheet.image.width, dtype=np.float32)
    shaded = Image.fromarray((np.asarray(sheet.image) * light).astype(np.uint8))
    mended = page_mending.levelled(shaded, shaded.reduce(8))
    assert np.percentile(np.asarray(mended), 5) > 200
    difference = np.asarray(ImageChops.difference(mended, sheet.image))
    assert (difference > 100).mean() < 0.002


@pytest.mark.parametrize(
    ("way", "step"), [("shaded", "level"), ("low contrast", "level"), ("pen line", "uncover")]
)
def test_what_is_mended_is_found(way: str, step: str) -> None:
    sheet = office.draw("account opening", "typed", np.random.default_rng(5), 300)
    spoiled, scanner = bad_scans.WAYS[way](sheet.image, tuple(sheet.truth), np.random.default_rng(6))
    wanted = {one.type for one in sheet.truth}
    mended = types(read(spoiled, mending=step, dpi=scanner.dpi))
    assert len(wanted - types(read(spoiled, mending="none", dpi=scanner.dpi))) > len(wanted - mended)
    assert {"SSN", "BANK_ACCOUNT", "DATE_OF_BIRTH"} <= mended


@pytest.mark.parametrize("degrees", [90, 270])
def test_a_page_on_its_side_is_read_upright(sheet: Sheet, degrees: int) -> None:
    """Tesseract reads lines that run upwards, but their words stand in no order that a form's reader knows."""
    text = read(sheet.image.rotate(degrees, expand=True))
    assert text.turned == 360 - degrees
    assert types(text) == types(read(sheet.image))


@pytest.mark.parametrize("way", ["stamp", "pen line"])
def test_a_value_under_a_stamp_or_a_pens_line_is_read(way: str) -> None:
    letter = office.draw("letter", "typed", np.random.default_rng(8), bad_scans.DPI)
    spoiled, scanner = bad_scans.WAYS[way](letter.image, tuple(letter.truth), np.random.default_rng(3))
    assert "SSN" in types(read(spoiled, dpi=scanner.dpi))


def test_a_number_that_is_struck_through_is_found_or_its_page_suspect() -> None:
    lines = [f"{word} of the association is open to all who live here" for word in ("One", "Two", "Three")]
    page = Image.new("L", (1700, 1200), 255)
    canvas = ImageDraw.Draw(page)
    font = builders.ImageFont.load_default(34)
    for number, line in enumerate([*lines, "Taxpayer ID: 969-82-2837", *lines]):
        canvas.text((200, 100 + 100 * number), line, fill=0, font=font)
    canvas.line((180, 428, 700, 418), fill=60, width=4)
    findings, suspicion = npi.examine(1, read(page))
    assert findings or suspicion


def test_steps_are_chosen_by_the_option() -> None:
    noise = np.random.default_rng(1).integers(0, 2, (400, 600), dtype=np.uint8) * 255
    page = builders.first_page(builders.tiff(Image.fromarray(noise)))
    assert page_image.load(page, 10**6, ()).pixels.tobytes() == noise.tobytes()
    assert page_image.load(page, 10**6).pixels.tobytes() != noise.tobytes()


def test_a_step_that_is_none_is_told() -> None:
    with pytest.raises(
        ValueError, match="OCR_MENDING has no step blur: there are despeckle, level, deskew, enlarge, uncover"
    ):
        OcrOptions(mending="level,blur")


def test_a_box_of_a_straight_page_is_its_own() -> None:
    text = ocr.PageText(1000, 800)
    assert text.as_scanned((1, 2, 3, 4)) == (1, 2, 3, 4)
    turned = msgspec.structs.replace(text, skew=2.0)
    left, top, right, _ = turned.as_scanned((900, 390, 950, 410))
    assert (left, right) != (900, 950)
    assert (
        top > 400 - 10
    )  # right of the middle, a page that ran upwards lies lower when straight: back up it goes
    assert 0 <= left < right <= 1000
