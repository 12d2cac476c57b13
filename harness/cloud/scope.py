"""What of a template is emulated, what only exists, and what is left out: said to the user, with whether it
matters.
"""

from collections.abc import Iterator
from enum import Enum
from typing import Any

from harness.cloud.identity import unknown_policies


class Scope(Enum):
    """What becomes of a kind of resource, and what a user is told of it."""

    EMULATED = ""
    HARMLESS = "which changes nothing here"
    """Nothing happens by it that a run would show: it watches, names, holds or limits."""
    BILLED = "which changes nothing here but the bill"
    MISSING = "and what it would start or receive does not happen"


KINDS: tuple[tuple[str, Scope, bool], ...] = (
    ("AWS::ApplicationAutoScaling::", Scope.HARMLESS, False),
    ("AWS::CloudFormation::", Scope.HARMLESS, False),
    ("AWS::CloudWatch::Alarm", Scope.BILLED, False),
    ("AWS::CloudWatch::CompositeAlarm", Scope.BILLED, False),
    ("AWS::CloudWatch::Dashboard", Scope.BILLED, False),
    ("AWS::CloudWatch::", Scope.HARMLESS, False),
    ("AWS::DynamoDB::Table", Scope.EMULATED, True),
    ("AWS::IAM::ManagedPolicy", Scope.EMULATED, True),
    ("AWS::IAM::Policy", Scope.EMULATED, True),
    ("AWS::IAM::Role", Scope.EMULATED, True),
    ("AWS::KMS::", Scope.HARMLESS, True),
    ("AWS::Lambda::Alias", Scope.HARMLESS, False),
    ("AWS::Lambda::EventInvokeConfig", Scope.HARMLESS, False),
    ("AWS::Lambda::EventSourceMapping", Scope.EMULATED, True),
    ("AWS::Lambda::Function", Scope.EMULATED, True),
    ("AWS::Lambda::LayerVersion", Scope.EMULATED, False),
    ("AWS::Lambda::Permission", Scope.EMULATED, True),
    ("AWS::Lambda::Version", Scope.HARMLESS, False),
    ("AWS::Logs::LogGroup", Scope.EMULATED, True),
    ("AWS::Logs::", Scope.HARMLESS, True),
    ("AWS::S3::Bucket", Scope.EMULATED, True),
    ("AWS::S3::BucketPolicy", Scope.EMULATED, True),
    ("AWS::SNS::", Scope.MISSING, True),
    ("AWS::SQS::Queue", Scope.EMULATED, True),
    ("AWS::SQS::QueuePolicy", Scope.EMULATED, True),
    ("AWS::SSM::Parameter", Scope.HARMLESS, True),
    ("AWS::SecretsManager::", Scope.HARMLESS, True),
)
"""(type, or what the types of a service begin with; its scope; whether moto is given such resources, so that
what refers to them finds them). The first that fits counts; what none fits is missing, and not given to moto.
"""


def _of(kind: str) -> tuple[Scope, bool]:
    for name, scope, deployed in KINDS:
        if kind == name or (name.endswith("::") and kind.startswith(name)):
            return scope, deployed
    return Scope.MISSING, False


def notes(resources: dict[str, Any]) -> Iterator[str]:
    """A line for each kind of resource that is not emulated."""
    kinds: dict[str, list[str]] = {}
    for logical_id, resource in resources.items():
        if _of(resource["Type"])[0] is not Scope.EMULATED:
            kinds.setdefault(resource["Type"], []).append(logical_id)
    for kind, names in sorted(kinds.items()):
        yield f"{', '.join(names)} ({kind}) is not emulated, {_of(kind)[0].value}"
    for logical_id, resource in resources.items():
        if resource["Type"] == "AWS::IAM::Role" and (unknown := unknown_policies(resource)):
            yield (
                f"{logical_id} has the managed policy {', '.join(unknown)}, which is not known here: its "
                f"functions are denied nothing but what another policy denies"
            )
    for logical_id, resource in resources.items():
        told = (
            resource.get("Properties", {}).get("NotificationConfiguration", {})
            if resource["Type"] == "AWS::S3::Bucket"
            else {}
        )
        for entry in [*told.get("LambdaConfigurations", []), *told.get("TopicConfigurations", [])]:
            target = next((str(value) for key, value in entry.items() if key in ("Function", "Topic")), "")
            yield (
                f"{logical_id} tells {target} of {entry.get('Event')} directly, which is not emulated: "
                f"only queues are told"
            )


def is_deployed(kind: str) -> bool:
    """Whether moto is given resources of this type."""
    return _of(kind)[1]
