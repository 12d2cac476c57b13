"""The fleet against an emulated run of the same files: what each says of cost, time and concurrency."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from harness.bill.bill import bill
from harness.bill.prices import Prices
from harness.cloud.system import System
from harness.fleet.calibration import Calibration
from harness.fleet.plan import Flow, Plan
from harness.fleet.projection import simulate
from harness.fleet.usage import quantities
from harness.fleet.workload import Workload
from harness.recorder import AnyEvent, Invocation, Message, Result, Upload

FEWEST_SEEDS, MOST_SEEDS, FILES_IN_ALL = 5, 50, 20_000
"""A small run is one draw of many: the mean of so many projections is compared, more of them the smaller they
are.
"""
SMALL_SHARE = 0.001
"""Of the bill; lines below it are compared together."""
OTHER_LINES = "all smaller lines"


LEFT_OUT = ("what a table on demand serves at most",)
"""Limits that an emulation does not have yet; a validation goes without them."""


POINTS = 120
"""Moments at which concurrency and depth are compared."""
Floats = NDArray[np.float64]


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


class Level(msgspec.Struct, frozen=True, rename="camel"):
    """How many of something there were over time, as emulated and as projected in the mean. `what`: running
    or waiting.
    """

    what: str
    function: str
    emulated: tuple[float, ...]
    projected: tuple[float, ...]


class Comparison(msgspec.Struct, frozen=True, rename="camel"):
    """What the fleet and a run say of the same files; levels at `seconds`."""

    rows: tuple[Row, ...] = ()
    seconds: tuple[float, ...] = ()
    levels: tuple[Level, ...] = ()


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
) -> Comparison:
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
    ended = max((event.t for event in events if isinstance(event, Invocation)), default=0.0)
    seconds = np.linspace(0.0, max(ended, *(flow.makespan for flow in flows)), POINTS)
    spans = {("running", name): span for name, span in _running(events).items()}
    spans |= {("waiting", name): span for name, span in _waiting(events, plan.system).items()}
    told, rows = [], [*_lines(emulated, projected), *_times(events, flows, ended)]
    for (what, function), (begun, over) in sorted(spans.items()):
        if function not in flows[0].running:
            continue
        levels = [np.interp(seconds, flow.times, getattr(flow, what)[function], right=0.0) for flow in flows]
        level = np.searchsorted(begun, seconds, "right") - np.searchsorted(over, seconds, "right")
        told.append(Level(what, function, tuple(map(float, level)), tuple(np.mean(levels, axis=0).tolist())))
        name, unit = f"{function} {what}", "invocations" if what == "running" else "messages"
        area = float((over - begun).sum()) / ended if ended else 0.0
        rows.append(_row(f"{name}, mean", area, [_mean(flow, what, function) for flow in flows], unit))
        most = [float(getattr(flow, what)[function].max()) for flow in flows]
        rows.append(_row(f"{name}, most", float(_levels(begun, over).max(initial=0)), most, unit))
    return Comparison(tuple(rows), tuple(seconds.tolist()), tuple(told))


def _running(events: Sequence[AnyEvent]) -> dict[str, tuple[Floats, Floats]]:
    """Starts and ends, each in order, of the invocations of each function."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for event in events:
        if isinstance(event, Invocation):
            found[event.function].append((event.start, event.t))
    return {name: _sorted(spans) for name, spans in found.items()}


def _waiting(events: Sequence[AnyEvent], system: System) -> dict[str, tuple[Floats, Floats]]:
    """When messages came to the queue of each function, and when they were received for the first time."""
    of = {arn: logical_id for logical_id, arn in system.queues.items()}
    readers = {of[source.queue_arn]: source.function for source in system.sqs_sources}
    sent: dict[str, float] = {}
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for event in events:
        if not isinstance(event, Message) or event.queue not in readers:
            continue
        if event.action == "sent":
            sent[event.message] = event.t
        elif event.action == "received" and event.message in sent:
            found[readers[event.queue]].append((sent.pop(event.message), event.t))
    return {name: _sorted(spans) for name, spans in found.items()}


def _sorted(spans: Sequence[tuple[float, float]]) -> tuple[Floats, Floats]:
    begun, over = np.array(spans).T
    return np.sort(begun), np.sort(over)


def _levels(begun: Floats, over: Floats) -> NDArray[np.int64]:
    """How many there are right after each one began."""
    return np.arange(1, len(begun) + 1) - np.searchsorted(over, begun, "right")


def _mean(flow: Flow, what: str, function: str) -> float:
    """Over the makespan."""
    stage = next(one for one in flow.stages if one.function == function)
    whole = stage.running_seconds if what == "running" else stage.mean_wait_seconds * stage.messages
    return whole / max(1e-9, flow.makespan)


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


def _times(events: Sequence[AnyEvent], flows: Sequence[Flow], ended: float) -> list[Row]:
    uploads = sorted(event.t for event in events if isinstance(event, Upload))
    results = sorted(event.t for event in events if isinstance(event, Result))
    rows = [_row("makespan", ended, [flow.makespan for flow in flows], "s")]
    waits = np.array(results) - (np.mean(uploads) if uploads else 0.0)
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        measured = float(np.quantile(waits, share)) if len(waits) else 0.0
        modelled = [float(np.quantile(flow.latencies, share)) for flow in flows if len(flow.latencies)]
        rows.append(_row(f"upload to result {name}", measured, modelled, "s"))
    return rows


def _row(what: str, emulated: float, projected: Sequence[float] | NDArray[np.float64], unit: str) -> Row:
    if not len(projected):
        return Row(what, emulated, 0.0, unit)
    return Row(what, emulated, float(np.mean(projected)), unit, float(np.std(projected)))
