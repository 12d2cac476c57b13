"""Makes a page fit for recognition: upright, greyscale, square pixels, a resolution that OCR likes; fax pages
have pixels that are twice as high as wide.
"""

import msgspec
import numpy as np
from PIL import Image, ImageFilter

from pipeline import page_pixels
from pipeline.documents import PageFile

READING_DPI = 300
"""Tesseract is trained on text of about this resolution; pages scanned coarser than `COARSE_DPI` are enlarged
to it.
"""
COARSE_DPI = 150
ASSUMED_DPI = 200
"""For pages that do not say: the commonest of office scanners and fine fax."""
SMALLEST_TEXT_PIXELS = 16
"""No line of text fits into an image lower or narrower than this."""
FINE_DPI = 150
SPECK_CONTRAST, SPECKLED, BANDS, BAND_ROWS = 128, 0.0095, 12, 8
"""A page is speckled when more than this share of pixels differs so much from the middle of their
neighbours.
"""
DARKEST_PAPER = 80
BLANK_CONTRAST = 24
"""Grey levels between a page's darkest and lightest parts below which nothing can be written on it."""


class PageImage(msgspec.Struct, frozen=True):
    """`pixels`: mode "L". `scale`: (across, down) by which they were enlarged from `upright_size`, the page's
    own pixels; `doubt`: why they may not be what it shows.
    """

    pixels: Image.Image
    dpi: int
    upright_size: tuple[int, int]
    scale: tuple[float, float]
    doubt: str = ""


def load(page: PageFile, max_pixels: int) -> PageImage:
    """Raises `PageUnreadable`."""
    pixels = page_pixels.decode(page, max_pixels)
    return _for_reading(pixels.grey, _resolution(pixels.resolution), max_pixels, pixels.doubt)


def is_blank(pixels: Image.Image) -> bool:
    """Whether nothing can be read here: too small for a letter, or of one shade all over (dust specks
    apart).
    """
    if min(pixels.size) < SMALLEST_TEXT_PIXELS:
        return True
    histogram = np.cumsum(pixels.histogram()) / (pixels.width * pixels.height)
    darkest, lightest = np.searchsorted(histogram, (0.0002, 0.9998))
    return int(lightest - darkest) < BLANK_CONTRAST


def blackness(pixels: Image.Image) -> str:
    """What there is to doubt about a page of one shade: that it is dark, and no paper is."""
    if min(pixels.size) < SMALLEST_TEXT_PIXELS:
        return ""
    middle = float(np.median(np.asarray(pixels)[::7, ::7]))
    return "the page is dark all over" if middle < DARKEST_PAPER else ""


def _despeckled(grey: Image.Image) -> Image.Image:
    """The page without salt and pepper, where there is much of it: pixels unlike all around them. Some bands
    tell whether there is.
    """
    bands = [
        grey.crop((0, top, grey.width, top + BAND_ROWS))
        for top in range(BAND_ROWS, grey.height - BAND_ROWS, max(1, grey.height // BANDS))
    ]
    unlike = [
        np.abs(np.asarray(band).astype(np.int16) - np.asarray(band.filter(ImageFilter.MedianFilter(3))))
        for band in bands
    ]
    if not unlike or float(np.mean([np.mean(one > SPECK_CONTRAST) for one in unlike])) <= SPECKLED:
        return grey
    return grey.filter(ImageFilter.MedianFilter(3))


def _for_reading(
    grey: Image.Image, resolution: tuple[float, float], max_pixels: int, doubt: str
) -> PageImage:
    across, down = resolution
    if min(across, down) >= FINE_DPI:  # in a coarser page a speck may be a stroke
        grey = _despeckled(grey)
    target = max(across, down)
    if target < COARSE_DPI:
        target = READING_DPI
    scale = (target / across, target / down)
    size = (round(grey.width * scale[0]), round(grey.height * scale[1]))
    if size == grey.size or size[0] * size[1] > max_pixels or min(grey.size) < SMALLEST_TEXT_PIXELS:
        return PageImage(grey, round(across), grey.size, (1.0, 1.0), doubt)
    resized = grey.resize(size, Image.Resampling.BICUBIC)
    return PageImage(resized, round(target), grey.size, scale, doubt)


def _resolution(said: tuple[float, float]) -> tuple[float, float]:
    """Dots per inch (across, down); pages that do not say, or say nonsense, are taken for `ASSUMED_DPI`."""
    across, down = said
    if not (50 <= across <= 2400 and 50 <= down <= 2400 and 1 / 3 <= across / down <= 3):
        return ASSUMED_DPI, ASSUMED_DPI
    return across, down
