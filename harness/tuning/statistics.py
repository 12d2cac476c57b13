"""Means with their intervals, of a few paired runs; and how alike two orders are."""

from collections.abc import Sequence
from functools import cache
from math import exp, inf, lgamma, pi, sqrt

import msgspec
import numpy as np

CONFIDENCE = 0.95
_STEPS = 20_001


class Interval(msgspec.Struct, frozen=True):
    """A mean, and between which ends it lies with 95 % confidence, by Student's t; both ends are the mean's
    own where all values are the same, and infinite where there is only one.
    """

    mean: float
    low: float
    high: float


def interval(values: Sequence[float]) -> Interval:
    """Of independent values. Of differences between runs with the same seeds it is the paired t interval."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return Interval(mean, -inf, inf)
    half = t_quantile(len(values) - 1) * float(np.std(values, ddof=1)) / sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


@cache
def t_quantile(freedom: int) -> float:
    """Of Student's distribution with so many degrees of freedom: between it and its negative lie 95 %."""
    scale = exp(lgamma((freedom + 1) / 2) - lgamma(freedom / 2)) / sqrt(freedom * pi)

    def within(end: float) -> float:
        places = np.linspace(0.0, end, _STEPS)
        density = scale * (1 + places**2 / freedom) ** (-(freedom + 1) / 2)
        return 2 * float(np.trapezoid(density, places))

    low, high = 0.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle) < CONFIDENCE else (low, middle)
    return (low + high) / 2


def spearman(one: Sequence[float], other: Sequence[float]) -> float | None:
    """The correlation of the ranks of two sequences; None where one of them ranks nothing."""
    first, second = _ranks(one), _ranks(other)
    if len(first) < 2 or not first.std() or not second.std():
        return None
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Equal values share the mean of their ranks."""
    _, place, count = np.unique(np.asarray(values, dtype=float), return_inverse=True, return_counts=True)
    last = np.cumsum(count).astype(float)
    ranks: np.ndarray[tuple[int], np.dtype[np.float64]] = (last - (count - 1) / 2)[place]
    return ranks
