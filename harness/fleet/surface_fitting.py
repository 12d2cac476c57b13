"""The scaled fleets that a surface is fitted to, the fit, and how far it is from others, not seen."""

import hashlib
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from harness.bill import bill as bills
from harness.bill.prices import Prices
from harness.cloud.limits import MB_PER_VCPU
from harness.engine import interrupt
from harness.errors import UsageError
from harness.fleet import projection
from harness.fleet.calibration import Calibration, chain
from harness.fleet.plan import NEARLY, Floats, Plan, lanes_of
from harness.fleet.surface import (
    Axis,
    Error,
    Point,
    Surface,
    batches,
    count_terms,
    duration_terms,
    work_terms,
)
from harness.fleet.usage import quantities
from harness.fleet.workload import Workload, with_pages

FITTED, UNSEEN = 200, 60
"""Fleets that the surface is fitted to, and others that tell how good it is."""
BATCHES = 60_000
"""Of the larger of a pair of fleets, about: enough that chance makes little of its cost and time."""
ROUNDS = 60
"""Batches that each lane reads at least: what the last one waits for matters less and less."""
EXPONENTS = (4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0)
CLEAR = 1.5
"""A stage that takes so many times as long as each other one is the one that the makespan shows."""
MOST_PAGE_COUNTS = 200
"""Numbers of pages that a page knows of; more are told by their quantiles."""
VERSION = 1


class Made(msgspec.Struct, frozen=True):
    """What one file more makes of a fleet: dollars of durations, all other dollars, seconds of the makespan,
    and seconds of the first two stages' invocations.
    """

    durations: float
    others: float
    makespan: float
    stages: tuple[float, float]


class Fleets:
    """Makes pairs of scaled fleets at any settings. workload: makes one of so many files."""

    def __init__(
        self, plan: Plan, calibration: Calibration, prices: Prices, workload: Callable[[int], Workload]
    ) -> None:
        """Raises `UsageError` for fleets whose stages cannot be simulated one after the other: they would
        take too long, and for those whose files come over time, whose makespan is that.
        """
        self.plan, self._calibration, self._prices = plan, calibration, prices
        self._workload, self.found = workload, chain(plan.system)
        files = workload(1_000)
        if why := projection.why_coupled(plan, self.found, files, calibration):
            raise UsageError(why)
        if self.found.batches.provisioned_pollers:
            raise UsageError("its mapping has provisioned pollers, whose number says how many run at once")
        known = np.concatenate([np.asarray(one) for one in calibration.pages])
        self.seconds = float(known.mean()) * plan.cpu_factor
        counts, shares = _page_counts(workload(20_000).pages)
        self.page_counts = tuple(zip(counts, shares, strict=True))
        self.pages = sum(pages * share for pages, share in self.page_counts)

    @property
    def reader(self) -> str:
        return self.found.batches.function

    def axes(self) -> dict[str, Axis]:
        """What may be changed, and how far. Workers end where the account's concurrency does: beyond it,
        Lambda refuses what the mapping sends.
        """
        function, workers = self.plan.system.functions[self.reader], lanes_of(self.found.batches).most
        others = lanes_of(self.found.files).most + self.plan.shards * self.found.closing.lanes
        most = max(min(1_000, self.plan.account_concurrency - others), 20)
        batch, memory = self.plan.batch_pages, function.memory_mb
        return {
            "pages": Axis(1, max(50.0, 2 * self.pages), self.pages, whole=False),
            "seconds": Axis(0.3 * self.seconds, 4 * self.seconds, self.seconds, whole=False),
            "batch": Axis(1, max(50, batch), batch),
            "memory": Axis(min(512, memory), max(4096, memory), memory),
            "workers": Axis(min(10, workers), max(most, workers), workers),
        }

    def at(self, point: Point) -> Made:
        """Of the difference between a fleet and one of half as many files."""
        found = self.found
        functions = dict(self.plan.system.functions)
        functions[self.reader] = msgspec.structs.replace(functions[self.reader], memory_mb=int(point.memory))
        sources = tuple(
            msgspec.structs.replace(one, maximum_concurrency=int(point.workers))
            if one == found.batches
            else one
            for one in self.plan.system.sqs_sources
        )
        plan = msgspec.structs.replace(
            self.plan,
            grown=True,
            batch_pages=int(point.batch),
            system=msgspec.structs.replace(self.plan.system, functions=functions, sqs_sources=sources),
        )
        times = point.seconds / self.seconds
        known = msgspec.structs.replace(
            self._calibration,
            pages=tuple(tuple(times * one for one in pages) for pages in self._calibration.pages),
        )
        count = batches(self.page_counts, point)
        half = int(max(BATCHES / count, ROUNDS * point.workers / count, 4_000) / 2)
        large, small = (self._fleet(plan, known, point, files) for files in (2 * half, half))
        return Made(
            (large[0] - small[0]) / half,
            (large[1] - small[1]) / half,
            (large[2] - small[2]) / half,
            ((large[3] - small[3]) / half, (large[4] - small[4]) / half),
        )

    def _fleet(self, plan: Plan, known: Calibration, point: Point, files: int) -> tuple[float, ...]:
        work = with_pages(self._workload(files), point.pages / self.pages, None)
        flow = projection.simulate(plan, work, known)
        made = bills.bill(quantities(plan, work, known, flow), self._prices, False)
        durations = sum(line.dollars for line in made.lines if line.item.startswith("duration "))
        first, second = (stage.running_seconds for stage in flow.stages[:2])
        return durations, made.total - durations, flow.nearly / NEARLY, first, second

    def prices(self) -> dict[str, float]:
        return {
            kind: self._prices.of(f"lambda.duration.{kind}").cost(1.0)
            for kind in ("x86_64", "arm64")
            if f"lambda.duration.{kind}" in self._prices.prices
        }

    def digest(self) -> str:
        """Names all that a surface depends on, the code of the fleet included."""
        hasher = hashlib.blake2b(f"{VERSION} {FITTED} {UNSEEN}".encode(), digest_size=12)
        for part in (self.plan, self._calibration, self._prices, self._workload(1_000).pages.tolist()):
            hasher.update(msgspec.json.encode(part, enc_hook=str))
        for folder in ("fleet", "bill"):
            for file in sorted((Path(__file__).parent.parent / folder).glob("*.py")):
                hasher.update(file.read_bytes())
        return hasher.hexdigest()


