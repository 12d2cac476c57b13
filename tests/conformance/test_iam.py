"""Functions act under the role that the template gives them."""

import textwrap

import pytest

from harness.errors import UsageError
from tests.conformance.tunnel import Tunnel, put, queue, row, send, wait

EVALUATION = "IAM user guide, Policy evaluation logic"
ELEMENTS = "IAM user guide, IAM JSON policy elements"
GET = "S3 API reference, GetObject and HeadObject"
TRANSACTIONS = "DynamoDB developer guide, Using IAM with DynamoDB transactions"
ACTIONS = "Service authorization reference, Actions, resources, and condition keys for Amazon {}"
S3_ACTIONS = "S3 user guide, Required permissions for Amazon S3 API operations"

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


PLACES = """
        Bucket: {Type: AWS::S3::Bucket, Properties: {VersioningConfiguration: {Status: Enabled}}}
        Other: {Type: AWS::S3::Bucket}
        Table:
          Type: AWS::DynamoDB::Table
          Properties: &table
            BillingMode: PAY_PER_REQUEST
            AttributeDefinitions: [{AttributeName: PK, AttributeType: S}]
            KeySchema: [{AttributeName: PK, KeyType: HASH}]
        Second: {Type: AWS::DynamoDB::Table, Properties: *table}
"""
NAMES = "Environment: {Variables: {BUCKET: !Ref Bucket, OTHER: !Ref Other, TABLE: !Ref Table, SECOND: !Ref Second}}"
IN_BUCKET, OF_BUCKET = "!Sub '${Bucket.Arn}/*'", "!GetAtt Bucket.Arn"


def statement(actions: str, resource: str, effect: str = "Allow") -> str:
    """A statement of a policy; `actions` and `resource` as YAML."""
    return f"{{Effect: {effect}, Action: [{actions}], Resource: {resource}}}"


def outcomes(
    tunnel: Tunnel, calls: str, *statements: str, before: str = "", resources: str = ""
) -> list[str]:
    """What comes of each call of a function with these statements: "done", the text that it returns, or the
    code of the error. `before`: what the function does first.
    """
    handler = f"""
import boto3, os
s3, dynamodb, sqs = boto3.client("s3"), boto3.client("dynamodb"), boto3.client("sqs")
bucket, other, table, second = (os.environ[name] for name in ("BUCKET", "OTHER", "TABLE", "SECOND"))
item = {{"PK": {{"S": "a"}}}}
def handler(event, context):
{textwrap.indent(textwrap.dedent(before).strip(), 4 * " ")}
    for call in (
{textwrap.indent(textwrap.dedent(calls).strip(), 8 * " ")}
    ):
        try:
            told = call()
            print(told if isinstance(told, str) else "done")
        except Exception as error:
            print(error.response["Error"]["Code"])
"""
    policies = f"Policies: [{{Statement: [{', '.join(statements)}]}}]" if statements else "Policies: []"
    function = f"Timeout: 5, MemorySize: 1769, {NAMES}, {policies}"
    clients = (put("here"), put("there", bucket="Other"), wait(1), send("a", at=1.0))
    tunnel.run(queue(function=function) + PLACES + resources, handler, *clients)
    return tunnel.logs


@row(GET)
def test_a_missing_key_is_denied_to_who_may_not_list_the_bucket(tunnel: Tunnel) -> None:
    """Without s3:ListBucket on its bucket, an object that does not exist is answered with 403, with it with
    404.
    """
    calls = """
        lambda: s3.get_object(Bucket=bucket, Key="here"),
        lambda: s3.get_object(Bucket=bucket, Key="gone"),
        lambda: s3.head_object(Bucket=bucket, Key="gone"),
    """
    read = statement("'s3:GetObject'", IN_BUCKET)
    assert outcomes(tunnel, calls, read) == ["done", "AccessDenied", "403"]
    listing = statement("'s3:ListBucket'", OF_BUCKET)
    assert outcomes(tunnel, calls, read, listing) == ["done", "NoSuchKey", "404"]


@row(GET)
def test_a_missing_version_is_denied_to_who_may_not_list_the_bucket(tunnel: Tunnel) -> None:
    """The same holds for a version that does not exist."""
    calls = "lambda: s3.get_object(Bucket=bucket, Key='here', VersionId='gone'),"
    read = statement("'s3:GetObject', 's3:GetObjectVersion'", IN_BUCKET)
    assert outcomes(tunnel, calls, read) == ["AccessDenied"]
    assert outcomes(tunnel, calls, read, statement("'s3:ListBucket'", OF_BUCKET)) == ["NoSuchVersion"]


