"""The ranges of numbers that AWS takes in a configuration, each with the page that says so; and what only one
kind of mapping may have.
"""

from typing import Any

import msgspec

from harness.errors import UsageError

Properties = dict[str, Any]


class Range(msgspec.Struct, frozen=True):
    """From `low` to `high`, and `also` beside; by `page`."""

    low: int
    high: int
    page: str
    also: tuple[int, ...] = ()

    def holds(self, number: int) -> bool:
        return self.low <= number <= self.high or number in self.also

    def __str__(self) -> str:
        others = "".join(f" or be {number}" for number in self.also)
        return f"must lie between {self.low:,} and {self.high:,}{others} ({self.page})"


_MAPPING = "Lambda API reference, CreateEventSourceMapping"
_FUNCTION = "Lambda API reference, CreateFunction"
_QUEUE = "SQS API reference, CreateQueue"

FUNCTION = {
    "MemorySize": Range(128, 10_240, "Lambda developer guide, Configure Lambda function memory"),
    "Timeout": Range(1, 900, "Lambda developer guide, Configure Lambda function timeout"),
    "EphemeralStorage.Size": Range(512, 10_240, "Lambda API reference, EphemeralStorage"),
    "ReservedConcurrentExecutions": Range(0, 10**9, _FUNCTION),
}
QUEUE_MAPPING = {
    "BatchSize": Range(1, 10_000, _MAPPING),
    "MaximumBatchingWindowInSeconds": Range(0, 300, _MAPPING),
    "ScalingConfig.MaximumConcurrency": Range(2, 1_000, "Lambda API reference, ScalingConfig"),
    "ProvisionedPollerConfig.MinimumPollers": Range(2, 200, "Lambda API reference, ProvisionedPollerConfig"),
    "ProvisionedPollerConfig.MaximumPollers": Range(
        2, 10_000, "Lambda API reference, ProvisionedPollerConfig"
    ),
}
STREAM_MAPPING = {
    "BatchSize": Range(1, 10_000, _MAPPING),
    "MaximumBatchingWindowInSeconds": Range(0, 300, _MAPPING),
    "MaximumRecordAgeInSeconds": Range(60, 604_800, _MAPPING, also=(-1,)),
    "MaximumRetryAttempts": Range(0, 10_000, _MAPPING, also=(-1,)),
    "ParallelizationFactor": Range(1, 10, _MAPPING),
    "TumblingWindowInSeconds": Range(0, 900, _MAPPING),
}
QUEUE = {
    "VisibilityTimeout": Range(0, 43_200, _QUEUE),
    "MessageRetentionPeriod": Range(60, 1_209_600, _QUEUE),
    "DelaySeconds": Range(0, 900, _QUEUE),
    "ReceiveMessageWaitTimeSeconds": Range(0, 20, _QUEUE),
    "MaximumMessageSize": Range(1_024, 1_048_576, _QUEUE),
    "RedrivePolicy.maxReceiveCount": Range(1, 1_000, "SQS developer guide, Amazon SQS dead-letter queues"),
}
STREAMS_ONLY = (
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "ParallelizationFactor",
    "TumblingWindowInSeconds",
)
"""Of a mapping on a stream alone (CreateEventSourceMapping: "Kinesis and DynamoDB Streams only")."""
QUEUES_ONLY = ("ScalingConfig", "ProvisionedPollerConfig")
"""Of a mapping on a queue, not on a DynamoDB stream (the same page)."""


def check(logical_id: str, properties: Properties, ranges: dict[str, Range]) -> None:
    """Raises `UsageError` for the first property outside of its range."""
    for path, allowed in ranges.items():
        value = _at(properties, path)
        if value is None:
            continue
        try:
            number = int(value)
        except (TypeError, ValueError):
            raise UsageError(
                f"{logical_id} is refused, as AWS would: {path} is {value!r}, no number"
            ) from None
        if not allowed.holds(number):
            raise UsageError(f"{logical_id} is refused, as AWS would: {path} is {number}; it {allowed}")


def _at(properties: Properties, path: str) -> Any:
    value: Any = properties
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
