"""What of a template is emulated, what only exists, and what is left out: said to the user, with whether it
matters.
"""

from collections.abc import Iterator
from typing import Any

EMULATED = frozenset(
    {
        "AWS::DynamoDB::Table",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Function",
        "AWS::Lambda::LayerVersion",
        "AWS::Lambda::Permission",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
    }
)
HARMLESS = (
    "AWS::ApplicationAutoScaling::",
    "AWS::CloudFormation::",
    "AWS::CloudWatch::",
    "AWS::KMS::",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Version",
    "AWS::Logs::",
    "AWS::SSM::Parameter",
    "AWS::SecretsManager::",
)
"""Nothing happens by them that a run would show: they watch, name, hold or limit."""
DEPLOYED = (
    *EMULATED,
    "AWS::KMS::",
    "AWS::Logs::",
    "AWS::SNS::",
    "AWS::SSM::Parameter",
    "AWS::SecretsManager::",
)
"""Kinds that moto is given, so that what refers to them finds them."""


def notes(resources: dict[str, Any]) -> Iterator[str]:
    """A line for each kind of resource that is not emulated."""
    kinds: dict[str, list[str]] = {}
    for logical_id, resource in resources.items():
        if resource["Type"] not in EMULATED:
            kinds.setdefault(resource["Type"], []).append(logical_id)
    for kind, names in sorted(kinds.items()):
        matters = (
            "which changes nothing here"
            if kind.startswith(HARMLESS)
            else "and what it would start or receive does not happen"
        )
        yield f"{', '.join(names)} ({kind}) is not emulated, {matters}"
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
    return kind.startswith(DEPLOYED) and kind != "AWS::Lambda::LayerVersion"
