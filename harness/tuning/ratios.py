"""The ratio of two costs, from pairs that were measured one right after the other.

What is kept of a pair is the logarithm of its ratio: what slows the machine slows both and falls out. A pair
that something struck in between is far off, so a unit's centre is the mean of its pairs without the highest
and lowest fifth; those of several units are averaged, each unit for itself, since a change may touch one and
not another. The interval is the bootstrap-t one of such trimmed means, with the standard error of K. K. Yuen
(Biometrika 61, 1974), which R. R. Wilcox recommends for few and heavy-tailed values (Introduction to Robust
Estimation and Hypothesis Testing, 4.4): resamples say how far off, in standard errors, a sample of this size
and shape lies.
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

TRIMMED = 0.2
"""Of a unit's pairs, at either end."""
RESAMPLES = 2_000
"""At least; so that ten lie beyond either end of an interval, it takes more."""
BEYOND = 10

Floats = npt.NDArray[np.float64]


class Ratio(msgspec.Struct, frozen=True):
    """How many times as much one side costs as the other, with an interval; pairs: what it rests on."""

    ratio: float
    low: float
    high: float
    pairs: int


class Resampled(msgspec.Struct, frozen=True):
    """A unit's centre and squared standard error, and those of its resamples, (count,) each."""

    pairs: int
    centre: float
    variance: float
    centres: Floats
    variances: Floats


def resamples(tail: float) -> int:
    """How many it takes for intervals with this part of them beyond either end."""
    return max(RESAMPLES, math.ceil(BEYOND / tail))


def resampled(logs: Sequence[float], generator: np.random.Generator, count: int) -> Resampled:
    """The logarithms of a unit's ratios, and what other samples like them would have given."""
    values = np.asarray(logs, dtype=np.float64)
    centre, variance = _trimmed(values[None, :])
    drawn = values[generator.integers(0, len(values), (count, len(values)))]
    return Resampled(len(values), float(centre[0]), float(variance[0]), *_trimmed(drawn))


def ratio(units: Sequence[Resampled], tail: float) -> Ratio:
    """The geometric mean of the units' ratios; beyond either end of its interval lies `tail` of what may
    be.
    """
    centre = sum(unit.centre for unit in units) / len(units)
    error = math.sqrt(sum(unit.variance for unit in units)) / len(units)
    centres = np.sum([unit.centres for unit in units], axis=0) / len(units)
    errors = np.sqrt(np.sum([unit.variances for unit in units], axis=0)) / len(units)
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.sort(np.nan_to_num((centres - centre) / errors, nan=0.0, posinf=np.inf, neginf=-np.inf))
    beyond = int(tail * len(off))
    low, high = (centre - error * q if error else centre for q in (off[-1 - beyond], off[beyond]))
    return Ratio(math.exp(centre), math.exp(low), _exp(high), sum(unit.pairs for unit in units))


def _trimmed(samples: Floats) -> tuple[Floats, Floats]:
    """Of each row the trimmed mean, and its squared standard error by the winsorized variance."""
    rows = np.sort(samples, axis=1)
    size = rows.shape[1]
    cut = int(TRIMMED * size)
    kept = size - 2 * cut
    middle = rows[:, cut : size - cut]
    winsorized = np.concatenate(
        [np.repeat(rows[:, [cut]], cut, 1), middle, np.repeat(rows[:, [size - 1 - cut]], cut, 1)], axis=1
    )
    squares = ((winsorized - winsorized.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    return middle.mean(axis=1), squares / (kept * (kept - 1))


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf
