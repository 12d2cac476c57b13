"""What a deployed template makes up: functions, queues, tables and buckets, and what connects them.

moto resolves references when it has deployed the resources; this reads what came of it.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from harness.cloud.identity import ALL_ALLOWED, Identity, Statement, of_role, statements_of
from harness.cloud.limits import NEW_TABLE_SHARDS, PARTITION_READ_UNITS, PARTITION_WRITE_UNITS
from harness.cloud.template import Resource, Template, of_type
from harness.errors import UsageError

DEFAULT_POLLERS = (2, 200)
"""Fewest and most event pollers of provisioned mode (Lambda API reference, ProvisionedPollerConfig)."""


DESCRIBED = frozenset(
    {
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::CompositeAlarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::DynamoDB::Table",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Function",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
    }
)
"""Types of the resources that make up a `System`."""
STANDARD_SECONDS = 60
"""An alarm that looks more often is one of high resolution (CloudWatch user guide, "Using Amazon CloudWatch
alarms").
"""
KEY_KEPT_SECONDS = 300.0
"""A service keeps a key of KMS for a caller for five minutes, where it does so and nothing else is said."""


class Logging(msgspec.Struct, frozen=True):
    """A function's LoggingConfig. The platform's own START, END and REPORT lines are of level INFO, and
    always there in the format Text ("Configuring advanced logging controls for Lambda functions").
    """

    format: str = "Text"
    system_level: str = "INFO"
    retention_days: int = 0


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """A Lambda function. `reserved` concurrency or None; `code` is the folder of its code, storage_mb the
    size of its /tmp; may_recur: it is not stopped when it invokes itself by what it sends.
    """

    logical_id: str
    name: str
    arn: str
    handler: str
    code: Path
    layers: tuple[Path, ...] = ()
    memory_mb: int
    timeout_seconds: int
    environment: dict[str, str]
    identity: Identity
    reserved: int | None = None
    architecture: str = "x86_64"
    storage_mb: int = 512
    logs: Logging = Logging()
    may_recur: bool = False

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where its modules come from: its own code first, then its layers."""
        return self.code, *self.layers


def require(function: Function, source: str, needed: dict[str, str]) -> None:
    """Raises `UsageError` when the function's role lacks what its mapping `source` needs ({action:
    resource}).
    """
    for action, resource in needed.items():
        if not function.identity.may(action, resource):
            raise UsageError(
                f"{source} is refused, as AWS would: the role of {function.logical_id} does not allow "
                f"{action} "
                f"on {resource.rpartition(':')[2]}"
            )


class SqsSource(msgspec.Struct, frozen=True, kw_only=True):
    """An event source mapping on a queue. Times in seconds; `provisioned_pollers`: fewest and most of
    provisioned mode, if it is on.
    """

    logical_id: str
    function: str
    queue_arn: str
    batch_size: int
    window_seconds: int
    maximum_concurrency: int | None
    provisioned_pollers: tuple[int, int] | None
    report_item_failures: bool
    filters: tuple[str, ...]


class StreamSource(msgspec.Struct, frozen=True, kw_only=True):
    """An event source mapping on a table's stream. Times in seconds, -1 for no limit."""

    logical_id: str
    function: str
    stream_arn: str
    batch_size: int
    window_seconds: int
    lanes: int
    maximum_retries: int
    maximum_record_age_seconds: int
    bisect: bool
    report_item_failures: bool
    on_failure: str
    filters: tuple[str, ...]

    @property
    def table(self) -> str:
        """Name of the table that the stream is of."""
        return self.stream_arn.partition(":table/")[2].partition("/")[0]


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """What a bucket tells a queue of: event patterns like "s3:ObjectCreated:*", with prefix and suffix of the
    key.
    """

    bucket: str
    event: str
    queue_arn: str
    prefix: str
    suffix: str


class Redelivery(msgspec.Struct, frozen=True):
    """When a message that was not deleted comes back, and how often it is delivered; 0 for no limit."""

    visibility_seconds: int = 30
    receives: int = 0


class Alarm(msgspec.Struct, frozen=True):
    """An alarm of CloudWatch, as it is billed. metrics: that it looks at; kind: "" for one of standard
    resolution, "high_resolution", "composite".
    """

    logical_id: str
    metrics: int = 1
    kind: Literal["", "high_resolution", "composite"] = ""


class System(msgspec.Struct, frozen=True, kw_only=True):
    """What the harness emulates, by logical id where not said otherwise. `buckets` and `queues` map to names
    and ARNs.

    expiring: name of a table -> the attribute that holds its items' time to live. recoverable: tables with
    point-in-time recovery; fifo: queues that are; keys: what is encrypted with a key of KMS -> seconds for
    which the service keeps that key for a caller, 0 where each request asks for it. dead_letters: ARNs of
    queues that receive what others, or a stream's mapping, give up; redelivery: of each queue, by its ARN.
    partitions: name of a table -> how many it has at first. alarms, dashboards: which nothing happens by, but
    which are billed.
    """

    functions: dict[str, Function]
    sqs_sources: tuple[SqsSource, ...]
    stream_sources: tuple[StreamSource, ...]
    notifications: tuple[Notification, ...]
    buckets: dict[str, str]
    queues: dict[str, str]
    tables: dict[str, str]
    expiring: dict[str, str]
    recoverable: frozenset[str] = frozenset()
    fifo: frozenset[str] = frozenset()
    keys: dict[str, float] = {}
    dead_letters: frozenset[str] = frozenset()
    redelivery: dict[str, Redelivery] = {}
    partitions: dict[str, int] = {}
    alarms: tuple[Alarm, ...] = ()
    dashboards: tuple[str, ...] = ()

    @property
    def stream_shards(self) -> int:
        """Shards of the stream that a function reads: as many as its table has partitions ("Change data
        capture for DynamoDB Streams").
        """
        return max((self.partitions.get(one.table, 1) for one in self.stream_sources), default=1)

    @property
    def reserved(self) -> dict[str, int | None]:
        """The functions' reserved concurrency."""
        return {logical_id: function.reserved for logical_id, function in self.functions.items()}


def describe(
    template: Template, resolved: dict[str, Resource], physical: dict[str, str], arns: dict[str, str]
) -> System:
    """The system that a deployed template makes up.

    `resolved`: the resources with their references replaced; `physical`: their physical ids; `arns`: ARNs of
    functions, queues, roles.
    """
    own = {
        physical[logical_id]: statements_of(resource["Properties"])
        for logical_id, resource in of_type(resolved, "AWS::IAM::ManagedPolicy")
    }
    roles = {
        arns[logical_id]: of_role(
            resource, arns[logical_id].split(":")[4], _attached(resolved, physical[logical_id]), own
        )
        for logical_id, resource in of_type(resolved, "AWS::IAM::Role")
    }
    retention = {
        physical[logical_id]: int(resource["Properties"].get("RetentionInDays", 0))
        for logical_id, resource in of_type(resolved, "AWS::Logs::LogGroup")
        if "Properties" in resource
    }
    functions = {
        logical_id: _function(
            logical_id,
            resource["Properties"],
            physical[logical_id],
            arns[logical_id],
            template,
            roles.get(resource["Properties"]["Role"]),
            _logging(resource["Properties"], physical[logical_id], retention),
        )
        for logical_id, resource in of_type(resolved, "AWS::Lambda::Function")
    }
    names = {function.name: logical_id for logical_id, function in functions.items()}
    names |= {function.arn: logical_id for logical_id, function in functions.items()}
    mappings = [
        (logical_id, resource["Properties"], names[resource["Properties"]["FunctionName"]])
        for logical_id, resource in of_type(resolved, "AWS::Lambda::EventSourceMapping")
        if "EventSourceArn" in resource["Properties"] and _is_on(resource["Properties"], "Enabled", "true")
    ]
    streams = tuple(
        _stream_source(*mapping) for mapping in mappings if "/stream/" in mapping[1]["EventSourceArn"]
    )
    return System(
        functions=functions,
        sqs_sources=tuple(
            _sqs_source(*mapping) for mapping in mappings if ":sqs:" in mapping[1]["EventSourceArn"]
        ),
        stream_sources=streams,
        notifications=tuple(
            notification
            for logical_id, resource in of_type(resolved, "AWS::S3::Bucket")
            for notification in _notifications(physical[logical_id], resource.get("Properties", {}))
        ),
        buckets={logical_id: physical[logical_id] for logical_id, _ in of_type(resolved, "AWS::S3::Bucket")},
        queues={logical_id: arns[logical_id] for logical_id, _ in of_type(resolved, "AWS::SQS::Queue")},
        tables={
            logical_id: physical[logical_id] for logical_id, _ in of_type(resolved, "AWS::DynamoDB::Table")
        },
        expiring={
            physical[logical_id]: ttl["AttributeName"]
            for logical_id, resource in of_type(resolved, "AWS::DynamoDB::Table")
            if (ttl := resource["Properties"].get("TimeToLiveSpecification"))
            and str(ttl.get("Enabled")).lower() == "true"
        },
        recoverable=frozenset(
            logical_id
            for logical_id, resource in of_type(resolved, "AWS::DynamoDB::Table")
            if _is_on(
                resource["Properties"].get("PointInTimeRecoverySpecification"), "PointInTimeRecoveryEnabled"
            )
        ),
        fifo=frozenset(
            logical_id
            for logical_id, resource in of_type(resolved, "AWS::SQS::Queue")
            if _is_on(resource.get("Properties"), "FifoQueue")
        ),
        keys=dict(_keys(resolved)),
        redelivery={
            arns[logical_id]: _redelivery(resource.get("Properties") or {})
            for logical_id, resource in of_type(resolved, "AWS::SQS::Queue")
        },
        dead_letters=frozenset(_dead_letters(resolved, streams)),
        partitions={
            physical[logical_id]: _partitions(resource["Properties"])
            for logical_id, resource in of_type(resolved, "AWS::DynamoDB::Table")
        },
        alarms=tuple(_alarms(resolved)),
        dashboards=tuple(logical_id for logical_id, _ in of_type(resolved, "AWS::CloudWatch::Dashboard")),
    )


def _alarms(resolved: dict[str, Resource]) -> Iterator[Alarm]:
    """Each metric of an alarm is billed, expressions over them are not ("Amazon CloudWatch pricing")."""
    for logical_id, resource in of_type(resolved, "AWS::CloudWatch::Alarm"):
        properties = resource["Properties"]
        stats = [one["MetricStat"] for one in properties.get("Metrics") or [] if one.get("MetricStat")]
        periods = [int(one.get("Period", 60)) for one in [*stats, properties] if "Period" in one]
        kind: Literal["", "high_resolution"] = (
            "high_resolution" if any(period < STANDARD_SECONDS for period in periods) else ""
        )
        yield Alarm(logical_id, max(1, len(stats)), kind)
    for logical_id, _ in of_type(resolved, "AWS::CloudWatch::CompositeAlarm"):
        yield Alarm(logical_id, 1, "composite")


def _partitions(properties: Resource) -> int:
    """Of a new table."""
    if properties.get("BillingMode") == "PAY_PER_REQUEST":
        return NEW_TABLE_SHARDS
    units = properties.get("ProvisionedThroughput") or {}
    reads, writes = (int(units.get(name, 1)) for name in ("ReadCapacityUnits", "WriteCapacityUnits"))
    return math.ceil(reads / PARTITION_READ_UNITS + writes / PARTITION_WRITE_UNITS)


def _attached(resolved: dict[str, Resource], role: str) -> Iterator[Statement]:
    """Statements of the template's policies that name a role."""
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for _, resource in of_type(resolved, kind):
            if role in (resource["Properties"].get("Roles") or []):
                yield from statements_of(resource["Properties"])


def _redelivery(properties: Resource) -> Redelivery:
    policy = properties.get("RedrivePolicy") or {}
    return Redelivery(int(properties.get("VisibilityTimeout", 30)), int(policy.get("maxReceiveCount", 0)))


def _dead_letters(resolved: dict[str, Resource], streams: tuple[StreamSource, ...]) -> Iterator[str]:
    for _, resource in of_type(resolved, "AWS::SQS::Queue"):
        policy = (resource.get("Properties") or {}).get("RedrivePolicy") or {}
        if policy:
            yield str(policy.get("deadLetterTargetArn", ""))
    yield from (source.on_failure for source in streams if source.on_failure)


def _is_on(properties: Resource | None, name: str, default: str = "false") -> bool:
    return str((properties or {}).get(name, default)).lower() == "true"


def _logging(properties: Resource, name: str, retention: dict[str, int]) -> Logging:
    config = properties.get("LoggingConfig") or {}
    group = str(config.get("LogGroup") or f"/aws/lambda/{name}")
    return Logging(
        str(config.get("LogFormat", "Text")),
        str(config.get("SystemLogLevel", "INFO")),
        retention.get(group, 0),
    )


def _keys(resolved: dict[str, Resource]) -> Iterator[tuple[str, float]]:
    """What is encrypted with a key of KMS, the keys that AWS manages included, and how long a service keeps
    a key for a caller (KMS developer guide, "How Amazon DynamoDB uses AWS KMS"; SQS developer guide,
    "Understanding the data key reuse period"; S3 user guide, "Reducing the cost of SSE-KMS with Amazon S3
    Bucket Keys").
    """
    for logical_id, resource in resolved.items():
        properties = resource.get("Properties") or {}
        match resource["Type"]:
            case "AWS::DynamoDB::Table" if _is_on(properties.get("SSESpecification"), "SSEEnabled"):
                yield logical_id, KEY_KEPT_SECONDS
            case "AWS::SQS::Queue" if properties.get("KmsMasterKeyId"):
                yield logical_id, float(properties.get("KmsDataKeyReusePeriodSeconds", KEY_KEPT_SECONDS))
            case "AWS::S3::Bucket":
                rules = (properties.get("BucketEncryption") or {}).get(
                    "ServerSideEncryptionConfiguration"
                ) or []
                for rule in rules:
                    default = rule.get("ServerSideEncryptionByDefault") or {}
                    if str(default.get("SSEAlgorithm", "")).startswith("aws:kms"):
                        yield logical_id, KEY_KEPT_SECONDS if _is_on(rule, "BucketKeyEnabled") else 0.0


def _function(
    logical_id: str,
    properties: Resource,
    name: str,
    arn: str,
    template: Template,
    identity: Identity | None,
    logs: Logging,
) -> Function:
    reserved = properties.get("ReservedConcurrentExecutions")
    return Function(
        logical_id=logical_id,
        name=name,
        arn=arn,
        handler=properties["Handler"],
        code=template.code.get(logical_id, template.path.parent.resolve()),
        layers=template.layers.get(logical_id, ()),
        memory_mb=int(properties.get("MemorySize", 128)),
        timeout_seconds=int(properties.get("Timeout", 3)),
        environment={
            key: str(value) for key, value in properties.get("Environment", {}).get("Variables", {}).items()
        },
        identity=identity or Identity(arn.split(":")[4], ALL_ALLOWED),
        reserved=None if reserved is None else int(reserved),
        architecture=str((properties.get("Architectures") or ["x86_64"])[0]),
        storage_mb=int((properties.get("EphemeralStorage") or {}).get("Size", 512)),
        logs=logs,
        may_recur=properties.get("RecursiveLoop") == "Allow",
    )


def _sqs_source(logical_id: str, properties: Resource, function: str) -> SqsSource:
    maximum = properties.get("ScalingConfig", {}).get("MaximumConcurrency")
    pollers = properties.get("ProvisionedPollerConfig")
    fewest = int((pollers or {}).get("MinimumPollers", DEFAULT_POLLERS[0]))
    most = int((pollers or {}).get("MaximumPollers", DEFAULT_POLLERS[1]))
    return SqsSource(
        logical_id=logical_id,
        function=function,
        queue_arn=properties["EventSourceArn"],
        batch_size=int(properties.get("BatchSize", 10)),
        window_seconds=int(properties.get("MaximumBatchingWindowInSeconds", 0)),
        maximum_concurrency=None if maximum is None else int(maximum),
        provisioned_pollers=(fewest, max(fewest, most)) if pollers else None,
        report_item_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", []),
        filters=_filters(properties),
    )


def _stream_source(logical_id: str, properties: Resource, function: str) -> StreamSource:
    return StreamSource(
        logical_id=logical_id,
        function=function,
        stream_arn=properties["EventSourceArn"],
        batch_size=int(properties.get("BatchSize", 100)),
        window_seconds=int(properties.get("MaximumBatchingWindowInSeconds", 0)),
        lanes=int(properties.get("ParallelizationFactor", 1)),
        maximum_retries=int(properties.get("MaximumRetryAttempts", -1)),
        maximum_record_age_seconds=int(properties.get("MaximumRecordAgeInSeconds", -1)),
        bisect=str(properties.get("BisectBatchOnFunctionError", False)).lower() == "true",
        report_item_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", []),
        on_failure=properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", ""),
        filters=_filters(properties),
    )


def _filters(properties: Resource) -> tuple[str, ...]:
    return tuple(entry["Pattern"] for entry in properties.get("FilterCriteria", {}).get("Filters", []))


def _notifications(bucket: str, properties: Resource) -> Iterator[Notification]:
    for entry in properties.get("NotificationConfiguration", {}).get("QueueConfigurations", []):
        rules = {
            rule["Name"].lower(): rule["Value"]
            for rule in entry.get("Filter", {}).get("S3Key", {}).get("Rules", [])
        }
        yield Notification(
            bucket=bucket,
            event=entry["Event"],
            queue_arn=entry["Queue"],
            prefix=rules.get("prefix", ""),
            suffix=rules.get("suffix", ""),
        )
