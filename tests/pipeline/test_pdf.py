"""PDFs, read again by others: text in its right place, nothing left of what was redacted, nothing brought
along, and images without loss.
"""

import io
import re

import msgspec
import numpy as np
import pikepdf
import pypdfium2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont, ImageOps, TiffImagePlugin

from pipeline import npi, pdf, pdf_image
from pipeline.page_text import PageText, Word
from pipeline.pdf import NoPdf, PageOrder
from pipeline.text_layer import PageLayer
from tests import builders
from tests.pipeline.pdf_reading import (
    drawn,
    everything_in,
    image_of,
    layer_of,
    made,
    pages_of,
    place_of,
    text_of,
)

SIZE, DPI = (1100, 700), 200
SSN = "676-84-7081"
FONT = ImageFont.load_default(36)
LINES = [
    ((60, 60), "Office of records and accounts, notice to members"),
    ((60, 150), "Zebra"),
    ((420, 150), "SSN:"),
    ((530, 150), SSN),
    ((60, 250), "The statement of the period is enclosed with this letter."),
    ((60, 340), "Further questions are answered by the department."),
    ((60, 560), "Members are asked to review the"),
    ((800, 560), "Quartz"),
]
ONE_STRIP = {"strip_size": 2**30}
SLACK, AROUND = 5, 14
"""Pixels by which a word's middle may lie beside that of its ink, and a side of its place beyond it."""


def sheet(only: str = "", mode: str = "L") -> Image.Image:
    """A letter, or one of its words alone."""
    image = Image.new("L", SIZE, 255)
    for place, words in LINES:
        if only in ("", words):
            ImageDraw.Draw(image).text(place, words, fill=0, font=FONT)
    return image.convert(mode)


def skewed(image: Image.Image) -> Image.Image:
    return image.rotate(-2.6, Image.Resampling.BICUBIC, fillcolor=255)


def as_fax(image: Image.Image) -> Image.Image:
    """Pixels twice as high as wide."""
    return image.resize((image.width, round(image.height * 98 / 204)), Image.Resampling.BOX)


