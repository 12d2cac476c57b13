"""What stands out on a page: the range of values that its paper and ink use, whether there is print in it,
and ink of a few levels made black. Knows shades; files and colours it must never know.

Print is told from a scanner's noise by its size, not its strength: in the mean of some pixels noise is gone,
and a stroke is still there.
"""

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

SMALLEST_TEXT_PIXELS = 16
"""No line of text fits into an image lower or narrower than this."""
BLANK_CONTRAST = 24
"""Grey levels between a page's darkest and lightest parts below which it looks blank."""
PALE_CONTRAST = 48
"""Grey levels below which ink is made as dark as ink is, where it is print: its noise counts for some."""
SPECKS = 0.0002
"""Share of a page's pixels that dust may be, or a sensor's hot pixels."""
FAINTEST = 5
"""Grey levels that ink differs by at least: of fewer is what compression leaves of blank paper."""
BLOCK, PAPER_BLOCKS = 4, 16
"""Pixels, each way, whose mean a stroke of print shows in; such blocks whose mean is the paper's."""
STANDS_OUT, LEAST_OUT = 5, 24
"""How many times as much as blocks do usually, and by how many of 255 levels, one of print differs from
paper.
"""
DEVIATION = 1.4826
"""Standard deviation of a normal distribution by the median of its deviations."""
DUST = 0.00004
"""Share of its pixels that print has more of: twice as much, where a line of small print stands alone."""
SAMPLED_VALUES = 2_000_000
SCALES = (2.0**-16, 2.0**-12, 2.0**-8, 2.0**-4, 1.0, 255.0, 4095.0, 65535.0, 2.0**24, 2.0**32)
"""Values of full intensity that samples may be written for."""
ABOVE_SCALE = 1.25
"""Of a scale: what is beyond was never light, but says that there is none (-9999, infinity)."""
STREAK = 0.5
"""Of the page's height or width: no column or row of letters is inked so far."""
NEAR = 0.25
"""Part of the range of most values beyond which others are specks."""
NOISE = 0.5
"""How much the means of blocks differ, by how much neighbours do, in what is noise and no picture: of blocks
of 4 x 4 independent pixels, a quarter.
"""

Samples = npt.NDArray[np.float64]


class Range(msgspec.Struct, frozen=True):
    """Values of samples: of the ink and paper that they show, of no and full intensity, and of the paper."""

    low: float
    high: float
    least: float
    full: float
    paper: float


def value_range(sample: Samples, smallest_scale: float = 0.0) -> Range:
    """The range of a page by a sample of its values, without those that are no light: what is not finite, a
    few hot pixels, and values out of all proportion to the middle one.
    """
    finite = sample[np.isfinite(sample)]
    if not finite.size:
        return Range(0.0, 0.0, 0.0, 1.0, 0.0)
    middle = float(np.median(np.abs(finite)))
    scale = next((one for one in SCALES if one >= smallest_scale and middle <= one * ABOVE_SCALE), 4 * middle)
    light = finite[np.abs(finite) <= scale * ABOVE_SCALE]
    low, high = (float(one) for one in np.quantile(light, (SPECKS, 1 - SPECKS)))
    slack = NEAR * (high - low)
    least, most = float(light.min()), float(light.max())
    low, high = (least if low - least <= slack else low), (most if most - high <= slack else high)
    return Range(low, high, -scale if low < 0 else 0.0, scale, float(np.median(light)))


def spread(grey: Image.Image, specks: float = SPECKS) -> tuple[int, int]:
    """The page's darkest and lightest shade, but for such a share of its pixels."""
    sample = grey.resize((max(1, grey.width // 2), max(1, grey.height // 2)), Image.Resampling.NEAREST)
    histogram = np.cumsum(sample.histogram()) / (sample.width * sample.height)
    darkest, lightest = np.searchsorted(histogram, (specks, 1 - specks))
    return int(darkest), int(lightest)


def is_blank(grey: Image.Image, specks: float = DUST) -> bool:
    """Whether nothing can be read here: too small for a letter, or of one shade all over, but for such a
    share of its pixels.
    """
    if min(grey.size) < SMALLEST_TEXT_PIXELS:
        return True
    darkest, lightest = spread(grey, specks)
    return lightest - darkest < BLANK_CONTRAST


def printed(grey: Image.Image) -> Image.Image | None:
    """The page with its ink as dark as ink is; None when nothing on it is print."""
    darkest, lightest = spread(grey)
    if lightest - darkest < FAINTEST:
        return None
    if lightest - darkest < PALE_CONTRAST:
        factor = 255 / (lightest - darkest)
        grey = grey.point([min(255, max(0, round((shade - darkest) * factor))) for shade in range(256)])
    return grey if has_print(grey) else None


def has_print(grey: Image.Image) -> bool:
    """Whether parts as large as strokes differ from the paper around them, a scanner's streaks apart."""
    differences = _unlike_around(grey)
    away = np.abs(differences - np.median(differences))
    least = max(LEAST_OUT, STANDS_OUT * DEVIATION * float(np.median(away)))
    out = away > least
    out[:, out.mean(axis=0) > STREAK] = False
    out[out.mean(axis=1) > STREAK] = False
    return float(np.mean(out)) > SPECKS


def is_noise(grey: Image.Image) -> bool:
    """Whether neighbours differ by chance, and nothing larger is there."""
    rows = np.asarray(grey)[::BLOCK].astype(np.float32)
    by_chance = float(np.std(np.diff(rows, axis=1))) / 2**0.5 if rows.shape[1] > 1 else 0.0
    return float(np.std(_unlike_around(grey))) < NOISE * by_chance


def _unlike_around(grey: Image.Image) -> npt.NDArray[np.float32]:
    """How much lighter than the paper around it each block is, in its mean."""
    blocks = grey.reduce(BLOCK)
    around = blocks.reduce(PAPER_BLOCKS).resize(blocks.size, Image.Resampling.BILINEAR)
    unlike: npt.NDArray[np.float32] = np.asarray(blocks, dtype=np.float32) - np.asarray(around, np.float32)
    return unlike
