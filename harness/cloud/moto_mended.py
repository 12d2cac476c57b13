"""Where moto behaves otherwise than AWS, and this system could tell: what AWS documents is put in its place.

tests/conformance holds a row for each, with the page that documents it.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from moto.core.exceptions import ServiceException
from moto.dynamodb.models.table import StreamShard
from moto.sqs import models as sqs

from harness.cloud import patching
from harness.cloud.item_size import item_bytes

IN_FLIGHT_LIMIT = 120_000
"""Messages of a standard queue in flight (SQS developer guide, "Amazon SQS message quotas")."""
LONGEST_HIDDEN_SECONDS = 43_200
"""A message is hidden for 12 hours after it was received, at most ("Amazon SQS visibility timeout")."""
STREAM_EVENT_VERSION = "1.1"
"""Of the records of a table's stream (recorded against DynamoDB Streams)."""


class MessageNotInflight(ServiceException):  # type: ignore[misc]
    """The visibility of a message that nobody holds cannot be changed."""

    code = "MessageNotInflight"
    message = "The message referred to is not in flight."


def applied() -> AbstractContextManager[None]:
    """All of them, for as long as the context lasts."""
    return patching.applied(MENDS)


def in_flight(queue: Any) -> int:
    """Messages of a moto queue that were received and may be deleted by who holds them."""
    now = time.time() * 1000
    return sum(message.visible_at >= now for message in queue._messages)


def is_full(queue: Any) -> bool:
    """Whether as many messages are in flight as may be."""
    return len(queue._messages) >= IN_FLIGHT_LIMIT and in_flight(queue) >= IN_FLIGHT_LIMIT


def _in_flight_limit() -> Any:
    """At the limit a receive brings nothing ("Amazon SQS message quotas"); moto knows none."""
    original = sqs.SQSBackend.receive_message

    def receive_message(backend: Any, queue_name: str, *args: Any, **kwargs: Any) -> Any:
        return (
            [] if is_full(backend.get_queue(queue_name)) else original(backend, queue_name, *args, **kwargs)
        )

    return mock.patch.object(sqs.SQSBackend, "receive_message", receive_message)


def _old_handles() -> Any:
    """A handle of an earlier delivery is valid but "the message might not be deleted" (DeleteMessage); moto
    deletes it.
    """
    original = sqs.Queue.delete_message

    def delete_message(queue: Any, receipt_handle: str) -> None:
        held = next(
            (message for message in queue._messages if message.had_receipt_handle(receipt_handle)), None
        )
        if held is not None and held.receipt_handle != receipt_handle:
            return
        original(queue, receipt_handle)

    return mock.patch.object(sqs.Queue, "delete_message", delete_message)


def _received_at() -> Any:
    """moto counts the 12 hours from when the message was sent."""
    original = sqs.Message.mark_received

    def mark_received(message: Any, *args: Any, **kwargs: Any) -> None:
        original(message, *args, **kwargs)
        message.received_at = time.time()

    return mock.patch.object(sqs.Message, "mark_received", mark_received)


def _change_visibility() -> Any:
    """moto changes the visibility of any message ("ChangeMessageVisibility": it must be in flight, by its
    latest handle).
    """

    def change_message_visibility(
        backend: Any, queue_name: str, receipt_handle: str, visibility_timeout: int
    ) -> None:
        queue = backend.get_queue(queue_name)
        message = next((one for one in queue._messages if one.had_receipt_handle(receipt_handle)), None)
        if message is None:
            raise sqs.ReceiptHandleIsInvalid
        if message.visible or message.receipt_handle != receipt_handle:
            raise MessageNotInflight
        if time.time() + int(visibility_timeout) - message.received_at > LONGEST_HIDDEN_SECONDS:
            raise sqs.InvalidParameterValue(
                f"Value {visibility_timeout} for parameter VisibilityTimeout is invalid. Reason: Total "
                f"VisibilityTimeout for the message "
                f"is beyond the limit [{LONGEST_HIDDEN_SECONDS} seconds]"
            )
        message.change_visibility(visibility_timeout)
        if message.visible or not int(visibility_timeout):
            queue.pending_messages.discard(message)

    return mock.patch.object(sqs.SQSBackend, "change_message_visibility", change_message_visibility)


def _stream_records() -> Any:
    """moto tells a stream also of a put that changes nothing, twice of an update that makes an item, and of
    sizes as its own JSON has them ("Change data capture for DynamoDB Streams"; API reference, StreamRecord).
    """
    original = StreamShard.add

    def add(shard: Any, old: Any, new: Any) -> None:
        if old is not None and new is not None and old.attrs == new.attrs:
            return
        if old is None and shard.items and getattr(shard.items[-1], "made", None) is new:
            shard.items.pop()  # the bare key, before its first update
        original(shard, old, new)
        entry = shard.items[-1]
        entry.made = new if old is None else None
        told = entry.record["dynamodb"]
        entry.record["eventVersion"] = STREAM_EVENT_VERSION
        told["SizeBytes"] = sum(item_bytes(told.get(part, {})) for part in ("Keys", "NewImage", "OldImage"))

    return mock.patch.object(StreamShard, "add", add)


MENDS: dict[str, Callable[[], Any]] = {
    "in-flight limit": _in_flight_limit,
    "old receipt handles": _old_handles,
    "time of receipt": _received_at,
    "visibility of messages in flight": _change_visibility,
    "stream records": _stream_records,
}
