"""What the fleet must know of a system, read out of one run: how long pages, handlers and inits take, and
what calls an invocation makes.

The fleet models a row of three stages, as a template has it: a queue that is told of uploads and whose
function splits each file; a queue of batches of pages; a table's stream that wakes a function once a file.
Other shapes are refused.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from harness.bill import meter, platform_logs
from harness.cloud.deployment import Holding
from harness.cloud.latency import Distribution
from harness.cloud.limits import vcpu_share
from harness.cloud.system import Function, SqsSource, StreamSource, System
from harness.errors import UsageError
from harness.fleet.fitting import Line, fit
from harness.recorder import AnyEvent, Call, Compute, Invocation, Metric, Result, Upload

VERSION = 2


class Stage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A function. cpu: seconds at one vCPU beside what is recorded by page; wait: seconds in which it waits
    for answers; init_cpu: of an import of its module.

    told_before_end: seconds from the call that the next stage hears of to the handler's end. calls: what an
    invocation uses of each thing that is billed; cold_log_bytes: logged once more by a cold one; failing:
    None when none failed.
    """

    function: str
    cpu: Line
    wait: Line
    init_cpu: float
    told_before_end: float
    calls: tuple["Use", ...]
    log_bytes: Line
    cold_log_bytes: float = 0.0
    failing: "Failing | None" = None

    def write_units(self) -> Line:
        """Of tables, that an invocation uses."""
        lines = [use.line for use in self.calls if use.price == "dynamodb.writes"]
        return Line(
            sum(line.per_record for line in lines),
            sum(line.per_page for line in lines),
            sum(line.fixed for line in lines),
        )


class Failure(msgspec.Struct, frozen=True, rename="camel"):
    """How an invocation failed. seconds: that it took, beyond those of its pages if it had read them; kept:
    they need not be read again; told: the next stage had heard of it; lost: its environment was.
    """

    seconds: float
    read: bool = False
    kept: bool = False
    told: bool = False
    lost: bool = False


