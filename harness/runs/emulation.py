"""One emulation: a template is deployed, files are uploaded, and virtual time runs until nothing is left to
do.

Takes values and returns values: the same template, inputs, seed and policy give the same events.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from math import ceil
from typing import Any

import msgspec

from harness.cloud import configurations
from harness.cloud import deployment as clouds
from harness.cloud.addresses import bucket_and_key
from harness.cloud.deployment import Holding
from harness.cloud.latency import Distribution, Latencies
from harness.cloud.limits import ACCOUNT_CONCURRENCY
from harness.cloud.system import System
from harness.cloud.template import Template
from harness.cloud.wire import Exchange, Wire
from harness.compute.policies import Policy
from harness.compute.sandbox import CodeBase
from harness.config import RecordedFunction
from harness.engine import interrupt, memory
from harness.engine.clock import virtual_time
from harness.engine.kernel import Pace
from harness.engine.randomness import Randomness, seeded_globally
from harness.engine.schedule import Schedule
from harness.faults.dice import Dice
from harness.faults.scenario import CALM, Fault, Scenario
from harness.recorder import Depth, Recorder, Result, Stroke
from harness.runs.places import Place
from harness.runs.results import stem
from harness.services import redrive
from harness.services.environment import Host
from harness.services.expiry import TimeToLive
from harness.services.lambda_service import LambdaService
from harness.services.lineage import Lineage
from harness.services.output import OUTPUT
from harness.services.queues import Gone, Queues
from harness.services.s3_events import S3Events
from harness.services.sqs_source import SqsMapping
from harness.services.stage import Stage
from harness.services.stream_source import StreamMapping

GAUGE_SECONDS = 1.0
LONGEST_SECONDS = 14 * 86_400.0
"""A run that is not done by then never will be: no message of SQS lives longer."""


class Leftover(msgspec.Struct, frozen=True):
    """Messages in a queue at the end, and whether a function consumes it."""

    messages: int
    consumed: bool


class Emulation(msgspec.Struct, frozen=True):
    """What came of it. `results`: S3 key -> object; `ended`: virtual seconds until the last work was done;
    `finished`: whether all was.

    system, holdings: what was deployed, and what lay in it at the end. gone: messages that were never
    processed; changes: the records of the tables' streams; opportunities: of each fault of the scenario.
    rested: virtual seconds by which the last cause from outside had come: uploads, a redrive, faults and what
    they delayed.
    given_up: results as they were before the redrive, if there was one; redriven: messages that it moved.
    """

    recorder: Recorder
    results: dict[str, bytes]
    items: dict[str, list[dict[str, object]]]
    leftovers: dict[str, Leftover]
    gone: list[Gone]
    changes: list[dict[str, Any]]
    opportunities: dict[str, int]
    given_up: dict[str, bytes] | None
    redriven: int
    ended: float
    finished: bool
    system: System
    rested: float = 0.0
    holdings: tuple[Holding, ...] = ()
    interrupted: bool = False


Client = Callable[[Stage], None]
"""Somebody outside who uses the system: a process that uploads files, sends messages, or just waits."""


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What stays the same between repeated emulations of a run.

    stream_shards: of a table's stream, 0 for as many as the table has partitions.
    redrive: when all is done, nothing breaks any more, and what was given up goes back to where it came from.
    redrives_midway: how often, at most, what was given up goes back as soon as there is something, though
    things still break. cpu_factor, work_factor: see `Host`. schedule: of the invocations' calls; without
    one each happens when it is due. keeps_versions: False for buckets without, whatever the template says.
    """

    template: Template
    clients: Sequence[Client]
    results: Place
    seed: int
    latencies: dict[str, Distribution]
    recorded: Sequence[RecordedFunction]
    faults: Scenario = CALM
    stream_shards: int = 1
    redrive: bool = False
    redrives_midway: int = 0
    longest: float = LONGEST_SECONDS
    cpu_factor: float = 1.0
    work_factor: float = 1.0
    account_concurrency: int = ACCOUNT_CONCURRENCY
    schedule: Schedule | None = None
    keeps_versions: bool = True