def coarse(image: Image.Image) -> Image.Image:
    return image.resize((image.width * 6 // 10, image.height * 6 // 10), Image.Resampling.BOX)


SCENES = {
    "upright": (lambda image: image, (DPI, DPI)),
    "turned by 90": (lambda image: image.rotate(90, expand=True), (DPI, DPI)),
    "turned by 180": (lambda image: image.rotate(180, expand=True), (DPI, DPI)),
    "turned by 270": (lambda image: image.rotate(270, expand=True), (DPI, DPI)),
    "skewed": (skewed, (DPI, DPI)),
    "skewed and turned": (lambda image: skewed(image).rotate(180), (DPI, DPI)),
    "fax": (as_fax, (204, 98)),
    "skewed fax": (lambda image: as_fax(skewed(image)), (204, 98)),
    "enlarged to be read": (coarse, (120, 120)),
}


def ink_of(image: Image.Image, dpi: tuple[float, float]) -> tuple[int, int, int, int]:
    """The box of its ink, at 200 dots per inch."""
    left, top, right, bottom = ImageOps.invert(image).point(lambda value: 255 * (value > 128)).getbbox()
    across, down = DPI / dpi[0], DPI / dpi[1]
    return round(left * across), round(top * down), round(right * across), round(bottom * down)


def is_over(place: tuple[int, int, int, int], ink: tuple[int, int, int, int]) -> bool:
    sides = [abs(a - b) for a, b in zip(place, ink, strict=True)]
    middles = [abs(sum(place[way::2]) - sum(ink[way::2])) / 2 for way in (0, 1)]
    return max(sides) <= AROUND and max(middles) <= SLACK


@pytest.fixture(scope="module")
def scenes() -> dict[str, tuple[bytes, PageLayer]]:
    """TIFF of each scene, and what is read on it."""
    found = {}
    for name, (change, dpi) in SCENES.items():
        data = builders.tiff(change(sheet()), dpi=dpi)
        found[name] = data, layer_of(pages_of(data)[0], "searchable")
    return found


def test_the_scenes_are_read_as_their_names_say(scenes) -> None:
    texts = {name: layer.text for name, (_, layer) in scenes.items()}
    assert [name for name, text in texts.items() if text.skew] == [n for n in SCENES if "skewed" in n]
    assert [texts[f"turned by {degrees}"].turned for degrees in (90, 180, 270)] == [270, 180, 90]
    assert [name for name, text in texts.items() if text.pixel_height != 1] == ["fax", "skewed fax"]


@pytest.mark.parametrize("name", SCENES)
def test_words_stand_over_their_ink(name: str, scenes) -> None:
    change, dpi = SCENES[name]
    data, layer = scenes[name]
    document = made("searchable", data, [layer])
    for word in ("Zebra", "Quartz"):
        place, ink = place_of(document, word, DPI), ink_of(change(sheet(word)), dpi)
        assert is_over(place, ink), (word, place, ink)


@pytest.mark.parametrize("name", SCENES)
def test_a_redacted_value_is_gone_and_all_else_is_as_it_was(name: str, scenes) -> None:
    change, _ = SCENES[name]
    data, _ = scenes[name]
    document = made("redacted", data)
    assert SSN not in text_of(document)
    assert "Zebra" in text_of(document)
    before, after = np.asarray(change(sheet())).astype(int), np.asarray(image_of(document).convert("L"))
    value = np.asarray(change(sheet(SSN))) < 200
    assert value.any()
    assert not after[value].any()  # every pixel of it is black, as all around it:
    changed = before != after
    assert not after[changed].any()
    rows, columns = np.nonzero(changed)
    upper, lower = np.nonzero(value.any(axis=1))[0][[0, -1]]
    first, last = np.nonzero(value.any(axis=0))[0][[0, -1]]
    assert upper - 20 <= rows.min() <= upper
    assert lower <= rows.max() <= lower + 20
    assert first - 20 <= columns.min() <= first
    assert last <= columns.max() <= last + 20


@pytest.mark.parametrize("name", ["upright", "skewed", "fax", "skewed fax", "enlarged to be read"])
def test_the_box_of_a_finding_lies_around_its_ink_on_the_scan(name: str, scenes) -> None:
    change, _ = SCENES[name]
    (finding,) = npi.detect(1, msgspec.structs.replace(scenes[name][1].text, marks=()))
    ink = ImageOps.invert(change(sheet(SSN))).point(lambda value: 255 * (value > 128)).getbbox()
    around = [a - b for a, b in zip(finding.box, ink, strict=True)]
    assert max(around[:2]) <= 3
    assert min(around[2:]) >= -3
    assert max(map(abs, around)) <= 30


def test_the_place_of_a_redacted_value_has_one_colour_all_over(scenes) -> None:
    document = made("redacted", scenes["upright"][0])
    left, top, right, bottom = ink_of(sheet(SSN), (DPI, DPI))
    part = image_of(document).convert("L").crop((left - 2, top - 2, right + 2, bottom + 2))
    assert part.getextrema() == (0, 0)


def oriented(image: Image.Image, orientation: int, **options: object) -> bytes:
    """A TIFF whose Orientation brings its raster upright to the image."""
    undone = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    raster = image if undone is None else image.transpose(undone)
    return builders.tiff(raster, tiffinfo={274: orientation}, **options)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", ["group4", "jpeg", "tiff_lzw"])
def test_a_page_stands_upright_whatever_its_orientation(orientation: int, compression: str) -> None:
    mode = "1" if compression == "group4" else "L"
    data = oriented(sheet(mode=mode), orientation, compression=compression, **ONE_STRIP)
    shown = drawn(made("original", data), DPI)
    assert shown.size == SIZE
    assert np.abs(np.asarray(shown).astype(int) - np.asarray(sheet())).mean() < 3


@pytest.mark.parametrize("orientation", [5, 6])
def test_words_and_redactions_follow_the_orientation(orientation: int) -> None:
    data = oriented(sheet(mode="1"), orientation, compression="group4")
    place = place_of(made("searchable", data), "Quartz", DPI)
    ink = ink_of(sheet("Quartz"), (DPI, DPI))
    assert is_over(place, ink)
    after = np.asarray(image_of(made("redacted", data)).convert("L"))
    assert not after[np.asarray(sheet(SSN)) < 200].any()


def test_letters_of_all_kinds_can_be_copied() -> None:
    words = ("Łódź", "Müller", "£12", "€9", "naïve", "Ωμέγα", "北京", "(a\\b)")
    boxes = [(50, 40 + 60 * row, 250, 80 + 60 * row) for row in range(len(words))]
    text = PageText(
        600, 600, tuple(Word(w, box, 90, row) for row, (w, box) in enumerate(zip(words, boxes, strict=True)))
    )
    data = builders.tiff(Image.new("1", (600, 600), 1))
    found = text_of(made("searchable", data, [PageLayer(1, text)]))
    assert set(words) <= set(found.split())


def test_the_font_is_the_same_in_every_document_and_tells_no_letters() -> None:
    def font(word: str) -> list[bytes]:
        text = PageText(600, 600, (Word(word, (50, 40, 250, 80), 90, 0),))
        document = made("searchable", builders.tiff(Image.new("1", (600, 600), 1)), [PageLayer(1, text)])
        with pikepdf.open(io.BytesIO(document)) as opened:
            resource = opened.pages[0].resources.Font.W
            descendant = resource.DescendantFonts[0]
            return [
                one.read_bytes()
                for one in (resource.ToUnicode, descendant.CIDToGIDMap, descendant.FontDescriptor.FontFile2)
            ]

    assert font("secret") == font("999-99-9999")


def test_text_is_not_drawn(scenes) -> None:
    data, layer = scenes["upright"]
    with_words, without = made("searchable", data, [layer]), made("original", data)
    assert drawn(with_words, 100).tobytes() == drawn(without, 100).tobytes()


SECRET = "Jane Roe 123-45-6789"


def with_secrets(image: Image.Image, compression: str) -> bytes:
    """A TIFF that says a secret in its tags, its profile and behind its image data."""
    profile = b"\0" * 16 + {"L": b"GRAY", "RGB": b"RGB ", "1": b"GRAY"}[image.mode] + SECRET.encode()
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for tag in (270, 285, 305, 315, 33432):  # ImageDescription, PageName, Software, Artist, Copyright
        info[tag] = SECRET
    info[700] = SECRET.encode()  # XMP
    return builders.tiff(image, compression=compression, tiffinfo=info, icc_profile=profile, **ONE_STRIP)


@pytest.mark.parametrize(
    ("mode", "compression"), [("1", "group4"), ("L", "jpeg"), ("RGB", "jpeg"), ("RGB", "tiff_lzw")]
)
def test_a_redacted_pdf_brings_nothing_along(mode: str, compression: str) -> None:
    data = with_secrets(sheet(mode=mode), compression)
    assert SECRET.encode() in data
    document = made("redacted", data)
    left = everything_in(document)
    assert SECRET.encode() not in left
    assert SSN.encode() not in left
    assert SSN.encode("utf-16-be").hex().encode() not in left
    with pikepdf.open(io.BytesIO(document)) as opened:
        assert set(opened.trailer.keys()) == {"/Size", "/Root"}
        assert set(opened.Root.keys()) == {"/Type", "/Pages"}


def jpeg_segments(data: bytes) -> list[int]:
    """The markers of a JPEG's segments, up to its first scan."""
    found, at = [], 2
    while data[at + 1] != 0xDA:
        found.append(data[at + 1])
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return found


def jpeg_strip(image: Image.Image) -> bytes:
    """A JPEG with a comment, EXIF and something behind its end."""
    written = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = SECRET
    image.save(written, "JPEG", quality=80, comment=SECRET, exif=exif)
    return written.getvalue() + SECRET.encode()


def test_a_jpeg_that_is_passed_through_leaves_its_comments_behind() -> None:
    strip = jpeg_strip(sheet("Zebra"))
    data = builders.tagged(strip, {256: SIZE[0], 257: SIZE[1], 258: 8, 259: 7, 262: 1, 277: 1, 278: SIZE[1]})
    layer = PageLayer(1, PageText(*SIZE))
    document = made("redacted", data, [layer])
    assert SECRET.encode() not in everything_in(document)
    with pikepdf.open(io.BytesIO(document)) as opened:
        (image,) = opened.pages[0].get_images().values()
        passed = image.read_raw_bytes()
    assert {0xFE, 0xE0, 0xE1}.isdisjoint(jpeg_segments(passed))
    with Image.open(io.BytesIO(strip)) as was, Image.open(io.BytesIO(passed)) as now:
        assert was.tobytes() == now.tobytes()


@pytest.mark.parametrize("photometric", [2, 6])
def test_a_jpeg_in_colour_is_passed_through_whatever_its_colours_are(photometric: int) -> None:
    shades = Image.merge(
        "RGB", [Image.radial_gradient("L"), Image.linear_gradient("L"), Image.new("L", (256, 256), 40)]
    ).resize((250, 250))
    written = io.BytesIO()
    shades.save(written, "JPEG", quality=90, keep_rgb=photometric == 2)
    tags = {256: 250, 257: 250, 258: (8, 8, 8), 259: 7, 262: photometric, 277: 3, 278: 250}
    data = builders.tagged(written.getvalue(), tags)
    (page,) = pages_of(data)
    assert pdf_image.passed_through(page, dict(page.tags())) is not None
    shown = pypdfium2.PdfDocument(made("original", data))[0].render(scale=DPI / 72).to_pil().convert("RGB")
    with Image.open(io.BytesIO(data)) as opened:
        assert np.abs(np.asarray(shown).astype(int) - np.asarray(opened.convert("RGB"))).max() < 6


@given(st.binary(max_size=60), st.binary(max_size=60), st.integers(0, 600))
@example(b"\xff\x00\x00\x00", b"", 0)  # a segment shorter than its own length
def test_bytes_that_are_no_jpeg_are_not_passed_through(head: bytes, tail: bytes, cut: int) -> None:
    strip = jpeg_strip(Image.new("L", (16, 16)))
    mangled = strip[:cut] + head + strip[cut + len(head) :] + tail
    for part, tables in ((mangled, b""), (strip, b"\xff\xd8" + head), (head, tail)):
        bare = pdf_image.bare_jpeg(part, tables, (16, 16, 1))
        assert bare is None or {0xFE, *range(0xE0, 0xF0)}.isdisjoint(jpeg_segments(bare))


def test_a_jpeg_with_a_finding_is_never_passed_through() -> None:
    data = builders.tiff(sheet(), compression="jpeg", **ONE_STRIP)
    (page,) = pages_of(data)
    document = made("redacted", data)
    before = pdf_image.passed_through(page, dict(page.tags()))
    with pikepdf.open(io.BytesIO(document)) as opened:
        (image,) = opened.pages[0].get_images().values()
        assert before is not None
        assert image.read_raw_bytes() != before.data
    left, top, right, bottom = ink_of(sheet(SSN), (DPI, DPI))
    part = image_of(document).crop((left - 16, top - 16, right + 16, bottom + 16))
    assert part.getextrema()[1] < 16  # black also where a JPEG's blocks held a shadow of it


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P", "CMYK"])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
def test_what_is_encoded_anew_has_lost_nothing(mode: str, compression: str) -> None:
    noise = Image.merge("RGB", [Image.effect_noise((90, 70), 120) for _ in range(3)])
    image = noise.convert(mode)
    (page,) = pages_of(builders.tiff(image, compression=compression))
    shown = image_of(made("original", builders.tiff(image, compression=compression)))
    assert shown.convert("RGB").tobytes() == image.convert("RGB").tobytes()
    assert pdf_image.passed_through(page, dict(page.tags())) is None


@pytest.mark.parametrize("colours", [2, 4, 16, 200])
def test_palettes_of_any_length_are_kept(colours: int) -> None:
    image = Image.merge("RGB", [Image.effect_noise((90, 70), 120) for _ in range(3)]).quantize(colours)
    shown = image_of(made("original", builders.tiff(image, compression="tiff_lzw")))
    assert shown.convert("RGB").tobytes() == image.convert("RGB").tobytes()


def test_g4_in_one_strip_is_passed_through_byte_for_byte() -> None:
    data = builders.tiff(sheet(mode="1"), compression="group4", **ONE_STRIP)
    (page,) = pages_of(data)
    tags = page.tags()
    (place,), (count,) = tags[273], tags[279]
    with pikepdf.open(io.BytesIO(made("original", data))) as opened:
        (image,) = opened.pages[0].get_images().values()
        assert image.read_raw_bytes() == data[int(place) : int(place + count)]


def test_the_same_pages_give_the_same_bytes_and_no_date() -> None:
    data = builders.tiff(sheet(), sheet("Zebra"), compression="tiff_lzw")
    for mode in ("original", "searchable", "redacted"):
        layers = [layer_of(page, mode, number) for number, page in enumerate(pages_of(data), 1)]
        once, again = (made(mode, data, layers) for _ in range(2))
        assert once == again
        assert not re.search(rb"Date|Producer|Creator|/ID|xmp", once)


def test_a_value_that_stands_on_the_page_once_more_is_gone_there_too() -> None:
    image = sheet()
    ImageDraw.Draw(image).text((60, 450), f"Reference {SSN} of file", fill=0, font=FONT)
    document = made("redacted", builders.tiff(image))
    assert SSN not in text_of(document)
    assert image_of(document).convert("L").getpixel((300, 465)) == 0


def of_orders(data: bytes, mode: str, *orders: PageOrder) -> tuple[bytes, dict[int, str]]:
    written = io.BytesIO()
    withheld = pdf.write(written.write, mode, pages_of(data), lambda n: orders[n - 1], 256 * 2**20)
    return written.getvalue(), withheld


def test_a_page_that_is_withheld_is_another_that_says_so() -> None:
    data = builders.tiff(sheet(), sheet("Zebra"))
    text = PageText(*SIZE)
    document, withheld = of_orders(data, "redacted", PageOrder(text, withheld=pdf.IN_DOUBT), PageOrder(text))
    assert text_of(document) == "Page 1 is withheld: it may hold more than was found."
    assert withheld == {1: pdf.IN_DOUBT}
    with pikepdf.open(io.BytesIO(document)) as opened:
        assert not opened.pages[0].get_images()
        assert opened.pages[0].mediabox == opened.pages[1].mediabox


@pytest.mark.parametrize(
    "text",
    [None, PageText(SIZE[1], SIZE[0]), PageText(*SIZE, turned=90), PageText()],
    ids=["lost", "of another page", "of another turn", "of no page"],
)
def test_a_page_of_which_is_not_known_where_it_was_read_is_withheld_when_redacted(text) -> None:
    document, withheld = of_orders(builders.tiff(sheet()), "redacted", PageOrder(text))
    assert withheld == {1: pdf.UNKNOWN}
    with pikepdf.open(io.BytesIO(document)) as opened:
        assert not opened.pages[0].get_images()


def damaged() -> bytes:
    """A page that no decoder knows."""
    return builders.tagged(b"\0" * 100, {256: 400, 257: 400, 258: 1, 259: 34661, 262: 0, 277: 1, 278: 400})


def test_a_page_that_cannot_be_shown_is_withheld_when_redacted_and_no_pdf_else() -> None:
    _, withheld = of_orders(damaged(), "redacted", PageOrder(PageText(400, 400)))
    assert withheld == {1: pdf.DAMAGED}
    for mode in ("original", "searchable"):
        with pytest.raises(NoPdf, match=r"page 1: Compression 34661 \(JBIG\) cannot be decoded"):
            of_orders(damaged(), mode, PageOrder())


def test_a_page_that_needs_more_memory_than_there_is_is_not_decoded() -> None:
    written = io.BytesIO()
    with pytest.raises(NoPdf, match="need more memory"):
        pdf.write(written.write, "original", pages_of(builders.tiff(sheet())), lambda _: PageOrder(), 2**20)


@pytest.mark.parametrize("said", [(200, 200), (204, 98), None])
def test_a_page_is_as_large_as_its_scan_says(said) -> None:
    data = (
        builders.tiff(sheet(), dpi=said)
        if said
        else builders.tagged(b"\xff" * 100, {256: 100, 257: 8, 258: 1, 259: 1, 262: 1, 277: 1, 278: 8})
    )
    with pikepdf.open(io.BytesIO(made("original", data))) as opened:
        width, height = (float(side) for side in opened.pages[0].mediabox[2:])
    across, down = said or (200, 200)
    pixels = SIZE if said else (100, 8)
    assert (width, height) == pytest.approx((pixels[0] * 72 / across, pixels[1] * 72 / down), abs=0.1)


def test_a_document_of_qpdf_has_no_fault_to_find() -> None:
    document = made("searchable", builders.tiff(sheet(), sheet(mode="1"), compression="tiff_lzw"))
    with pikepdf.open(io.BytesIO(document)) as opened:
        assert opened.check_pdf_syntax() == []


def test_layers_keep_of_a_redacted_page_what_no_finding_touches() -> None:
    (page,) = pages_of(builders.tiff(sheet()))
    whole, kept = layer_of(page, "searchable"), layer_of(page, "redacted")
    assert SSN in [word.text for word in whole.text.words]
    assert {word.text for word in whole.text.words} - {word.text for word in kept.text.words} == {SSN}
    assert SSN.encode() not in msgspec.msgpack.encode(kept)
