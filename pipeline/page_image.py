"""Makes a page fit for recognition: upright, greyscale, square pixels, a resolution that OCR likes; fax pages
have pixels that are twice as high as wide.
"""

from collections.abc import Collection

import msgspec
import numpy as np
from PIL import Image, ImageOps

from pipeline import page_contrast, page_mending, page_pixels
from pipeline.documents import PageFile
from pipeline.ocr_options import MENDING

READING_DPI = 300
"""Tesseract is trained on text of about this resolution; pages scanned coarser than `COARSE_DPI` are enlarged
to it.
"""
COARSE_DPI = 150
ASSUMED_DPI = 200
"""For pages that do not say: the commonest of office scanners and fine fax."""
DARKEST_PAPER = 80
DARK = "the page is dark all over"


class PageImage(msgspec.Struct, frozen=True):
    """`pixels`: mode "L". `scale`: (across, down) by which they were enlarged from `upright_size`, the page's
    own pixels; negative: whether it was white on black; `doubt`: why they may not be what it shows.
    """

    pixels: Image.Image
    dpi: int
    upright_size: tuple[int, int]
    scale: tuple[float, float]
    skew: float = 0.0
    negative: bool = False
    doubt: str = ""


def load(page: PageFile, max_pixels: int, mending: Collection[str] = MENDING) -> PageImage:
    """`mending`: steps that are taken where they are needed. Raises `PageUnreadable`."""
    pixels = page_pixels.decode(page, max_pixels)
    across, down = dots_per_inch(pixels.resolution)
    grey = pixels.grey
    if min(grey.size) < page_contrast.SMALLEST_TEXT_PIXELS:
        return PageImage(grey, round(across), grey.size, (1.0, 1.0), doubt=pixels.doubt)
    eighth = grey.reduce(page_mending.EIGHTH)
    negative = float(np.median(np.asarray(eighth))) < DARKEST_PAPER
    if negative:
        grey, eighth = ImageOps.invert(grey), ImageOps.invert(eighth)
    if "despeckle" in mending and min(across, down) >= page_mending.FINE_DPI:
        grey = page_mending.despeckled(grey)
    if "level" in mending:
        grey = page_mending.levelled(grey, eighth)
    dpi, scale = round(across), (1.0, 1.0)
    if "enlarge" in mending:
        grey, dpi, scale = _for_reading(grey, across, down, max_pixels)
    skew = page_mending.skew(grey, dpi) if "deskew" in mending else 0.0
    if skew:
        grey = page_mending.straightened(grey, skew)
    return PageImage(grey, dpi, pixels.grey.size, scale, skew, negative, pixels.doubt)


def _for_reading(
    grey: Image.Image, across: float, down: float, max_pixels: int
) -> tuple[Image.Image, int, tuple[float, float]]:
    """(pixels as high as wide and fine enough to read, their resolution, by how much they were enlarged)."""
    target = max(across, down)
    if target < COARSE_DPI:
        target = READING_DPI
    scale = (target / across, target / down)
    size = (round(grey.width * scale[0]), round(grey.height * scale[1]))
    if size == grey.size or size[0] * size[1] > max_pixels:
        return grey, round(across), (1.0, 1.0)
    return grey.resize(size, Image.Resampling.BICUBIC), round(target), scale


def dots_per_inch(said: tuple[float, float]) -> tuple[float, float]:
    """Dots per inch (across, down); pages that do not say, or say nonsense, are taken for `ASSUMED_DPI`."""
    across, down = said
    if not (50 <= across <= 2400 and 50 <= down <= 2400 and 1 / 3 <= across / down <= 3):
        return ASSUMED_DPI, ASSUMED_DPI
    return across, down