def _page_counts(pages: Any) -> tuple[list[float], list[float]]:
    values, numbers = np.unique(pages, return_counts=True)
    if len(values) <= MOST_PAGE_COUNTS:
        return [float(one) for one in values], [float(one) / len(pages) for one in numbers]
    places = (np.arange(MOST_PAGE_COUNTS) + 0.5) / MOST_PAGE_COUNTS
    return [float(one) for one in np.quantile(pages, places)], [1 / MOST_PAGE_COUNTS] * MOST_PAGE_COUNTS


def drawn(axes: Mapping[str, Axis], count: int, seed: int) -> list[Point]:
    """Points all over the axes, as many in each part of the logarithm of each (a Latin hypercube: McKay,
    Beckman and Conover, 1979); every other one within reach of what the settings are now.
    """
    generator = np.random.default_rng(np.random.SeedSequence([seed, 3]))
    low, high, now = (
        np.log([getattr(axis, name) for axis in axes.values()]) for name in ("low", "high", "now")
    )
    shares = (
        np.array([generator.permutation(count) for _ in axes]).T + generator.random((count, len(axes)))
    ) / count
    wide = low + shares * (high - low)
    near = np.clip(now + (shares - 0.5) * (high - low) / 2, low, high)
    rows = np.exp(np.where((np.arange(count) % 2 == 0)[:, None], wide, near))
    return [
        Point(
            *(
                round(value) if axis.whole else float(value)
                for value, axis in zip(row, axes.values(), strict=True)
            )
        )
        for row in rows.tolist()
    ]


_fleets: list[Fleets] = []
"""That of this process, while it makes pairs of them."""


def _made(point: Point) -> Made:
    return _fleets[0].at(point)


def fit(fleets: Fleets, seed: int, tell: Callable[[int], None]) -> Surface:
    """The surface; `tell` is given how many of `FITTED` + `UNSEEN` pairs of fleets are made."""
    began, axes = time.monotonic(), fleets.axes()
    points = [*drawn(axes, FITTED, seed), *drawn(axes, UNSEEN, seed + 1)]
    made = []
    for one in _all(fleets, points):
        made.append(one)
        tell(len(made))
    known, unseen = (
        list(zip(points, made, strict=True))[:FITTED],
        list(zip(points, made, strict=True))[FITTED:],
    )
    surface = _fitted(fleets, axes, known)
    return msgspec.structs.replace(
        surface,
        bill_error=_error([surface.dollars(point) / (one.durations + one.others) for point, one in unseen]),
        makespan_error=_error([surface.seconds(point) / one.makespan for point, one in unseen]),
        making_seconds=time.monotonic() - began,
    )


