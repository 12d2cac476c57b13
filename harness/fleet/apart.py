"""The stages one after the other, each exactly and alone (see `lanes`): as long as they share no limit that
binds, and no message comes back.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from harness.cloud.limits import (
    IDLE_SECONDS,
    MOST_WRITE_UNITS,
    ON_DEMAND_WRITE_UNITS,
    SCALING_PERIOD_SECONDS,
    STREAM_POLL_SECONDS,
)
from harness.cloud.system import SqsSource
from harness.fleet import lanes
from harness.fleet.calibration import Calibration, Chain, Stage
from harness.fleet.ordering import in_order, rearranged
from harness.fleet.plan import (
    EARLY,
    NEARLY,
    POINTS,
    Draws,
    Floats,
    Flow,
    Handler,
    Plan,
    StageNumbers,
    idle_polls,
    lanes_of,
    pages_of,
    speed_of,
    told,
)
from harness.fleet.workload import Workload

PEAK_POINTS = 20_001
"""Moments at which it is looked whether a shared limit binds."""
METHOD = "each stage alone, exactly: no limit that they share was reached"


class Coupled(Exception):
    """The stages are not independent; says why."""


def simulate(plan: Plan, found: Chain, work: Workload, calibration: Calibration) -> Flow:
    """Every file through every stage. Times are virtual seconds. Raises `Coupled`."""
    draw = Draws(plan)
    first, second, third = calibration.stages
    uploaded, visible, pages, source = told(plan, draw, found, work)

    with ThreadPoolExecutor(1) as beside:  # what pages take does not depend on when they are read
        drawn = beside.submit(_drawn, plan, work, calibration, pages, source)
        seconds = Handler.of(plan, first).seconds(pages)
        _check_times(plan, first, seconds, 0.0)
        started, ended, opening = _queue(plan, draw, found.files, first, visible, seconds)
    running, waiting = {first.function: (started, ended)}, {first.function: (visible, started)}
    heard = ended - min(first.told_before_end, float(seconds.min()))

    file_of, size_of, cpu = drawn.result()
    arrivals, order = in_order(heard[file_of])
    reader = Handler.of(plan, second)
    seconds = lanes.taken_in_order(
        order,
        size_of,
        cpu,
        speed_of(plan, plan.system.functions[second.function]),
        reader.per_page,
        reader.per_record + reader.fixed,
    )
    _check_times(plan, second, seconds, plan.keeps_seconds)
    started, ended, reading = _queue(plan, draw, found.batches, second, arrivals, seconds)
    running[second.function], waiting[second.function] = (started, ended), (arrivals, started)
    told_before = min(second.told_before_end, float(seconds.min()))
    counted_out = lanes.latest(file_of, order, ended, told_before, len(pages))
    makespan = float(ended.max(initial=0.0))

    arrivals, order = in_order(counted_out)
    with_pages = int(np.isfinite(arrivals).sum())
    arrivals, order = arrivals[:with_pages], order[:with_pages]
    done, begun, closing, running[third.function] = _stream(
        plan, draw, found, third, arrivals, rearranged(pages, order)
    )
    waiting[third.function] = arrivals, begun
    makespan = max(makespan, float(done.max(initial=0.0)))
    peak = _check_limits(plan, calibration, running, pages, makespan)
    times = np.linspace(0.0, makespan, POINTS)
    early, nearly = map(float, np.quantile(done, (EARLY, NEARLY))) if len(done) else (0.0, 0.0)
    stages = []
    for source_of, numbers in ((found.files, opening), (found.batches, reading)):
        idle = idle_polls(lanes_of(source_of).at_rest, makespan - numbers.ended_seconds)
        stages.append(msgspec.structs.replace(numbers, empty_polls=idle))
    return Flow(
        stages=(*stages, closing),
        batches=len(file_of),
        makespan=makespan,
        early=early,
        nearly=nearly,
        latencies=done - third.told_before_end - rearranged(uploaded, order),
        times=times,
        running=_levels(times, running),
        waiting=_levels(times, waiting),
        peak=peak,
        method=METHOD,
    )


def _drawn(
    plan: Plan,
    work: Workload,
    calibration: Calibration,
    pages: NDArray[np.int32],
    source: NDArray[np.int64],
) -> tuple[NDArray[np.int32], NDArray[np.int32], Floats]:
    """(file, pages, CPU seconds of a whole vCPU) of each batch."""
    file_of, size_of = lanes.expand(pages, plan.batch_pages)
    cpu = lanes.draw_pages(file_of, size_of, source, *pages_of(calibration), work.in_order, plan.seed + 1)
    return file_of, size_of, cpu


def _check_times(plan: Plan, stage: Stage, seconds: Floats, keeps: float) -> None:
    """Raises `Coupled` when invocations of so many seconds, and what is left over, would reach a deadline."""
    function = plan.system.functions[stage.function]
    longest = float(seconds.max(initial=0.0) + Handler.of(plan, stage).left.max())
    if longest > function.timeout_seconds - keeps:
        what = "hand back pages before" if keeps else "reach"
        raise Coupled(f"invocations of {stage.function} {what} its timeout")


def _check_limits(
    plan: Plan,
    calibration: Calibration,
    running: Mapping[str, tuple[Floats, Floats]],
    pages: NDArray[np.int32],
    makespan: float,
) -> int:
    """Most invocations at once. Raises `Coupled` when they, or the table's writes, are more than may be."""
    times = np.linspace(0.0, makespan, PEAK_POINTS)
    levels = _levels(times, running)
    peak = int(np.sum(list(levels.values()), axis=0).max())
    sharing = [one for name, one in levels.items() if plan.system.functions[name].reserved is None]
    together = int(np.sum(sharing, axis=0).max()) if sharing else 0
    if together > plan.unreserved_concurrency:
        raise Coupled(
            f"together they would run {together:,} invocations, of the account's "
            f"{plan.unreserved_concurrency:,}"
        )
    if plan.table_limits:
        step = max(1.0, makespan / (PEAK_POINTS - 1))
        written = np.zeros(PEAK_POINTS)
        for stage in calibration.stages:
            ended = running[stage.function][1]
            units = stage.write_units().at(len(pages), float(pages.sum()), len(ended)) / max(1, len(ended))
            written += np.diff(lanes.count_until(ended, step, PEAK_POINTS), prepend=0) * units / step
        if written.max() > ON_DEMAND_WRITE_UNITS and _exceeds(written, step):
            raise Coupled(f"the table would be asked for {written.max():,.0f} write units a second")
    return peak


