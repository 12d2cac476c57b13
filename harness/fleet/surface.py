"""A surface fitted to scaled fleets: what a bill and a makespan become when settings change, in microseconds.

It has the shape of what it stands for. What a fleet costs is a sum over its files, pages, batches, and the
GB-seconds of its readers; how long it takes is how long its busiest stage does, the stages' own times being
such sums divided by their lanes. The factors come out of fleets that are drawn all over the ranges, and how
far it is from others, that it has not seen, is measured. What is fitted are the costs and times of one file
more: of two fleets, one twice the other, so that beginnings and ends cancel out.
"""

from collections.abc import Sequence
from math import floor

import msgspec

from harness.cloud.limits import vcpu_share


class Axis(msgspec.Struct, frozen=True):
    """A setting: its ends, and what it is now."""

    low: float
    high: float
    now: float
    whole: bool = True


class Point(msgspec.Struct, frozen=True):
    """Settings of a fleet. pages: a file, on average; seconds: CPU a page; batch: pages of one at most;
    memory: of the reader, MB; workers: readers at once.
    """

    pages: float
    seconds: float
    batch: float
    memory: float
    workers: float


class Error(msgspec.Struct, frozen=True):
    """Of the surface, relative, against fleets that it was not fitted to."""

    median: float
    worst: float


class Surface(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """durations: dollars by `duration_terms`; others, first_stage: by `count_terms`; second_stage: by
    `work_terms`, seconds. gaps: seconds between two invocations of a lane, of both stages; lanes: of the
    first; exponent: how sharply the busiest stage decides. page_counts: (pages, share of the files).
    duration_prices: of a GB-second, by architecture.
    """

    axes: dict[str, Axis]
    durations: tuple[float, ...]
    others: tuple[float, ...]
    first_stage: tuple[float, ...]
    second_stage: tuple[float, ...]
    gaps: tuple[float, float]
    lanes: int
    exponent: float
    page_counts: tuple[tuple[float, float], ...]
    mb_per_vcpu: int
    architecture: str
    duration_prices: dict[str, float]
    bill_error: Error
    makespan_error: Error
    fleets: int
    unseen: int
    making_seconds: float

    @property
    def now(self) -> Point:
        """The settings as they are."""
        return Point(**{name: axis.now for name, axis in self.axes.items()})

    def dollars(self, point: Point) -> float:
        """Of one file more."""
        count = batches(self.page_counts, point)
        durations = _sum(self.durations, duration_terms(point, count))
        return durations + _sum(self.others, count_terms(point, count))

    def seconds(self, point: Point) -> float:
        """By which one file more lengthens the makespan."""
        count = batches(self.page_counts, point)
        first = (_sum(self.first_stage, count_terms(point, count)) + self.gaps[0]) / self.lanes
        second = _sum(self.second_stage, work_terms(point, count)) + self.gaps[1] * count
        second /= point.workers
        longest, power = max(first, second), self.exponent
        return float(longest * ((first / longest) ** power + (second / longest) ** power) ** (1 / power))


def batches(counts: Sequence[tuple[float, float]], point: Point) -> float:
    """Batches of a file, on average, when all have so many times as many pages that `point.pages` is their
    mean; a fraction of a page is one more in that share of the files.
    """
    factor = point.pages / sum(pages * share for pages, share in counts)
    found = 0.0
    for pages, share in counts:
        wanted = pages * factor
        whole = floor(wanted)
        more = wanted - whole
        found += share * (1 - more) * max(1, -(-whole // point.batch)) + share * more * -(
            -(whole + 1) // point.batch
        )
    return found


def count_terms(point: Point, count: float) -> tuple[float, ...]:
    return 1.0, point.pages, count


def work_terms(point: Point, count: float) -> tuple[float, ...]:
    share = vcpu_share(int(point.memory))
    return point.pages * point.seconds / share, point.pages, count, count / share, point.pages / share


def duration_terms(point: Point, count: float) -> tuple[float, ...]:
    gigabytes = point.memory / 1024
    return (*count_terms(point, count), *(gigabytes * term for term in work_terms(point, count)))


def _sum(factors: Sequence[float], terms: Sequence[float]) -> float:
    return sum(factor * term for factor, term in zip(factors, terms, strict=True))
