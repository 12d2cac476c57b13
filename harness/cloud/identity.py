"""Who may do what: each function acts under the role that its template gives it, and a call that no statement
allows is denied.

Evaluates identity policies as IAM does for requests within one account: an explicit deny wins, else an allow
is needed ("Policy evaluation logic", IAM user guide). Conditions are taken as met, resource policies and
boundaries are not looked at.
"""

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

Statement = Mapping[str, Any]

ALL_ALLOWED: tuple[Statement, ...] = ({"Effect": "Allow", "Action": "*", "Resource": "*"},)
"""Of a role that stands outside of the template: what it allows is not known."""

_LOGS = {
    "Effect": "Allow",
    "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": "*",
}
_TRACES = {
    "Effect": "Allow",
    "Action": [
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
        "xray:GetSamplingStatisticSummaries",
    ],
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
    "AWSLambdaVPCAccessExecutionRole": [
        _LOGS,
        {
            "Effect": "Allow",
            "Action": [
                "ec2:CreateNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:DeleteNetworkInterface",
                "ec2:AssignPrivateIpAddresses",
                "ec2:UnassignPrivateIpAddresses",
            ],
            "Resource": "*",
        },
    ],
    "AWSXRayDaemonWriteAccess": [_TRACES],
    "AWSXrayWriteOnlyAccess": [_TRACES],
}
"""AWS managed policies that SAM attaches to a function's role (AWS managed policy reference)."""


class Identity(msgspec.Struct, frozen=True):
    """A role: its statements, and the account that it acts in."""

    account: str
    statements: tuple[Statement, ...]

    def may(self, action: str, resource: str) -> bool:
        """Whether the role allows an action ("sqs:SendMessage") on a resource (an ARN)."""
        matching = [
            one
            for one in self.statements
            if _covers(one, "Action", action) and _covers(one, "Resource", resource)
        ]
        if any(one["Effect"] == "Deny" for one in matching):
            return False
        return any(one["Effect"] == "Allow" for one in matching)


def of_role(
    role: Mapping[str, Any] | None,
    account: str,
    attached: Iterable[Statement] = (),
    own: Mapping[str, Sequence[Statement]] | None = None,
) -> Identity:
    """The identity of a role as CloudFormation has it, its references resolved.

    attached: statements of policies that name the role; own: ARN of the template's managed policies -> their
    statements. A managed policy that is not known may allow anything, and is taken to (`unknown_policies`).
    """
    properties = role.get("Properties", {}) if role else {}
    statements: list[Statement] = list(attached)
    for arn in properties.get("ManagedPolicyArns", []):
        known = own[str(arn)] if own and str(arn) in own else MANAGED_POLICIES.get(_name(arn), ALL_ALLOWED)
        statements += known
    for policy in properties.get("Policies", []):
        statements += statements_of(policy)
    return Identity(account, tuple(statements))


def statements_of(policy: Mapping[str, Any]) -> list[Statement]:
    """Those of a policy with a PolicyDocument."""
    found = policy["PolicyDocument"]["Statement"]
    return [found] if isinstance(found, Mapping) else list(found)


def unknown_policies(role: Mapping[str, Any]) -> list[str]:
    """Names of AWS's managed policies of a role that are not known here: it may do what they do not allow."""
    arns = (role.get("Properties") or {}).get("ManagedPolicyArns") or []
    named = [str(arn.get("Fn::Sub", "")) if isinstance(arn, Mapping) else str(arn) for arn in arns]
    return [_name(arn) for arn in named if "/" in arn and _name(arn) not in MANAGED_POLICIES]


def _name(arn: Any) -> str:
    return str(arn).rpartition("/")[2]


def _covers(statement: Statement, part: str, value: str) -> bool:
    """Whether a statement is about an action or a resource: one that it lists, or any but those that it
    excludes (IAM user guide, "NotAction", "NotResource").
    """
    if f"Not{part}" in statement:
        return not _matches(statement[f"Not{part}"], value)
    return _matches(statement.get(part), value)


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
