"""The scaled fleets that a surface is fitted to, the fit, and how far it is from others, not seen."""

import contextlib
import hashlib
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

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
    Load,
    Point,
    Surface,
    count_terms,
    duration_terms,
    load,
    work_terms,
)
from harness.fleet.usage import quantities
from harness.fleet.workload import Workload, with_pages

FITTED, UNSEEN = 60, 30
"""Fleets that the surface is fitted to, and others that tell how good it is."""
BATCHES = 40_000
"""Of the larger of a pair of fleets, about: enough that chance makes little of its cost and time."""
ROUNDS = 60
"""Batches that each lane reads at least: what the last one waits for matters less and less."""
CLEAR = 1.25
"""A stage that takes so many times as long as each other one is the one that the makespan shows."""
SPREAD = 20_000
"""Files that tell how many pages files have."""
MOST_PAGE_COUNTS = 200
"""Numbers of pages that a surface knows of; more are told in groups of as many files each, by their means."""
VERSION = 1


class Made(msgspec.Struct, frozen=True):
    """What one file more makes of a fleet: dollars of durations, all other dollars, seconds of the makespan;
    seconds until the first stage ends, of the second one's invocations together, and of the last one's by its
    lanes.
    """

    durations: float
    others: float
    makespan: float
    opening: float
    reading: float
    closing: float


class Fleets:
    """Makes pairs of scaled fleets at any settings. workload: makes one of so many files."""

    def __init__(
        self, plan: Plan, calibration: Calibration, prices: Prices, workload: Callable[[int], Workload]
    ) -> None:
        """Raises `UsageError` for fleets whose stages cannot be simulated one after the other: they would
        take too long, and for those whose files come over time, whose makespan is that.
        """
        self.plan, self._calibration, self._prices = plan, calibration, prices
        self.found = chain(plan.system)
        some = workload(SPREAD)
        if why := projection.why_coupled(plan, self.found, some, calibration):
            raise UsageError(why)
        if self.found.batches.provisioned_pollers:
            raise UsageError("its mapping has provisioned pollers, whose number says how many run at once")
        known = np.concatenate([np.asarray(one) for one in calibration.pages])
        self.seconds = float(known.mean()) * plan.cpu_factor
        self._pages, self._bytes_a_file = np.sort(some.pages), some.total_bytes / len(some.pages)
        counts, shares = _page_counts(self._pages)
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
        count = load(self.page_counts, point).batches
        half = int(max(BATCHES / count, ROUNDS * point.workers / count, 4_000) / 2)
        large, small = (self._fleet(plan, known, point, files) for files in (2 * half, half))
        return Made(*((one - other) / half for one, other in zip(large, small, strict=True)))

    def _fleet(self, plan: Plan, known: Calibration, point: Point, files: int) -> tuple[float, ...]:
        # As many files of each number of pages as there should be, and as many like each calibrated one, by
        # no chance: only their order is drawn.
        generator = np.random.default_rng(np.random.SeedSequence([self.plan.seed, 4]))
        spread = self._pages[((np.arange(files) + 0.5) * len(self._pages) / files).astype(int)]
        order, calibrated = generator.permutation(files), len(known.pages)
        like = Workload(
            pages=spread[order],
            uploaded=np.zeros(files),
            total_bytes=self._bytes_a_file * files,
            source=(np.arange(files) % calibrated)[order],
        )
        work = with_pages(like, point.pages / self.pages, None)
        flow = projection.simulate(plan, work, known)
        made = bills.bill(quantities(plan, work, known, flow), self._prices, False)
        durations = sum(line.dollars for line in made.lines if line.item.startswith("duration "))
        opening, reading, closing = flow.stages
        return (
            durations,
            made.total - durations,
            flow.nearly / NEARLY,
            opening.ended_seconds,
            reading.running_seconds,
            closing.running_seconds / closing.lanes,
        )

    def prices(self) -> dict[str, float]:
        return {
            kind: self._prices.of(f"lambda.duration.{kind}").cost(1.0)
            for kind in ("x86_64", "arm64")
            if f"lambda.duration.{kind}" in self._prices.prices
        }

    def digest(self) -> str:
        """Names all that a surface depends on, the code of the fleet included."""
        hasher = hashlib.blake2b(f"{VERSION} {FITTED} {UNSEEN}".encode(), digest_size=12)
        for part in (self.plan, self._calibration, self._prices, self._bytes_a_file, self._pages.tolist()):
            # A set of texts has another order in each process.
            hasher.update(msgspec.json.encode(part, enc_hook=str, order="deterministic"))
        for folder in ("fleet", "bill"):
            for file in sorted((Path(__file__).parent.parent / folder).glob("*.py")):
                hasher.update(file.read_bytes())
        return hasher.hexdigest()