def emulate(
    setting: Setting,
    code: CodeBase,
    policy: Policy,
    tell: Callable[[int], None] = lambda done: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Emulation:
    """Runs the system on the inputs. `tell` is given the number of results so far."""
    with staged(setting, code, policy) as (stage, functions):
        world = World(setting, stage, functions, tell, should_stop)
        world.start()
        with interrupt.stopped_by(world.interrupt):
            stage.kernel.run()
        return world.outcome()


@contextmanager
def staged(
    setting: Setting, code: CodeBase, policy: Policy, pace: Pace | None = None
) -> Iterator[tuple[Stage, LambdaService]]:
    """The template deployed in a cloud of its own, with functions that can be invoked, for as long as the
    context lasts. `pace`: of its time.
    """
    randomness = Randomness(setting.seed)
    recorder = Recorder()
    with ExitStack() as stack:
        stack.enter_context(seeded_globally(setting.seed))
        kernel = stack.enter_context(virtual_time(pace))
        latencies = Latencies(setting.latencies, randomness.stream("latency"))
        dice = Dice(setting.faults, setting.seed, kernel, recorder)
        wire = Wire(kernel, latencies, recorder, dice, setting.schedule)
        stack.enter_context(wire.connected())
        cloud = stack.enter_context(clouds.deployed(setting.template, setting.seed, setting.keeps_versions))
        configurations.check_reserved(cloud.system.reserved, setting.account_concurrency)
        stack.enter_context(code.importable())
        stage = Stage(kernel, cloud, wire, latencies, dice, recorder)
        functions = LambdaService(
            Host(
                stage,
                code,
                policy,
                setting.recorded,
                setting.cpu_factor,
                setting.account_concurrency,
                setting.work_factor,
            )
        )
        stack.callback(functions.close)
        stack.callback(kernel.close)
        stack.enter_context(OUTPUT.of(kernel))
        stack.enter_context(memory.thrifty())
        yield stage, functions


class World:
    """The services of one emulation, wired together, and the watch over them."""

    def __init__(
        self,
        setting: Setting,
        stage: Stage,
        functions: LambdaService,
        tell: Callable[[int], None] = lambda done: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        system = stage.cloud.system
        self._stage, self._kernel, self._cloud, self._recorder = (
            stage,
            stage.kernel,
            stage.cloud,
            stage.recorder,
        )
        self._setting, self.functions = setting, functions
        self._given_up: dict[str, bytes] | None = None
        self._redriven = self._midway = 0
        self._tell, self._should_stop = tell, should_stop
        self.queues = Queues(stage)
        lineage = Lineage(stage)
        self._events = S3Events(stage, lineage)
        self._mappings: list[SqsMapping | StreamMapping] = [
            *(
                SqsMapping(stage, source, system.functions[source.function], functions, self.queues, lineage)
                for source in system.sqs_sources
            ),
            *(
                StreamMapping(
                    stage,
                    source,
                    system.functions[source.function],
                    functions,
                    self.queues,
                    setting.stream_shards or system.partitions[source.table],
                )
                for source in system.stream_sources
            ),
        ]
        self._expiry = TimeToLive(stage, self._wake_streams)
        self._results_bucket = system.buckets.get(setting.results.resource, "")
        self._results_queue = system.queues.get(setting.results.resource, "")
        self._clients_busy = len(setting.clients)
        self._results: set[str] = set()
        self._last_work = self._last_client = 0.0
        self._gauges: tuple[object, ...] = ()
        self._finished = False
        self._interrupted = False
        stage.wire.observe("s3", self._on_object)
        stage.wire.observe("sqs", self._on_message)

    def start(self) -> None:
        self._events.configured()
        for mapping in self._mappings:
            mapping.start()
        self._expiry.start()
        for client in self._setting.clients:
            self._kernel.spawn("client", lambda client=client: self._serve(client))  # type: ignore[misc]
        self._kernel.spawn("watch", self._watch)

    def interrupt(self) -> None:
        """Somebody wants it to end now."""
        self._interrupted = True
        self._kernel.stop()

    def outcome(self) -> Emulation:
        return Emulation(
            recorder=self._recorder,
            results=self._collected(),
            items={table: self._cloud.items(name) for table, name in self._cloud.system.tables.items()},
            leftovers={
                queue.logical_id: Leftover(sum(queue.counts()), arn in self.queues.consumed)
                for arn, queue in self.queues.by_arn.items()
            },
            gone=self.queues.gone,
            changes=[
                record
                for name in self._cloud.system.tables.values()
                for record in self._cloud.stream_records(name)
            ],
            opportunities=dict(self._stage.dice.opportunities),
            given_up=self._given_up,
            redriven=self._redriven,
            ended=self._last_work,
            finished=self._finished,
            system=self._cloud.system,
            rested=self._rested(),
            holdings=tuple(self._cloud.holdings()),
            interrupted=self._interrupted,
        )

    def _rested(self) -> float:
        """A fault is over when its longest delay is."""
        faults = self._setting.faults.faults
        strokes = (event for event in self._recorder.events if isinstance(event, Stroke))
        over = (stroke.t + faults.get(stroke.fault, Fault()).seconds[1] for stroke in strokes)
        return max([self._last_client, *over])

    def _wake_streams(self) -> None:
        for mapping in self._mappings:
            if isinstance(mapping, StreamMapping):
                mapping.wake()

    def _collected(self) -> dict[str, bytes]:
        """The results: objects under a prefix, or the messages that lie in a queue."""
        if self._results_bucket:
            return dict(self._cloud.objects(self._results_bucket, self._setting.results.prefix))
        if self._results_queue:
            return {
                message.id: message.body.encode()
                for message in self.queues.by_arn[self._results_queue].moto._messages
            }
        return {}

    def _serve(self, client: Client) -> None:
        client(self._stage)
        self._clients_busy -= 1
        self._last_client = self._kernel.now

    def _on_object(self, exchange: Exchange) -> None:
        if exchange.operation not in ("PutObject", "CompleteMultipartUpload"):
            return
        bucket, key = bucket_and_key(exchange.url)
        if bucket == self._results_bucket and key.startswith(self._setting.results.prefix):
            stored = self._cloud.stored_object(bucket, key)
            self._took(key, stored.size)

    def _on_message(self, exchange: Exchange) -> None:
        """A message in the queue of results is a result."""
        if exchange.operation == "SendMessage" and self._results_queue:
            request = msgspec.json.decode(exchange.body)
            if request["QueueUrl"] == self._cloud.queue_url(self._results_queue):
                self._took(msgspec.json.decode(exchange.answer)["MessageId"], len(request["MessageBody"]))

    def _took(self, key: str, size: int) -> None:
        self._recorder.record(Result(t=self._kernel.now, key=key, size_bytes=size))
        self._results.add(stem(key))  # a PDF beside it is no further one
        self._tell(len(self._results))

    def _watch(self) -> None:
        """Once a virtual second in which something happens: takes the gauges, and ends the run when there is
        nothing left to do.
        """
        while True:
            idle = self._look()
            if idle or self._kernel.now > self._setting.longest or self._should_stop():
                self._kernel.stop()
                return
            self._kernel.sleep(self._until_next_look())

    def _look(self) -> bool:
        """Takes the gauges. Whether there is nothing left to do."""
        self._gauge()
        self._tell(len(self._results))  # a sign of life, also where nothing comes of anything
        idle = self._is_idle()
        if self._midway < self._setting.redrives_midway and redrive.holds_any(self.queues):
            self._midway += 1
            self.visit(self._redrive, "redrive")
            idle = False
        if idle and self._setting.redrive and self._given_up is None:
            self._start_redrive()
            idle = False
        if not idle:
            self._last_work = self._kernel.now
        self._finished = idle
        return idle

    def _until_next_look(self) -> float:
        """Seconds."""
        return max(GAUGE_SECONDS, ceil(min(self._kernel.next_event - self._kernel.now, LONGEST_SECONDS)))

    def _start_redrive(self) -> None:
        self._stage.dice.rest()
        self._given_up = self._collected()
        self.visit(self._redrive, "redrive")

    def visit(self, client: Client, name: str = "client") -> None:
        """Somebody comes now."""
        self._clients_busy += 1
        self._kernel.spawn(name, lambda: self._serve(client))

    def redrive(self) -> None:
        """What was given up goes back now to where it came from."""
        self.visit(self._redrive, "redrive")

    def _redrive(self, stage: Stage) -> None:
        self._redriven += redrive.redrive(stage.cloud, self.queues)

    def _is_idle(self) -> bool:
        return (
            not self._clients_busy
            and self._events.is_idle
            and not any(self.functions.running.values())
            and all(mapping.is_idle for mapping in self._mappings)
        )

    def _gauge(self) -> None:
        counts = {queue.logical_id: queue.counts() for queue in self.queues.by_arn.values()}
        waiting = {name: count[0] for name, count in counts.items()}
        in_flight = {name: count[1] for name, count in counts.items()}
        running = dict(self.functions.running)
        if self._gauges != (waiting, in_flight, running):
            self._gauges = (waiting, in_flight, running)
            self._recorder.record(
                Depth(t=self._kernel.now, waiting=waiting, in_flight=in_flight, running=running)
            )
