"""What the wind tunnel costs over bare moto: the same sequence of API calls with and without virtual time,
latencies and recording.

Both are timed in turn within one test, since only their ratio means something on a busy machine.
"""

import statistics
import time
from pathlib import Path

import boto3
from moto import mock_aws

from harness.cloud.deployment import CREDENTIALS
from harness.services.stage import Stage
from tests.conformance.tunnel import Tunnel

ROUNDS, CALLS = 5, 40
RESOURCES = """
    Queue: {Type: AWS::SQS::Queue}
    Bucket: {Type: AWS::S3::Bucket}
    Table:
      Type: AWS::DynamoDB::Table
      Properties:
        BillingMode: PAY_PER_REQUEST
        AttributeDefinitions: [{AttributeName: PK, AttributeType: S}]
        KeySchema: [{AttributeName: PK, KeyType: HASH}]
"""


def story(s3, sqs, dynamodb, bucket: str, url: str, table: str) -> float:
    """Seconds that the calls of a small file's life take, many times over."""
    began = time.perf_counter()
    for number in range(CALLS):
        key = {"PK": {"S": str(number)}}
        s3.put_object(Bucket=bucket, Key=str(number), Body=b"x" * 1000)
        sqs.send_message(QueueUrl=url, MessageBody="m")
        (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
        s3.get_object(Bucket=bucket, Key=str(number))["Body"].read()
        dynamodb.put_item(TableName=table, Item=key)
        dynamodb.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
        dynamodb.get_item(TableName=table, Key=key)
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return time.perf_counter() - began


def bare() -> float:
    with mock_aws():
        session = boto3.Session(region_name="us-east-1")
        s3, sqs, dynamodb = session.client("s3"), session.client("sqs"), session.client("dynamodb")
        s3.create_bucket(Bucket="bucket")
        url = sqs.create_queue(QueueName="q")["QueueUrl"]
        attributes = [{"AttributeName": "PK", "AttributeType": "S"}]
        schema = [{"AttributeName": "PK", "KeyType": "HASH"}]
        dynamodb.create_table(
            TableName="t", BillingMode="PAY_PER_REQUEST", AttributeDefinitions=attributes, KeySchema=schema
        )
        return story(s3, sqs, dynamodb, "bucket", url, "t")


def tunnelled(folder: Path) -> float:
    taken = []

    def client(stage: Stage) -> None:
        system, cloud = stage.cloud.system, stage.cloud
        url = cloud.queue_url(system.queues["Queue"])
        taken.append(
            story(
                cloud.s3,
                cloud.sqs,
                cloud.client("dynamodb"),
                system.buckets["Bucket"],
                url,
                system.tables["Table"],
            )
        )

    Tunnel(folder).run(RESOURCES, "", client)
    return taken[0]


def test_overhead_over_bare_moto(benchmark, tmp_path: Path, monkeypatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    pairs = benchmark.pedantic(lambda: [(bare(), tunnelled(tmp_path)) for _ in range(ROUNDS)], rounds=1)
    benchmark.extra_info |= {
        "bare_ms_per_call": round(1000 * statistics.median(pair[0] for pair in pairs) / CALLS / 8, 3),
        "ratio": round(statistics.median(tunnel / alone for alone, tunnel in pairs), 3),
    }
