"""The fleet against an emulated run of the same files: what each says of cost, time and concurrency."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from harness.bill.bill import bill
from harness.bill.prices import Prices
from harness.fleet.calibration import Calibration
from harness.fleet.plan import Flow, Plan
from harness.fleet.projection import simulate
from harness.fleet.usage import quantities
from harness.fleet.workload import Workload
from harness.recorder import AnyEvent, Invocation, Result, Upload

FEWEST_SEEDS, MOST_SEEDS, FILES_IN_ALL = 5, 50, 20_000
"""A small run is one draw of many: the mean of so many projections is compared, more of them the smaller they
are.
"""
SMALL_SHARE = 0.001
"""Of the bill; lines below it are compared together."""
OTHER_LINES = "all smaller lines"


LEFT_OUT = ("what a table on demand serves at most",)
"""Limits that an emulation does not have yet; a validation goes without them."""


class Row(msgspec.Struct, frozen=True, rename="camel"):
    """One quantity: as emulated, as projected in the mean, and (projected - emulated) / emulated. spread:
    standard deviation of the projections, which is what chance alone may make of one run.
    """

    what: str
    emulated: float
    projected: float
    unit: str
    spread: float = 0.0

    @property
    def difference(self) -> float:
        return (self.projected - self.emulated) / self.emulated if self.emulated else 0.0


def replay(calibration: Calibration) -> Workload:
    """The very files that a calibration was made of, as they came."""
    return Workload(
        pages=np.array([len(pages) for pages in calibration.pages], dtype=np.int32),
        uploaded=np.array(calibration.uploaded),
        total_bytes=float(sum(calibration.sizes)),
        source=np.arange(len(calibration.pages)),
        in_order=True,
        heard=np.array(calibration.heard),
    )


def validate(
    plan: Plan,
    work: Workload,
    calibration: Calibration,
    events: Sequence[AnyEvent],
    lines: Sequence[Mapping[str, Any]],
    prices: Prices,
) -> list[Row]:
    """`lines`: of the emulated run's bill; `events`: of its trace. What the run's bill has a price for is
    priced at that, and by the table `prices` only what it has not.
    """
    seeds = max(FEWEST_SEEDS, min(MOST_SEEDS, FILES_IN_ALL // max(1, len(work.pages))))
    plans = [
        msgspec.structs.replace(plan, seed=plan.seed + number, table_limits=False) for number in range(seeds)
    ]
    flows = [simulate(one, work, calibration) for one in plans]
    bills = [
        bill(quantities(one, work, calibration, flow), prices) for one, flow in zip(plans, flows, strict=True)
    ]
    emulated, counted = defaultdict[str, float](float), defaultdict[str, float](float)
    for known in lines:
        name = f"{known['resource']} {known['item']}"
        emulated[name] += known["dollars"]
        counted[name] += known["quantity"]
    projected: dict[str, NDArray[np.float64]] = defaultdict(lambda: np.zeros(seeds))
    for number, made in enumerate(bills):
        for line in made.lines:
            name = f"{line.resource} {line.item}"
            dollars = line.quantity * emulated[name] / counted[name] if counted.get(name) else line.dollars
            projected[name][number] += dollars
    return [
        *_lines(emulated, projected),
        *_times(events, flows),
    ]


def _lines(emulated: Mapping[str, float], projected: Mapping[str, NDArray[np.float64]]) -> list[Row]:
    total = sum(emulated.values())
    nothing = np.zeros(1)
    rows = [_row("bill", total, sum(projected.values(), nothing), "dollars")]
    small: list[str] = []
    for name in sorted({*emulated, *projected}, key=lambda name: -emulated.get(name, 0.0)):
        ours, theirs = projected.get(name, nothing), emulated.get(name, 0.0)
        if max(theirs, ours.mean()) < total * SMALL_SHARE:
            small.append(name)
        else:
            rows.append(_row(name, theirs, ours, "dollars"))
    rest = sum((projected.get(name, nothing) for name in small), nothing)
    return [*rows, _row(OTHER_LINES, sum(emulated.get(name, 0.0) for name in small), rest, "dollars")]


def _times(events: Sequence[AnyEvent], flows: Sequence[Flow]) -> list[Row]:
    uploads = sorted(event.t for event in events if isinstance(event, Upload))
    results = sorted(event.t for event in events if isinstance(event, Result))
    ended = max((event.t for event in events if isinstance(event, Invocation)), default=0.0)
    rows = [_row("makespan", ended, [flow.makespan for flow in flows], "s")]
    waits = np.array(results) - (np.mean(uploads) if uploads else 0.0)
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        measured = float(np.quantile(waits, share)) if len(waits) else 0.0
        modelled = [float(np.quantile(flow.latencies, share)) for flow in flows if len(flow.latencies)]
        rows.append(_row(f"upload to result {name}", measured, modelled, "s"))
    for number, stage in enumerate(flows[0].stages):
        mine = [
            event for event in events if isinstance(event, Invocation) and event.function == stage.function
        ]
        busy = sum(event.t - event.start for event in mine) / ended if ended else 0.0
        modelled = [flow.stages[number].running_seconds / max(1e-9, flow.makespan) for flow in flows]
        rows.append(_row(f"{stage.function} running, mean", busy, modelled, "invocations"))
    return rows


def _row(what: str, emulated: float, projected: Sequence[float] | NDArray[np.float64], unit: str) -> Row:
    if not len(projected):
        return Row(what, emulated, 0.0, unit)
    return Row(what, emulated, float(np.mean(projected)), unit, float(np.std(projected)))
