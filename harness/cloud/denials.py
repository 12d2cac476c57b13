"""How a service says that a caller may not do what it asks.

S3 says so also of what is not there, to those who may not list the bucket (S3 API reference, GetObject,
HeadObject); and of a delete of many it denies each object by itself (DeleteObjects).
"""

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from botocore.awsrequest import AWSPreparedRequest

from harness.cloud import permissions
from harness.cloud.addresses import bucket_and_key
from harness.cloud.identity import Identity
from harness.faults import refusals

Ask = Callable[[], refusals.Answer]

_CODES = {"s3": (403, "AccessDenied"), "sqs": (400, "AccessDenied")}
_OTHER = (400, "AccessDeniedException")
_MISSING = 404
_READS = frozenset({"GetObject", "HeadObject"})


def refusal(
    identity: Identity, service: str, operation: str, request: AWSPreparedRequest
) -> refusals.Answer | None:
    """The answer to a call that the caller may not make; None for one that it may."""
    for action, resource in permissions.of_call(service, operation, request, identity.account):
        if not identity.may(action, resource):
            return _denied(service, request, f"not authorized to perform: {action} on resource: {resource}")
    return None


def permitted(
    identity: Identity, service: str, operation: str, request: AWSPreparedRequest, ask: Ask
) -> refusals.Answer:
    """The service's answer to a call that is not refused as a whole, as this caller sees it."""
    if service != "s3":
        return ask()
    if operation == "DeleteObjects":
        return _each_deleted(identity, request, ask)
    answered = ask()
    is_missing = answered[0] == _MISSING and operation in _READS and b"<Code>NoSuchBucket" not in answered[2]
    bucket = bucket_and_key(request.url)[0]
    if is_missing and not identity.may("s3:ListBucket", f"arn:aws:s3:::{bucket}"):
        return _denied(service, request, "Access Denied")
    return answered


def _denied(service: str, request: AWSPreparedRequest, message: str) -> refusals.Answer:
    status, code = _CODES.get(service, _OTHER)
    status, headers, body = refusals.answer(service, status, code, message)
    return status, headers, b"" if request.method == "HEAD" else body


def _each_deleted(identity: Identity, request: AWSPreparedRequest, ask: Ask) -> refusals.Answer:
    """Deletes what the caller may delete, and tells of the rest as errors."""
    bucket = bucket_and_key(request.url)[0]
    named = permissions.named_keys(request)
    denied = [
        (key, version)
        for key, version in named
        if not identity.may(*permissions.of_deleted(bucket, key, version))
    ]
    if not denied:
        return ask()
    errors = "".join(
        f"<Error><Key>{escape(key)}</Key>"
        + (f"<VersionId>{escape(version)}</VersionId>" if version else "")
        + "<Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        for key, version in denied
    )
    if len(denied) == len(named):
        body = f'<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{errors}</DeleteResult>'
        return 200, {"Content-Type": "application/xml"}, body.encode()
    whole: Any = request.body
    request.body = _without(whole, denied)
    try:
        status, headers, answer = ask()
    finally:
        request.body = whole
    return status, headers, answer.replace(b"</DeleteResult>", f"{errors}</DeleteResult>".encode())


def _without(body: bytes | str, denied: list[tuple[str, str]]) -> bytes:
    """The request without these objects, each by (key, version)."""
    root = ElementTree.fromstring(body)  # noqa: S314 made by botocore in this process
    for element in list(root):
        texts = {inner.tag.rpartition("}")[2]: inner.text or "" for inner in element}
        if "Key" in texts and (texts["Key"], texts.get("VersionId", "")) in denied:
            root.remove(element)
    return ElementTree.tostring(root, default_namespace=root.tag.partition("}")[0].lstrip("{") or None)