@row(ACTIONS.format("DynamoDB"))
def test_a_batch_needs_its_own_permission_on_each_table(tunnel: Tunnel) -> None:
    """BatchWriteItem and BatchGetItem need the action of that name on each table that they name, not those of
    single items.
    """
    calls = """
        lambda: dynamodb.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": item}}]}),
        lambda: dynamodb.batch_write_item(RequestItems={
            table: [{"PutRequest": {"Item": item}}], second: [{"PutRequest": {"Item": item}}]}),
        lambda: dynamodb.batch_get_item(RequestItems={table: {"Keys": [item]}}),
    """
    batches = statement("'dynamodb:BatchWriteItem', 'dynamodb:BatchGetItem'", "!GetAtt Table.Arn")
    assert outcomes(tunnel, calls, batches) == ["done", "AccessDeniedException", "done"]
    items = statement("'dynamodb:PutItem', 'dynamodb:GetItem'", "'*'")
    assert outcomes(tunnel, calls, items) == ["AccessDeniedException"] * 3


@row(TRANSACTIONS)
def test_a_transaction_needs_the_permissions_of_its_parts(tunnel: Tunnel) -> None:
    """TransactWriteItems needs PutItem, UpdateItem, DeleteItem and ConditionCheckItem as it uses them,
    TransactGetItems needs GetItem.
    """
    calls = """
        lambda: dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": item}}]),
        lambda: dynamodb.transact_write_items(TransactItems=[
            {"Put": {"TableName": table, "Item": item}},
            {"ConditionCheck": {"TableName": second, "Key": item,
                                "ConditionExpression": "attribute_not_exists(PK)"}}]),
        lambda: dynamodb.transact_get_items(TransactItems=[{"Get": {"TableName": table, "Key": item}}]),
    """
    parts = statement("'dynamodb:PutItem', 'dynamodb:GetItem'", "!GetAtt Table.Arn")
    assert outcomes(tunnel, calls, parts) == ["done", "AccessDeniedException", "done"]
    check = statement("'dynamodb:ConditionCheckItem'", "!GetAtt Second.Arn")
    assert outcomes(tunnel, calls, parts, check) == ["done", "done", "done"]
    named = statement("'dynamodb:TransactWriteItems', 'dynamodb:TransactGetItems'", "'*'")
    assert outcomes(tunnel, calls, named) == ["AccessDeniedException"] * 3


@row("S3 API reference, CopyObject")
def test_a_copy_needs_to_read_its_source_and_write_its_target(tunnel: Tunnel) -> None:
    """CopyObject needs s3:GetObject on the source and s3:PutObject on the target."""
    calls = "lambda: s3.copy_object(Bucket=bucket, Key='copy', CopySource={'Bucket': other, 'Key': 'there'}),"
    write, read = statement("'s3:PutObject'", IN_BUCKET), statement("'s3:GetObject'", "!Sub '${Other.Arn}/*'")
    assert outcomes(tunnel, calls, write, read) == ["done"]
    assert outcomes(tunnel, calls, write) == ["AccessDenied"]
    assert outcomes(tunnel, calls, read) == ["AccessDenied"]


@row("S3 API reference, PutObject")
def test_a_put_with_tags_needs_permission_to_tag(tunnel: Tunnel) -> None:
    """To set tags in a PutObject, s3:PutObjectTagging is needed beside s3:PutObject."""
    calls = "lambda: s3.put_object(Bucket=bucket, Key='new', Body=b'x', Tagging='kind=letter'),"
    write = statement("'s3:PutObject'", IN_BUCKET)
    assert outcomes(tunnel, calls, write) == ["AccessDenied"]
    assert outcomes(tunnel, calls, write, statement("'s3:PutObjectTagging'", IN_BUCKET)) == ["done"]