class Failing(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The invocations of a stage that failed: their share, and what one of them uses in the mean."""

    share: float
    failures: tuple[Failure, ...]
    calls: tuple["Use", ...]
    log_bytes: float


class Use(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How much of what is billed (`price`, `item`, `resource` as in a bill) an invocation uses."""

    price: str
    item: str
    resource: str
    line: Line


class Stored(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a file leaves in a table, or in a bucket beside itself; of records (batches) and pages."""

    kind: str
    resource: str
    size_bytes: Line
    count: Line


class Calibration(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """See `of_run`. pages: CPU seconds of each page, by file; sizes: bytes of each file; uploaded: when it
    came, in virtual seconds; heard: when the first queue had its message. metrics: namespace -> custom
    metrics that functions send.
    """

    version: int
    made: str
    cpu_factor: float
    parameters: dict[str, str]
    latencies: dict[str, Distribution]
    pages: tuple[tuple[float, ...], ...]
    sizes: tuple[int, ...]
    uploaded: tuple[float, ...]
    heard: tuple[float, ...]
    stages: tuple[Stage, ...]
    stored: tuple[Stored, ...]
    batch_bytes: Line
    metrics: dict[str, int] = {}

    @property
    def bytes_a_page(self) -> float:
        return sum(self.sizes) / max(1, sum(map(len, self.pages)))


class Chain(msgspec.Struct, frozen=True):
    """The sources of the three stages, in order."""

    files: SqsSource
    batches: SqsSource
    closing: StreamSource


def chain(system: System) -> Chain:
    """Raises `UsageError` for a system of another shape."""
    told = {notification.queue_arn for notification in system.notifications}
    first = [source for source in system.sqs_sources if source.queue_arn in told]
    others = told | system.dead_letters
    second = [source for source in system.sqs_sources if source.queue_arn not in others]
    if len(first) != 1 or len(second) != 1 or len(system.stream_sources) != 1:
        raise UsageError(
            "the fleet models uploads -> queue -> function -> queue -> function -> stream -> function; this "
            f"template has {len(first)} mappings on queues that are told of uploads, {len(second)} on "
            f"others, {len(system.stream_sources)} on streams"
        )
    return Chain(first[0], second[0], system.stream_sources[0])


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a run leaves that a calibration is read from. units: upload key -> pages; uploads_of: result key
    -> upload key.
    """

    events: Sequence[AnyEvent]
    system: System
    holdings: Sequence[Holding]
    units: Mapping[str, int]
    uploads_of: Mapping[str, str]
    latencies: Mapping[str, Distribution]
    parameters: Mapping[str, str]
    cpu_factor: float
    batch_pages: int
    made: str


def of_run(seen: Evidence) -> Calibration:
    """A calibration out of what happened in a run. Raises `UsageError` when too little did."""
    return _Reader(seen).calibration()


def load(path: Path) -> Calibration:
    """Of a run's folder, or a file. Raises `UsageError`."""
    file = path / "calibration.json" if path.is_dir() else path
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the calibration {file}: {error.strerror}") from error
    try:
        version = msgspec.json.decode(content, type=dict[str, Any]).get("version")
        if version != VERSION:
            raise UsageError(f"the calibration {file} is of version {version}, not {VERSION}: run it again")
        return msgspec.json.decode(content, type=Calibration)
    except msgspec.DecodeError as error:
        raise UsageError(f"the calibration {file} is damaged: {error}") from error


class _Reader:
    def __init__(self, seen: Evidence) -> None:
        self._seen = seen
        self._chain = chain(seen.system)
        self._calls: dict[str, list[Call]] = defaultdict(list)
        self._recorded: dict[str, list[float]] = defaultdict(list)
        self._uploaded: dict[str, tuple[int, float]] = {}
        self._metrics: set[tuple[str, ...]] = set()
        for event in seen.events:
            match event:
                case Call() if event.request:
                    self._calls[event.request].append(event)
                case Compute() if not event.error:
                    self._recorded[event.request].append(event.cpu_seconds)
                case Upload():
                    self._uploaded[event.key] = event.size_bytes, event.t
                case Metric():
                    self._metrics.add(meter.identity(event))
                case _:
                    pass

    def calibration(self) -> Calibration:
        seen, sources = self._seen, self._chain
        pages: dict[str, list[float]] = defaultdict(list)
        again = {
            one.request
            for one in seen.events
            if isinstance(one, Invocation)
            and _failed(one)
            and not any(_keeps(call) for call in self._calls.get(one.request, []))
        }
        for request, calls in self._calls.items():
            if request in again:
                continue  # what it read is read once more by another
            for key in self._keys(calls):
                pages[key] += self._recorded.get(request, [])
        known = {key: values for key, values in pages.items() if values and key in self._uploaded}
        if not known:
            raise UsageError("the run has no file whose pages were read: a calibration needs some")
        stages = tuple(
            self._stage(source.function) for source in (sources.files, sources.batches, sources.closing)
        )
        return Calibration(
            version=VERSION,
            made=seen.made,
            cpu_factor=seen.cpu_factor,
            parameters=dict(seen.parameters),
            latencies=dict(seen.latencies),
            pages=tuple(tuple(values) for values in known.values()),
            sizes=tuple(self._uploaded[key][0] for key in known),
            uploaded=tuple(self._uploaded[key][1] for key in known),
            heard=self._heard(list(known)),
            stages=stages,
            stored=tuple(self._stored()),
            batch_bytes=self._batch_bytes(),
            metrics=dict(Counter(namespace for namespace, *_ in self._metrics)),
        )

    def _heard(self, keys: Sequence[str]) -> tuple[float, ...]:
        """When the first queue had each file's message: it gives them out in the order in which they came."""
        queue = self._chain.files.queue_arn.rpartition(":")[2]
        sent = [
            event.t
            for event in self._seen.events
            if isinstance(event, Call) and event.target == queue and event.operation == "SendMessage"
        ]
        opened = sorted(
            (event.start, event.request)
            for event in self._seen.events
            if isinstance(event, Invocation) and event.function == self._chain.files.function
        )
        heard: dict[str, float] = {}
        for (start, request), came in zip(opened, sorted(sent), strict=False):
            for key in self._keys(self._calls.get(request, [])):
                heard.setdefault(key, min(start, came))
        return tuple(heard.get(key, self._uploaded[key][1]) for key in keys)

    def _keys(self, calls: Sequence[Call]) -> set[str]:
        """Uploads that an invocation's calls were about."""
        keys = set()
        for call in calls:
            if call.service == "s3":
                key = call.target.partition("/")[2]
                key = self._seen.uploads_of.get(key, key)
                if key in self._seen.units:
                    keys.add(key)
        return keys

    def _work(self, one: Invocation, function: str) -> tuple[float, float]:
        """(records, pages) of an invocation: of a worker those that it read, else all of its files'."""
        if function == self._chain.batches.function:
            return one.records, len(self._recorded.get(one.request, []))
        keys = self._keys(self._calls[one.request])
        return one.records, sum(self._seen.units[key] for key in keys)

    def _stage(self, name: str) -> Stage:
        function = self._seen.system.functions[name]
        speed = vcpu_share(function.memory_mb) / self._seen.cpu_factor
        mine = [one for one in self._seen.events if isinstance(one, Invocation) and one.function == name]
        bad = [one for one in mine if _failed(one)]
        good = [one for one in mine if not _failed(one) and self._is_usual(one)]
        if not good:
            raise UsageError(f"the run has no successful invocation of {name}: a calibration needs some")
        work = [self._work(one, name) for one in good]
        records, pages = [one[0] for one in work], [one[1] for one in work]
        cpu = [one.compute_seconds - sum(self._recorded.get(one.request, [])) for one in good]
        wait = [one.duration_seconds - one.compute_seconds / speed for one in good]
        logs = [one.logged_bytes + platform_logs.size_bytes(one, function) for one in good]
        cold_bytes = [
            platform_logs.size_bytes(one, function)
            - platform_logs.size_bytes(msgspec.structs.replace(one, cold=False), function)
            for one in good
            if one.cold
        ]
        more = float(np.mean(cold_bytes)) if cold_bytes else 0.0
        usual = [size - more * one.cold for size, one in zip(logs, good, strict=True)]
        return Stage(
            function=name,
            cpu=fit(records, pages, cpu, keep=True),
            wait=fit(records, pages, wait, keep=True),
            init_cpu=float(np.mean([one.init_seconds for one in good if one.cold] or [0.0])) * speed,
            told_before_end=self._told_before_end(name, good),
            calls=tuple(self._uses(good, records, pages)),
            log_bytes=fit(records, pages, usual),
            cold_log_bytes=more,
            failing=self._failing(bad, len(mine), function) if bad else None,
        )

    def _is_usual(self, one: Invocation) -> bool:
        """Whether it did its work, all of it: a reader that hands pages back sends to its own queue."""
        queue = self._chain.batches.queue_arn.rpartition(":")[2]
        calls = self._calls.get(one.request, [])
        is_reader = one.function == self._chain.batches.function
        return bool(calls) and not (
            is_reader and any(call.target == queue and call.operation == "SendMessage" for call in calls)
        )

    def _failing(self, bad: Sequence[Invocation], invocations: int, function: Function) -> Failing:
        speed = vcpu_share(function.memory_mb) / self._seen.cpu_factor
        failures = []
        for one in bad:
            calls, recorded = self._calls.get(one.request, []), self._recorded.get(one.request, [])
            failures.append(
                Failure(
                    seconds=max(0.0, one.duration_seconds - sum(recorded) / speed),
                    read=bool(recorded),
                    kept=bool(recorded) and any(_keeps(call) for call in calls),
                    told=any(self._tells(one.function, call) for call in calls),
                    lost=one.outcome in ("killed", "timeout"),
                )
            )
        logs = [one.logged_bytes + platform_logs.size_bytes(one, function) for one in bad]
        used: dict[tuple[str, str, str], float] = defaultdict(float)
        for one in bad:
            for quantity in meter.of_calls(
                meter.Usage(events=self._calls.get(one.request, []), system=self._seen.system)
            ):
                used[quantity.price, quantity.item, quantity.resource] += quantity.quantity / len(bad)
        return Failing(
            share=len(bad) / invocations,
            failures=tuple(failures),
            calls=tuple(
                Use(price=price, item=item, resource=resource, line=Line(fixed=mean))
                for (price, item, resource), mean in sorted(used.items())
            ),
            log_bytes=float(np.mean(logs)),
        )

    def _told_before_end(self, name: str, good: Sequence[Invocation]) -> float:
        """Mean seconds from the last call that the next stage hears of, or that writes the result, to the
        end.
        """
        gaps = []
        for one in good:
            told = [call.t for call in self._calls[one.request] if self._tells(name, call)]
            if told:
                gaps.append(one.t - max(told))
        return float(np.mean(gaps)) if gaps else 0.0

    def _tells(self, name: str, call: Call) -> bool:
        if name == self._chain.files.function:
            return call.operation.startswith("SendMessage")
        if name == self._chain.batches.function:
            return call.operation == "UpdateItem"
        return call.operation == "PutObject" and call.target.partition("/")[2] in self._seen.uploads_of

    def _uses(
        self, good: Sequence[Invocation], records: Sequence[float], pages: Sequence[float]
    ) -> list[Use]:
        used: dict[tuple[str, str, str], list[float]] = defaultdict(lambda: [0.0] * len(good))
        for place, one in enumerate(good):
            usage = meter.Usage(events=self._calls[one.request], system=self._seen.system)
            for quantity in meter.of_calls(usage):
                used[quantity.price, quantity.item, quantity.resource][place] += quantity.quantity
        return [
            Use(price=price, item=item, resource=resource, line=fit(records, pages, values))
            for (price, item, resource), values in sorted(used.items())
        ]

    def _batch_bytes(self) -> Line:
        """Bytes of a message of the queue of batches, by its pages."""
        queue = self._chain.batches.queue_arn.rpartition(":")[2]
        sizes, pages = [], []
        for event in self._seen.events:
            if isinstance(event, Call) and event.operation == "SendMessageBatch" and event.target == queue:
                keys = self._keys(self._calls[event.request])
                if len(keys) == 1:
                    sizes.append(sum(event.items))
                    pages.append(sum(self._seen.units[key] for key in keys))
        return fit([1.0] * len(sizes), pages, sizes)

    def _stored(self) -> list[Stored]:
        """What lies in the table and, beside the inputs, in the bucket, by file."""
        system, units = self._seen.system, self._seen.units
        table = next(iter(system.tables))
        batches = [-(-count // self._seen.batch_pages) for count in units.values()]
        total = sum(held.size_bytes for held in self._seen.holdings if held.kind == "table")
        count = sum(held.count for held in self._seen.holdings if held.kind == "table")
        files, pages = len(units), sum(units.values())
        found = [
            Stored(
                kind="table",
                resource=table,
                size_bytes=self._table_bytes(total, sum(batches), pages, files),
                count=Line(per_record=(count - files) / max(1, sum(batches)), fixed=1.0),
            )
        ]
        sizes, of_pages = [], []
        for event in self._seen.events:
            if isinstance(event, Result) and self._seen.uploads_of.get(event.key) in units:
                sizes.append(float(event.size_bytes))
                of_pages.append(float(units[self._seen.uploads_of[event.key]]))
        bucket = next(iter(system.buckets))
        found.append(
            Stored(
                kind="bucket",
                resource=bucket,
                size_bytes=_without_records(fit([1.0] * len(sizes), of_pages, sizes)),
                count=Line(fixed=1.0),
            )
        )
        return found

    def _table_bytes(self, total: float, batches: int, pages: int, files: int) -> Line:
        """A file's items: those that workers put, by batch and page, and what is left, by file."""
        records, of_pages, sizes = [], [], []
        for request, calls in self._calls.items():
            read = len(self._recorded.get(request, []))
            puts = [
                sum(call.items)
                for call in calls
                if call.operation == "PutItem" and call.service == "dynamodb"
            ]
            if read and puts:
                records.append(1.0)
                of_pages.append(float(read))
                sizes.append(float(sum(puts)))
        line = fit(records, of_pages, sizes)
        left = max(0.0, total - line.per_record * batches - line.per_page * pages)
        return Line(
            line.per_record + line.fixed, line.per_page, (left - line.fixed * batches) / max(1, files)
        )


def _failed(one: Invocation) -> bool:
    return one.outcome != "success" or bool(one.failed_records)


def _keeps(call: Call) -> bool:
    """Whether it keeps what was read."""
    return call.service == "dynamodb" and call.operation == "PutItem" and call.status < 300


def _without_records(line: Line) -> Line:
    """With the part of the one record counted as fixed."""
    return Line(0.0, line.per_page, line.fixed + line.per_record)
