"""Who may do what: each function acts under the role that its template gives it, and a call that no statement
allows is denied.

Evaluates identity policies as IAM does for requests within one account: an explicit deny wins, else an allow
is needed ("Policy evaluation logic", IAM user guide). Conditions are taken as met, resource policies and
boundaries are not looked at.
"""

import fnmatch
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from botocore.awsrequest import AWSPreparedRequest

from harness.cloud.addresses import bucket_and_key
from harness.region import REGION

Statement = Mapping[str, Any]

ALL_ALLOWED: tuple[Statement, ...] = ({"Effect": "Allow", "Action": "*", "Resource": "*"},)
"""Of a role that stands outside of the template: what it allows is not known."""

_LOGS = {
    "Effect": "Allow",
    "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": "*",
}
MANAGED_POLICIES: dict[str, list[Statement]] = {
    "AWSLambdaBasicExecutionRole": [_LOGS],
    "AWSLambdaSQSQueueExecutionRole": [
        _LOGS,
        {
            "Effect": "Allow",
            "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
            "Resource": "*",
        },
    ],
    "AWSLambdaDynamoDBExecutionRole": [
        _LOGS,
        {
            "Effect": "Allow",
            "Action": [
                "dynamodb:DescribeStream",
                "dynamodb:GetRecords",
                "dynamodb:GetShardIterator",
                "dynamodb:ListStreams",
            ],
            "Resource": "*",
        },
    ],
}
"""AWS managed policies that SAM attaches to a function's role (AWS managed policy reference)."""

_ACTIONS = {
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
    "HeadObject": "GetObject",
    "HeadBucket": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjects": "ListBucket",
    "CompleteMultipartUpload": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
}
"""Operations whose permission has another name (Service authorization reference)."""


class Identity(msgspec.Struct, frozen=True):
    """A role: its statements, and the account that it acts in."""

    account: str
    statements: tuple[Statement, ...]

    def may(self, action: str, resource: str) -> bool:
        """Whether the role allows an action ("sqs:SendMessage") on a resource (an ARN)."""
        matching = [
            one
            for one in self.statements
            if _matches(one.get("Action"), action) and _matches(one.get("Resource"), resource)
        ]
        if any(one["Effect"] == "Deny" for one in matching):
            return False
        return any(one["Effect"] == "Allow" for one in matching)

    def may_call(self, service: str, operation: str, request: AWSPreparedRequest) -> str:
        """The refusal of a call ("" when it is allowed): which action on which resource is not allowed."""
        action, resource = _required(service, operation, request, self.account)
        return (
            ""
            if self.may(action, resource)
            else f"not authorized to perform: {action} on resource: {resource}"
        )


def of_role(role: Mapping[str, Any] | None, account: str) -> Identity:
    """The identity of a role as CloudFormation has it, its references resolved."""
    properties = role.get("Properties", {}) if role else {}
    statements: list[Statement] = []
    for arn in properties.get("ManagedPolicyArns", []):
        statements += MANAGED_POLICIES.get(str(arn).rpartition("/")[2], [])
    for policy in properties.get("Policies", []):
        found = policy["PolicyDocument"]["Statement"]
        statements += [found] if isinstance(found, Mapping) else found
    return Identity(account, tuple(statements))


def _matches(patterns: Any, value: str) -> bool:
    listed: Iterable[str] = [patterns] if isinstance(patterns, str) else patterns or []
    return any(_compiled(pattern).fullmatch(value) for pattern in listed)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """IAM's wildcards: * and ?; nothing else is special. Actions are compared without regard to case, ARNs
    with.
    """
    is_action = ":" in pattern and not pattern.startswith("arn:")
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")), re.IGNORECASE if is_action else 0)


def _required(service: str, operation: str, request: AWSPreparedRequest, account: str) -> tuple[str, str]:
    """(action, resource) that a call needs permission for."""
    name = _ACTIONS.get(operation, operation)
    if service == "s3":
        bucket, key = bucket_and_key(request.url)
        if name == "GetObject" and "versionId" in parse_qs(urlsplit(request.url).query):
            name = "GetObjectVersion"
        return f"s3:{name}", f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
    body = request.body if isinstance(request.body, str | bytes) else b""
    payload = msgspec.json.decode(body) if body[:1] in (b"{", "{") else {}
    if service == "sqs":
        return (
            f"sqs:{name}",
            f"arn:aws:sqs:{REGION}:{account}:{str(payload.get('QueueUrl', '*')).rpartition('/')[2]}",
        )
    if service == "dynamodb-streams":
        return f"dynamodb:{name}", str(
            payload.get("StreamArn") or payload.get("ShardIterator", "*")
        ).partition("|")[0]
    if service == "dynamodb":
        index = f"/index/{payload['IndexName']}" if "IndexName" in payload else ""
        return (
            f"dynamodb:{name}",
            f"arn:aws:dynamodb:{REGION}:{account}:table/{payload.get('TableName', '*')}{index}",
        )
    return f"{service}:{name}", "*"
