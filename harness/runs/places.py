"""Where input goes in and results come out of a system: a prefix of a bucket, or a queue."""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from harness.cloud.template import Template
from harness.errors import UsageError


class Place(msgspec.Struct, frozen=True):
    """`resource`: logical id of a bucket or queue; `prefix`: of keys, in a bucket."""

    resource: str
    prefix: str = ""

    @classmethod
    def parse(cls, text: str) -> "Place":
        """From "Bucket/prefix/" or "Queue"."""
        resource, _, prefix = text.partition("/")
        return cls(resource, prefix)


def infer(template: Template) -> Place:
    """Where a system that nobody has described takes its input: its only bucket that tells of uploads, else
    its only queue that a function reads and that nothing in the template fills. Raises `UsageError` when
    there is not exactly one.
    """
    resources = template.document["Resources"]
    buckets = list(_telling_buckets(resources))
    queues = [name for name in _read_queues(resources) if name not in _filled(resources)]
    found = buckets or [Place(name) for name in queues]
    if len(found) == 1:
        return found[0]
    choice = (
        ", ".join(place.resource for place in found)
        or "it has no bucket that tells a queue of uploads, and no queue that is read"
    )
    raise UsageError(
        f"where does input go in {template.path}? Say it beside the template, in pyproject.toml: "
        f'[tool.harness] inputs = "Bucket/prefix/" or "Queue" (candidates: {choice})'
    )


def _telling_buckets(resources: dict[str, Any]) -> Iterator[Place]:
    for name, resource in resources.items():
        told = (
            resource.get("Properties", {}).get("NotificationConfiguration", {}).get("QueueConfigurations", [])
        )
        if resource["Type"] == "AWS::S3::Bucket" and told:
            rules = told[0].get("Filter", {}).get("S3Key", {}).get("Rules", [])
            prefix = next((rule["Value"] for rule in rules if rule["Name"].lower() == "prefix"), "")
            yield Place(name, prefix if isinstance(prefix, str) else "")


def _read_queues(resources: dict[str, Any]) -> list[str]:
    sources = [
        r["Properties"].get("EventSourceArn")
        for r in resources.values()
        if r["Type"] == "AWS::Lambda::EventSourceMapping"
    ]
    named = {name for source in sources for name in _mentioned(source)}
    return [
        name
        for name, resource in resources.items()
        if resource["Type"] == "AWS::SQS::Queue" and name in named
    ]


def _filled(resources: dict[str, Any]) -> set[str]:
    """Names of what functions are told of, what dead letters and notifications go to."""
    filled: set[str] = set()
    for resource in resources.values():
        properties = resource.get("Properties", {})
        for key in (
            "Environment",
            "RedrivePolicy",
            "NotificationConfiguration",
            "DestinationConfig",
            "DeadLetterConfig",
        ):
            filled |= _mentioned(properties.get(key))
    return filled


def _mentioned(node: Any) -> set[str]:
    """Logical ids that a part of a template refers to."""
    text = json.dumps(node)
    references = re.findall(r'"Ref": "(\w+)"|"Fn::GetAtt": \["(\w+)"|\$\{(\w+)[.}]', text)
    return {name for found in references for name in found if name}
