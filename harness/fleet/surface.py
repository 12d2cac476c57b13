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
    """durations: dollars by `duration_terms`; others: by `count_terms`. opening, closing: seconds that a file
    adds to the first and the last stage, by `count_terms`; reading: to the second stage, times its workers,
    by `work_terms`. page_counts: (pages, share of the
    files). duration_prices: of a GB-second, by architecture.
    """

    axes: dict[str, Axis]
    durations: tuple[float, ...]
    others: tuple[float, ...]
    opening: tuple[float, ...]
    reading: tuple[float, ...]
    closing: tuple[float, ...]
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
        each = load(self.page_counts, point)
        durations = _sum(self.durations, duration_terms(point, each))
        return durations + _sum(self.others, count_terms(each))

    def seconds(self, point: Point) -> float:
        """By which one file more lengthens the makespan."""
        each = load(self.page_counts, point)
        stages = (
            _sum(self.opening, count_terms(each)),
            _sum(self.reading, work_terms(point, each)) / point.workers,
            _sum(self.closing, count_terms(each)),
        )
        return max(stages)


class Load(msgspec.Struct, frozen=True):
    """Pages and batches of a file, on average."""

    pages: float
    batches: float


def load(counts: Sequence[tuple[float, float]], point: Point) -> Load:
    """Of files that all have so many times as many pages that `point.pages` is their mean, but for those that
    would have less than one; a fraction of a page is one more in that share of the files.
    """
    factor = point.pages / sum(pages * share for pages, share in counts)
    pages_found = batches_found = 0.0
    for pages, share in counts:
        whole = floor(pages * factor)
        more = pages * factor - whole
        for count, part in ((max(1, whole), 1 - more), (whole + 1, more)):
            pages_found += share * part * count
            batches_found += share * part * -(-count // point.batch)
    return Load(pages_found, batches_found)


def count_terms(load: Load) -> tuple[float, ...]:
    return 1.0, load.pages, load.batches


def work_terms(point: Point, load: Load) -> tuple[float, ...]:
    share = vcpu_share(int(point.memory))
    work = load.pages * point.seconds
    return work / share, load.pages, load.batches, load.batches / share, load.pages / share


def duration_terms(point: Point, load: Load) -> tuple[float, ...]:
    gigabytes = point.memory / 1024
    return (*count_terms(load), *(gigabytes * term for term in work_terms(point, load)))


def _sum(factors: Sequence[float], terms: Sequence[float]) -> float:
    return sum(factor * term for factor, term in zip(factors, terms, strict=True))
