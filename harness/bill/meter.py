"""What AWS counts when it bills: from the calls and invocations that happened, and from what lies there at
the end.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from math import ceil

import msgspec

from harness.bill import platform_logs
from harness.bill.bill import Quantity
from harness.cloud.deployment import Holding
from harness.cloud.system import Function, System
from harness.recorder import AnyEvent, Call, Invocation, Metric

SQS_CHUNK_BYTES = 65_536
"""Each 64 KB of a payload is billed as one request (Amazon SQS pricing)."""
GB = 2**30
FREE_STORAGE_MB = 512
"""Of a function's /tmp (AWS Lambda pricing)."""
ITEM_OVERHEAD_BYTES = 100
"""Of each item in storage, for indexing (DynamoDB developer guide, "DynamoDB item sizes and formats")."""
STORED_LOG_SHARE = 0.15
"""Of what is ingested, when it lies there compressed (example 1 of the CloudWatch pricing page)."""
DAYS_A_MONTH = 30
HOURS_A_MONTH = 24 * DAYS_A_MONTH
HOUR_SECONDS = 3_600
S3_WRITES = ("Put", "Copy", "Post", "List", "Create", "Upload", "Complete", "Restore")
S3_FREE = ("Delete", "Abort")
"""S3 bills PUT, COPY, POST and LIST at one price, DELETE and CANCEL not at all, all else like GET."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a bill is made of. `months`: how long what is stored stays there."""

    events: Sequence[AnyEvent]
    system: System
    holdings: Sequence[Holding] = ()
    months: float = 1.0


def quantities(usage: Usage) -> list[Quantity]:
    """All that is billed, in the order of a bill."""
    return [
        *_functions(usage),
        *_pollers(usage),
        *_queues(usage),
        *_tables(usage),
        *_buckets(usage),
        *_logs(usage),
        *_metrics(usage),
        *of_watching(usage.system, usage.months),
        *_keys(usage),
    ]


def of_calls(usage: Usage) -> list[Quantity]:
    """What the calls alone use: requests, and units of tables."""
    return [*_queues(usage), *_units(usage), *_requests(usage)]


def of_function(function: Function, invocations: int, billed_ms: int) -> Iterator[Quantity]:
    """What Lambda bills of a function."""
    name, seconds = function.logical_id, billed_ms / 1000
    yield Quantity("lambda.requests", "requests", name, invocations)
    yield Quantity(
        f"lambda.duration.{function.architecture}",
        f"duration {function.architecture}",
        name,
        seconds * function.memory_mb / 1024,
    )
    extra = max(0, function.storage_mb - FREE_STORAGE_MB) / 1024
    yield Quantity("lambda.storage", "ephemeral storage", name, seconds * extra)


def of_pollers(function: str, pollers: int, hours: float) -> Quantity:
    """What Lambda bills of the pollers of a mapping in provisioned mode."""
    return Quantity("lambda.pollers", "provisioned pollers", function, pollers * hours)


def of_table(
    system: System, table: str, size_bytes: float, items: float, months: float
) -> Iterator[Quantity]:
    """What DynamoDB bills of what lies in a table for so many months."""
    stored = (size_bytes + items * ITEM_OVERHEAD_BYTES) / GB * months
    yield Quantity("dynamodb.storage", _for(months, "storage"), table, stored, months)
    if table in system.recoverable:
        yield Quantity("dynamodb.pitr", _for(months, "point-in-time recovery"), table, stored, months)


def of_bucket(
    bucket: str, size_bytes: float, months: float, storage_class: str = "STANDARD", earlier: bool = False
) -> Quantity:
    """What S3 bills of what lies in a bucket for so many months."""
    what = f"storage {storage_class}{', earlier versions' if earlier else ''}"
    stored = size_bytes / GB * months
    return Quantity(f"s3.storage.{storage_class}", _for(months, what), bucket, stored, months)


def of_log(function: Function, size_bytes: float, months: float) -> Iterator[Quantity]:
    """What CloudWatch bills of a function's log: when it comes, then compressed until its group forgets."""
    days, gigabytes = function.logs.retention_days, size_bytes / GB
    kept = min(months, days / DAYS_A_MONTH) if days else months
    yield Quantity("logs.ingested", "ingested", function.logical_id, gigabytes)
    yield Quantity("logs.stored", "stored", function.logical_id, gigabytes * STORED_LOG_SHARE * kept, kept)


def of_metrics(namespace: str, hours: float) -> Quantity:
    """What CloudWatch bills of custom metrics, `hours` of all of them together: each counts in the hours in
    which it was sent (Amazon CloudWatch pricing).
    """
    return Quantity("cloudwatch.metrics", "custom metrics", namespace, hours / HOURS_A_MONTH)


def of_watching(system: System, months: float) -> Iterator[Quantity]:
    """What CloudWatch bills of alarms, each metric of theirs, and of dashboards that stand for so many
    months.
    """
    for alarm in system.alarms:
        price = "cloudwatch.alarms" + (f".{alarm.kind}" if alarm.kind else "")
        yield Quantity(price, _for(months, "alarm"), alarm.logical_id, alarm.metrics * months, months)
    for dashboard in system.dashboards:
        yield Quantity("cloudwatch.dashboards", _for(months, "dashboard"), dashboard, months, months)


def sqs_requests(call: Call) -> int:
    """Billed requests of one SQS call: its messages' bytes in chunks, and one at least."""
    return max(1, ceil(sum(call.items) / SQS_CHUNK_BYTES))