def _exceeds(written: Floats, step: float) -> bool:
    """Whether writes (units a second, every `step` seconds) exceed what the table serves by then."""
    for place, rate in enumerate(written):
        before = written[: max(0, place - int(1800 / step))]
        if rate > min(MOST_WRITE_UNITS, max(ON_DEMAND_WRITE_UNITS, 2 * before.max(initial=0.0))):
            return True
    return False


def _levels(times: Floats, spans: Mapping[str, tuple[Floats, Floats]]) -> dict[str, NDArray[np.int64]]:
    """How many have begun and are not over, at each time; two are counted at once."""
    step = float(times[1] - times[0]) if len(times) > 1 and times[-1] else 1.0
    ends = [one for span in spans.values() for one in span]
    with ThreadPoolExecutor(2) as two:
        counts = list(two.map(lambda one: lanes.count_until(one, step, len(times)), ends))
    return {name: begun - over for name, begun, over in zip(spans, counts[::2], counts[1::2], strict=True)}


def _queue(
    plan: Plan, draw: Draws, source: SqsSource, stage: Stage, arrivals: Floats, seconds: Floats
) -> tuple[Floats, Floats, StageNumbers]:
    function = plan.system.functions[stage.function]
    mapping = lanes_of(source)
    started, ended, numbers = lanes.queue_stage(
        arrivals,
        draw.pool("sqs", "ReceiveMessage"),
        draw.pool("event", "invoke"),
        seconds,
        Handler.of(plan, stage).left,
        draw.pool("sqs", "DeleteMessageBatch"),
        draw.pool("lambda", "environment"),
        stage.init_cpu / speed_of(plan, function),
        mapping.most if plan.grown else mapping.at_start,
        mapping.most,
        mapping.growth,
        SCALING_PERIOD_SECONDS,
        IDLE_SECONDS,
        draw.seed(),
    )
    return started, ended, _numbers(stage, arrivals, started, numbers, float(ended.sum() - started.sum()))


def _stream(
    plan: Plan, draw: Draws, found: Chain, stage: Stage, arrivals: Floats, pages: NDArray[Any]
) -> tuple[Floats, Floats, StageNumbers, tuple[Floats, Floats]]:
    """(when each record is done, and begun; the stage; start and end of each invocation)."""
    number, handler = plan.shards * found.closing.lanes, Handler.of(plan, stage)
    each = handler.per_record + handler.per_page * pages
    done, starts, stops, numbers = lanes.stream_stage(
        arrivals,
        draw.lanes(len(arrivals), number),
        number,
        STREAM_POLL_SECONDS,
        found.closing.batch_size,
        draw.pool("event", "invoke"),
        handler.fixed + handler.left,
        each,
        draw.pool("lambda", "environment"),
        stage.init_cpu / speed_of(plan, plan.system.functions[stage.function]),
        IDLE_SECONDS,
        draw.seed(),
    )
    begun = done - each
    return (
        done,
        begun,
        _numbers(stage, arrivals, begun, numbers, float(stops.sum() - starts.sum())),
        (starts, stops),
    )


def _numbers(stage: Stage, arrivals: Floats, started: Floats, numbers: Floats, ran: float) -> StageNumbers:
    invocations, colds, most, lane_seconds, last, billed = numbers
    began = float(arrivals[0]) if len(arrivals) else 0.0
    span = max(1e-9, float(last) - began)
    return StageNumbers(
        function=stage.function,
        messages=len(arrivals),
        invocations=int(invocations),
        cold_starts=int(colds),
        deleted=len(arrivals),
        lanes=int(most),
        utilisation=float(lane_seconds / (span * most)) if most else 0.0,
        billed_ms=int(billed),
        began_seconds=began,
        ended_seconds=float(last),
        running_seconds=ran,
        mean_wait_seconds=float(started.mean() - arrivals.mean()) if len(arrivals) else 0.0,
    )
