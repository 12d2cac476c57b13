"""One emulation: a template is deployed, files are uploaded, and virtual time runs until nothing is left to do.

Takes values and returns values: the same template, inputs, seed and policy give the same events.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

import msgspec

from harness import cloud as clouds
from harness.clock import virtual_time
from harness.cloud import Cloud
from harness.compute import Policy
from harness.config import RecordedFunction
from harness.environment import CodeBase
from harness.inputs import InputFile
from harness.kernel import Kernel
from harness.latency import Distribution, Latencies
from harness.randomness import Randomness
from harness.recorder import Depth, Recorder, Result, Upload
from harness.services.lambda_service import OUTPUT, LambdaService
from harness.services.queues import Queues
from harness.services.s3_events import S3Events
from harness.services.sqs_source import SqsMapping
from harness.services.stream_source import StreamMapping
from harness.template import Template
from harness.wire import Exchange, Wire

GAUGE_SECONDS = 1.0
LONGEST_SECONDS = 14 * 86_400.0
"""A run that is not done by then never will be: no message of SQS lives longer."""


class Place(msgspec.Struct, frozen=True):
    """A prefix of a bucket, named by logical id, like "DocumentsBucket/uploads/"."""

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, text: str) -> "Place":
        bucket, _, prefix = text.partition("/")
        return cls(bucket, prefix)


class Leftover(msgspec.Struct, frozen=True):
    """Messages in a queue at the end, and whether a function consumes it."""

    messages: int
    consumed: bool


class Emulation(msgspec.Struct, frozen=True):
    """What came of it. `results`: S3 key -> object; `ended`: virtual seconds until the last work was done; `finished`: whether all was."""

    recorder: Recorder
    results: dict[str, bytes]
    items: dict[str, list[dict[str, object]]]
    leftovers: dict[str, Leftover]
    ended: float
    finished: bool
    switches: int


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What stays the same between repeated emulations of a run."""

    template: Template
    inputs: Sequence[InputFile]
    uploads: Place
    results: Place
    seed: int
    latencies: dict[str, Distribution]
    recorded: Sequence[RecordedFunction]
    longest: float = LONGEST_SECONDS


def emulate(
    setting: Setting,
    code: CodeBase,
    policy: Policy,
    tell: Callable[[int], None] = lambda done: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Emulation:
    """Runs the system on the inputs. `tell` is given the number of results so far."""
    randomness = Randomness(setting.seed)
    recorder = Recorder()
    with ExitStack() as stack:
        kernel = stack.enter_context(virtual_time())
        cloud = stack.enter_context(clouds.deployed(setting.template, setting.seed))
        latencies = Latencies(setting.latencies, randomness.stream("latency"))
        wire = Wire(kernel, latencies, recorder)
        stack.enter_context(wire.connected())
        stack.enter_context(code.importable())
        cloud.reconnect()
        functions = LambdaService(kernel, code, policy, latencies, recorder, setting.recorded)
        stack.callback(functions.close)
        stack.callback(kernel.close)
        stack.enter_context(OUTPUT.of(kernel))
        world = _World(setting, kernel, cloud, wire, latencies, recorder, functions, tell, should_stop)
        world.start()
        kernel.run()
        return world.outcome()


class _World:
    """The services of one emulation, wired together, and the watch over them."""

    def __init__(
        self,
        setting: Setting,
        kernel: Kernel,
        cloud: Cloud,
        wire: Wire,
        latencies: Latencies,
        recorder: Recorder,
        functions: LambdaService,
        tell: Callable[[int], None],
        should_stop: Callable[[], bool],
    ) -> None:
        system = cloud.system
        self._setting, self._kernel, self._cloud, self._recorder, self._functions = setting, kernel, cloud, recorder, functions
        self._tell, self._should_stop = tell, should_stop
        self._queues = Queues(kernel, wire, recorder, system.queues, cloud.queues)
        self._events = S3Events(kernel, cloud, wire, latencies, system.notifications)
        self._mappings: list[SqsMapping | StreamMapping] = [
            *(
                SqsMapping(
                    kernel,
                    cloud,
                    functions,
                    latencies,
                    source,
                    system.functions[source.function],
                    self._queues.by_arn[source.queue_arn],
                )
                for source in system.sqs_sources
            ),
            *(
                StreamMapping(kernel, cloud, functions, latencies, wire, source, system.functions[source.function])
                for source in system.stream_sources
            ),
        ]
        self._consumed = {source.queue_arn for source in system.sqs_sources}
        self._results_bucket = system.buckets.get(setting.results.bucket, "")
        self._uploads_bucket = system.buckets.get(setting.uploads.bucket, "")
        self._uploading = len(setting.inputs)
        self._results: set[str] = set()
        self._last_work = 0.0
        self._gauges: tuple[object, ...] = ()
        self._finished = False
        wire.observe("s3", self._on_object)

    def start(self) -> None:
        for mapping in self._mappings:
            mapping.start()
        for file in self._setting.inputs:
            self._kernel.spawn("client", lambda file=file: self._upload(file))  # type: ignore[misc]
        self._kernel.spawn("watch", self._watch)

    def outcome(self) -> Emulation:
        return Emulation(
            recorder=self._recorder,
            results=dict(self._cloud.objects(self._results_bucket, self._setting.results.prefix)) if self._results_bucket else {},
            items={table: self._cloud.items(name) for table, name in self._cloud.system.tables.items()},
            leftovers={
                queue.logical_id: Leftover(sum(queue.counts()), arn in self._consumed) for arn, queue in self._queues.by_arn.items()
            },
            ended=self._last_work,
            finished=self._finished,
            switches=self._kernel.switches,
        )

    def _upload(self, file: InputFile) -> None:
        key = self._setting.uploads.prefix + file.name
        body = file.path.read_bytes()
        self._cloud.s3.put_object(Bucket=self._uploads_bucket, Key=key, Body=body)
        self._recorder.record(Upload(t=self._kernel.now, key=key, size=len(body)))
        self._uploading -= 1

    def _on_object(self, exchange: Exchange) -> None:
        if exchange.operation != "PutObject":
            return
        bucket, key = self._cloud.address(exchange.url)
        if bucket == self._results_bucket and key.startswith(self._setting.results.prefix):
            stored = self._cloud.stored_object(bucket, key)
            self._recorder.record(Result(t=self._kernel.now, key=key, size=stored.size))
            self._results.add(key)
            self._tell(len(self._results))

    def _watch(self) -> None:
        """Once a virtual second: takes the gauges, and ends the run when there is nothing left to do."""
        while True:
            self._gauge()
            idle = self._is_idle()
            if not idle:
                self._last_work = self._kernel.now
            self._finished = idle
            if idle or self._kernel.now > self._setting.longest or self._should_stop():
                self._kernel.stop()
                return
            self._kernel.sleep(GAUGE_SECONDS)

    def _is_idle(self) -> bool:
        return (
            not self._uploading
            and self._events.is_idle
            and not any(self._functions.running.values())
            and all(mapping.is_idle for mapping in self._mappings)
        )

    def _gauge(self) -> None:
        counts = {queue.logical_id: queue.counts() for queue in self._queues.by_arn.values()}
        waiting = {name: count[0] for name, count in counts.items()}
        in_flight = {name: count[1] for name, count in counts.items()}
        running = dict(self._functions.running)
        if self._gauges != (waiting, in_flight, running):
            self._gauges = (waiting, in_flight, running)
            self._recorder.record(Depth(t=self._kernel.now, waiting=waiting, in_flight=in_flight, running=running))
