"""Every patch of moto does as the unpatched code does: the same calls get the same answers, with and without."""

import contextlib
import json
from collections.abc import Callable

import boto3
import moto
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.moto_api._internal import mock_random

from harness import moto_patches
from harness.cloud import CREDENTIALS


def sqs_story(client) -> list[object]:
    """Everything that the patches touch in SQS: order, visibility, delay, redrive, retention, deletion, unknown handles."""
    dead = client.create_queue(QueueName="dead")["QueueUrl"]
    arn = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2})
    url = client.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "0", "RedrivePolicy": redrive})["QueueUrl"]
    seen: list[object] = []
    for number in range(15):
        client.send_message(QueueUrl=url, MessageBody=str(number), DelaySeconds=900 if number == 3 else 0)
    for _ in range(5):
        messages = client.receive_message(QueueUrl=url, MaxNumberOfMessages=4, AttributeNames=["ApproximateReceiveCount"]).get(
            "Messages", []
        )
        seen.append([(message["Body"], message["Attributes"]) for message in messages])
        for message in messages[:2]:
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    with pytest.raises(ClientError) as error:
        client.delete_message(QueueUrl=url, ReceiptHandle="unknown")
    seen.append(error.value.response["Error"]["Code"])
    for queue in (url, dead):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
        seen.append(client.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"])
    return seen


def dynamodb_story(client) -> list[object]:
    """Queries with and without items, by range, by index, in pages, in both directions."""
    client.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK", "other")],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {"IndexName": "index", "KeySchema": [{"AttributeName": "other", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}
        ],
    )
    for number in range(12):
        item = {"PK": {"S": f"p{number % 3}"}, "SK": {"S": f"s{number:02d}"}, "other": {"S": str(number % 2)}, "n": {"N": str(number)}}
        client.put_item(TableName="t", Item=item)
    seen: list[object] = []
    queries: list[dict[str, object]] = [
        {"KeyConditionExpression": "PK = :p", "ExpressionAttributeValues": {":p": {"S": "p1"}}},
        {"KeyConditionExpression": "PK = :p", "ExpressionAttributeValues": {":p": {"S": "none"}}},
        {"KeyConditionExpression": "PK = :p AND SK > :s", "ExpressionAttributeValues": {":p": {"S": "p1"}, ":s": {"S": "s04"}}},
        {"KeyConditionExpression": "PK = :p", "ExpressionAttributeValues": {":p": {"S": "p2"}}, "ScanIndexForward": False, "Limit": 2},
        {"KeyConditionExpression": "other = :o", "ExpressionAttributeValues": {":o": {"S": "1"}}, "IndexName": "index"},
    ]
    for query in queries:
        answer = client.query(TableName="t", **query)
        seen.append((answer["Items"], answer["Count"], answer["ScannedCount"], answer.get("LastEvaluatedKey")))
    return seen


@pytest.mark.parametrize(("service", "story"), [("sqs", sqs_story), ("dynamodb", dynamodb_story)])
def test_patched_and_unpatched_moto_tell_the_same_story(service: str, story: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    told = []
    for patches in (contextlib.nullcontext, moto_patches.applied):
        with patches(), mock_aws():
            mock_random.seed(3)
            told.append(story(boto3.Session().client(service)))
    assert told[0] == told[1]


def without_request_id(body: bytes) -> bytes:
    return body.partition(b"<RequestId>")[0]


def test_a_request_is_answered_by_the_backend_as_by_motos_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        s3 = boto3.Session().client("s3")
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="a/k 1", Body=b"body")
        answers = []

        def compare(request, event_name, **_):
            direct = moto_patches.answer(event_name.split(".")[1], request)
            answers.append((direct, moto_patches.botocore_stubber.process_request(request)))

        s3.meta.events.register_first("before-send", compare)
        s3.get_object(Bucket="bucket", Key="a/k 1")
        with pytest.raises(ClientError):
            s3.get_object(Bucket="bucket", Key="none")
    for direct, own in answers:
        assert direct[0] == own[0]
        assert without_request_id(direct[2]) == without_request_id(own[2])


def test_another_version_of_moto_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moto, "__version__", "99.0.0")
    with pytest.raises(moto_patches.UnknownMoto, match=r"moto is 99\.0\.0"), moto_patches.applied():
        pass
