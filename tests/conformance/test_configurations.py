"""What a template may configure: what AWS refuses is refused, with its reason; what is off does nothing."""

import re

import pytest

from harness.errors import UsageError
from tests.conformance.tunnel import Tunnel, bucket, queue, row, send, stream

PRINT = "def handler(event, context): print(len(event['Records']))"
MAPPING = "Lambda API reference, CreateEventSourceMapping"
QUEUES = "Lambda developer guide, Creating and configuring an Amazon SQS event source mapping"


def refused(tunnel: Tunnel, resources: str, *reason: str, **options: int) -> None:
    """The system is not deployed, and one line says why."""
    with pytest.raises(UsageError) as told:
        tunnel.run(resources, PRINT, **options)
    assert "is refused, as AWS would: " in str(told.value)
    assert "\n" not in str(told.value)
    for part in reason:
        assert re.search(part, str(told.value))


@row(f"{QUEUES}, parameter Enabled")
def test_a_disabled_mapping_receives_nothing(tunnel: Tunnel) -> None:
    """A mapping with Enabled: false does not poll its queue; the messages stay there."""
    tunnel.run(queue(mapping="BatchSize: 1, Enabled: false"), PRINT, send("a"))
    assert tunnel.invocations == []
    assert tunnel.emulation.leftovers["Queue"].messages == 1


@row("Lambda API reference, CreateFunction; Configure Lambda function memory, timeout, ephemeral storage")
@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("Timeout: 0", "Timeout is 0; it must lie between 1 and 900"),
        ("Timeout: 901", "Timeout is 901"),
        ("MemorySize: 127", "MemorySize is 127; it must lie between 128 and 10,240"),
        ("MemorySize: 10241", "MemorySize is 10241"),
        ("EphemeralStorage: {Size: 511}", "EphemeralStorage.Size is 511; it must lie between 512 and 10,240"),
        ("EphemeralStorage: {Size: 10241}", "EphemeralStorage.Size is 10241"),
    ],
)
def test_a_function_has_its_bounds(tunnel: Tunnel, function: str, reason: str) -> None:
    """A timeout outside of 1 to 900 seconds, memory outside of 128 to 10,240 MB, or /tmp outside of 512 to
    10,240 MB is refused.
    """
    refused(tunnel, queue(visibility=1000, function=function), "Function", reason)


@row("Lambda developer guide, Lambda quotas")
def test_environment_variables_have_four_kilobytes(tunnel: Tunnel) -> None:
    """Environment variables of more than 4 KB, names and values together, are refused."""
    variables = f"Timeout: 5, Environment: {{Variables: {{A: {'x' * 4096}}}}}"
    refused(tunnel, queue(function=variables), "4097 bytes; they may have 4096")


@row(f"{MAPPING}; ScalingConfig; ProvisionedPollerConfig")
@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        ("BatchSize: 0", "BatchSize is 0; it must lie between 1 and 10,000"),
        ("BatchSize: 10001, MaximumBatchingWindowInSeconds: 1", "BatchSize is 10001"),
        ("BatchSize: 1, MaximumBatchingWindowInSeconds: 301", "must lie between 0 and 300"),
        ("BatchSize: 1, ScalingConfig: {MaximumConcurrency: 1}", "MaximumConcurrency is 1; .* 2 and 1,000"),
        ("BatchSize: 1, ScalingConfig: {MaximumConcurrency: 1001}", "MaximumConcurrency is 1001"),
        ("BatchSize: 1, ProvisionedPollerConfig: {MinimumPollers: 1}", "MinimumPollers is 1; .* 2 and 200"),
        ("BatchSize: 1, ProvisionedPollerConfig: {MinimumPollers: 201}", "MinimumPollers is 201"),
        (
            "BatchSize: 1, ProvisionedPollerConfig: {MaximumPollers: 10001}",
            "MaximumPollers is 10001; .* 2 and",
        ),
    ],
)
def test_a_mapping_on_a_queue_has_its_bounds(tunnel: Tunnel, mapping: str, reason: str) -> None:
    """A batch size, batching window, maximum concurrency or number of event pollers outside of its range is
    refused.
    """
    refused(tunnel, queue(mapping=mapping), "FunctionE", reason)


@row(f"recorded against Lambda: LocalStack, test_lambda_integration_sqs; {QUEUES}")
def test_a_batch_of_more_than_ten_needs_a_window(tunnel: Tunnel) -> None:
    """A batch size above 10 without a batching window is refused."""
    reason = "above 10 MaximumBatchingWindowInSeconds must be greater than 0"
    refused(tunnel, queue(mapping="BatchSize: 11"), reason)


@row("recorded against Lambda: LocalStack, test_lambda_integration_sqs, duplicate event source mappings")
def test_a_function_has_one_mapping_on_a_queue(tunnel: Tunnel) -> None:
    """A second mapping of the same function on the same queue is refused."""
    two = "BatchSize: 1}}, F: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn, BatchSize: 2"
    refused(tunnel, queue(mapping=two), "the same function on the same source already exists: Function")


@row(f"{MAPPING}; Lambda parameters for Amazon DynamoDB event source mappings")
@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        ("BatchSize: 10001", "BatchSize is 10001; it must lie between 1 and 10,000"),
        ("MaximumBatchingWindowInSeconds: 301", "must lie between 0 and 300"),
        ("MaximumRetryAttempts: -2", "must lie between 0 and 10,000 or be -1"),
        ("MaximumRetryAttempts: 10001", "MaximumRetryAttempts is 10001"),
        ("MaximumRecordAgeInSeconds: 59", "must lie between 60 and 604,800 or be -1"),
        ("MaximumRecordAgeInSeconds: 604801", "MaximumRecordAgeInSeconds is 604801"),
        ("ParallelizationFactor: 0", "must lie between 1 and 10"),
        ("ParallelizationFactor: 11", "ParallelizationFactor is 11"),
    ],
)
def test_a_mapping_on_a_stream_has_its_bounds(tunnel: Tunnel, mapping: str, reason: str) -> None:
    """A batch size, window, retries, record age or parallelization factor outside of its range is refused."""
    refused(tunnel, stream(mapping=mapping), "FunctionE", reason)


