"""What a projection goes by, what it leaves, and what both ways to simulate it have in common."""

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
    LANES_PER_MINUTE,
    LONG_POLL_SECONDS,
    MAXIMUM_LANES,
    PROVISIONED_LANES_PER_MINUTE,
    PROVISIONED_LANES_PER_POLLER,
    SCALING_PERIOD_SECONDS,
    STARTING_LANES,
    vcpu_share,
)
from harness.cloud.system import Function, SqsSource, System
from harness.fleet.calibration import Calibration, Chain, Stage
from harness.fleet.ordering import in_order, rearranged
from harness.fleet.workload import Workload

Floats = NDArray[np.float64]
DEFAULT_RECEIVES = 100
"""Deliveries of a message in a queue that gives none up, for the model's sake."""
POOL = 4_096
"""Values that a latency may have in the compiled stages."""
EARLY, NEARLY = 0.2, 0.8
"""Of the files: the time between these tells fleets from each other better than that of their last file,
which may wait for a visibility timeout, and of a small fleet without how it began.
"""
POINTS = 240
"""Moments at which concurrency and depth are told."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a projection goes by beside its workload and calibration.

    shards: of the table's stream; failure_rate: of the invocations of each function, None for as many as
    failed in the calibrated run; keeps_seconds: the reader hands back what is left of a batch when less than
    this is left of its timeout, 0 for never; months: how long what is stored stays in buckets, table_months:
    in tables. grown: mappings have all their lanes from the beginning; table_limits: the table serves no more
    than DynamoDB does on demand.
    """

    system: System
    batch_pages: int
    latencies: Mapping[str, Distribution]
    cpu_factor: float = 1.0
    shards: int = 1
    failure_rate: float | None = None
    keeps_seconds: float = 0.0
    seed: int = 0
    months: float = 1.0
    table_months: float = 1.0
    account_concurrency: int = ACCOUNT_CONCURRENCY
    grown: bool = False
    table_limits: bool = True

    @property
    def unreserved_concurrency(self) -> int:
        """Of the account, what no function has for itself."""
        return self.account_concurrency - sum(one.reserved or 0 for one in self.system.functions.values())

    def fail_rate(self, stage: Stage) -> float:
        if self.failure_rate is not None:
            return self.failure_rate
        return stage.failing.share if stage.failing else 0.0


