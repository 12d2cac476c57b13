"""All stages at once (see `together`): its arrays are set up from a plan, and what came of it is read out."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from harness.cloud.limits import (
    BACK_OFF,
    IDLE_LANES,
    IDLE_SECONDS,
    LONG_POLL_SECONDS,
    MOST_WRITE_UNITS,
    ON_DEMAND_WRITE_UNITS,
    SCALING_PERIOD_SECONDS,
    STREAM_POLL_SECONDS,
    THROTTLE_BACKOFF_SECONDS,
)
from harness.cloud.system import SqsSource
from harness.fleet import lanes, together
from harness.fleet.calibration import Calibration, Chain, Stage
from harness.fleet.plan import (
    DEFAULT_RECEIVES,
    EARLY,
    NEARLY,
    POINTS,
    Draws,
    Floats,
    Flow,
    Handler,
    Plan,
    StageNumbers,
    lanes_of,
    pages_of,
    speed_of,
    told,
)
from harness.fleet.workload import Workload

UNLIMITED = 2**31


def simulate(plan: Plan, found: Chain, work: Workload, calibration: Calibration, why: str) -> Flow:
    """Every file through every stage. Times are virtual seconds. why: said in the flow's method."""
    draw = Draws(plan)
    uploaded, visible, pages, source = told(plan, draw, found, work)
    stream_lanes = plan.shards * found.closing.lanes
    stages, drawn, failures = _stages(plan, draw, found, calibration.stages, stream_lanes)
    first, seconds = pages_of(calibration)
    world = together.world(
        shared=_shared(plan, work, draw),
        stages=stages,
        drawn=drawn,
        failures=failures,
        pages=pages,
        source=source,
        arrivals=visible,
        batches=lanes.expand(pages, plan.batch_pages),
        stream_lane=draw.lanes(len(pages), stream_lanes),
        known=(first, seconds / speed_of(plan, plan.system.functions[calibration.stages[1].function])),
        pauses=np.array(THROTTLE_BACKOFF_SECONDS),
    )
    together.run(world)
    shared, done = world.shared[0], world.files["done"]
    makespan = float(stages["last"].max())
    closed = np.isfinite(done)
    names = [stage.function for stage in calibration.stages]
    times = np.linspace(0.0, makespan, POINTS)
    levels = _levels(world, times, float(shared["bin"]))
    early, nearly = map(float, np.quantile(done[closed], (EARLY, NEARLY))) if closed.any() else (0.0, 0.0)
    return Flow(
        stages=tuple(
            _numbers(name, world.stages[number], *map(float, world.area[[number, 3 + number]].sum(axis=1)))
            for number, name in enumerate(names)
        ),
        batches=len(world.batches),
        makespan=makespan,
        early=early,
        nearly=nearly,
        latencies=done[closed] - calibration.stages[2].told_before_end - uploaded[closed],
        times=times,
        running={name: levels[number] for number, name in enumerate(names)},
        waiting={name: levels[3 + number] for number, name in enumerate(names)},
        peak=int(shared["most_running"]),
        method=f"all stages in one loop of events: {why}",
    )


def _shared(plan: Plan, work: Workload, draw: Draws) -> NDArray[Any]:
    shared = np.zeros(1, dtype=together.SHARED)
    shared["account"], shared["idle_seconds"] = plan.unreserved_concurrency, IDLE_SECONDS
    shared["scaling_period"], shared["long_poll"] = SCALING_PERIOD_SECONDS, LONG_POLL_SECONDS
    shared["stream_poll"], shared["back_off"], shared["fewest"] = STREAM_POLL_SECONDS, BACK_OFF, IDLE_LANES
    shared["in_order"], shared["seed"] = work.in_order, draw.seed()
    if plan.table_limits:
        shared["capacity"], shared["most_capacity"] = ON_DEMAND_WRITE_UNITS, MOST_WRITE_UNITS
    return shared


