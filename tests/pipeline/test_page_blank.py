"""A page whose ink is faint, has the paper's luminance, or lies under what is transparent is read; one that
came out blank although its data are not is doubted, and blank paper is silent.
"""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from fixtures import specimens
from pipeline import page_blank, page_contrast, page_pixels
from pipeline.page_pixels import Pixels
from tests import builders
from tests.pipeline.test_page_pixels import MOST, PICTURE, grey, written

INK = (255 - PICTURE.astype(float)) / 255
NONE, WHITE = np.zeros_like(PICTURE), np.full_like(PICTURE, 255)
DEEP = PICTURE.astype(np.uint16) * 257
FLOATS = PICTURE.astype(np.float32) / 255
TWELVE_BITS = PICTURE.astype(np.uint16) * 16
RANDOM = np.random.default_rng(3)


def is_shown(found: Pixels) -> bool:
    """Whether ink and paper are where they are in the picture, and far from each other."""
    shades = np.asarray(found.grey).astype(float)
    paper, ink = np.median(shades[INK == 0]), np.median(shades[INK == 1])
    return bool(abs(paper - ink) > 100)


def saved(values, **options) -> bytes:
    return builders.tiff(Image.fromarray(values), **options)


def blended(paper, ink, kind=np.uint8):
    return (np.array(paper) * (1 - INK[..., None]) + np.array(ink) * INK[..., None]).astype(kind)


def with_block(values, value, side: int = 12):
    values = values.copy()
    values[-side:, -side:] = value
    return values


