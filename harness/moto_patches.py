"""Where moto's code takes time in proportion to what a queue or table holds, and what is put in its place.

Each patch does what the code that it replaces does, only without the walk over everything; tests compare the two. They are written
against one version of moto and refuse any other, so that an upgrade is a decision and not an accident.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import moto
from botocore.awsrequest import AWSPreparedRequest
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.exceptions import HTTPException
from moto.core.models import botocore_stubber
from moto.core.request import normalize_request
from moto.dynamodb.models.table import Table
from moto.sqs import models as sqs

MOTO_VERSION = "5.2.5"


class UnknownMoto(Exception):
    """moto is not the version that the patches were written for."""


@contextmanager
def applied() -> Iterator[None]:
    """All patches, for as long as the context lasts. Raises `UnknownMoto`."""
    if moto.__version__ != MOTO_VERSION:
        raise UnknownMoto(f"moto is {moto.__version__}, the patches are for {MOTO_VERSION}: check harness/moto_patches.py against it")
    with ExitStack() as stack:
        for patch in PATCHES.values():
            stack.enter_context(patch())
        yield


def _sqs_clock() -> Any:
    """SQS asks for the time once or twice a message; moto builds three datetimes each time to find it."""
    return mock.patch.multiple(sqs, unix_time=time.time, unix_time_millis=lambda: time.time() * 1000)


class _Visible:
    """The messages that can be received now, found one by one as they are asked for, not all for each request."""

    def __init__(self, messages: list[Any]) -> None:
        self._messages = messages

    def __iter__(self) -> Iterator[Any]:
        return (message for message in self._messages if message.visible and not message.delayed)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _sqs_visible_messages() -> Any:
    """Queue.messages builds a list of all visible messages; ReceiveMessage takes ten of them at most."""
    return mock.patch.object(sqs.Queue, "messages", property(lambda queue: _Visible(queue._messages)))


def _sqs_retention() -> Any:
    """For each message that it returns, ReceiveMessage asks for all attributes of the queue, which counts its messages."""

    def is_valid(backend: Any, queue_name: str, message: Any) -> bool:
        retention = int(backend.get_queue(queue_name).message_retention_period)
        return bool(retention + message.sent_timestamp / 1000 > sqs.unix_time())

    return mock.patch.object(sqs.SQSBackend, "is_message_valid_based_on_retention_period", is_valid)


def _sqs_delete() -> Any:
    """DeleteMessage looks at every message twice and copies the list; here it looks until it has found the one."""

    def delete_message(queue: Any, receipt_handle: str) -> None:
        if receipt_handle in queue.deleted_messages:
            return
        for place, message in enumerate(queue._messages):
            if message.had_receipt_handle(receipt_handle):
                queue.pending_messages.discard(message)
                queue.deleted_messages.update(message.all_receipt_handles)
                del queue._messages[place]
                return
        raise sqs.ReceiptHandleIsInvalid

    return mock.patch.object(sqs.Queue, "delete_message", delete_message)


def _dynamodb_query() -> Any:
    """Query on a table compares every item's key; here it is shown the items of the wanted partition only."""
    original = Table.query

    def query(table: Any, hash_key: Any, *args: Any, **kwargs: Any) -> Any:
        index_name = kwargs.get("index_name") or (args[6] if len(args) > 6 else None)
        if index_name or hash_key is None or not table.has_range_key:
            return original(table, hash_key, *args, **kwargs)
        everything = table.items
        table.items = {hash_key: everything[hash_key]} if hash_key in everything else {}
        try:
            return original(table, hash_key, *args, **kwargs)
        finally:
            table.items = everything

    return mock.patch.object(Table, "query", query)


PATCHES: dict[str, Callable[[], Any]] = {
    "sqs clock": _sqs_clock,
    "sqs visible messages": _sqs_visible_messages,
    "sqs retention": _sqs_retention,
    "sqs delete": _sqs_delete,
    "dynamodb query": _dynamodb_query,
}


@cache
def _routes(service: str) -> list[tuple[re.Pattern[str], Any]]:
    backends: Any = get_backend(service)
    regions = backends[DEFAULT_ACCOUNT_ID]
    backend = regions["us-east-1"] if "us-east-1" in regions else regions["aws"]
    return [(re.compile(url), method) for url, method in backend.urls.items()]


def answer(service: str, request: AWSPreparedRequest) -> tuple[int, Any, Any] | None:
    """moto's answer to a request (status, headers, body); None for one that goes to no host of AWS.

    moto tries the URL patterns of all its services for each request; botocore has said which service it is.
    """
    parts = urlsplit(request.url)
    if service not in DIRECT or not parts.netloc.endswith(".amazonaws.com"):
        return botocore_stubber.process_request(request)  # type: ignore[no-any-return]
    url = f"{parts.scheme}://{parts.netloc}{parts.path}"
    for pattern, method in _routes(service):
        if pattern.match(url):
            normalized = normalize_request(request)
            try:
                return method(normalized, normalized.raw_url, normalized.headers)  # type: ignore[no-any-return]
            except HTTPException as error:
                return error.code, error.get_headers(), error.get_body()
    return botocore_stubber.process_request(request)  # type: ignore[no-any-return]


DIRECT = frozenset({"dynamodb", "s3", "sqs"})
"""Services whose requests go straight to their backend; the others are few and take moto's own way."""
