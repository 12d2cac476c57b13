"""The fleet against an emulated run of the same files: what each says of cost, time and concurrency."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from harness.bill.bill import bill
from harness.bill.prices import Prices
from harness.fleet.calibration import Calibration
from harness.fleet.projection import Flow, Plan, simulate
from harness.fleet.usage import quantities
from harness.fleet.workload import Workload
from harness.recorder import AnyEvent, Invocation, Result, Upload

SEEDS = 5
"""Projections whose mean is compared: a small run is one draw of many."""
SMALL_SHARE = 0.001
"""Of the bill; lines below it are compared together."""
OTHER_LINES = "all smaller lines"


class Row(msgspec.Struct, frozen=True, rename="camel"):
    """One quantity: as emulated, as projected, and (projected - emulated) / emulated."""

    what: str
    emulated: float
    projected: float
    unit: str

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
    """`lines`: of the emulated run's bill; `events`: of its trace."""
    plans = [msgspec.structs.replace(plan, seed=plan.seed + number) for number in range(SEEDS)]
    flows = [simulate(one, work, calibration) for one in plans]
    bills = [
        bill(quantities(one, work, calibration, flow), prices) for one, flow in zip(plans, flows, strict=True)
    ]
    projected: dict[str, float] = defaultdict(float)
    for made in bills:
        for line in made.lines:
            projected[f"{line.resource} {line.item}"] += line.dollars / SEEDS
    emulated: dict[str, float] = defaultdict(float)
    for known in lines:
        emulated[f"{known['resource']} {known['item']}"] += known["dollars"]
    return [
        *_lines(emulated, projected),
        *_times(events, flows),
    ]


def _lines(emulated: Mapping[str, float], projected: Mapping[str, float]) -> list[Row]:
    total = sum(emulated.values())
    rows = [Row("bill", total, sum(projected.values()), "dollars")]
    small: list[str] = []
    for name in sorted({*emulated, *projected}, key=lambda name: -emulated.get(name, 0.0)):
        if max(emulated.get(name, 0.0), projected.get(name, 0.0)) < total * SMALL_SHARE:
            small.append(name)
        else:
            rows.append(Row(name, emulated.get(name, 0.0), projected.get(name, 0.0), "dollars"))
    first, second = (sum(one.get(name, 0.0) for name in small) for one in (emulated, projected))
    return [*rows, Row(OTHER_LINES, first, second, "dollars")]


def _times(events: Sequence[AnyEvent], flows: Sequence[Flow]) -> list[Row]:
    uploads = sorted(event.t for event in events if isinstance(event, Upload))
    results = sorted(event.t for event in events if isinstance(event, Result))
    ended = max((event.t for event in events if isinstance(event, Invocation)), default=0.0)
    rows = [Row("makespan", ended, float(np.mean([flow.makespan for flow in flows])), "s")]
    waits = np.array(results) - (np.mean(uploads) if uploads else 0.0)
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        measured = float(np.quantile(waits, share)) if len(waits) else 0.0
        modelled = float(np.mean([np.quantile(flow.latencies, share) for flow in flows]))
        rows.append(Row(f"upload to result {name}", measured, modelled, "s"))
    for stage in flows[0].stages:
        mine = [
            event for event in events if isinstance(event, Invocation) and event.function == stage.function
        ]
        busy = sum(event.t - event.start for event in mine) / ended if ended else 0.0
        modelled = float(np.mean([_mean_running(flow, stage.function) for flow in flows]))
        rows.append(Row(f"{stage.function} running, mean", busy, modelled, "invocations"))
    return rows


def _mean_running(flow: Flow, function: str) -> float:
    return float(flow.running[function].mean())