@row(f"{MAPPING} (Kinesis and DynamoDB Streams only; Amazon SQS only)")
@pytest.mark.parametrize(
    "resources",
    [
        queue(mapping="BatchSize: 1, BisectBatchOnFunctionError: true"),
        queue(mapping="BatchSize: 1, ParallelizationFactor: 2"),
        stream(mapping="BatchSize: 1, ScalingConfig: {MaximumConcurrency: 2}"),
    ],
    ids=["bisect", "factor", "concurrency"],
)
def test_what_one_kind_of_mapping_has_the_other_has_not(tunnel: Tunnel, resources: str) -> None:
    """Splitting batches and a parallelization factor are refused on a queue, a maximum concurrency on a
    stream.
    """
    refused(tunnel, resources, "is no parameter of a mapping on a (queue|stream)")


@row("SQS API reference, CreateQueue; SQS developer guide, Amazon SQS dead-letter queues")
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"visibility": 43_201}, "VisibilityTimeout is 43201; it must lie between 0 and 43,200"),
        ({"retention": 59}, "MessageRetentionPeriod is 59; it must lie between 60 and 1,209,600"),
        ({"retention": 1_209_601}, "MessageRetentionPeriod is 1209601"),
        ({"receives": 1_001}, "maxReceiveCount is 1001; it must lie between 1 and 1,000"),
    ],
)
def test_a_queue_has_its_bounds(tunnel: Tunnel, options: dict[str, int], reason: str) -> None:
    """A visibility timeout above 12 hours, a retention outside of a minute to 14 days, or a receive count
    outside of 1 to 1,000 is refused.
    """
    refused(tunnel, queue(**options), "Queue", reason)


@row("Lambda developer guide, Configuring reserved concurrency for a function")
def test_a_hundred_executions_stay_unreserved(tunnel: Tunnel) -> None:
    """Reserved concurrency that leaves fewer than 100 of the account's executions unreserved is refused."""
    reserved = "Timeout: 5, ReservedConcurrentExecutions: {}"
    tunnel.run(queue(function=reserved.format(900)), PRINT, send("a"))
    assert tunnel.logs == ["1"]
    refused(tunnel, queue(function=reserved.format(901)), "below its minimum of 100")
    refused(tunnel, queue(function=reserved.format(51)), "150 below its minimum", account_concurrency=150)


@row("recorded against Lambda: InvalidParameterValueException of accounts with 10 concurrent executions")
def test_a_small_account_can_reserve_nothing(tunnel: Tunnel) -> None:
    """An account whose concurrency is no more than 100 can reserve none of it."""
    reserved = "Timeout: 5, ReservedConcurrentExecutions: 1"
    refused(tunnel, queue(function=reserved), "below its minimum of 10", account_concurrency=10)


RULE = "{{Event: '{}', Queue: !GetAtt Queue.Arn, Filter: {{S3Key: {{Rules: [{}]}}}}}}"
PREFIX, SUFFIX = "{{Name: prefix, Value: {}}}", "{{Name: suffix, Value: {}}}"


def notified(*rules: str) -> str:
    """Resources: a bucket with these rules."""
    whole = bucket()
    start = whole.index("QueueConfigurations: ")
    end = whole.index("\n", start)
    return f"{whole[:start]}QueueConfigurations: [{', '.join(rules)}]{whole[end:]}"


CREATED = "s3:ObjectCreated:*"


@row("S3 user guide, Configuring event notifications using object key name filtering")
@pytest.mark.parametrize(
    "rules",
    [
        (RULE.format(CREATED, ""), RULE.format(CREATED, "")),
        (RULE.format(CREATED, ""), RULE.format("s3:ObjectCreated:Put", SUFFIX.format(".tif"))),
        (
            RULE.format(CREATED, PREFIX.format("images/")),
            RULE.format(CREATED, PREFIX.format("images/a/")),
        ),
        (RULE.format(CREATED, SUFFIX.format("if")), RULE.format(CREATED, SUFFIX.format(".tif"))),
    ],
    ids=["the same", "all and one", "prefixes", "suffixes"],
)
def test_notifications_that_overlap_are_refused(tunnel: Tunnel, rules: tuple[str, ...]) -> None:
    """Two notifications of one kind of event whose prefixes and suffixes both overlap are refused."""
    refused(tunnel, notified(*rules), "Bucket", "ambiguously defined")


@pytest.mark.parametrize(
    "rules",
    [
        (
            RULE.format(CREATED, f"{PREFIX.format('in/')}, {SUFFIX.format('.jpg')}"),
            RULE.format(CREATED, f"{PREFIX.format('in/')}, {SUFFIX.format('.png')}"),
        ),
        (RULE.format(CREATED, PREFIX.format("in/")), RULE.format(CREATED, PREFIX.format("out/"))),
        (RULE.format(CREATED, ""), RULE.format("s3:ObjectRemoved:*", "")),
    ],
    ids=["suffixes", "prefixes", "events"],
)
def test_notifications_that_do_not_overlap_are_taken(tunnel: Tunnel, rules: tuple[str, ...]) -> None:
    """Notifications may share a prefix when their suffixes differ, or a suffix when their prefixes do, or all
    when their events do.
    """
    tunnel.run(notified(*rules), PRINT)
    assert tunnel.emulation.finished