@pytest.mark.parametrize("alpha", ["unassalpha", "assocalpha"])
@pytest.mark.parametrize("opaque", [0, 3], ids=["nothing", "a corner"])
@pytest.mark.parametrize("picture", [PICTURE, DEEP], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize("colours", [1, 3])
def test_alpha_that_would_hide_all_is_ignored(alpha: str, opaque: int, picture, colours: int) -> None:
    opacity = (
        with_block(np.zeros_like(picture), np.iinfo(picture.dtype).max, opaque) if opaque else picture * 0
    )
    values = np.stack([picture] * colours + [opacity], -1)
    photometric = "rgb" if colours == 3 else "minisblack"
    found = grey(written(values, photometric=photometric, extrasamples=[alpha]))
    assert is_shown(found)
    assert found.doubt == ""


@pytest.mark.parametrize("picture", [PICTURE, DEEP], ids=["8 bits", "16 bits"])
def test_a_picture_under_what_is_transparent_on_a_page_is_told_of(picture) -> None:
    opacity = np.full_like(picture, np.iinfo(picture.dtype).max)
    opacity[:, 300:] = 0
    values = np.stack([picture] * 3 + [opacity], -1)
    found = grey(written(values, photometric="rgb", extrasamples=["unassalpha"]))
    assert found.doubt == "what is transparent on the page has a picture of its own"


@pytest.mark.parametrize("value", [-3.4e38, 3.4e38, -9999, -np.inf, np.inf, np.nan])
@pytest.mark.parametrize("full", [1, 255])
def test_values_that_are_no_light_leave_the_rest_its_range(value: float, full: int) -> None:
    found = grey(written(with_block(FLOATS * full, value), photometric="minisblack"))
    assert is_shown(found)
    assert found.doubt == ""
    values = np.stack([with_block(FLOATS * full, value)] * 3, -1)
    assert is_shown(grey(written(values, photometric="rgb")))


@pytest.mark.parametrize("side", [1, 12], ids=["a pixel", "a block"])
def test_samples_of_twelve_bits_keep_their_range_beside_hot_ones(side: int) -> None:
    values = with_block(TWELVE_BITS, 65535, side)
    assert is_shown(grey(written(values, photometric="minisblack")))
    assert is_shown(grey(written(np.stack([values] * 3, -1), photometric="rgb")))


@pytest.mark.parametrize(
    "data",
    [
        saved((255 - 20 * INK).astype(np.uint8)),
        saved((255 - 8 * INK).astype(np.uint8)),
        saved((200 - 8 * INK).astype(np.uint8)),
        saved(np.stack([(255 - 8 * INK).astype(np.uint8)] * 3, -1)),
        saved((255 - 20 * INK).astype(np.uint8), compression="jpeg"),
        saved(np.clip(245 - 20 * INK + RANDOM.normal(0, 1.5, INK.shape), 0, 255).astype(np.uint8)),
        written((60_000 - 2_000 * INK).astype(np.uint16), photometric="minisblack"),
        written(
            (INK > 0.5).astype(np.uint8),
            photometric="palette",
            colormap=np.array([[65_535, 65_200] + [65_535] * 254] * 3, np.uint16),
        ),
    ],
    ids=["235 on 255", "8 levels", "on grey", "RGB", "JPEG", "noisy", "16 bits", "close entries of a palette"],
)  # fmt: skip
def test_faint_ink_is_made_black(data: bytes) -> None:
    found = grey(data)
    assert is_shown(found)
    assert found.doubt == ""


@pytest.mark.parametrize(
    "data",
    [
        saved(blended((200, 100, 100), (100, 151, 100))),
        saved(blended((200, 100, 100), (100, 151, 100)), compression="jpeg"),
        written(blended((51_400, 25_700, 25_700), (25_700, 38_807, 25_700), np.uint16), photometric="rgb"),
        written(blended((0, 100, 0, 0), (196, 0, 0, 0)), photometric="separated"),
        written(np.stack([NONE + 200, (INK * 80).astype(np.uint8), NONE], -1), photometric="cielab"),
        written(np.stack([WHITE, PICTURE], -1), photometric="minisblack", extrasamples=["unspecified"]),
    ],
    ids=["RGB", "JPEG", "16 bits", "CMYK", "Lab", "a sample beside the luminance"],
)  # fmt: skip
def test_ink_that_differs_in_hue_only_is_seen(data: bytes) -> None:
    shades = np.asarray(grey(data).grey).astype(float)
    assert abs(np.median(shades[INK == 0]) - np.median(shades[INK == 1])) > 60


def noise(level: float, deviation: float, kind=np.uint8, samples: tuple[int, ...] = ()):
    values = RANDOM.normal(level, deviation, (900, 700, *samples))
    return values.clip(0, np.iinfo(kind).max).astype(kind)


def streaked():
    values = noise(250, 1)
    values[:, 300:303] -= 8
    return values


BLANK = Image.new("L", (700, 900), 255)
BLANKS = {
    **{f"one shade, {how}": builders.tiff(BLANK, compression=how)
       for how in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")},
    **{f"bilevel, {how}": builders.tiff(BLANK.convert("1"), compression=how) for how in ("group3", "group4", "raw")},
    **{f"noise of {deviation} levels": saved(noise(248, deviation)) for deviation in (0.5, 1, 3)},
    **{f"noise of {deviation} levels, JPEG": saved(noise(248, deviation), compression="jpeg")
       for deviation in (0.5, 1, 3)},
    "noise in colour": saved(noise(244, 2, samples=(3,))),
    "noise in colour, JPEG": saved(noise(244, 2, samples=(3,)), compression="jpeg"),
    **{f"16 bits, noise of {deviation}": written(noise(60_000, deviation, np.uint16), photometric="minisblack")
       for deviation in (0, 20, 600)},
    "12 bits": written(np.full((900, 700), 4080, np.uint16), photometric="minisblack"),
    "16 bits, white is zero": written(np.zeros((900, 700), np.uint16), photometric="miniswhite"),
    "16 bits in colour": written(noise(60_000, 300, np.uint16, (3,)), photometric="rgb"),
    "float": written(np.ones((900, 700), np.float32), photometric="minisblack"),
    "float with noise": written(RANDOM.normal(0.97, 0.01, (900, 700)).astype(np.float32), photometric="minisblack"),
    "transparent": written(np.zeros((900, 700, 4), np.uint8), photometric="rgb", extrasamples=["unassalpha"]),
    "streak": saved(streaked()),
    "dust": saved(np.where(RANDOM.random((900, 700)) < 0.0001, 0, noise(248, 1)).astype(np.uint8)),
    "cloudy paper": saved(np.asarray(Image.fromarray(noise(245, 12)).filter(ImageFilter.GaussianBlur(2)))),
}  # fmt: skip


@pytest.mark.parametrize("kind", BLANKS)
def test_blank_paper_is_silent(kind: str) -> None:
    from pipeline import ocr
    from pipeline.ocr_options import OcrOptions

    text = ocr.read_page(builders.first_page(BLANKS[kind]), OcrOptions())
    assert (text.words, text.marks, text.doubt) == ((), (), "")


def test_a_blank_picture_of_data_that_are_none_is_doubted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a decoder fills with white what it could not decode, and says nothing."""
    monkeypatch.setattr(page_pixels, "_greyscale", lambda image, tags: (Image.new("L", image.size, 255), ""))
    monkeypatch.setattr(page_pixels, "_is_even", lambda image: True)
    noisy = Image.fromarray(RANDOM.integers(0, 2, (600, 600)).astype(np.uint8) * 255).convert("1")
    for how in ("group4", "tiff_lzw", "raw", "packbits"):
        found = page_pixels.decode(builders.first_page(builders.tiff(noisy, compression=how)), MOST)
        assert found.doubt == page_blank.BLANK


def test_a_sample_that_differs_where_the_picture_is_blank_is_doubted() -> None:
    """A gradient is no print, and no blank page either."""
    gradient = np.tile(np.linspace(0, 200, 900).astype(np.uint8), (240, 1))
    values = np.stack([WHITE, gradient], -1)
    found = grey(written(values, photometric="minisblack", extrasamples=["unspecified"]))
    assert page_contrast.is_blank(found.grey)
    assert found.doubt == page_blank.BLANK


def test_a_small_number_alone_on_a_page_is_no_dust() -> None:
    page = Image.new("L", (1700, 2200), 255)
    ImageDraw.Draw(page).text(
        (150, 150), "411-11-1117", font=specimens.font("matplotlib:DejaVuSans", 18), fill=0
    )
    assert not page_contrast.is_blank(page)
    assert page_contrast.is_blank(_dusty(page.size))


def _dusty(size: tuple[int, int]) -> Image.Image:
    """A blank page with a dozen specks of 3 x 3 pixels."""
    page = Image.new("L", size, 255)
    for place in range(12):
        left, top = 131 * place + 17, 177 * place + 40
        page.paste(0, (left, top, left + 3, top + 3))
    return page
