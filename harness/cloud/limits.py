"""AWS's limits and rates that both the emulation and the fleet go by: each with its source, none a choice of
ours unless it says so.
"""

ACCOUNT_CONCURRENCY = 1_000
"""Concurrent executions of an account in a region, by default (AWS Lambda developer guide, "Lambda quotas").
"""
IDLE_SECONDS = 420.0
"""An idle environment is reclaimed after this. AWS documents only that it happens; measurements agree on 5 to
10 minutes.
"""
LIFE_SECONDS = 4 * 3_600.0
"""An environment ends when it is as old as this. AWS says "every few hours" ("Understanding the Lambda
execution environment lifecycle").
"""
INIT_SECONDS = 10.0
"""An init phase may take so long (the same page)."""
NEW_ENVIRONMENTS, NEW_ENVIRONMENTS_SECONDS = 1_000, 10.0
"""New environments of a function: 1,000 every 10 seconds, refilled continuously ("Lambda function scaling
behavior").
"""
CHAIN_INVOCATIONS = 16
"""Of one function in a chain of requests, at most, unless it may recur: "approximately 16 times" (AWS Lambda
developer guide, "Use Lambda recursive loop detection to prevent infinite loops").
"""

PAYLOAD_BYTES = 6 * 2**20
"""Of a synchronous request and of its response, at most ("Lambda quotas")."""

MB_PER_VCPU = 1769
"""AWS Lambda developer guide, "Configure Lambda function memory": at 1,769 MB a function has one vCPU."""

STARTING_LANES, IDLE_LANES = 5, 2
LANES_PER_MINUTE = 300
MAXIMUM_LANES = 1_250
"""Concurrent invocations of a mapping: 5 at first, up to 300 more a minute, 1,250 at most, as few as 2 when
idle (AWS Lambda developer guide, "Configuring scaling behavior for SQS event source mappings").
"""
PROVISIONED_LANES_PER_POLLER = 10
PROVISIONED_LANES_PER_MINUTE = 1_000
"""An event poller of provisioned mode runs up to 10 invocations at once; concurrency grows by 1,000 a minute
(the same page).
"""
SCALING_PERIOD_SECONDS = 1.0
"""The minute's growth is spread evenly: AWS documents the rate, not the step."""
LONG_POLL_SECONDS = 20.0
RECEIVE_LIMIT = 10
"""Messages of one ReceiveMessage, entries of one DeleteMessageBatch (SQS quotas)."""
THROTTLE_BACKOFF_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Between a mapping's tries to invoke a function that is throttled; AWS documents that there are some."""
BACK_OFF = 0.5
"""Of a mapping's concurrency is left when the function fails or is throttled; AWS documents that it is
reduced, not by how much.
"""
STREAM_BACKOFF_SECONDS, STREAM_BACKOFF_LIMIT_SECONDS = 1.0, 60.0
"""Between tries of a stream's batch, doubled each time, and at most."""
ON_DEMAND_WRITE_UNITS, MOST_WRITE_UNITS = 4_000.0, 40_000.0
ON_DEMAND_READ_UNITS, MOST_READ_UNITS = 12_000.0, 40_000.0
"""A new table on demand serves so many units a second, and one may use so many unless its quota is raised
(DynamoDB developer guide, "On-demand capacity mode", "Quotas").
"""
PARTITION_WRITE_UNITS, PARTITION_READ_UNITS = 1_000.0, 3_000.0
"""A partition serves so many units a second, and no more by bursts ("Best practices for designing and using
partition keys effectively").
"""
BURST_SECONDS = 300.0
"""Of provisioned capacity that was not used is kept ("Burst and adaptive capacity")."""
PEAK_SECONDS, PEAK_SPAN_SECONDS = 60.0, 1_800.0
"""A table's peak is that of its busiest minute, and counts anew every half hour; AWS documents the half hour.
"""
NEW_TABLE_SHARDS = 4
"""A new table on demand serves 4,000 writes a second, and a partition 1,000: four partitions, as many shards
(DynamoDB developer guide, "DynamoDB on-demand capacity mode", "Best practices for designing partition keys").
"""
PARTITION_READ_UNITS, PARTITION_WRITE_UNITS = 3_000, 1_000
"""Units a second that a partition serves; one with provisioned throughput has as many as that needs ("Best
practices for designing partition keys").
"""
STREAM_POLL_SECONDS = 0.25
"""Each shard is polled about four times a second ("Using Lambda with Amazon DynamoDB")."""


def vcpu_share(memory_mb: int) -> float:
    """The part of a vCPU that one thread of a function with this memory (MB) gets."""
    return min(1.0, memory_mb / MB_PER_VCPU)