@row("S3 API reference, DeleteObjects")
def test_a_delete_of_many_is_permitted_object_by_object(tunnel: Tunnel) -> None:
    """DeleteObjects needs s3:DeleteObject on each key: those without it are told as errors, the others are
    deleted.
    """
    before = """
        def deleted(*keys):
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys]})
            errors = [(one["Key"], one["Code"]) for one in answer.get("Errors", [])]
            return str(([one["Key"] for one in answer.get("Deleted", [])], errors))
    """
    calls = """
        lambda: deleted("here", "b&c"),
        lambda: deleted("b&c"),
        lambda: s3.get_object(Bucket=bucket, Key="here"),
    """
    may = (
        statement("'s3:DeleteObject'", "!Sub '${Bucket.Arn}/here'"),
        statement("'s3:GetObject'", IN_BUCKET),
        statement("'s3:ListBucket'", OF_BUCKET),
    )
    assert outcomes(tunnel, calls, *may, before=before) == [
        "(['here'], [('b&c', 'AccessDenied')])",
        "([], [('b&c', 'AccessDenied')])",
        "NoSuchKey",
    ]


@row(S3_ACTIONS)
@pytest.mark.parametrize(
    ("call", "action", "of_version"),
    [
        ("s3.delete_object", "DeleteObject", "DeleteObjectVersion"),
        ("s3.get_object_tagging", "GetObjectTagging", "GetObjectVersionTagging"),
    ],
)
def test_a_version_needs_a_permission_of_its_own(
    tunnel: Tunnel, call: str, action: str, of_version: str
) -> None:
    """To delete a version, or to read its tags, another action is needed than for the object."""
    calls = f"""
        lambda: {call}(Bucket=bucket, Key="here"),
        lambda: {call}(Bucket=bucket, Key="here", VersionId=versions[0]),
    """
    before = "versions = [one['VersionId'] for one in s3.list_object_versions(Bucket=bucket)['Versions']]"
    listing = statement("'s3:ListBucketVersions'", OF_BUCKET)
    plain, version = statement(f"'s3:{action}'", IN_BUCKET), statement(f"'s3:{of_version}'", IN_BUCKET)
    assert outcomes(tunnel, calls, listing, version, before=before) == ["AccessDenied", "done"]
    assert outcomes(tunnel, calls, listing, plain, before=before) == ["done", "AccessDenied"]


@row(ACTIONS.format("SQS"))
def test_the_url_of_a_queue_is_told_to_who_may_ask_for_it(tunnel: Tunnel) -> None:
    """GetQueueUrl needs the permission on the queue that it names."""
    before = "name = event['Records'][0]['eventSourceARN'].rpartition(':')[2]"
    calls = """
        lambda: sqs.get_queue_url(QueueName=name),
        lambda: sqs.get_queue_url(QueueName="another"),
    """
    may = statement("'sqs:GetQueueUrl'", "!GetAtt Queue.Arn")
    assert outcomes(tunnel, calls, may, before=before) == ["done", "AccessDenied"]


@row(f"{ELEMENTS}: NotAction, NotResource")
def test_a_deny_of_all_but_some_actions_denies_the_others(tunnel: Tunnel) -> None:
    """A Deny with NotAction denies every action but those; an Allow with NotResource allows it everywhere
    else.
    """
    calls = """
        lambda: s3.get_object(Bucket=bucket, Key="here"),
        lambda: s3.put_object(Bucket=bucket, Key="new", Body=b"x"),
    """
    everything = "{Effect: Allow, Action: 's3:*', Resource: '*'}"
    no_writes = "{Effect: Deny, NotAction: ['s3:Get*', 'sqs:*'], Resource: '*'}"
    assert outcomes(tunnel, calls, everything, no_writes) == ["done", "AccessDenied"]
    elsewhere = "{Effect: Allow, Action: 's3:*', NotResource: !Sub '${Bucket.Arn}/new'}"
    assert outcomes(tunnel, calls, elsewhere) == ["done", "AccessDenied"]


@row("CloudFormation reference, AWS::IAM::Policy and AWS::IAM::ManagedPolicy")
@pytest.mark.parametrize("kind", ["Policy", "ManagedPolicy"])
def test_a_policy_of_its_own_is_attached_to_the_roles_that_it_names(tunnel: Tunnel, kind: str) -> None:
    """What a policy of the template allows, the roles that it is attached to may do."""
    calls = "lambda: s3.get_object(Bucket=bucket, Key='here'),"
    reads = statement("'s3:GetObject'", IN_BUCKET)
    name = ", PolicyName: reads" if kind == "Policy" else ""
    policy = f"""
        Reads:
          Type: AWS::IAM::{kind}
          Properties: {{PolicyDocument: {{Version: '2012-10-17', Statement: [{reads}]}}, Roles: [!Ref FunctionRole]{name}}}
    """
    assert outcomes(tunnel, calls, resources=policy) == ["done"]
    assert outcomes(tunnel, calls) == ["AccessDenied"]
