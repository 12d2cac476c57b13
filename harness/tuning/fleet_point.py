"""A point of a sweep as a projection: the fleet by a calibration, in place of an emulation of the inputs.

More than a million files are not simulated one by one but made out of a million and of half of them: once the
lanes are there, all that is counted grows by the same amount with each further file, and so does the time.

What handlers do does not depend on memory, batch size or how many run at once, but it does on what they are
told in their environment: settings that tell them other things have calibrations of their own.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from harness.bill.bill import Quantity, bill
from harness.bill.prices import Prices
from harness.cloud import deployment
from harness.cloud import template as templates
from harness.cloud.limits import vcpu_share
from harness.cloud.system import System
from harness.config import Config
from harness.errors import UsageError
from harness.fleet import validation, workload
from harness.fleet.calibration import Calibration
from harness.fleet.plan import Flow, Plan
from harness.fleet.projection import simulate
from harness.fleet.usage import quantities
from harness.fleet.workload import Arrivals, Workload
from harness.runs import planning
from harness.tuning.point import Edges, Outcome, failed

MOST_SIMULATED = 1_000_000
"""Files: a point then takes seconds and less than 2 GB, whatever the size of its batches."""
QUANTILES = ("p50", "p95", "p99")


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a projection. count: 0 for those of the calibration, as they came; pages: a distribution,
    "" for one like that of the calibration; size_bytes: of one, where pages are said; rate: files a second,
    None for all at once.
    """

    count: int
    pages: str = ""
    size_bytes: float = 0.0
    rate: float | None = None

    def workload(self, known: Calibration, seed: int, count: int) -> Workload:
        """Of the first `count` of them."""
        arrivals = Arrivals(self.rate)
        if not self.count:
            return validation.replay(known)
        if self.pages:
            return workload.drawn(count, self.pages, len(known.pages), self.size_bytes, arrivals, seed)
        counts = [len(pages) for pages in known.pages]
        return workload.like(counts, known.sizes, count, arrivals, seed)


class Projected(msgspec.Struct, frozen=True, kw_only=True):
    """A point to project. tried: the parameters that the sweep varies; parameters: all that are not the
    template's own; months: that what is stored stays.
    """

    config: Config
    template: Path
    tried: dict[str, str]
    parameters: dict[str, str]
    seed: int
    calibration: Calibration
    files: Files
    prices: Prices
    shards: int
    cpu_factor: float = 1.0
    account_concurrency: int
    free_tier: bool = False
    months: float = 1.0


def projected(task: Projected) -> Outcome:
    """Projects a point."""
    began = time.monotonic()
    try:
        loaded, system = deployed(task.config, task.template, task.parameters)
        plan = planning.plan(
            task.config,
            loaded,
            system,
            task.calibration,
            cpu_factor=task.cpu_factor,
            shards=task.shards or system.stream_shards,
            account_concurrency=task.account_concurrency,
            seed=task.seed,
            months=task.months,
            **_as_emulated(task),
        )
        found, method = _whole(task, plan, system)
    except UsageError as error:
        return failed(task.tried, task.seed, str(error), began)
    made = bill(found.used, task.prices, task.free_tier)
    values = found.values
    return Outcome(
        parameters=task.tried,
        seed=task.seed,
        inputs=round(values["inputs"]),
        units=round(values["units"]),
        dollars=made.total,
        lines=made.lines,
        makespan=values["makespan"],
        latency={name: values[name] for name in QUANTILES},
        edges=msgspec.convert(
            {
                field.encode_name: round(values[field.name]) if field.type is int else values[field.name]
                for field in msgspec.structs.fields(Edges)
            },
            Edges,
        ),
        method=method,
        real_seconds=round(time.monotonic() - began, 3),
    )


def _as_emulated(task: Projected) -> dict[str, Any]:
    """What a projection of the calibration's own files has as an emulation of them: a table without limits,
    and its items billed for as long as all else.
    """
    return {} if task.files.count else {"table_limits": False, "table_months": task.months}


