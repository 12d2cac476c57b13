"""Functions act under the role that the template gives them."""

import pytest

from harness.errors import UsageError
from tests.conformance.tunnel import Tunnel, queue, row, send

EVALUATION = "IAM user guide, Policy evaluation logic"

SEND = """
    import boto3, os
    sqs = boto3.client("sqs")
    def handler(event, context):
        try:
            sqs.send_message(QueueUrl=os.environ["DEAD"], MessageBody="x")
            print("sent")
        except Exception as error:
            print(error.response["Error"]["Code"])
"""
VARIABLES = "Timeout: 5, MemorySize: 1769, Environment: {Variables: {DEAD: !Ref Dead}}"
ALLOW = "Statement: [{Effect: Allow, Action: 'sqs:SendMessage', Resource: !GetAtt Dead.Arn}]"
DENY = "Statement: [{Effect: Deny, Action: 'sqs:*', Resource: !GetAtt Dead.Arn}]"


@row(EVALUATION)
def test_a_call_without_permission_is_denied(tunnel: Tunnel) -> None:
    """A call that no statement of the function's role allows fails with AccessDenied, and nothing happens."""
    tunnel.run(queue(function=VARIABLES), SEND, send("a"))
    assert tunnel.logs == ["AccessDenied"]
    assert tunnel.messages("sent", "Dead") == []


@row(EVALUATION)
def test_a_call_with_permission_is_made(tunnel: Tunnel) -> None:
    """A call that a statement allows is made."""
    tunnel.run(queue(function=f"{VARIABLES}, Policies: [{{{ALLOW}}}]"), SEND, send("a"))
    assert tunnel.logs == ["sent"]


@row(EVALUATION)
def test_an_explicit_deny_wins_over_an_allow(tunnel: Tunnel) -> None:
    """A statement that denies wins over one that allows."""
    tunnel.run(queue(function=f"{VARIABLES}, Policies: [{{{ALLOW}}}, {{{DENY}}}]"), SEND, send("a"))
    assert tunnel.logs == ["AccessDenied"]


@row("Lambda developer guide, Creating and configuring an Amazon SQS event source mapping")
def test_a_mapping_needs_permission_to_receive(tunnel: Tunnel) -> None:
    """A mapping is refused when the function's role may not receive and delete the queue's messages."""
    role = """
        Role:
          Type: AWS::IAM::Role
          Properties:
            AssumeRolePolicyDocument: {Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}]}
    """
    with pytest.raises(UsageError, match="does not allow sqs:ReceiveMessage"):
        tunnel.run(queue(function="Timeout: 5, Role: !GetAtt Role.Arn") + role, "def handler(e, c): pass")
