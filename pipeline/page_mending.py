"""Mends what a bad scan did to a page, each step only where a cheap measure says that it is needed.

despeckle: salt and pepper goes. level: shaded or grey paper becomes white and pale ink black. deskew: lines
that run up or down run across again. What each is worth: docs/detectors.md.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageFilter

FINE_DPI = 150
"""In a coarser page a speck may be a stroke."""
SPECK_CONTRAST, SPECKLED, BANDS, BAND_ROWS = 128, 0.0095, 8, 8
"""A page is speckled when more than this share of pixels differs so much from the middle of their
neighbours.
"""
SPECK_STRENGTH, MOST_TOGETHER = 64, 2
"""Grey levels by which a speck differs, and how many of 25 pixels may, for them to be specks."""
EIGHTH = 8
TILE, PAPER_PERCENT, LIGHT = 16, 90, 110
"""Paper is the light part of tiles of so many pixels of an eighth of the page's; it is lighter than this."""
SHADED, PALE, LEAST_CONTRAST, INK_PERCENT = 0.8, 110, 24, 0.1
"""A page is levelled when its darkest paper is less than this part of its lightest, or its ink, so many
percent of its pixels at least, hardly darker; but with less contrast there is none.
"""
SAMPLED = 3
"""Of every so many pixels one tells how dark the ink is."""
BAND, AROUND = 512, 4
"""Rows that are mended at once, and rows around them that count for it."""
NOISY = 0.08
"""Part of the contrast by which neighbours differ usually, from which on they are smoothed."""
DARKEST_TILE = 0.25
"""Of the lightest paper: a darker tile is ink, or a picture, and no paper."""
SKEW_DPI, STRIPS = 75, 32
MOST_SKEW, COARSE_STEP, FINE_STEP = 4.0, 0.5, 0.1
LEAST_SKEW, SHARPER = 1.8, 1.15
"""Degrees from which on a page is turned back, and how much sharper its lines must become by it."""

Grey = npt.NDArray[np.uint8]