def _page_counts(pages: NDArray[np.int32]) -> tuple[list[float], list[float]]:
    """Of sorted numbers of pages."""
    values, numbers = np.unique(pages, return_counts=True)
    if len(values) <= MOST_PAGE_COUNTS:
        return [float(one) for one in values], [float(one) / len(pages) for one in numbers]
    groups = np.array_split(pages, MOST_PAGE_COUNTS)
    return [float(one.mean()) for one in groups], [len(one) / len(pages) for one in groups]


def corners(axes: Mapping[str, Axis]) -> list[Point]:
    """Where the second stage has next to nothing to do: small files, fast pages, all the workers."""
    ends = {name: (axis.low, axis.high) for name, axis in axes.items()}
    return [
        Point(pages, ends["seconds"][0], max(10.0, axes["batch"].now), ends["memory"][1], ends["workers"][1])
        for pages in (ends["pages"][0], 1.5, 2.0, 2.5, 3.0)
    ]


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
    seen = [*corners(axes), *drawn(axes, FITTED - len(corners(axes)), seed)]
    points = [*seen, *drawn(axes, UNSEEN, seed + 1)]
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
    loads = [load(fleets.page_counts, point) for point, _ in known]
    by_counts = np.array([count_terms(each) for each in loads])
    by_work = _rows(work_terms, known, loads)
    opening = _factors(by_counts, [made.opening for _, made in known])
    reading = _factors(by_work, [made.reading for _, made in known])
    closing = _factors(by_counts, [made.closing for _, made in known])
    workers = np.array([point.workers for point, _ in known])
    makespans = np.array([made.makespan for _, made in known])
    times = np.array([by_counts @ opening, by_work @ reading / workers, by_counts @ closing])
    # what lanes do between their invocations is seen where a stage is the busiest by far
    batches = np.array([each.batches for each in loads])
    between = _typical((makespans - times[1]) * workers / batches, _clear(times, 1))
    reading = (*reading[:2], reading[2] + between, *reading[3:])
    slower = 1.0 + _typical(makespans / times[2] - 1, _clear(times, 2))
    closing = tuple(slower * one for one in closing)
    return Surface(
        axes=axes,
        durations=_factors(_rows(duration_terms, known, loads), [made.durations for _, made in known]),
        others=_factors(by_counts, [made.others for _, made in known]),
        opening=opening,
        reading=reading,
        closing=closing,
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
    terms: Callable[[Point, Load], tuple[float, ...]],
    known: Sequence[tuple[Point, Made]],
    loads: Sequence[Load],
) -> Floats:
    return np.array([terms(point, each) for (point, _), each in zip(known, loads, strict=True)])


def _factors(rows: Floats, values: Sequence[float]) -> tuple[float, ...]:
    """Of least squares of the relative errors."""
    measured = np.array(values)
    found, *_ = np.linalg.lstsq(rows / measured[:, None], np.ones(len(measured)), rcond=None)
    return tuple(found.tolist())


def _clear(times: Floats, stage: int) -> NDArray[np.bool_]:
    """Where a stage takes so much longer than the others that the makespan is its own."""
    return np.asarray(times[stage] > CLEAR * np.delete(times, stage, axis=0).max(axis=0))


def _typical(values: Floats, where: NDArray[np.bool_]) -> float:
    """Their median; 0 where too few say anything."""
    return float(np.median(values[where])) if where.sum() >= 3 else 0.0


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
    with contextlib.suppress(OSError):  # what cannot be kept is made again
        folder.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.json.encode(surface))
    return surface