def _stages(
    plan: Plan, draw: Draws, found: Chain, known: Sequence[Stage], stream_lanes: int
) -> tuple[NDArray[Any], Floats, NDArray[Any]]:
    """(the stages, all seconds that are drawn from, all failures)."""
    stages = np.zeros(3, dtype=together.STAGE)
    drawn: list[Floats] = []
    failures: list[tuple[Any, ...]] = []
    for number, stage in enumerate(known):
        of, function, handler = stages[number], plan.system.functions[stage.function], Handler.of(plan, stage)
        of["fixed"], of["per_record"], of["per_page"] = handler.fixed, handler.per_record, handler.per_page
        of["init_seconds"] = stage.init_cpu / speed_of(plan, function)
        of["told_before_end"], of["timeout"] = stage.told_before_end, function.timeout_seconds
        of["reserved"] = -1 if function.reserved is None else function.reserved
        of["fail_rate"] = plan.fail_rate(stage)
        of["failure"] = len(failures)
        if stage.failing:
            failures += [msgspec.structs.astuple(one) for one in stage.failing.failures]
        of["failures"] = len(failures) - of["failure"]
        units = stage.write_units()
        of["unit_fixed"], of["unit_record"], of["unit_page"] = units.fixed, units.per_record, units.per_page
        pools = (
            draw.pool("sqs", "ReceiveMessage"),
            draw.pool("event", "invoke"),
            draw.pool("sqs", "DeleteMessageBatch"),
            draw.pool("lambda", "environment"),
            handler.left,
        )
        for what, pool in enumerate(pools):
            of["draw"][what], of["draws"][what] = sum(map(len, drawn)), len(pool)
            drawn.append(pool)
    for of, source in ((stages[0], found.files), (stages[1], found.batches)):
        _of_queue(of, plan, source)
    stages[1]["keeps"] = plan.keeps_seconds
    closing, of = found.closing, stages[2]
    of["most"] = of["at_start"] = of["at_rest"] = stream_lanes
    of["batch"], of["backs_off"] = closing.batch_size, closing.bisect
    of["receives"] = UNLIMITED if closing.maximum_retries < 0 else closing.maximum_retries
    return stages, np.concatenate(drawn), np.array(failures, dtype=together.FAILURE)


def _of_queue(of: NDArray[Any], plan: Plan, source: SqsSource) -> None:
    mapping, redelivery = lanes_of(source), plan.system.redelivery[source.queue_arn]
    of["most"], of["growth"], of["at_rest"] = mapping.most, mapping.growth, mapping.at_rest
    of["at_start"] = mapping.most if plan.grown else mapping.at_start
    of["batch"], of["window"] = source.batch_size, source.window_seconds
    of["visibility"] = redelivery.visibility_seconds
    of["receives"] = min(redelivery.receives or DEFAULT_RECEIVES, DEFAULT_RECEIVES)
    of["backs_off"] = not source.report_item_failures


def _levels(world: together.World, times: Floats, width: float) -> NDArray[np.int64]:
    """How many ran and waited, by row of the area: the mean around each of the times."""
    until = np.concatenate([np.zeros((len(world.area), 1)), np.cumsum(world.area, axis=1)], axis=1)
    edges = np.arange(until.shape[1]) * width
    step = max(width, float(times[1]) if len(times) > 1 else width)
    found = []
    for row in until:
        low, high = (np.interp(times + side * step / 2, edges, row) for side in (-1, 1))
        span = np.minimum(times + step / 2, edges[-1]) - np.maximum(times - step / 2, 0.0)
        found.append(np.rint((high - low) / np.maximum(span, 1e-9)).astype(np.int64))
    return np.array(found)


def _numbers(name: str, of: NDArray[Any], ran: float, waited: float) -> StageNumbers:
    began = float(of["first"]) if of["messages"] else 0.0
    span = max(1e-9, float(of["last"]) - began)
    return StageNumbers(
        function=name,
        messages=int(of["messages"]),
        invocations=int(of["invocations"]),
        cold_starts=int(of["colds"]),
        deleted=int(of["deleted"]),
        lanes=int(of["most_lanes"]),
        utilisation=float(of["lane_seconds"] / (span * of["most_lanes"])) if of["most_lanes"] else 0.0,
        billed_ms=int(of["billed_ms"]),
        began_seconds=began,
        ended_seconds=float(of["last"]),
        mean_wait_seconds=waited / max(1, int(of["messages"])),
        running_seconds=ran,
        empty_polls=int(of["empty_polls"]),
        failed=int(of["failed"]),
        timed_out=int(of["timed_out"]),
        given_up=int(of["given_up"]),
        handed_back=int(of["handed_back"]),
        throttles=int(of["throttles"]),
        held_up_seconds=float(of["held_up_seconds"]),
    )
