"""A fleet's way through the stages.

The stages are simulated one after the other, each exactly (see `lanes`): that holds while no shared limit
binds, so a fleet whose stages together would need more than the account's concurrency is refused.
"""

from collections.abc import Mapping
from functools import cache
from statistics import NormalDist
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from harness.cloud.latency import Distribution
from harness.cloud.limits import (
    ACCOUNT_CONCURRENCY,
    IDLE_LANES,
    IDLE_SECONDS,
    LANES_PER_MINUTE,
    MAXIMUM_LANES,
    PROVISIONED_LANES_PER_MINUTE,
    PROVISIONED_LANES_PER_POLLER,
    SCALING_PERIOD_SECONDS,
    STARTING_LANES,
    STREAM_POLL_SECONDS,
    vcpu_share,
)
from harness.cloud.system import Function, SqsSource, System
from harness.errors import UsageError
from harness.fleet import lanes
from harness.fleet.calibration import Calibration, Chain, Stage, chain
from harness.fleet.ordering import order_of
from harness.fleet.workload import Workload

Floats = NDArray[np.float64]
DEFAULT_RECEIVES = 100
"""Deliveries of a message in a queue that gives none up, for the model's sake."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a projection goes by beside its workload and calibration.

    shards: of the table's stream; failure_rate: of the invocations of each function; months: how long what is
    stored stays in buckets, table_months: in tables. grown: mappings have all their lanes from the beginning.
    """

    system: System
    batch_pages: int
    latencies: Mapping[str, Distribution]
    cpu_factor: float = 1.0
    shards: int = 1
    failure_rate: float = 0.0
    seed: int = 0
    months: float = 1.0
    table_months: float = 1.0
    account_concurrency: int = ACCOUNT_CONCURRENCY
    grown: bool = False


class StageNumbers(msgspec.Struct, frozen=True, rename="camel"):
    """What became of one stage. utilisation: of its lanes, from its first message to its last end."""

    function: str
    messages: int
    invocations: int
    cold_starts: int
    failed: int
    timed_out: int
    given_up: int
    lanes: int
    utilisation: float
    billed_ms: int
    began_seconds: float
    ended_seconds: float
    mean_wait_seconds: float


class Flow(msgspec.Struct, frozen=True):
    """latencies: seconds from upload to result, of each file that has one; running, waiting: by function, at
    `times`.
    """

    stages: tuple[StageNumbers, ...]
    batches: int
    makespan: float
    latencies: Floats
    times: Floats
    running: dict[str, NDArray[np.int64]]
    waiting: dict[str, NDArray[np.int64]]


POOL = 4_096
"""Values that a latency may have in the compiled stages."""
POINTS = 240
"""Moments at which concurrency and depth are told."""
PEAK_POINTS = 20_001
"""Moments at which it is looked whether the account's concurrency is enough."""


class _Lanes(msgspec.Struct, frozen=True):
    at_start: int
    most: int
    growth: int
    at_rest: int


def lanes_of(source: SqsSource) -> _Lanes:
    """Concurrency of a queue's mapping: at first, at most, added a second, and at rest."""
    if source.provisioned_pollers:
        fewest, most = (pollers * PROVISIONED_LANES_PER_POLLER for pollers in source.provisioned_pollers)
        return _Lanes(fewest, most, int(PROVISIONED_LANES_PER_MINUTE * SCALING_PERIOD_SECONDS / 60), fewest)
    most = min(source.maximum_concurrency or MAXIMUM_LANES, MAXIMUM_LANES)
    at_start = min(STARTING_LANES, most)
    growth = int(LANES_PER_MINUTE * SCALING_PERIOD_SECONDS / 60)
    return _Lanes(at_start, most, growth, at_start if source.maximum_concurrency else IDLE_LANES)


def check(plan: Plan) -> Chain:
    """The stages. Raises `UsageError` for what the fleet does not model."""
    found = chain(plan.system)
    for source in (found.files, found.batches):
        if source.batch_size != 1:
            raise UsageError(
                f"{source.logical_id} takes {source.batch_size} messages an invocation; the fleet models one"
            )
    return found


def _check_peak(plan: Plan, running: Mapping[str, tuple[Floats, Floats]], makespan: float) -> None:
    """Raises `UsageError` when the stages together ran more than the account may, so that they would not have
    been independent.
    """
    times = np.linspace(0.0, makespan, PEAK_POINTS)
    peak = int(np.sum([_between(times, *span) for span in running.values()], axis=0).max())
    if peak > plan.account_concurrency:
        raise UsageError(
            f"the stages together would run {peak} invocations at once and the account has "
            f"{plan.account_concurrency}: the fleet models stages that share no limit; lower a "
            f"MaximumConcurrency"
        )


