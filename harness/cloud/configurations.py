"""Configurations that AWS refuses when a template is deployed: refused here too, with its reason.

Values have been resolved: parameters and references are what they stand for.
"""

import itertools
from collections.abc import Iterable
from typing import Any

from harness.cloud import ranges
from harness.errors import UsageError

Resource = dict[str, Any]

UNRESERVED_CONCURRENCY = 100
"""Executions that must stay unreserved, or all where the account has fewer (Lambda developer guide,
"Configuring reserved concurrency").
"""
LARGE_BATCH = 10
"""Messages of a batch; more need a batching window ("Creating and configuring an Amazon SQS event source
mapping").
"""
VARIABLES_BYTES = 4_096
"""Of a function's environment variables, names and values together ("Lambda quotas")."""


def check(resources: dict[str, Resource]) -> None:
    """Raises `UsageError` for the first configuration that AWS refuses."""
    for logical_id, resource in resources.items():
        properties = resource.get("Properties") or {}
        match resource["Type"]:
            case "AWS::Lambda::Function":
                ranges.check(logical_id, properties, ranges.FUNCTION)
                _check_variables(logical_id, properties)
            case "AWS::SQS::Queue":
                ranges.check(logical_id, properties, ranges.QUEUE)
            case "AWS::Lambda::EventSourceMapping":
                _check_mapping(logical_id, properties)
            case "AWS::S3::Bucket":
                _check_notifications(logical_id, properties)
    _check_pairs(resources)


def check_reserved(reserved: dict[str, int | None], account_concurrency: int) -> None:
    """Raises `UsageError` when functions (logical id -> reserved concurrency) leave too little of the
    account's to the others.
    """
    left, least = account_concurrency, min(UNRESERVED_CONCURRENCY, account_concurrency)
    for logical_id, number in reserved.items():
        left -= number or 0
        if left < least:
            raise _refusal(
                logical_id,
                f"its ReservedConcurrentExecutions, {number}, decreases the account's unreserved concurrency "
                f"of {account_concurrency} below its minimum of {least}",
            )


def _check_variables(logical_id: str, properties: Resource) -> None:
    variables = (properties.get("Environment") or {}).get("Variables") or {}
    size = sum(len(str(part).encode()) for pair in variables.items() for part in pair)
    if size > VARIABLES_BYTES:
        raise _refusal(
            logical_id, f"its environment variables have {size} bytes; they may have {VARIABLES_BYTES}"
        )


def _check_mapping(logical_id: str, properties: Resource) -> None:
    source = str(properties.get("EventSourceArn", ""))
    if ":sqs:" in source:
        _check_absent(logical_id, properties, ranges.STREAMS_ONLY, "a queue")
        ranges.check(logical_id, properties, ranges.QUEUE_MAPPING)
        batch = int(properties.get("BatchSize", LARGE_BATCH))
        if batch > LARGE_BATCH and not int(properties.get("MaximumBatchingWindowInSeconds", 0)):
            raise _refusal(
                logical_id,
                f"the batch size is {batch}, and above {LARGE_BATCH} MaximumBatchingWindowInSeconds must be "
                f"greater than 0",
            )
        if properties.get("ProvisionedPollerConfig"):
            _check_pollers(logical_id, properties)
    elif "/stream/" in source:
        _check_absent(logical_id, properties, ranges.QUEUES_ONLY, "a stream")
        ranges.check(logical_id, properties, ranges.STREAM_MAPPING)


def _check_absent(logical_id: str, properties: Resource, names: tuple[str, ...], source: str) -> None:
    for name in names:
        if name in properties:
            raise _refusal(logical_id, f"{name} is no parameter of a mapping on {source}")


def _check_pollers(logical_id: str, properties: Resource) -> None:
    pollers = properties["ProvisionedPollerConfig"]
    if (properties.get("ScalingConfig") or {}).get("MaximumConcurrency") is not None:
        raise _refusal(logical_id, "provisioned mode and MaximumConcurrency exclude one another")
    fewest, most = pollers.get("MinimumPollers"), pollers.get("MaximumPollers")
    if fewest is not None and most is not None and int(fewest) > int(most):
        raise _refusal(logical_id, f"MinimumPollers, {fewest}, is more than MaximumPollers, {most}")


def _check_pairs(resources: dict[str, Resource]) -> None:
    """A function has one mapping on a source (recorded against Lambda: ResourceConflictException)."""
    known: dict[tuple[str, str], str] = {}
    for logical_id, resource in resources.items():
        properties = resource.get("Properties") or {}
        if resource["Type"] != "AWS::Lambda::EventSourceMapping" or "EventSourceArn" not in properties:
            continue
        function = str(properties.get("FunctionName", "")).rpartition(":")[2]
        first = known.setdefault((str(properties["EventSourceArn"]), function), logical_id)
        if first != logical_id:
            raise _refusal(
                logical_id, f"a mapping of the same function on the same source already exists: {first}"
            )


def _check_notifications(logical_id: str, properties: Resource) -> None:
    """Rules of one kind of event may not both fit a key (S3 user guide, "Configuring event notifications
    using object key name filtering").
    """
    told = properties.get("NotificationConfiguration") or {}
    rules = [
        (str(entry.get("Event", "")), *_filter(entry))
        for kind in ("QueueConfigurations", "TopicConfigurations", "LambdaConfigurations")
        for entry in told.get(kind) or []
    ]
    for (event, prefix, suffix), (other, other_prefix, other_suffix) in itertools.combinations(rules, 2):
        if (
            _share_events(event, other)
            and (prefix.startswith(other_prefix) or other_prefix.startswith(prefix))
            and (suffix.endswith(other_suffix) or other_suffix.endswith(suffix))
        ):
            raise _refusal(
                logical_id,
                f"its notifications are ambiguously defined: {event} of {prefix}*{suffix} and {other} of "
                f"{other_prefix}*{other_suffix} overlap",
            )


def _filter(entry: Resource) -> tuple[str, str]:
    """(prefix, suffix) of a notification's filter."""
    rules: Iterable[Resource] = ((entry.get("Filter") or {}).get("S3Key") or {}).get("Rules") or []
    named = {str(rule["Name"]).lower(): str(rule["Value"]) for rule in rules}
    return named.get("prefix", ""), named.get("suffix", "")


def _share_events(one: str, other: str) -> bool:
    """Whether two patterns of events ("s3:ObjectCreated:*") have an event in common."""
    return (
        one == other
        or (one.endswith("*") and other.startswith(one[:-1]))
        or (other.endswith("*") and one.startswith(other[:-1]))
    )


def _refusal(logical_id: str, reason: str) -> UsageError:
    return UsageError(f"{logical_id} is refused, as AWS would: {reason}")
