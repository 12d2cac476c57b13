"""DynamoDB: what a table serves, and what a request is told that it has used."""

import pytest

from tests.conformance.tunnel import Tunnel, queue, row, send

ON_DEMAND = "DynamoDB developer guide, On-demand capacity mode"
PARTITIONS = "DynamoDB developer guide, Best practices for designing and using partition keys effectively"
PROVISIONED = "DynamoDB developer guide, Provisioned capacity mode"
CONSUMED = "DynamoDB API reference, ConsumedCapacity"
REASONS = "DynamoDB API reference, ThrottlingReason"
ERRORS = "DynamoDB developer guide, Error handling with DynamoDB"
RETRIES = "Boto3 documentation, Retries"

ALLOWED = "Policies: [{Statement: [{Effect: Allow, Action: 'dynamodb:*', Resource: '*'}]}]"


def table(billing: str = "BillingMode: PAY_PER_REQUEST") -> str:
    """Resources: a table with one key, and a function on a queue that may do anything with it."""
    function = f"Timeout: 600, MemorySize: 1769, {ALLOWED}, Environment: {{Variables: {{TABLE: !Ref Table}}}}"
    return f"""
        Table:
          Type: AWS::DynamoDB::Table
          Properties:
            {billing}
            AttributeDefinitions: [{{AttributeName: PK, AttributeType: S}}]
            KeySchema: [{{AttributeName: PK, KeyType: HASH}}]
    """ + queue(visibility=3600, function=function)


def handler(body: str) -> str:
    lines = "".join(f"\n        {line}" for line in body.strip().splitlines())
    return f"""
    import os, boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError
    client = boto3.client("dynamodb", config=Config(retries={{"total_max_attempts": 1}}))
    name = os.environ["TABLE"]
    def put(key, bytes=1, **more):
        item = {{"PK": {{"S": key}}, "body": {{"S": "x" * (bytes - 6 - len(key))}}}}
        return client.put_item(TableName=name, Item=item, **more)
    def handler(event, context):{lines}
    """


@row(CONSUMED)
@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("put('a', 3000, ReturnConsumedCapacity='TOTAL')", "3.0"),
        ("put('a', 3000, ReturnConsumedCapacity='INDEXES')", "3.0"),
        ("client.get_item(TableName=name, Key={'PK': {'S': 'b'}}, ReturnConsumedCapacity='TOTAL')", "1.0"),
        (
            "client.get_item(TableName=name, Key={'PK': {'S': 'b'}}, ReturnConsumedCapacity='TOTAL', "
            "ConsistentRead=True)",
            "2.0",
        ),
        ("client.scan(TableName=name, ReturnConsumedCapacity='TOTAL', ConsistentRead=True)", "2.0"),
    ],
)
def test_a_request_is_told_the_capacity_it_used(tunnel: Tunnel, call: str, told: str) -> None:
    """With ReturnConsumedCapacity an answer tells the units by the items' sizes, and the table."""
    body = f"put('b', 5000)\nused = {call}['ConsumedCapacity']\nprint(used['CapacityUnits'], used['TableName'] == name)"
    tunnel.run(table(), handler(body), send("a"))
    assert tunnel.logs == [f"{told} True"]


@row(CONSUMED)
def test_transactions_are_told_twice_the_units_by_table(tunnel: Tunnel) -> None:
    """A transaction's answer lists the units of each table: two for each kilobyte written."""
    body = """
item = {"Put": {"TableName": name, "Item": {"PK": {"S": "a"}}}}
told = client.transact_write_items(TransactItems=[item], ReturnConsumedCapacity="TOTAL")
print(told["ConsumedCapacity"] == [{"TableName": name, "CapacityUnits": 2.0, "WriteCapacityUnits": 2.0}])
    """
    tunnel.run(table(), handler(body), send("a"))
    assert tunnel.logs == ["True"]


