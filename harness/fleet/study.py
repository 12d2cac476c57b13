"""A whole projection: the fleet, its bill with intervals, the estimate beside it, and other ways to do it."""

import resource
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np

from harness.bill.bill import Bill, Line, bill
from harness.bill.prices import Prices
from harness.config import Estimate
from harness.errors import UsageError
from harness.fleet import surface_fitting, uncertainty
from harness.fleet.alternatives import Asked, alternatives
from harness.fleet.calibration import Calibration
from harness.fleet.plan import Flow, Plan
from harness.fleet.projection import simulate
from harness.fleet.usage import quantities
from harness.fleet.validation import LEFT_OUT, Comparison
from harness.fleet.workload import Workload

PAGES_BESIDE = (1, 3, 10, 25)
"""Pages a file that are shown side by side, since nobody knows how many there are."""
BREAK_EVEN_PAGES = (1, 2, 3, 5, 8, 10, 15, 20, 25)
KIND = "projection"


class Progress(Protocol):
    """Shows how far a long step is."""

    def __call__(self, title: str, total: int) -> AbstractContextManager[Callable[[int], None]]: ...


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be projected. workload: makes one of so many files, all alike; pages_said, pages_doubt: what
    is said of their pages, and why they may have others, "" where each file's are known; surfaces: the folder
    that fitted surfaces are kept in, None for no surface.
    """

    plan: Plan
    calibration: Calibration
    files: int
    workload: Callable[[int], Workload]
    pages_said: str
    pages_doubt: str = "as given"
    prices: Prices
    free_tier: bool = False
    estimate: Estimate | None = None
    validation: Comparison = Comparison()
    surfaces: Path | None = None


def answer(asked: Question, progress: Progress) -> dict[str, Any]:
    """summary.json of a projection. Raises `UsageError` for what the fleet does not model."""
    began = time.monotonic()
    plan, known = asked.plan, asked.calibration
    with progress("Simulating the fleet", 1) as tell:
        work = asked.workload(asked.files)
        flow = simulate(plan, work, known)
        made = bill(quantities(plan, work, known, flow), asked.prices, asked.free_tier)
        tell(1)
    simulated = time.monotonic() - began
    small = uncertainty.Small(plan, known, asked.prices, asked.free_tier, asked.files, asked.workload)
    base, drawn_from = small.case(), uncertainty.ranges(asked.pages_doubt)
    with progress("Drawing intervals", uncertainty.REPLICATES) as tell:
        found = uncertainty.intervals(small, base, drawn_from, plan.seed, tell)
    others = alternatives(
        Asked(small=small, base=base, plan=plan, flow=flow, total=made.total, work=work, prices=asked.prices)
    )
    dollars = made.total
    if asked.estimate and asked.estimate.total:  # for as many files
        dollars = asked.estimate.total[1] * len(work.pages) / asked.estimate.files
    return {
        "kind": KIND,
        "files": len(work.pages),
        "pages": int(work.pages.sum()),
        "pagesPerFile": asked.pages_said,
        "totalBytes": float(work.total_bytes),
        "batches": flow.batches,
        "makespanSeconds": flow.makespan,
        "makespanLow": flow.makespan * found.makespan[0],
        "makespanHigh": flow.makespan * found.makespan[1],
        "peakConcurrency": flow.peak,
        "fileLatency": _quantiles(flow),
        "stages": [msgspec.to_builtins(stage) for stage in flow.stages],
        "overTime": {
            "seconds": flow.times.tolist(),
            "running": {name: one.tolist() for name, one in flow.running.items()},
            "waiting": {name: one.tolist() for name, one in flow.waiting.items()},
        },
        "bill": _bill(made, found),
        "seedEstimate": _compared(asked.estimate, made, found, len(work.pages)) if asked.estimate else [],
        "pagesBeside": [_beside(small, count, flow, base, made) for count in PAGES_BESIDE],
        "breakEven": {
            "dollars": dollars,
            "points": [
                {"pagesPerFile": count, "secondsPerPage": seconds}
                for count, seconds in uncertainty.break_even(small, known, dollars, BREAK_EVEN_PAGES)
            ],
            "secondsPerPageNow": _seconds_a_page(asked),
        },
        "tornado": [msgspec.to_builtins(swing) for swing in uncertainty.tornado(small, base, drawn_from)],
        "ranges": [msgspec.to_builtins(one) for one in drawn_from],
        "explorer": _explorer(asked, made.total, flow.makespan, progress),
        "alternatives": [msgspec.to_builtins(one) for one in others],
        "validation": [
            {**msgspec.to_builtins(row), "difference": row.difference} for row in asked.validation.rows
        ],
        "validationOverTime": {
            "seconds": asked.validation.seconds,
            "levels": [msgspec.to_builtins(one) for one in asked.validation.levels],
        },
        "validationLeavesOut": list(LEFT_OUT),
        "scaledFleet": {
            "files": min(asked.files, uncertainty.SCALED_FILES),
            "billError": base.total / made.total - 1,
            "makespanError": base.makespan / flow.steady_seconds - 1 if flow.steady_seconds else 0.0,
        },
        "calibration": {
            "made": known.made,
            "files": len(known.pages),
            "pages": sum(map(len, known.pages)),
            "secondsPerPage": _seconds_a_page(asked) / plan.cpu_factor,
            "cpuFactor": plan.cpu_factor,
        },
        "months": plan.months,
        "tableMonths": plan.table_months,
        "shards": plan.shards,
        "method": flow.method,
        "simulationSeconds": simulated,
        "realSeconds": time.monotonic() - began,
        "peakMemoryMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }


def _explorer(asked: Question, dollars: float, makespan: float, progress: Progress) -> dict[str, Any]:
    """A surface by which a page tells bill and makespan of other settings; `why` there is none, where it
    cannot be fitted. dollars, makespan: of the whole fleet, which it is made to give for the settings as they
    are.
    """
    if asked.surfaces is None:
        return {"why": "not asked for"}
    try:
        fleets = surface_fitting.Fleets(asked.plan, asked.calibration, asked.prices, asked.workload)
    except UsageError as error:
        return {"why": str(error)}
    with progress("Fitting the explorer", surface_fitting.FITTED + surface_fitting.UNSEEN) as tell:
        surface = surface_fitting.kept(fleets, asked.surfaces, asked.plan.seed, tell)
    now = surface.now
    return {
        "surface": msgspec.to_builtins(surface),
        "dollarsFactor": dollars / (surface.dollars(now) * asked.files),
        "makespanFactor": makespan / (surface.seconds(now) * asked.files),
    }


def _seconds_a_page(asked: Question) -> float:
    pages = np.concatenate([np.asarray(one) for one in asked.calibration.pages])
    return float(pages.mean()) * asked.plan.cpu_factor


def _quantiles(flow: Flow) -> dict[str, float]:
    if not len(flow.latencies):
        return {"p50": 0.0, "p95": 0.0, "p99": 0.0}
    values = np.quantile(flow.latencies, (0.5, 0.95, 0.99))
    return {name: float(value) for name, value in zip(("p50", "p95", "p99"), values, strict=True)}


def _bill(made: Bill, found: uncertainty.Intervals) -> dict[str, Any]:
    lines = []
    for line in made.lines:
        low, high = found.lines.get((line.resource, line.item), (1.0, 1.0))
        lines.append(msgspec.to_builtins(line) | {"low": line.dollars * low, "high": line.dollars * high})
    whole: dict[str, Any] = msgspec.to_builtins(made)
    return whole | {
        "low": made.total * found.total[0],
        "high": made.total * found.total[1],
        "lines": lines,
    }


def _compared(
    estimate: Estimate, made: Bill, found: uncertainty.Intervals, files: int
) -> list[dict[str, Any]]:
    """The estimate beside the projection, for as many files."""
    share = files / estimate.files
    rows = []
    for service, (low, high) in estimate.services.items():
        lines = [line for line in made.lines if line.service == service]
        dollars = sum(line.dollars for line in lines)
        ends = found.services.get(service, (1.0, 1.0))
        rows.append(_row(service, (low * share, high * share), dollars, ends, _why(lines)))
    rest = [line for line in made.lines if line.service not in estimate.services]
    for service in sorted({line.service for line in rest}):
        lines = [line for line in rest if line.service == service]
        ends = found.services.get(service, (1.0, 1.0))
        rows.append(_row(service, None, sum(line.dollars for line in lines), ends, _why(lines)))
    if estimate.total:
        ends = (estimate.total[0] * share, estimate.total[1] * share)
        rows.append(_row("total", ends, made.total, found.total, _why(made.lines)))
    return rows


def _row(
    service: str,
    estimated: tuple[float, float] | None,
    dollars: float,
    ends: tuple[float, float],
    why: str,
) -> dict[str, Any]:
    low, high = dollars * ends[0], dollars * ends[1]
    if estimated is None:
        verdict = "not estimated"
    elif low > estimated[1]:
        verdict = "above"
    elif high < estimated[0]:
        verdict = "below"
    elif estimated[0] <= low and high <= estimated[1]:
        verdict = "holds"
    else:
        verdict = "may hold"
    return {
        "service": service,
        "low": estimated[0] if estimated else None,
        "high": estimated[1] if estimated else None,
        "projected": dollars,
        "projectedLow": low,
        "projectedHigh": high,
        "verdict": verdict,
        "why": why,
    }


def _why(lines: Sequence[Line]) -> str:
    """The line that decides a sum."""
    if not lines:
        return ""
    line = max(lines, key=lambda one: one.dollars)
    return f"{line.resource} {line.item}: {line.quantity:,.0f} {line.unit} x ${line.unit_price:.10f}".rstrip(
        "0"
    )


def _beside(
    small: uncertainty.Small, pages: int, flow: Flow, base: uncertainty.Case, made: Bill
) -> Mapping[str, float]:
    case = small.case(pages=pages)
    return {
        "pagesPerFile": pages,
        "dollars": case.total * made.total / base.total,
        "makespanSeconds": case.makespan * flow.makespan / base.makespan,
    }
