"""The production handlers in real time against a moto server of its own, over HTTP, nothing patched. Run as a
script.

`python -m tests.whole.live FOLDER PORT` uploads the folder's files, plays the event sources in the plainest
way (one message, one invocation), and prints what came of it as JSON: results, items and counts of messages.
"""

import base64
import collections
import importlib
import json
import os
import sys
import uuid
from pathlib import Path
from typing import Any

import boto3
from boto3.dynamodb.types import TypeDeserializer

ACCOUNT = "123456789012"


class Context:
    """The part of Lambda's context that handlers use."""

    function_name, memory_limit_in_mb, invoked_function_arn = (
        "live",
        "1769",
        f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:live",
    )

    def __init__(self) -> None:
        self.aws_request_id = str(uuid.uuid4())

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


def main(folder: Path, endpoint: str) -> dict[str, Any]:
    os.environ |= {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
        "OMP_THREAD_LIMIT": "1",
        "OCR_FINDINGS": "flag",
        "TABLE_NAME": "NPI_Processing",
    }
    s3, sqs, dynamodb = boto3.client("s3"), boto3.client("sqs"), boto3.client("dynamodb")
    s3.create_bucket(Bucket="documents")
    s3.put_bucket_versioning(Bucket="documents", VersioningConfiguration={"Status": "Enabled"})
    urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("FileQueue", "BatchQueue")}
    dynamodb.create_table(
        TableName="NPI_Processing",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    os.environ |= {"BATCH_QUEUE_URL": urls["BatchQueue"], "BATCH_PAGES": "2"}
    controller, worker, aggregator = (
        importlib.import_module(f"pipeline.handlers.{name}").handler
        for name in ("controller", "worker", "aggregator")
    )
    for path in sorted(folder.iterdir()):
        put = s3.put_object(Bucket="documents", Key=f"uploads/{path.name}", Body=path.read_bytes())
        described = {
            "key": f"uploads/{path.name}",
            "size": path.stat().st_size,
            "eTag": put["ETag"],
            "versionId": put["VersionId"],
        }
        event = {
            "Records": [
                {
                    "eventName": "ObjectCreated:Put",
                    "s3": {"bucket": {"name": "documents"}, "object": described},
                }
            ]
        }
        sqs.send_message(QueueUrl=urls["FileQueue"], MessageBody=json.dumps(event))
    counts: collections.Counter[str] = collections.Counter()
    for name, handler in (("FileQueue", controller), ("BatchQueue", worker)):
        serve_queue(sqs, urls[name], name, handler, counts)
    serve_stream(aggregator)
    results = {}
    for listed in s3.list_objects_v2(Bucket="documents", Prefix="results/")["Contents"]:
        result = json.loads(s3.get_object(Bucket="documents", Key=listed["Key"])["Body"].read())
        results[result["s3Key"]] = result
    load = TypeDeserializer().deserialize
    items = [
        {name: load(value) for name, value in item.items()}
        for item in dynamodb.scan(TableName="NPI_Processing")["Items"]
    ]
    return {"results": results, "items": items, "counts": dict(counts)}


def serve_queue(sqs: Any, url: str, name: str, handler: Any, counts: "collections.Counter[str]") -> None:
    """One message, one invocation, until the queue is empty."""
    while messages := sqs.receive_message(QueueUrl=url, AttributeNames=["All"], WaitTimeSeconds=0).get(
        "Messages"
    ):
        (message,) = messages
        counts[f"{name} received"] += 1
        record = {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {},
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}",
            "awsRegion": "us-east-1",
        }
        if not handler({"Records": [record]}, Context())["batchItemFailures"]:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            counts[f"{name} deleted"] += 1


def serve_stream(handler: Any) -> None:
    """Every record of the stream that counts a file out, one by one."""
    streams = boto3.client("dynamodbstreams")
    arn = streams.list_streams(TableName="NPI_Processing")["Streams"][0]["StreamArn"]
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    for record in streams.get_records(ShardIterator=iterator, Limit=1000)["Records"]:
        image = record["dynamodb"].get("NewImage", {})
        if image.get("remainingBatches") == {"N": "0"} and image.get("status") == {"S": "PROCESSING"}:
            created = record["dynamodb"].pop("ApproximateCreationDateTime")
            record["dynamodb"]["ApproximateCreationDateTime"] = created.timestamp()
            assert handler({"Records": [record]}, Context()) == {"batchItemFailures": []}


def plain(value: Any) -> Any:
    """For JSON: DynamoDB's sets as lists, its numbers as numbers."""
    if isinstance(value, set):
        return sorted(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return float(value)


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), f"http://127.0.0.1:{sys.argv[2]}"), default=plain))