@row(CONSUMED)
def test_nothing_is_told_unasked(tunnel: Tunnel) -> None:
    """Without ReturnConsumedCapacity no answer has ConsumedCapacity."""
    body = """
put("a")
updated = client.update_item(
    TableName=name, Key={"PK": {"S": "a"}}, UpdateExpression="SET n = :n", ExpressionAttributeValues={":n": {"N": "1"}}
)
print("ConsumedCapacity" in updated)
    """
    tunnel.run(table(), handler(body), send("a"))
    assert tunnel.logs == ["False"]


@row(ERRORS)
@pytest.mark.parametrize(
    "condition", ["n = :m", "n = :nattribute_exists(PK)", "#x = :n", "n = :n AND", "(n = :n"]
)
def test_a_condition_that_makes_no_sense_is_refused(tunnel: Tunnel, condition: str) -> None:
    """A condition that cannot be read, or names a value or an attribute that is not given, is a ValidationException."""
    body = f"""
for call in (lambda **more: put("a", **more), lambda **more: client.update_item(
    TableName=name, Key={{"PK": {{"S": "a"}}}}, UpdateExpression="SET z = :n", **more
)):
    try:
        call(ConditionExpression={condition!r}, ExpressionAttributeValues={{":n": {{"N": "1"}}}})
    except ClientError as error:
        print(error.response["Error"]["Code"])
    """
    tunnel.run(table(), handler(body), send("a"))
    assert tunnel.logs == ["ValidationException"] * 2


OVER = """
refused = {}
for number in range(30):
    try:
        put(KEY, 390_000)
    except ClientError as error:
        reason = (error.response.get("throttlingReasons") or error.response["ThrottlingReasons"])[0]["reason"]
        refused = (error.response["Error"]["Code"], reason)
        break
print(number, refused)
"""


@row(PARTITIONS)
def test_a_hot_key_is_throttled_at_a_thousand_write_units_a_second(tunnel: Tunnel) -> None:
    """A partition takes 1,000 write units a second: of items of 381 units each three go through at once."""
    tunnel.run(table(), handler(OVER.replace("KEY", "'a'")), send("a"))
    assert tunnel.logs == ["3 ('ThrottlingException', 'TableWriteKeyRangeThroughputExceeded')"]


@row(ON_DEMAND)
def test_a_new_table_on_demand_takes_four_thousand_write_units_a_second(tunnel: Tunnel) -> None:
    """A new table on demand takes 4,000 write units a second, over all of its partitions."""
    tunnel.run(table(), handler(OVER.replace("KEY", "str(number)")), send("a"))
    assert tunnel.logs == ["11 ('ThrottlingException', 'TableWriteKeyRangeThroughputExceeded')"]


@row(PROVISIONED)
def test_a_provisioned_table_takes_what_is_provisioned_and_five_minutes_of_bursts(tunnel: Tunnel) -> None:
    """A provisioned table takes its write units a second, and what was left of them in five minutes."""
    billing = "ProvisionedThroughput: {ReadCapacityUnits: 5, WriteCapacityUnits: 10}"
    tunnel.run(table(billing), handler(OVER.replace("KEY", "str(number)")), send("a"))
    error = "('ProvisionedThroughputExceededException', 'TableWriteProvisionedThroughputExceeded')"
    assert tunnel.logs == [f"8 {error}"]


@row(RETRIES)
def test_the_sdk_tries_again_what_was_throttled(tunnel: Tunnel) -> None:
    """botocore repeats a throttled request after pauses, so that a short excess only takes time."""
    body = """
import time
patient = boto3.client("dynamodb", config=Config(retries={"mode": "standard", "max_attempts": 10}))
began = time.time()
for number in range(12):
    patient.put_item(TableName=name, Item={"PK": {"S": "a"}, "body": {"S": "x" * 390_000}})
print(2 < time.time() - began < 20)
    """
    tunnel.run(table(), handler(body), send("a"))
    assert tunnel.logs == ["True"]
