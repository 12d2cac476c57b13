"""The pipeline against moto alone, without the wind tunnel: real boto3 clients, a table, a bucket and a
queue.
"""

import boto3
import pytest
from moto import mock_aws

from harness.cloud.deployment import CREDENTIALS
from pipeline.messages import BatchMessage, FileRef, PageRange
from pipeline.settings import Settings
from pipeline.state import StateTable
from pipeline.tiff import read_chain


class World:
    """What a function of the pipeline works on."""

    def __init__(self) -> None:
        self.s3, self.sqs, self.dynamodb = boto3.client("s3"), boto3.client("sqs"), boto3.client("dynamodb")
        self.streams = boto3.client("dynamodbstreams")
        self.s3.create_bucket(Bucket="documents")
        self.s3.put_bucket_versioning(Bucket="documents", VersioningConfiguration={"Status": "Enabled"})
        self.dynamodb.create_table(
            TableName="NPI_Processing",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")],
            KeySchema=[
                {"AttributeName": "PK", "KeyType": "HASH"},
                {"AttributeName": "SK", "KeyType": "RANGE"},
            ],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        self.queue = self.sqs.create_queue(QueueName="batches")["QueueUrl"]
        self.settings = Settings(table_name="NPI_Processing", batch_queue_url=self.queue)
        self.state = StateTable(self.dynamodb, "NPI_Processing", 90)

    def upload(self, data: bytes, key: str = "uploads/a.tif") -> FileRef:
        put = self.s3.put_object(Bucket="documents", Key=key, Body=data)
        return FileRef("documents", key, len(data), put["ETag"].strip('"'), put["VersionId"])

    def batch(self, data: bytes) -> BatchMessage:
        """The whole of an upload as one batch."""
        ref = self.upload(data)
        chain = read_chain(lambda offset, size: data[offset : offset + size], len(data))
        self.state.create_file(
            ref, total_pages=len(chain.offsets), total_batches=1, fault="", event_id="event"
        )
        return BatchMessage(ref, 1, PageRange(1, chain.offsets))

    def sent(self) -> list[str]:
        """Bodies of the messages in the queue, taken out."""
        bodies: list[str] = []
        while messages := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get(
            "Messages", []
        ):
            for message in messages:
                bodies.append(message["Body"])
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def metadata(self, ref: FileRef) -> dict:
        (item,) = [item for item in self.items(ref) if item["SK"] == "METADATA"]
        return item

    def changes(self) -> tuple[str, str, list[dict]]:
        """ARN and shard of the table's stream, and its records."""
        arn = self.streams.list_streams(TableName="NPI_Processing")["Streams"][0]["StreamArn"]
        shard = self.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
        iterator = self.streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        return arn, shard, self.streams.get_records(ShardIterator=iterator)["Records"]

    def items(self, ref: FileRef) -> list[dict]:
        return list(self.state._query(ref.file_id))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch):
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        boto3.DEFAULT_SESSION = None
        yield World()
        boto3.DEFAULT_SESSION = None