class StageNumbers(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What became of one stage. utilisation: of its lanes, from its first message to its last end; throttles:
    invocations that Lambda refused for now; held_up_seconds: for which writes waited until the table served
    them; running_seconds: of all invocations together.
    """

    function: str
    messages: int
    invocations: int
    cold_starts: int
    deleted: int
    lanes: int
    utilisation: float
    billed_ms: int
    began_seconds: float
    ended_seconds: float
    mean_wait_seconds: float
    running_seconds: float
    empty_polls: int = 0
    failed: int = 0
    timed_out: int = 0
    given_up: int = 0
    handed_back: int = 0
    throttles: int = 0
    held_up_seconds: float = 0.0


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """latencies: seconds from upload to result, of each file that has one; running, waiting: by function, at
    `times`; early, nearly: seconds until `EARLY` and `NEARLY` of all files have their result; peak: most that
    ran at once; method: how it was simulated, and why so.
    """

    stages: tuple[StageNumbers, ...]
    batches: int
    makespan: float
    early: float
    nearly: float
    latencies: Floats
    times: Floats
    running: dict[str, NDArray[np.int64]]
    waiting: dict[str, NDArray[np.int64]]
    peak: int
    method: str

    @property
    def steady_seconds(self) -> float:
        """What all files would take if they went as those do between `EARLY` and `NEARLY`."""
        return (self.nearly - self.early) / (NEARLY - EARLY)


class Lanes(msgspec.Struct, frozen=True):
    """Of a queue's mapping: at first, at most, added in a scaling period, and at rest."""

    at_start: int
    most: int
    growth: int
    at_rest: int


def lanes_of(source: SqsSource) -> Lanes:
    if source.provisioned_pollers:
        fewest, most = (pollers * PROVISIONED_LANES_PER_POLLER for pollers in source.provisioned_pollers)
        return Lanes(fewest, most, int(PROVISIONED_LANES_PER_MINUTE * SCALING_PERIOD_SECONDS / 60), fewest)
    most = min(source.maximum_concurrency or MAXIMUM_LANES, MAXIMUM_LANES)
    at_start = min(STARTING_LANES, most)
    growth = int(LANES_PER_MINUTE * SCALING_PERIOD_SECONDS / 60)
    return Lanes(at_start, most, growth, at_start if source.maximum_concurrency else IDLE_LANES)


def idle_polls(lanes: int, seconds: float) -> int:
    """Long polls that bring nothing, of lanes at rest for so long."""
    return lanes * int(max(0.0, seconds) // LONG_POLL_SECONDS)


def told(
    plan: Plan, draw: "Draws", found: Chain, work: Workload
) -> tuple[Floats, Floats, NDArray[np.int32], NDArray[np.int64]]:
    """(uploaded, visible in the queue, pages, source) of each file, in the order in which the queue hears of
    it; and of one message more, of no pages, by which S3 tries out that it may tell it ("s3:TestEvent").
    """
    tests = int(any(one.queue_arn == found.files.queue_arn for one in plan.system.notifications))
    files = len(work.pages) + tests
    uploaded = np.concatenate([work.uploaded, np.zeros(tests)])
    visible = draw("event", "s3", files)
    visible += draw("sqs", "SendMessage", files)
    visible += uploaded
    if work.heard is not None:
        visible[: len(work.heard)] = work.heard
    visible, order = in_order(visible)
    pages = np.concatenate([work.pages, np.zeros(tests, dtype=np.int32)])
    source = np.concatenate([work.source, np.zeros(tests, dtype=np.int64)])
    if uploaded.any():  # else all at once, in whichever order
        uploaded = rearranged(uploaded, order)
    return uploaded, visible, rearranged(pages, order), rearranged(source, order)


def pages_of(calibration: Calibration) -> tuple[NDArray[np.int64], Floats]:
    first = np.cumsum([0, *map(len, calibration.pages)])
    return first, np.concatenate([np.asarray(one) for one in calibration.pages])


def speed_of(plan: Plan, function: Function) -> float:
    return vcpu_share(function.memory_mb) / plan.cpu_factor


class Draws:
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
        return np.multiply(drawn, chosen.median_ms / 1000, dtype=np.float64)

    def pool(self, service: str, operation: str) -> Floats:
        """Seconds that an answer may take, each as likely as the others."""
        chosen = self._chosen(service, operation)
        seconds: Floats = np.exp(chosen.sigma * _normal_quantiles()) * (chosen.median_ms / 1000)
        return seconds

    def lanes(self, count: int, number: int) -> NDArray[np.int32]:
        return self._generator.integers(0, number, count, dtype=np.int32)

    def seed(self) -> int:
        return int(self._generator.integers(0, 2**31))


@cache
def _normal_quantiles() -> Floats:
    """The middles of so many equal parts of the normal distribution."""
    normal = NormalDist()
    return np.array([normal.inv_cdf((place + 0.5) / POOL) for place in range(POOL)])


class Handler(msgspec.Struct, frozen=True):
    """Seconds of a stage's handler at its function's speed: by record and page, fixed, and what is left."""

    per_record: float
    per_page: float
    fixed: float
    left: Floats

    @classmethod
    def of(cls, plan: Plan, stage: Stage) -> "Handler":
        speed = speed_of(plan, plan.system.functions[stage.function])
        return cls(
            stage.cpu.per_record / speed + stage.wait.per_record,
            stage.cpu.per_page / speed + stage.wait.per_page,
            stage.cpu.fixed / speed + stage.wait.fixed,
            np.asarray(stage.cpu.residuals) / speed + np.asarray(stage.wait.residuals),
        )

    def seconds(self, pages: NDArray[Any]) -> Floats:
        """Of invocations with one record each, without what is left."""
        return self.per_page * pages + (self.per_record + self.fixed)
