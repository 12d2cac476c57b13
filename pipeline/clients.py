"""The AWS clients of a function, made once for each execution environment and reused by its invocations."""

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

_CONFIG = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "max_attempts": 4})
"""A call that hears nothing for `read_timeout` is tried again. botocore's own 60 seconds are all that a
controller has, and six times what a worker keeps to store its batch before its time is up. It is the pause
between two bytes, so large objects may take longer; while S3 takes minutes to complete one it sends spaces
(API reference, CompleteMultipartUpload).
"""


@cache
def s3() -> "S3Client":
    return boto3.client("s3", config=_CONFIG)


@cache
def sqs() -> "SQSClient":
    return boto3.client("sqs", config=_CONFIG)


@cache
def dynamodb() -> "DynamoDBClient":
    return boto3.client("dynamodb", config=_CONFIG)


@cache
def streams() -> "DynamoDBStreamsClient":
    return boto3.client("dynamodbstreams", config=_CONFIG)
