"""Decodes one page and makes it fit for recognition: upright, greyscale, square pixels, a resolution that OCR
likes.

Everything a scanner's TIFF can be is meant to arrive here: 1 to 32 bits, palettes, CMYK, transparency, fax
pages whose pixels are twice as high as wide. What Pillow cannot decode becomes `PageUnreadable` with a reason
for a person.
"""

import contextlib
import os
import warnings
from collections.abc import Iterator

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from pipeline.documents import PageFile
from pipeline.failures import PageUnreadable

READING_DPI = 300
"""Tesseract is trained on text of about this resolution; pages scanned coarser than `COARSE_DPI` are enlarged
to it.
"""
COARSE_DPI = 150
ASSUMED_DPI = 200
"""For pages that do not say: the commonest of office scanners and fine fax."""
SMALLEST_TEXT_PIXELS = 16
"""No line of text fits into an image lower or narrower than this."""
BAND_ROWS = 512
BLANK_CONTRAST = 24
"""Grey levels between a page's darkest and lightest parts below which nothing can be written on it."""

Image.MAX_IMAGE_PIXELS = None  # `load` has a limit of its own, with a reason that names it

_DAMAGED = "the image data is damaged, or in a form that cannot be decoded"


class PageImage(msgspec.Struct, frozen=True):
    """`pixels`: mode "L". `scale`: (across, down) by which they were enlarged from `upright_size`, the page's
    own pixels.
    """

    pixels: Image.Image
    dpi: int
    upright_size: tuple[int, int]
    scale: tuple[float, float]


def load(page: PageFile, max_pixels: int) -> PageImage:
    """Raises `PageUnreadable`."""
    with page.open() as file, _quiet_libtiff(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow warns of is judged here by what it then decodes
        try:
            with Image.open(file, formats=["TIFF"]) as image:
                if image.width * image.height > max_pixels:
                    raise PageUnreadable(
                        f"the page claims {image.width} x {image.height} pixels, more than the "
                        f"{max_pixels // 10**6} million allowed"
                    )
                resolution = _resolution(image)
                upright = ImageOps.exif_transpose(image)
                if upright.size == (image.height, image.width) != image.size:
                    resolution = resolution[::-1]
                grey = _greyscale(upright)
        except PageUnreadable:
            raise
        except UnidentifiedImageError as error:
            raise PageUnreadable(
                "the page's combination of TIFF tags is not one that can be decoded"
            ) from error
        except MemoryError as error:
            raise PageUnreadable("the page needs more memory than the function has") from error
        except (
            Exception
        ) as error:  # Pillow raises nearly every class for damaged data: OSError, ValueError, TypeError ...
            raise PageUnreadable(f"{_DAMAGED} ({type(error).__name__}: {error})") from error
    return _for_reading(grey, resolution, max_pixels)


def is_blank(pixels: Image.Image) -> bool:
    """Whether nothing can be read here: too small for a letter, or of one shade all over (dust specks
    apart).
    """
    if min(pixels.size) < SMALLEST_TEXT_PIXELS:
        return True
    histogram = np.cumsum(pixels.histogram()) / (pixels.width * pixels.height)
    darkest, lightest = np.searchsorted(histogram, (0.0002, 0.9998))
    return int(lightest - darkest) < BLANK_CONTRAST


def _for_reading(grey: Image.Image, resolution: tuple[float, float], max_pixels: int) -> PageImage:
    across, down = resolution
    target = max(across, down)
    if target < COARSE_DPI:
        target = READING_DPI
    scale = (target / across, target / down)
    size = (round(grey.width * scale[0]), round(grey.height * scale[1]))
    if size == grey.size or size[0] * size[1] > max_pixels or min(grey.size) < SMALLEST_TEXT_PIXELS:
        return PageImage(grey, round(across), grey.size, (1.0, 1.0))
    return PageImage(grey.resize(size, Image.Resampling.BICUBIC), round(target), grey.size, scale)


def _resolution(image: Image.Image) -> tuple[float, float]:
    """Dots per inch (across, down); pages that do not say, or say nonsense, are taken for `ASSUMED_DPI`."""
    across, down = (float(value) for value in image.info.get("dpi", (0, 0)))
    if not (50 <= across <= 2400 and 50 <= down <= 2400 and 1 / 3 <= across / down <= 3):
        return ASSUMED_DPI, ASSUMED_DPI
    return across, down


@contextlib.contextmanager
def _quiet_libtiff() -> Iterator[None]:
    """libtiff writes its complaints straight to file descriptor 2, which Lambda would log, and bill, line by
    line.
    """
    kept = os.dup(2)
    silence = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silence, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(silence)


def _stretched(image: Image.Image) -> Image.Image:
    """Deep samples over the range that they use; in bands, since the largest page allowed has half a gigabyte
    of them.
    """
    bands = [(top, min(top + BAND_ROWS, image.height)) for top in range(0, image.height, BAND_ROWS)]

    def samples(top: int, bottom: int) -> npt.NDArray[np.float64]:
        return np.nan_to_num(np.asarray(image.crop((0, top, image.width, bottom)), dtype=np.float64))

    extremes = [(float(band.min()), float(band.max())) for band in (samples(*rows) for rows in bands)]
    low, high = min(least for least, _ in extremes), max(most for _, most in extremes)
    grey = np.empty((image.height, image.width), np.uint8)
    for top, bottom in bands:
        grey[top:bottom] = (samples(top, bottom) - low) * (255 / ((high - low) or 1))
    return Image.fromarray(grey)


def _greyscale(image: Image.Image) -> Image.Image:
    """Any mode -> "L": transparency lies on white paper, deep samples are stretched over the range they
    use.
    """
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _stretched(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image if image.mode in ("RGBA", "LA") else image.convert("RGBA")
        ink, opacity = image.convert("L"), image.getchannel("A")
        return Image.composite(ink, Image.new("L", image.size, 255), opacity)
    if image.mode == "LAB":
        return image.getchannel("L")
    return image.convert("L")