class _Fleet(msgspec.Struct, frozen=True):
    """What was counted of a fleet: what is billed, and all else by its name."""

    used: list[Quantity]
    values: dict[str, float]


def _whole(task: Projected, plan: Plan, system: System) -> tuple[_Fleet, str]:
    """(what is counted of all the files, how that was made)."""
    count = task.files.count
    if count <= MOST_SIMULATED:
        fleet, method = _simulated(task, plan, system, count)
        return fleet, method
    large, method = _simulated(task, plan, system, MOST_SIMULATED)
    small, _ = _simulated(task, plan, system, MOST_SIMULATED // 2)
    further = (count - MOST_SIMULATED) / (MOST_SIMULATED - MOST_SIMULATED // 2)
    before = {(one.price, one.item, one.resource): one.quantity for one in small.used}
    used = [
        msgspec.structs.replace(
            one,
            quantity=_grown(before.get((one.price, one.item, one.resource), 0.0), one.quantity, further),
        )
        for one in large.used
    ]
    values = {name: _grown(small.values[name], value, further) for name, value in large.values.items()}
    return _Fleet(used, values), f"{method}; of {MOST_SIMULATED:,} files, and made larger"


def _grown(small: float, large: float, further: float) -> float:
    return max(0.0, large + further * (large - small))


def _simulated(task: Projected, plan: Plan, system: System, count: int) -> tuple[_Fleet, str]:
    work = task.files.workload(task.calibration, task.seed, count)
    flow = simulate(plan, work, task.calibration)
    quantiles = np.quantile(flow.latencies, (0.5, 0.95, 0.99)) if len(flow.latencies) else np.zeros(3)
    edges = _edges(flow, task.calibration, system, task.cpu_factor)
    values = {
        "inputs": float(len(work.pages)),
        "units": float(work.pages.sum()),
        "makespan": flow.makespan,
        **dict(zip(QUANTILES, map(float, quantiles), strict=True)),
        **{name: float(getattr(edges, name)) for name in Edges.__struct_fields__},
    }
    return _Fleet(_summed(quantities(plan, work, task.calibration, flow)), values), flow.method


def _summed(used: Iterable[Quantity]) -> list[Quantity]:
    """Each thing once."""
    found: dict[tuple[str, str, str], float] = defaultdict(float)
    for one in used:
        found[one.price, one.item, one.resource] += one.quantity
    return [Quantity(*key, quantity) for key, quantity in found.items()]


def deployed(config: Config, template: Path, parameters: Mapping[str, str]) -> tuple[dict[str, str], System]:
    """(all parameters, the system) of a template. Raises `UsageError`."""
    loaded = templates.load(template, dict(parameters), kept=config.root / ".harness" / "translated")
    return loaded.parameters, deployment.described(loaded)


def told(system: System) -> dict[str, dict[str, str]]:
    """What each function is told in its environment."""
    return {name: function.environment for name, function in system.functions.items()}


def _edges(flow: Flow, known: Calibration, system: System, cpu_factor: float) -> Edges:
    init = {stage.function: stage.init_cpu for stage in known.stages}
    return Edges(
        invocations=sum(stage.invocations for stage in flow.stages),
        cold_starts=sum(stage.cold_starts for stage in flow.stages),
        cold_seconds=sum(
            stage.cold_starts * init[stage.function] / _speed(system, stage.function, cpu_factor)
            for stage in flow.stages
        ),
        billed_seconds=sum(stage.billed_ms for stage in flow.stages) / 1000,
        timeouts=sum(stage.timed_out for stage in flow.stages),
        errors=sum(stage.failed for stage in flow.stages),
        handed_back=sum(stage.handed_back for stage in flow.stages),
        throttles=sum(stage.throttles for stage in flow.stages),
        messages=sum(stage.messages for stage in flow.stages[:2]),
        refused=sum(stage.given_up for stage in flow.stages),
    )


def _speed(system: System, function: str, cpu_factor: float) -> float:
    """CPU seconds that a thread of the function gets done in a second."""
    return vcpu_share(system.functions[function].memory_mb) / cpu_factor