def simulate(plan: Plan, work: Workload, calibration: Calibration) -> Flow:
    """Every file through every stage. Times are virtual seconds. Raises `UsageError`."""
    found = check(plan)
    draw = _Draws(plan)
    first, second, third = calibration.stages
    uploaded, visible, pages, source = _told(plan, draw, found, work)

    seconds = _Handler.of(plan, first).seconds(pages)
    started, ended, opening = _queue(plan, draw, found.files, first, visible, seconds)
    running, waiting = {first.function: (started, ended)}, {first.function: (visible, started)}
    told = ended - min(first.told_before_end, float(seconds.min()))

    count = int((-(-pages // plan.batch_pages)).sum())
    file_of, size_of = lanes.expand(pages, plan.batch_pages, count)
    cpu = lanes.draw_pages(file_of, size_of, source, *_pages(calibration), work.in_order, plan.seed + 1)
    arrivals = told[file_of]
    order = order_of(arrivals)[: np.isfinite(arrivals).sum()]
    arrivals = arrivals[order]
    seconds = _Handler.of(plan, second).seconds(size_of[order])
    seconds += cpu[order] / _speed(plan, plan.system.functions[second.function])
    started, ended, reading = _queue(plan, draw, found.batches, second, arrivals, seconds)
    running[second.function], waiting[second.function] = (started, ended), (arrivals, started)
    counted_out = np.full(count, np.inf)
    counted_out[order] = ended - min(second.told_before_end, float(seconds.min()))
    arrivals = lanes.latest(file_of, counted_out, len(pages))
    makespan = float(ended[np.isfinite(ended)].max(initial=0.0))

    arrivals[pages == 0] = np.inf
    order = order_of(arrivals)[: np.isfinite(arrivals).sum()]
    arrivals = arrivals[order]
    done, begun, closing, running[third.function] = _stream(plan, draw, found, third, arrivals, pages[order])
    waiting[third.function] = arrivals, begun
    makespan = max(makespan, float(done.max(initial=0.0)))
    _check_peak(plan, running, makespan)
    times = np.linspace(0.0, makespan, POINTS)
    return Flow(
        stages=(opening, reading, closing),
        batches=count,
        makespan=makespan,
        latencies=done - third.told_before_end - uploaded[order],
        times=times,
        running={name: _between(times, *span) for name, span in running.items()},
        waiting={name: _between(times, *span) for name, span in waiting.items()},
    )


def _told(
    plan: Plan, draw: "_Draws", found: Chain, work: Workload
) -> tuple[Floats, Floats, NDArray[np.int32], NDArray[np.int64]]:
    """(uploaded, visible in the queue, pages, source) of each file, in the order in which the queue hears of
    it; and of one message more, of no pages, by which S3 tries out that it may tell it ("s3:TestEvent").
    """
    tests = int(any(one.queue_arn == found.files.queue_arn for one in plan.system.notifications))
    files = len(work.pages) + tests
    uploaded = np.concatenate([work.uploaded, np.zeros(tests)])
    visible = uploaded + draw("event", "s3", files) + draw("sqs", "SendMessage", files)
    if work.heard is not None:
        visible[: len(work.heard)] = work.heard
    order = order_of(visible)
    pages = np.concatenate([work.pages, np.zeros(tests, dtype=np.int32)])
    source = np.concatenate([work.source, np.zeros(tests, dtype=np.int64)])
    return uploaded[order], visible[order], pages[order], source[order]


def _between(times: Floats, begun: Floats, over: Floats) -> NDArray[np.int64]:
    """How many have begun and are not over, at each time."""
    step = float(times[1] - times[0]) if len(times) > 1 and times[-1] else 1.0
    begun_by, over_by = (lanes.count_until(one, step, len(times)) for one in (begun, over))
    return np.asarray(begun_by - over_by)


def _pages(calibration: Calibration) -> tuple[NDArray[np.int64], Floats]:
    first = np.cumsum([0, *map(len, calibration.pages)])
    return first, np.concatenate([np.asarray(one) for one in calibration.pages])


def _speed(plan: Plan, function: Function) -> float:
    return vcpu_share(function.memory_mb) / plan.cpu_factor


class _Draws:
    """All random numbers of a projection, from its seed."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._generator = np.random.default_rng(np.random.SeedSequence(plan.seed))

    def _chosen(self, service: str, operation: str) -> Distribution:
        table = self._plan.latencies
        return table.get(f"{service}.{operation}") or table.get(service) or table["default"]

    def __call__(self, service: str, operation: str, count: int) -> Floats:
        """Seconds that so many answers of AWS take."""
        chosen = self._chosen(service, operation)
        drawn = self._generator.standard_normal(count, dtype=np.float32)
        np.multiply(drawn, chosen.sigma, out=drawn)
        np.exp(drawn, out=drawn)
        return drawn.astype(np.float64) * (chosen.median_ms / 1000)

    def pool(self, service: str, operation: str) -> Floats:
        """Seconds that an answer may take, each as likely as the others."""
        chosen = self._chosen(service, operation)
        seconds: Floats = np.exp(chosen.sigma * _normal_quantiles()) * (chosen.median_ms / 1000)
        return seconds

    def lanes(self, count: int, number: int) -> NDArray[np.int64]:
        return self._generator.integers(0, number, count)

    def seed(self) -> int:
        return int(self._generator.integers(0, 2**31))


@cache
def _normal_quantiles() -> Floats:
    """The middles of so many equal parts of the normal distribution."""
    normal = NormalDist()
    return np.array([normal.inv_cdf((place + 0.5) / POOL) for place in range(POOL)])


class _Handler(msgspec.Struct, frozen=True):
    """Seconds of a stage's handler at its function's speed: by record and page, fixed, and what is left."""

    per_record: float
    per_page: float
    fixed: float
    left: Floats

    @classmethod
    def of(cls, plan: Plan, stage: Stage) -> "_Handler":
        speed = _speed(plan, plan.system.functions[stage.function])
        return cls(
            stage.cpu.per_record / speed + stage.wait.per_record,
            stage.cpu.per_page / speed + stage.wait.per_page,
            stage.cpu.fixed / speed + stage.wait.fixed,
            np.asarray(stage.cpu.residuals) / speed + np.asarray(stage.wait.residuals),
        )

    def seconds(self, pages: NDArray[Any]) -> Floats:
        """Of invocations with one record each, without what is left."""
        return self.per_page * pages + (self.per_record + self.fixed)


def _queue(
    plan: Plan, draw: _Draws, source: SqsSource, stage: Stage, arrivals: Floats, seconds: Floats
) -> tuple[Floats, Floats, StageNumbers]:
    function = plan.system.functions[stage.function]
    mapping, redelivery = lanes_of(source), plan.system.redelivery[source.queue_arn]
    started, ended, numbers = lanes.queue_stage(
        arrivals,
        draw.pool("sqs", "ReceiveMessage"),
        draw.pool("event", "invoke"),
        seconds,
        _Handler.of(plan, stage).left,
        draw.pool("sqs", "DeleteMessageBatch"),
        draw.pool("lambda", "environment"),
        stage.init_cpu / _speed(plan, function),
        mapping.most if plan.grown else mapping.at_start,
        mapping.most,
        mapping.growth,
        SCALING_PERIOD_SECONDS,
        IDLE_SECONDS,
        plan.failure_rate,
        float(redelivery.visibility_seconds),
        min(redelivery.receives or DEFAULT_RECEIVES, DEFAULT_RECEIVES),
        float(function.timeout_seconds),
        draw.seed(),
    )
    return started, ended, _numbers(stage, arrivals, started, numbers)


def _stream(
    plan: Plan, draw: _Draws, found: Chain, stage: Stage, arrivals: Floats, pages: NDArray[Any]
) -> tuple[Floats, Floats, StageNumbers, tuple[Floats, Floats]]:
    """(when each record is done, and begun; the stage; start and end of each invocation)."""
    number, handler = plan.shards * found.closing.lanes, _Handler.of(plan, stage)
    each = handler.per_record + handler.per_page * pages
    done, starts, stops, numbers = lanes.stream_stage(
        arrivals,
        draw.lanes(len(arrivals), number),
        number,
        STREAM_POLL_SECONDS,
        found.closing.batch_size,
        draw.pool("event", "invoke"),
        np.maximum(0.0, handler.fixed + handler.left),
        each,
        draw.pool("lambda", "environment"),
        stage.init_cpu / _speed(plan, plan.system.functions[stage.function]),
        IDLE_SECONDS,
        draw.seed(),
    )
    begun = done - each
    return done, begun, _numbers(stage, arrivals, begun, numbers), (starts, stops)


def _numbers(stage: Stage, arrivals: Floats, started: Floats, numbers: Floats) -> StageNumbers:
    invocations, colds, failed, timed_out, given_up, most, lane_seconds, last, billed = numbers
    began = float(arrivals[0]) if len(arrivals) else 0.0
    span = max(1e-9, float(last) - began)
    return StageNumbers(
        function=stage.function,
        messages=len(arrivals),
        invocations=int(invocations),
        cold_starts=int(colds),
        failed=int(failed),
        timed_out=int(timed_out),
        given_up=int(given_up),
        lanes=int(most),
        utilisation=float(lane_seconds / (span * most)) if most else 0.0,
        billed_ms=int(billed),
        began_seconds=began,
        ended_seconds=float(last),
        mean_wait_seconds=float((started - arrivals).mean()) if len(arrivals) else 0.0,
    )
