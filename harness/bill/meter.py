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
from harness.cloud.system import System
from harness.recorder import AnyEvent, Call, Invocation

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
        *_queues(usage),
        *_tables(usage),
        *_buckets(usage),
        *_logs(usage),
        *_keys(usage),
    ]


def of_calls(usage: Usage) -> list[Quantity]:
    """What the calls alone use: requests, and units of tables."""
    return [*_queues(usage), *_units(usage), *_requests(usage)]


def sqs_requests(call: Call) -> int:
    """Billed requests of one SQS call: its messages' bytes in chunks, and one at least."""
    return max(1, ceil(sum(call.items) / SQS_CHUNK_BYTES))


def _functions(usage: Usage) -> Iterator[Quantity]:
    by_function: dict[str, list[Invocation]] = defaultdict(list)
    for event in usage.events:
        if isinstance(event, Invocation):
            by_function[event.function].append(event)
    for name, invocations in by_function.items():
        function = usage.system.functions[name]
        seconds = sum(one.billed_ms for one in invocations) / 1000
        yield Quantity("lambda.requests", "requests", name, len(invocations))
        yield Quantity(
            f"lambda.duration.{function.architecture}",
            f"duration {function.architecture}",
            name,
            seconds * function.memory_mb / 1024,
        )
        extra = max(0, function.storage_mb - FREE_STORAGE_MB) / 1024
        yield Quantity("lambda.storage", "ephemeral storage", name, seconds * extra)


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
            stored = (held.size_bytes + held.count * ITEM_OVERHEAD_BYTES) / GB * usage.months
            yield Quantity("dynamodb.storage", _for(usage.months, "storage"), held.resource, stored)
            if held.resource in usage.system.recoverable:
                item = _for(usage.months, "point-in-time recovery")
                yield Quantity("dynamodb.pitr", item, held.resource, stored)


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
            what = f"storage {held.storage_class}{', earlier versions' if held.is_earlier else ''}"
            size = held.size_bytes / GB * usage.months
            price = f"s3.storage.{held.storage_class}"
            yield Quantity(price, _for(usage.months, what), held.resource, size)


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
        yield Quantity("logs.ingested", "ingested", name, size / GB)
        yield Quantity("logs.stored", "stored", name, size / GB * _log_months(usage, name))


def _log_months(usage: Usage, name: str) -> float:
    """GB-months of a GB of logs: compressed, until the function's log group forgets it."""
    days = usage.system.functions[name].logs.retention_days
    months = min(usage.months, days / DAYS_A_MONTH) if days else usage.months
    return STORED_LOG_SHARE * months


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