def _all(fleets: Fleets, points: Sequence[Point]) -> Iterator[Made]:
    """On all cores."""
    _fleets[:] = [fleets]
    _made(points[0])  # compiles what the others then find compiled
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(os.cpu_count(), context, interrupt.ignore) as pool:
        yield from pool.map(_made, points, chunksize=4)
    _fleets.clear()


def _fitted(fleets: Fleets, axes: dict[str, Axis], known: Sequence[tuple[Point, Made]]) -> Surface:
    counts = [batches(fleets.page_counts, point) for point, _ in known]
    by_counts = _rows(count_terms, known, counts)
    by_work = _rows(work_terms, known, counts)
    first = _factors(by_counts, [made.stages[0] for _, made in known])
    second = _factors(by_work, [made.stages[1] for _, made in known])
    lanes = lanes_of(fleets.found.files).most
    workers = np.array([point.workers for point, _ in known])
    makespans = np.array([made.makespan for _, made in known])
    runs = by_counts @ first, by_work @ second
    asked = np.ones(len(known)), np.array(counts)
    gaps = (
        _gap(makespans * lanes - runs[0], asked[0], runs[0] / lanes, runs[1] / workers),
        _gap(makespans * workers - runs[1], asked[1], runs[1] / workers, runs[0] / lanes),
    )
    times = np.array([(runs[0] + gaps[0] * asked[0]) / lanes, (runs[1] + gaps[1] * asked[1]) / workers])
    return Surface(
        axes=axes,
        durations=_factors(_rows(duration_terms, known, counts), [made.durations for _, made in known]),
        others=_factors(by_counts, [made.others for _, made in known]),
        first_stage=first,
        second_stage=second,
        gaps=gaps,
        lanes=lanes,
        exponent=min(EXPONENTS, key=lambda one: _off(times, one, makespans)),
        page_counts=fleets.page_counts,
        mb_per_vcpu=MB_PER_VCPU,
        architecture=fleets.plan.system.functions[fleets.reader].architecture,
        duration_prices=fleets.prices(),
        bill_error=Error(0.0, 0.0),
        makespan_error=Error(0.0, 0.0),
        fleets=FITTED,
        unseen=UNSEEN,
        making_seconds=0.0,
    )


def _rows(
    terms: Callable[[Point, float], tuple[float, ...]],
    known: Sequence[tuple[Point, Made]],
    counts: Sequence[float],
) -> Floats:
    return np.array([terms(point, count) for (point, _), count in zip(known, counts, strict=True)])


def _factors(rows: Floats, values: Sequence[float]) -> tuple[float, ...]:
    """Of least squares of the relative errors."""
    measured = np.array(values)
    found, *_ = np.linalg.lstsq(rows / measured[:, None], np.ones(len(measured)), rcond=None)
    return tuple(found.tolist())


def _gap(left: Floats, invocations: Floats, own: Floats, other: Floats) -> float:
    """Seconds between two invocations of a lane, by the fleets in which this stage is the busiest by far."""
    clear = own > CLEAR * other
    return float(np.median(left[clear] / invocations[clear])) if clear.sum() >= 3 else 0.0


def _off(times: Floats, exponent: float, makespans: Floats) -> float:
    return float(np.quantile(np.abs((times**exponent).sum(0) ** (1 / exponent) / makespans - 1), 0.95))


def _error(ratios: Sequence[float]) -> Error:
    off = np.abs(np.array(ratios) - 1)
    return Error(float(np.median(off)), float(off.max()))


def kept(fleets: Fleets, folder: Path, seed: int, tell: Callable[[int], None]) -> Surface:
    """The surface, out of a folder when it was made before."""
    file = folder / f"{fleets.digest()}.json"
    try:
        return msgspec.json.decode(file.read_bytes(), type=Surface)
    except (OSError, msgspec.DecodeError):
        surface = fit(fleets, seed, tell)
    folder.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.encode(surface))
    return surface
