"""How sure a projection is: intervals, which inputs matter most, and where an estimate would hold.

All of it is done with a smaller fleet whose mappings have grown already, and only ratios between two such
fleets are used; how far one of them is from the whole fleet is measured and told.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import exp, log

import msgspec
import numpy as np

from harness.bill.bill import Bill, Quantity, bill
from harness.bill.prices import Prices
from harness.cloud.latency import Distribution
from harness.fleet.calibration import Calibration, Stage
from harness.fleet.fitting import Line
from harness.fleet.plan import Plan
from harness.fleet.projection import simulate
from harness.fleet.usage import quantities
from harness.fleet.workload import Workload, with_pages

SCALED_FILES = 20_000
REPLICATES = 60
LOW, HIGH = 0.05, 0.95


class Range(msgspec.Struct, frozen=True, rename="camel"):
    """What an input is taken to lie in, as factors of its value, and why."""

    name: str
    low: float
    high: float
    why: str


CPU, PAGES, LATENCIES = "CPU factor", "pages per file", "latencies"


def ranges(pages_doubt: str) -> tuple[Range, ...]:
    """What inputs are taken to lie in. pages_doubt: why a file may have more or fewer pages than it is taken
    to have, "" where each file's are known.
    """
    return (
        Range(CPU, 0.8, 1.25, "a Lambda vCPU against a core of this machine, not calibrated"),
        *([Range(PAGES, 0.9, 1.1, pages_doubt)] if pages_doubt else []),
        Range(LATENCIES, 0.5, 2.0, "AWS's answers, of which no promise exists"),
    )


class Case(msgspec.Struct, frozen=True):
    """A small fleet: dollars of the whole fleet by (resource, item), and seconds that the whole would take
    (`Flow.steady_seconds`).
    """

    lines: dict[tuple[str, str], float]
    makespan: float

    @property
    def total(self) -> float:
        return sum(self.lines.values())


class Swing(msgspec.Struct, frozen=True, rename="camel"):
    """What the bill and the makespan become when one input lies at either end of its range, as factors."""

    name: str
    low: float
    high: float
    bill_low: float
    bill_high: float
    makespan_low: float
    makespan_high: float


class Intervals(msgspec.Struct, frozen=True):
    """Factors (5 %, 95 %) of the bill's lines, of its total by service and in all, and of the makespan."""

    lines: dict[tuple[str, str], tuple[float, float]]
    services: dict[str, tuple[float, float]]
    total: tuple[float, float]
    makespan: tuple[float, float]


Sample = tuple[Workload, Calibration]
"""What a small fleet is made of."""


class Small:
    """Makes small fleets like a large one of `files` files. draws_pages: of a file that is drawn anew, its
    pages are, too.
    """

    def __init__(
        self,
        plan: Plan,
        calibration: Calibration,
        prices: Prices,
        free_tier: bool,
        files: int,
        workload: Callable[[int], Workload],
        draws_pages: bool = True,
    ) -> None:
        self._draws_pages = draws_pages
        self._plan = msgspec.structs.replace(plan, grown=True)
        self._calibration, self._prices, self._free_tier = calibration, prices, free_tier
        self._files = files
        self._work = workload(min(files, SCALED_FILES))
        self.services: dict[tuple[str, str], str] = {}

    def case(
        self,
        factors: Mapping[str, float] | None = None,
        sample: Sample | None = None,
        plan: Plan | None = None,
        pages: int | None = None,
    ) -> Case:
        """A fleet whose inputs are multiplied by these factors; sample: of other files, see `resampled`."""
        plan, factors = plan or self._plan, factors or {}
        latency = factors.get(LATENCIES, 1.0)
        plan = msgspec.structs.replace(
            plan,
            grown=True,
            cpu_factor=plan.cpu_factor * factors.get(CPU, 1.0),
            latencies={name: _slower(one, latency) for name, one in plan.latencies.items()},
        )
        work, calibration = sample or (self._work, self._calibration)
        work = with_pages(work, factors.get(PAGES, 1.0), pages)
        calibration = msgspec.structs.replace(
            calibration, stages=tuple(_waiting(stage, latency) for stage in calibration.stages)
        )
        flow = simulate(plan, work, calibration)
        share = self._files / len(work.pages)
        made = self._bill(quantities(plan, work, calibration, flow), share)
        lines: dict[tuple[str, str], float] = defaultdict(float)
        for line in made.lines:
            lines[line.resource, line.item] += line.dollars
            self.services[line.resource, line.item] = line.service
        return Case(dict(lines), flow.steady_seconds * share)

    def resampled(self, generator: np.random.Generator) -> Sample:
        """Other calibrated files are drawn from those that there are."""
        return _resampled(self._work, self._calibration, generator, self._draws_pages)

    def _bill(self, used: Sequence[Quantity], share: float) -> Bill:
        whole = [msgspec.structs.replace(one, quantity=one.quantity * share) for one in used]
        return bill(whole, self._prices, self._free_tier)


