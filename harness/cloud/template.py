"""A template becomes plain CloudFormation, and that a description of what the harness emulates.

moto resolves references in the second step, when it has deployed the resources.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml
from samtranslator.yaml_helper import yaml_parse

from harness.cloud import packages, scope
from harness.cloud.identity import ALL_ALLOWED, Identity, of_role
from harness.cloud.translation import translated
from harness.errors import UsageError

Resource = dict[str, Any]

DEFAULT_POLLERS = (2, 200)
"""Fewest and most event pollers of provisioned mode (Lambda API reference, ProvisionedPollerConfig)."""


DESCRIBED = frozenset(
    {
        "AWS::DynamoDB::Table",
        "AWS::IAM::Role",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Function",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
    }
)
"""Types of the resources that make up a `System`."""


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """A Lambda function. `memory` in MB, `timeout` in seconds, `reserved` concurrency or None; `code` is the
    folder of its code.
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


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """What a bucket tells a queue of: event patterns like "s3:ObjectCreated:*", with prefix and suffix of the
    key.
    """

    bucket: str
    event: str
    queue_arn: str
    prefix: str
    suffix: str


class System(msgspec.Struct, frozen=True, kw_only=True):
    """What the harness emulates, by logical id where not said otherwise. `buckets` and `queues` map to names
    and ARNs.

    expiring: name of a table -> the attribute that holds its items' time to live.
    """

    functions: dict[str, Function]
    sqs_sources: tuple[SqsSource, ...]
    stream_sources: tuple[StreamSource, ...]
    notifications: tuple[Notification, ...]
    buckets: dict[str, str]
    queues: dict[str, str]
    tables: dict[str, str]
    expiring: dict[str, str]


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A translated template: CloudFormation, where it came from, and the values of its parameters.

    code: logical id of a function -> folder of its code; layers: that of a function -> folders of its layers'
    modules; notes: what of the template is not emulated, and whether that matters.
    """

    path: Path
    document: Resource
    parameters: dict[str, str]
    code: dict[str, Path]
    layers: dict[str, tuple[Path, ...]] = {}
    notes: tuple[str, ...] = ()

    def functions(self) -> list[Resource]:
        """The functions, as CloudFormation has them."""
        return [resource for _, resource in _of_type(self.document["Resources"], "AWS::Lambda::Function")]


def load(path: Path, parameters: dict[str, str], kept: Path | None = None) -> Template:
    """Translates a SAM file; `kept`: where translations are kept. Raises `UsageError` for a file or parameter
    that is wrong.
    """
    try:
        document = yaml_parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read the template {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"the template {path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise UsageError(f"the template {path} has no Resources")
    declared = document.get("Parameters") or {}
    _check_parameters(path, declared, parameters)
    values = {
        name: str(entry["Default"]) for name, entry in declared.items() if "Default" in entry
    } | parameters
    local = packages.local(path, document, values)
    plain = translated(path, document, parameters, kept)
    mapped = _mapped(plain, plain.get("Mappings", {}), values)
    notes = (*local.notes, *scope.notes(mapped["Resources"]))
    return Template(
        path=path, document=mapped, parameters=values, code=local.code, layers=local.layers, notes=notes
    )


def describe(
    template: Template, resolved: dict[str, Resource], physical: dict[str, str], arns: dict[str, str]
) -> System:
    """The system that a deployed template makes up.

    `resolved`: the resources with their references replaced; `physical`: their physical ids; `arns`: ARNs of
    functions, queues, roles.
    """
    roles = {
        arns[logical_id]: of_role(resource, arns[logical_id].split(":")[4])
        for logical_id, resource in _of_type(resolved, "AWS::IAM::Role")
    }
    functions = {
        logical_id: _function(
            logical_id,
            resource["Properties"],
            physical[logical_id],
            arns[logical_id],
            template,
            roles.get(resource["Properties"]["Role"]),
        )
        for logical_id, resource in _of_type(resolved, "AWS::Lambda::Function")
    }
    names = {function.name: logical_id for logical_id, function in functions.items()}
    names |= {function.arn: logical_id for logical_id, function in functions.items()}
    mappings = [
        (logical_id, resource["Properties"], names[resource["Properties"]["FunctionName"]])
        for logical_id, resource in _of_type(resolved, "AWS::Lambda::EventSourceMapping")
        if "EventSourceArn" in resource["Properties"]
    ]
    return System(
        functions=functions,
        sqs_sources=tuple(
            _sqs_source(*mapping) for mapping in mappings if ":sqs:" in mapping[1]["EventSourceArn"]
        ),
        stream_sources=tuple(
            _stream_source(*mapping) for mapping in mappings if "/stream/" in mapping[1]["EventSourceArn"]
        ),
        notifications=tuple(
            notification
            for logical_id, resource in _of_type(resolved, "AWS::S3::Bucket")
            for notification in _notifications(physical[logical_id], resource.get("Properties", {}))
        ),
        buckets={logical_id: physical[logical_id] for logical_id, _ in _of_type(resolved, "AWS::S3::Bucket")},
        queues={logical_id: arns[logical_id] for logical_id, _ in _of_type(resolved, "AWS::SQS::Queue")},
        tables={
            logical_id: physical[logical_id] for logical_id, _ in _of_type(resolved, "AWS::DynamoDB::Table")
        },
        expiring={
            physical[logical_id]: ttl["AttributeName"]
            for logical_id, resource in _of_type(resolved, "AWS::DynamoDB::Table")
            if (ttl := resource["Properties"].get("TimeToLiveSpecification"))
            and str(ttl.get("Enabled")).lower() == "true"
        },
    )


def _check_parameters(path: Path, declared: Resource, given: dict[str, str]) -> None:
    lacking = [name for name, entry in declared.items() if "Default" not in entry and name not in given]
    if lacking:
        options = " ".join(f"--parameter {name}=VALUE" for name in lacking)
        raise UsageError(f"the template {path} has parameters without a default: give {options}")
    for name, value in given.items():
        if name not in declared:
            raise UsageError(
                f"the template {path} has no parameter {name}; it has {', '.join(sorted(declared)) or 'none'}"
            )
        parameter = declared[name]
        allowed = [str(choice) for choice in parameter.get("AllowedValues", [])]
        if allowed and value not in allowed:
            raise UsageError(f"parameter {name} is {value}; allowed are {', '.join(allowed)}")
        if parameter.get("Type") == "Number":
            try:
                number = float(value)
            except ValueError:
                raise UsageError(f"parameter {name} is {value!r}; it must be a number") from None
            low, high = parameter.get("MinValue", number), parameter.get("MaxValue", number)
            if not low <= number <= high:
                raise UsageError(f"parameter {name} is {value}; it must lie between {low} and {high}")


def _mapped(node: Any, mappings: Resource, values: dict[str, str]) -> Any:
    """The document with Fn::FindInMap replaced: moto looks a Number parameter up as a number, among keys that
    are strings.
    """
    if isinstance(node, list):
        return [_mapped(item, mappings, values) for item in node]
    if not isinstance(node, dict):
        return node
    if set(node) == {"Fn::FindInMap"}:
        name, *keys = (
            values[key["Ref"]] if isinstance(key, dict) else str(key) for key in node["Fn::FindInMap"]
        )
        return mappings[name][keys[0]][keys[1]]
    return {key: _mapped(value, mappings, values) for key, value in node.items()}


def _of_type(resources: dict[str, Resource], kind: str) -> Iterator[tuple[str, Resource]]:
    return ((logical_id, resource) for logical_id, resource in resources.items() if resource["Type"] == kind)


def _function(
    logical_id: str, properties: Resource, name: str, arn: str, template: Template, identity: Identity | None
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
    )


def _sqs_source(logical_id: str, properties: Resource, function: str) -> SqsSource:
    maximum = properties.get("ScalingConfig", {}).get("MaximumConcurrency")
    pollers = properties.get("ProvisionedPollerConfig")
    if maximum is not None and pollers:
        raise UsageError(
            f"{logical_id} is refused, as AWS would: provisioned mode and MaximumConcurrency exclude one "
            f"another"
        )
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
