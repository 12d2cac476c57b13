"""Which permissions a call needs: actions, each on a resource.

Source: Service authorization reference, "Actions, resources, and condition keys" of S3, SQS and DynamoDB; S3
user guide, "Required permissions for Amazon S3 API operations"; DynamoDB developer guide, "Using IAM with
DynamoDB transactions".
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree

import msgspec
from botocore.awsrequest import AWSPreparedRequest

from harness.cloud.addresses import bucket_and_key
from harness.region import REGION

Needed = tuple[str, str]
"""(action, resource), as "sqs:SendMessage" and an ARN."""

_ACTIONS = {
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
    "HeadObject": "GetObject",
    "HeadBucket": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListParts": "ListMultipartUploadParts",
    "ListBuckets": "ListAllMyBuckets",
    "CopyObject": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
}
"""Operations whose permission has another name."""
_VERSIONED = {
    "GetObject": "GetObjectVersion",
    "DeleteObject": "DeleteObjectVersion",
    "GetObjectTagging": "GetObjectVersionTagging",
    "PutObjectTagging": "PutObjectVersionTagging",
    "DeleteObjectTagging": "DeleteObjectVersionTagging",
}
"""Actions on a version that is named."""
_TRANSACTED = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "ConditionCheck": "ConditionCheckItem",
}
"""A transaction needs what its parts need, and no permission of its own."""


def of_call(service: str, operation: str, request: AWSPreparedRequest, account: str) -> list[Needed]:
    """All that a call needs. Of DeleteObjects nothing: S3 asks for each key (`of_deleted`)."""
    if service == "s3":
        return list(_of_s3(operation, request))
    body = request.body if isinstance(request.body, str | bytes) else b""
    payload = msgspec.json.decode(body) if body[:1] in (b"{", "{") else {}
    name = _ACTIONS.get(operation, operation)
    if service == "sqs":
        queue = str(payload.get("QueueUrl") or payload.get("QueueName", "*")).rpartition("/")[2]
        return [(f"sqs:{name}", f"arn:aws:sqs:{REGION}:{account}:{queue}")]
    if service == "dynamodb-streams":
        stream = str(payload.get("StreamArn") or payload.get("ShardIterator", "*"))
        return [(f"dynamodb:{name}", stream.partition("|")[0])]
    if service == "dynamodb":
        return [(f"dynamodb:{action}", _table(table, account)) for action, table in _of_items(name, payload)]
    return [(f"{service}:{name}", "*")]


def of_deleted(bucket: str, key: str, version: str) -> Needed:
    """What the removal of one object needs; `version`: "" where none is named."""
    return f"s3:{_versioned('DeleteObject', bool(version))}", _object(bucket, key)


def named_keys(request: AWSPreparedRequest) -> list[tuple[str, str]]:
    """(key, version) of each object that a request of DeleteObjects names."""
    body: Any = request.body
    root = ElementTree.fromstring(body)  # noqa: S314 made by botocore in this process
    return [(_text(one, "Key"), _text(one, "VersionId")) for one in root if _name(one) == "Object"]


def _of_s3(operation: str, request: AWSPreparedRequest) -> Iterator[Needed]:
    if operation == "DeleteObjects":
        return
    bucket, key = bucket_and_key(request.url)
    names_version = "versionId" in parse_qs(urlsplit(request.url).query)
    resource = _object(bucket, key) if key else f"arn:aws:s3:::{bucket or '*'}"
    yield f"s3:{_versioned(_ACTIONS.get(operation, operation), names_version)}", resource
    if operation == "GetObjectAttributes":
        yield f"s3:{_versioned('GetObject', names_version)}", resource
    if source := _header(request, "x-amz-copy-source"):
        path, _, query = source.partition("?")
        name, _, copied = unquote(path).lstrip("/").partition("/")
        yield f"s3:{_versioned('GetObject', 'versionId' in parse_qs(query))}", _object(name, copied)
    if _header(request, "x-amz-tagging"):
        yield "s3:PutObjectTagging", resource


def _of_items(operation: str, payload: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(action, table) of a call to DynamoDB; a batch names tables, a transaction items."""
    if "TransactItems" in payload:
        for entry in payload["TransactItems"]:
            for kind, item in entry.items():
                yield _TRANSACTED.get(kind, kind), str(item["TableName"])
    elif "RequestItems" in payload:
        for table in payload["RequestItems"]:
            yield operation, str(table)
    else:
        index = f"/index/{payload['IndexName']}" if "IndexName" in payload else ""
        yield operation, f"{payload.get('TableName', '*')}{index}"


def _versioned(action: str, names_version: bool) -> str:
    return _VERSIONED.get(action, action) if names_version else action


def _table(name: str, account: str) -> str:
    return name if name.startswith("arn:") else f"arn:aws:dynamodb:{REGION}:{account}:table/{name}"


def _object(bucket: str, key: str) -> str:
    return f"arn:aws:s3:::{bucket}/{key}"


def _header(request: AWSPreparedRequest, name: str) -> str:
    value: Any = request.headers.get(name, "")
    return value.decode() if isinstance(value, bytes) else str(value)


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(element: ElementTree.Element, name: str) -> str:
    return next((inner.text or "" for inner in element if _name(inner) == name), "")
