"""Mends what a bad scan did to a page, each step only where a cheap measure says that it is needed.

despeckle: salt and pepper goes. level: shaded or grey paper becomes white and pale ink black. deskew: lines
that run up or down run across again. What each is worth: docs/detectors.md.
"""

import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

STEPS = ("despeckle", "level", "deskew")

FINE_DPI = 150
"""In a coarser page a speck may be a stroke."""
SPECK_CONTRAST, SPECKLED, BANDS, BAND_ROWS = 128, 0.0095, 12, 8
"""A page is speckled when more than this share of pixels differs so much from the middle of their
neighbours.
"""
TILE, PAPER_PERCENT, LIGHT = 16, 90, 110
"""Paper is the light part of tiles of so many pixels of an eighth of the page's; it is lighter than this."""
SHADED, PALE, LEAST_CONTRAST, INK_PERCENT = 0.8, 110, 24, 0.1
"""A page is levelled when its darkest paper is less than this part of its lightest, or its ink, so many
percent of its pixels at least, hardly darker; but with less contrast there is none.
"""
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
    are.
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


def levelled(grey: Image.Image) -> Image.Image:
    """The page as a share of its paper's light, ink black, where its paper is shaded or its ink is pale."""
    eighth = np.asarray(grey.reduce(8), dtype=np.float32)
    rows, columns = (side // TILE for side in eighth.shape)
    if rows < 2 or columns < 2:
        return grey
    tiles = eighth[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE)
    light = np.percentile(tiles, PAPER_PERCENT, axis=(1, 3)).astype(np.float32)
    lightest = float(np.percentile(light, PAPER_PERCENT))
    if lightest < LIGHT:  # white on black, or a picture
        return grey
    paper = np.where(light < DARKEST_TILE * lightest, lightest, light)
    pixels = np.asarray(grey)
    ink = float(np.percentile(pixels[::2, ::2], INK_PERCENT))
    is_pale = LEAST_CONTRAST < lightest - ink < PALE
    if not is_pale and float(np.percentile(paper, 5)) > SHADED * lightest:
        return grey
    unlike = np.abs(np.diff(pixels[::3].astype(np.int16), axis=1))
    if float(np.median(unlike)) > NOISY * (lightest - ink):  # noise would be stretched with the ink
        grey = grey.filter(ImageFilter.GaussianBlur(1))
    smooth = Image.fromarray(paper).resize(grey.size, Image.Resampling.BICUBIC)
    share = np.asarray(grey, dtype=np.float32) / np.maximum(np.asarray(smooth), 1)
    darkest = float(np.percentile(share[::2, ::2], INK_PERCENT))
    stretched = (share - darkest) * (255 / max(0.05, 1 - darkest))
    return Image.fromarray(np.clip(stretched, 0, 255).astype(np.uint8))


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
    fine = np.arange(best - COARSE_STEP, best + COARSE_STEP + 0.01, FINE_STEP)
    best = max(fine, key=lambda degrees: _sharpness(profiles, middles, degrees))
    if abs(best) < LEAST_SKEW or abs(best) >= MOST_SKEW:
        return 0.0
    straight, turned = (_sharpness(profiles, middles, degrees) for degrees in (0.0, best))
    return float(best) if turned > SHARPER * straight else 0.0


def _sharpness(profiles: npt.NDArray[np.float32], middles: npt.NDArray[np.float64], degrees: float) -> float:
    """How much neighbouring rows differ in ink when the strips are shifted as a turn would shift them."""
    height = profiles.shape[1]
    shifts = np.rint(math.tan(math.radians(degrees)) * middles).astype(int)
    rows = (np.arange(height)[None, :] + shifts[:, None]) % height
    total = np.take_along_axis(profiles, rows, axis=1).sum(axis=0)
    return float(np.sum(np.diff(total) ** 2))


def straightened(grey: Image.Image, degrees: float) -> Image.Image:
    """The page turned by so many degrees, against the clock, paper in its corners."""
    return grey.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=255)