def _functions(usage: Usage) -> Iterator[Quantity]:
    by_function: dict[str, list[Invocation]] = defaultdict(list)
    for event in usage.events:
        if isinstance(event, Invocation):
            by_function[event.function].append(event)
    for name, invocations in by_function.items():
        billed = sum(one.billed_ms for one in invocations)
        yield from of_function(usage.system.functions[name], len(invocations), billed)


def _pollers(usage: Usage) -> Iterator[Quantity]:
    """Those that are always there, for as long as something went on; more than those are not told."""
    hours = max((event.t for event in usage.events), default=0.0) / HOUR_SECONDS
    for source in usage.system.sqs_sources:
        if source.provisioned_pollers:
            yield of_pollers(source.function, source.provisioned_pollers[0], hours)


def _calls(usage: Usage, service: str) -> Iterator[Call]:
    """Calls that the service took; what failed on its own side is not billed."""
    return (
        event
        for event in usage.events
        if isinstance(event, Call) and event.service == service and event.status < 500
    )


def _queues(usage: Usage) -> Iterator[Quantity]:
    names = {arn.rpartition(":")[2]: logical_id for logical_id, arn in usage.system.queues.items()}
    counts: Counter[tuple[str, str]] = Counter()
    for call in _calls(usage, "sqs"):
        empty = call.operation == "ReceiveMessage" and not call.items
        kind = "empty ReceiveMessage" if empty else call.operation.removesuffix("Batch")
        counts[names.get(call.target, call.target), kind] += sqs_requests(call)
    for (queue, kind), count in sorted(counts.items()):
        price = "fifo" if queue in usage.system.fifo else "standard"
        yield Quantity(f"sqs.requests.{price}", f"{kind} requests", queue, count)


def _tables(usage: Usage) -> Iterator[Quantity]:
    yield from _units(usage)
    for held in usage.holdings:
        if held.kind == "table":
            yield from of_table(usage.system, held.resource, held.size_bytes, held.count, usage.months)


def _units(usage: Usage) -> Iterator[Quantity]:
    names = {name: logical_id for logical_id, name in usage.system.tables.items()}
    units: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for call in _calls(usage, "dynamodb"):
        used = units[names.get(call.target, call.target)]
        used[0] += call.write_units
        used[1] += call.read_units
    for table, (writes, reads) in sorted(units.items()):
        yield Quantity("dynamodb.writes", "write request units", table, writes)
        yield Quantity("dynamodb.reads", "read request units", table, reads)


def _buckets(usage: Usage) -> Iterator[Quantity]:
    yield from _requests(usage)
    for held in usage.holdings:
        if held.kind == "bucket":
            yield of_bucket(held.resource, held.size_bytes, usage.months, held.storage_class, held.is_earlier)


def _requests(usage: Usage) -> Iterator[Quantity]:
    names = {name: logical_id for logical_id, name in usage.system.buckets.items()}
    counts: Counter[tuple[str, str]] = Counter()
    for call in _calls(usage, "s3"):
        bucket = call.target.partition("/")[0]
        counts[names.get(bucket, bucket), call.operation] += 1
    for (bucket, operation), count in sorted(counts.items()):
        if not operation.startswith(S3_FREE):
            price = "write" if operation.startswith(S3_WRITES) else "read"
            yield Quantity(f"s3.requests.{price}", f"{operation} requests", bucket, count)


def _logs(usage: Usage) -> Iterator[Quantity]:
    logged: dict[str, int] = defaultdict(int)
    for event in usage.events:
        if isinstance(event, Invocation):
            function = usage.system.functions[event.function]
            logged[event.function] += event.logged_bytes + platform_logs.size_bytes(event, function)
    for name, size in sorted(logged.items()):
        yield from of_log(usage.system.functions[name], size, usage.months)


def _metrics(usage: Usage) -> Iterator[Quantity]:
    sent: dict[str, set[tuple[object, ...]]] = defaultdict(set)
    for event in usage.events:
        if isinstance(event, Metric):
            sent[event.namespace].add((*identity(event), event.t // HOUR_SECONDS))
    for namespace, hours in sorted(sent.items()):
        yield of_metrics(namespace, len(hours))


def identity(metric: Metric) -> tuple[str, ...]:
    """What tells a metric from all others, its namespace first."""
    told = (f"{name}={value}" for name, value in sorted(metric.dimensions.items()))
    return metric.namespace, metric.name, *told


def _keys(usage: Usage) -> Iterator[Quantity]:
    """Requests to KMS, where a service asks for a key that it does not keep for a caller any more."""
    system = usage.system
    names = {
        **{name: logical_id for logical_id, name in (system.tables | system.buckets).items()},
        **{arn.rpartition(":")[2]: logical_id for logical_id, arn in system.queues.items()},
    }
    asked: dict[tuple[str, str], float] = {}
    counts: Counter[str] = Counter()
    for event in usage.events:
        if not isinstance(event, Call):
            continue
        resource = names.get(event.target.partition("/")[0], "")
        if resource not in system.keys:
            continue
        since = asked.get((resource, event.caller))
        if since is None or event.t - since >= system.keys[resource]:
            asked[resource, event.caller] = event.t
            counts[resource] += 1
    for resource, count in sorted(counts.items()):
        yield Quantity("kms.requests", "requests for its key", resource, count)


def _for(months: float, what: str) -> str:
    return f"{what}, {months:g} month{'s' if months != 1 else ''}"
