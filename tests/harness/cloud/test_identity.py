"""Policies are evaluated as IAM does: wildcards, explicit deny first, nothing without an allow."""

import pytest

from harness.cloud import scope
from harness.cloud.identity import Identity, of_role


def identity(*statements: dict) -> Identity:
    return Identity("1", statements)


def allow(action: object, resource: object, effect: str = "Allow") -> dict:
    return {"Effect": effect, "Action": action, "Resource": resource}


@pytest.mark.parametrize(
    ("statement", "action", "resource", "allowed"),
    [
        (allow("s3:GetObject", "arn:aws:s3:::b/*"), "s3:GetObject", "arn:aws:s3:::b/a/k", True),
        (allow("s3:GetObject", "arn:aws:s3:::b/in/*"), "s3:GetObject", "arn:aws:s3:::b/out/k", False),
        (allow("s3:Get*", "*"), "s3:GetObjectVersion", "arn:aws:s3:::b/k", True),
        (allow("S3:getobject", "*"), "s3:GetObject", "arn:aws:s3:::b/k", True),
        (
            allow(["sqs:SendMessage"], ["arn:aws:sqs:r:1:q"]),
            "sqs:SendMessage",
            "arn:aws:sqs:r:1:other",
            False,
        ),
        (allow("sqs:*", "arn:aws:sqs:r:1:q?"), "sqs:SendMessage", "arn:aws:sqs:r:1:q2", True),
        (allow("*", "*"), "dynamodb:PutItem", "arn:aws:dynamodb:r:1:table/t", True),
    ],
)
def test_a_statement_allows(statement: dict, action: str, resource: str, allowed: bool) -> None:
    assert identity(statement).may(action, resource) is allowed


def test_nothing_is_allowed_without_a_statement() -> None:
    assert not identity().may("s3:GetObject", "arn:aws:s3:::b/k")


def test_an_explicit_deny_wins() -> None:
    assert not identity(allow("*", "*"), allow("s3:DeleteObject", "*", "Deny")).may(
        "s3:DeleteObject", "arn:aws:s3:::b/k"
    )


def test_the_managed_policies_that_sam_attaches_are_known() -> None:
    role = {
        "Properties": {
            "ManagedPolicyArns": ["arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole"]
        }
    }
    assert of_role(role, "1").may("sqs:ReceiveMessage", "arn:aws:sqs:r:1:q")
    assert not of_role(role, "1").may("sqs:SendMessage", "arn:aws:sqs:r:1:q")


def test_a_managed_policy_that_is_not_known_is_named_and_not_taken_for_empty() -> None:
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {"ManagedPolicyArns": ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"]},
    }
    assert of_role(role, "1").may("s3:GetObject", "arn:aws:s3:::b/k")
    (note,) = scope.notes({"WorkerRole": role})
    assert note.startswith("WorkerRole has the managed policy AmazonS3ReadOnlyAccess, which is not known")


def test_a_known_managed_policy_is_not_told_of() -> None:
    arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    role = {"Type": "AWS::IAM::Role", "Properties": {"ManagedPolicyArns": [arn]}}
    assert list(scope.notes({"WorkerRole": role})) == []