def _resampled(
    work: Workload, calibration: Calibration, generator: np.random.Generator, draws_pages: bool
) -> Sample:
    """Other calibrated files, drawn from those that there are, and other pages of each. A workload whose
    files are the calibrated ones over and over follows them.
    """

    def drawn_of(one: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(one[at] for at in generator.integers(0, len(one), len(one))) if draws_pages else one

    chosen = generator.integers(0, len(calibration.pages), len(calibration.pages))
    pages = [calibration.pages[one] for one in chosen]
    drawn = msgspec.structs.replace(
        calibration,
        pages=tuple(map(drawn_of, pages)),
        sizes=tuple(calibration.sizes[one] for one in chosen),
    )
    if work.in_order:
        counts = np.array([len(one) for one in pages], dtype=np.int32)[work.source]
        sizes = np.array(calibration.sizes, dtype=np.float64)
        size = work.total_bytes * sizes[chosen][work.source].sum() / sizes[work.source].sum()
        work = msgspec.structs.replace(work, pages=counts, total_bytes=float(size))
    return work, drawn


def intervals(
    small: Small, base: Case, drawn_from: Sequence[Range], seed: int, tell: Callable[[int], None]
) -> Intervals:
    """Bootstrap over the calibrated files and their pages, with every input drawn from its range. All is
    drawn first, and then simulated on all cores: which is done first changes nothing.
    """
    generator = np.random.default_rng(np.random.SeedSequence([seed, 2]))
    drawn: list[tuple[dict[str, float], Sample]] = []
    for _ in range(REPLICATES):
        factors = {one.name: exp(generator.uniform(log(one.low), log(one.high))) for one in drawn_from}
        drawn.append((factors, small.resampled(generator)))
    cases: list[Case] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for case in pool.map(lambda one: small.case(one[0], one[1]), drawn):
            cases.append(case)
            tell(len(cases))
    services: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for key, service in small.services.items():
        services[service].append(key)

    def share(keys: Sequence[tuple[str, str]]) -> tuple[float, float]:
        usual = sum(base.lines.get(key, 0.0) for key in keys)
        return _ends([sum(case.lines.get(key, 0.0) for key in keys) for case in cases], usual)

    return Intervals(
        lines={key: share([key]) for key in base.lines},
        services={service: share(keys) for service, keys in services.items()},
        total=share(list(base.lines)),
        makespan=_ends([case.makespan for case in cases], base.makespan),
    )


def _ends(values: Sequence[float], usual: float) -> tuple[float, float]:
    if not usual:
        return 1.0, 1.0
    low, high = np.quantile(np.array(values) / usual, (LOW, HIGH))
    return float(low), float(high)


def tornado(small: Small, base: Case, drawn_from: Sequence[Range]) -> list[Swing]:
    """What each input alone does, the most first."""
    swings = []
    for one in drawn_from:
        low, high = small.case({one.name: one.low}), small.case({one.name: one.high})
        swings.append(
            Swing(
                one.name,
                one.low,
                one.high,
                low.total / base.total,
                high.total / base.total,
                low.makespan / base.makespan,
                high.makespan / base.makespan,
            )
        )
    return sorted(swings, key=lambda swing: -abs(swing.bill_high - swing.bill_low))


def break_even(
    small: Small, calibration: Calibration, dollars: float, pages: Sequence[int]
) -> list[tuple[int, float]]:
    """(pages per file, CPU seconds a page at which the fleet costs so many dollars; 0 where none does)."""
    seconds = float(np.mean(np.concatenate([np.asarray(one) for one in calibration.pages])))
    found = []
    for count in pages:
        half, whole = (small.case({CPU: factor}, pages=count).total for factor in (0.5, 1.0))
        slope = (whole - half) / 0.5
        found.append((count, max(0.0, seconds * (1.0 + (dollars - whole) / slope)) if slope else 0.0))
    return found


def _slower(one: Distribution, factor: float) -> Distribution:
    return msgspec.structs.replace(one, median_ms=one.median_ms * factor)


def _waiting(stage: Stage, factor: float) -> Stage:
    wait = stage.wait
    return msgspec.structs.replace(
        stage,
        wait=Line(
            wait.per_record * factor,
            wait.per_page * factor,
            wait.fixed * factor,
            tuple(one * factor for one in wait.residuals),
        ),
    )