def despeckled(grey: Image.Image) -> Image.Image:
    """The page without pixels unlike all around them, where there are many. Some bands tell whether there
    are. A slim stroke is unlike its surroundings, too, but many of its pixels stand together.
    """
    bands = [
        grey.crop((0, top, grey.width, top + BAND_ROWS))
        for top in range(BAND_ROWS, grey.height - BAND_ROWS, max(1, grey.height // BANDS))
    ]
    unlike = [
        np.asarray(ImageChops.difference(band, band.filter(ImageFilter.MedianFilter(3)))) for band in bands
    ]
    if not unlike or float(np.mean([np.mean(one > SPECK_CONTRAST) for one in unlike])) <= SPECKLED:
        return grey
    return _in_bands(grey, lambda band, top: _without_specks(band))


def _without_specks(grey: Image.Image) -> Image.Image:
    middle = grey.filter(ImageFilter.MedianFilter(3))
    unlike = ImageChops.difference(grey, middle).point(lambda value: 255 * (value > SPECK_STRENGTH))
    together = unlike.filter(ImageFilter.BoxBlur(2))  # of 5 x 5 pixels
    alone = together.point(lambda value: 255 * (value <= 255 * MOST_TOGETHER // 25))
    return Image.composite(middle, grey, ImageChops.multiply(unlike, alone))


def levelled(grey: Image.Image, small: Image.Image) -> Image.Image:
    """The page as a share of its paper's light, ink black, where its paper is shaded or its ink is pale;
    small: the page reduced to an eighth.
    """
    eighth = np.asarray(small, dtype=np.float32)
    rows, columns = (side // TILE for side in eighth.shape)
    if rows < 2 or columns < 2:
        return grey
    tiles = eighth[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE)
    light = np.percentile(tiles, PAPER_PERCENT, axis=(1, 3)).astype(np.float32)
    lightest = float(np.percentile(light, PAPER_PERCENT))
    if lightest < LIGHT:  # white on black, or a picture
        return grey
    paper = np.where(light < DARKEST_TILE * lightest, lightest, light)
    sample = np.asarray(grey)[::SAMPLED, ::SAMPLED]
    ink = float(np.percentile(sample, INK_PERCENT))
    is_pale = LEAST_CONTRAST < lightest - ink < PALE
    if not is_pale and float(np.percentile(paper, 5)) > SHADED * lightest:
        return grey
    unlike = np.abs(np.diff(np.asarray(grey)[:: 4 * SAMPLED].astype(np.int16), axis=1))
    is_noisy = float(np.median(unlike)) > NOISY * (lightest - ink)
    darkest = float(np.percentile(sample / _spread(paper, sample.shape[::-1]), INK_PERCENT))
    height = grey.height

    def level(band: Image.Image, top: int) -> Image.Image:
        if is_noisy:  # noise would be stretched with the ink
            band = band.filter(ImageFilter.GaussianBlur(1))
        part = top / height * paper.shape[0], (top + band.height) / height * paper.shape[0]
        share = np.asarray(band, dtype=np.float32) / _spread(paper, band.size, part)
        stretched = (share - darkest) * (255 / max(0.05, 1 - darkest))
        return Image.fromarray(np.clip(stretched, 0, 255).astype(np.uint8))

    return _in_bands(grey, level)


def _spread(
    paper: npt.NDArray[np.float32], size: tuple[int, int], rows: tuple[float, float] | None = None
) -> npt.NDArray[np.float32]:
    """The paper's light, of tiles or a part of their rows, for each pixel of an image of a size."""
    first, beyond = rows or (0, paper.shape[0])
    box = (0, first, paper.shape[1], min(beyond, paper.shape[0]))
    spread = Image.fromarray(paper).resize(size, Image.Resampling.BICUBIC, box=box)
    light: npt.NDArray[np.float32] = np.maximum(np.asarray(spread, dtype=np.float32), 1)
    return light


def _in_bands(grey: Image.Image, mend: Callable[[Image.Image, int], Image.Image]) -> Image.Image:
    """The page mended band by band, so that the largest page takes little memory; `mend` is given each band,
    with some rows around it, and where it begins.
    """
    mended = Image.new("L", grey.size)
    for top in range(0, grey.height, BAND):
        first, beyond = max(0, top - AROUND), min(grey.height, top + BAND + AROUND)
        band = mend(grey.crop((0, first, grey.width, beyond)), first)
        mended.paste(
            band.crop((0, top - first, grey.width, min(BAND, grey.height - top) + top - first)), (0, top)
        )
    return mended


def skew(grey: Image.Image, dpi: float) -> float:
    """Degrees by which a page must be turned, against the clock, for its lines to run across; 0 where that
    makes little of a difference.
    """
    small = np.asarray(grey.reduce(max(1, round(dpi / SKEW_DPI))))
    strip = small.shape[1] // STRIPS
    if strip < 2 or small.shape[0] < 2 * STRIPS:
        return 0.0
    dark = 255 - small[:, : strip * STRIPS].reshape(small.shape[0], STRIPS, strip)
    profiles = np.ascontiguousarray(dark.mean(axis=2, dtype=np.float32).T)
    middles = (np.arange(STRIPS) + 0.5) * strip - small.shape[1] / 2
    coarse = np.arange(-MOST_SKEW, MOST_SKEW + 0.01, COARSE_STEP)
    best = max(coarse, key=lambda degrees: _sharpness(profiles, middles, degrees))
    if abs(best) + COARSE_STEP < LEAST_SKEW:
        return 0.0
    fine = np.arange(best - COARSE_STEP, best + COARSE_STEP + 0.01, FINE_STEP)
    best = max(fine, key=lambda degrees: _sharpness(profiles, middles, degrees))
    if abs(best) < LEAST_SKEW or abs(best) >= MOST_SKEW:
        return 0.0
    straight, turned = (_sharpness(profiles, middles, degrees) for degrees in (0.0, best))
    return float(best) if turned > SHARPER * straight else 0.0


def _sharpness(profiles: npt.NDArray[np.float32], middles: npt.NDArray[np.float64], degrees: float) -> float:
    """How much neighbouring rows differ in ink when the strips are shifted as a turn would shift them."""
    height = profiles.shape[1]
    shifts = np.rint(math.tan(math.radians(degrees)) * middles).astype(int) % height
    total = np.zeros(height, np.float32)
    for twice, shift in zip(np.concatenate([profiles, profiles], axis=1), shifts.tolist(), strict=True):
        total += twice[shift : shift + height]
    return float(np.sum(np.diff(total) ** 2))


def straightened(grey: Image.Image, degrees: float) -> Image.Image:
    """The page turned by so many degrees, against the clock, paper in its corners."""
    return grey.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=255)
