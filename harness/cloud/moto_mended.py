"""Where moto behaves otherwise than AWS, and this system could tell: what AWS documents is put in its place.

tests/conformance holds a row for each, with the page that documents it.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from moto.dynamodb import comparisons
from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models.table import StreamShard
from moto.sqs import models as sqs
from moto.sqs import responses, utils

from harness.cloud import message_rules, patching
from harness.cloud.item_size import item_bytes
from harness.cloud.message_rules import Refused

IN_FLIGHT_LIMIT = 120_000
"""Messages of a standard queue in flight (SQS developer guide, "Amazon SQS message quotas")."""
LONGEST_HIDDEN_SECONDS = 43_200
"""A message is hidden for 12 hours after it was received, at most ("Amazon SQS visibility timeout")."""
STREAM_EVENT_VERSION = "1.1"
"""Of the records of a table's stream (recorded against DynamoDB Streams)."""


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


def _receive() -> Any:
    """At the limit of messages in flight a receive brings nothing ("Amazon SQS message quotas"); moto knows
    none. And it answers at once: moto waits by the real clock, here who holds a long poll does by the virtual
    one.
    """
    original = sqs.SQSBackend.receive_message

    def receive_message(
        backend: Any, queue_name: str, count: int, wait: int, visibility_timeout: int, names: Any = None
    ) -> Any:
        queue = backend.get_queue(queue_name)
        if is_full(queue):
            return []
        dead = queue.dead_letter_queue
        before = len(dead._messages) if dead is not None else 0
        received = original(backend, queue_name, count, 0, visibility_timeout, names)
        for message in dead._messages[before:] if dead is not None else ():
            _moved(message, queue)
        return received

    return mock.patch.object(sqs.SQSBackend, "receive_message", receive_message)


def _moved(message: Any, queue: Any) -> None:
    """A message went to the dead-letter queue of this one: here it is none any more, there it tells from
    where it came.
    """
    message.dead_letter_source = queue.queue_arn
    queue.pending_messages.discard(message)
    queue.deleted_messages.update(handle for handle in message.all_receipt_handles if handle)


def _dead_letter_source() -> Any:
    """The attribute DeadLetterQueueSourceArn of a received message ("ReceiveMessage"); moto has none."""
    name = "DeadLetterQueueSourceArn"
    original = responses.SQSResponse.receive_message

    def receive_message(response: Any) -> Any:
        answered = original(response)
        wanted = {
            *(response._get_param("AttributeNames") or ()),
            *(response._get_param("MessageSystemAttributeNames") or ()),
        }
        told = answered.result.get("Messages", ()) if wanted & {"All", name} else ()
        if told:
            pending = response.sqs_backend.get_queue(response._get_queue_name()).pending_messages
            sources = {
                message.id: message.dead_letter_source
                for message in pending
                if hasattr(message, "dead_letter_source")
            }
            for message in told:
                if message["MessageId"] in sources:
                    message.setdefault("Attributes", {})[name] = sources[message["MessageId"]]
        return answered

    return mock.patch.object(responses.SQSResponse, "receive_message", receive_message)


def _message_rules() -> Any:
    """moto counts the characters of the body alone, and takes empty bodies and any character."""
    original = sqs.SQSBackend.send_message

    def send_message(
        backend: Any, queue_name: str, message_body: str, message_attributes: Any = None, **others: Any
    ) -> Any:
        limit = backend.get_queue(queue_name).maximum_message_size
        for attributes in (message_attributes, others.get("system_attributes")):
            utils.validate_message_attributes(attributes)
        message_rules.check_message(message_body, message_attributes or {}, limit)
        return original(backend, queue_name, message_body, message_attributes=message_attributes, **others)

    return mock.patch.object(sqs.SQSBackend, "send_message", send_message)


def _attribute_rules() -> Any:
    """moto refuses a whole batch for an attribute of one entry: it is looked at where the message is sent."""
    return mock.patch.object(responses, "validate_message_attributes", return_value=None)


def _send_batch() -> Any:
    """moto sends nothing when one entry is refused, and counts characters of bodies."""

    def send_message_batch(backend: Any, queue_name: str, entries: dict[str, dict[str, Any]]) -> Any:
        backend.get_queue(queue_name)
        message_rules.check_batch([entry["Id"] for entry in entries.values()], "SendMessageBatch")
        message_rules.check_batch_bytes(
            message_rules.message_bytes(entry["MessageBody"], entry["MessageAttributes"])
            for entry in entries.values()
        )

        def send(entry: dict[str, Any]) -> Any:
            message = backend.send_message(
                queue_name,
                entry["MessageBody"],
                message_attributes=entry["MessageAttributes"],
                delay_seconds=entry["DelaySeconds"],
                group_id=entry.get("MessageGroupId"),
                deduplication_id=entry.get("MessageDeduplicationId"),
                system_attributes=entry.get("MessageSystemAttributes"),
            )
            message.user_id = entry["Id"]
            return message

        return message_rules.each(entries.values(), send)

    return mock.patch.object(sqs.SQSBackend, "send_message_batch", send_message_batch)


def _delete_batch() -> Any:
    """moto knows no limits of such a batch but that it is not empty, and refuses one with a handle twice."""

    def delete_message_batch(response: Any) -> Any:
        queue_name, entries = response._get_queue_name(), response._get_param("Entries", [])
        message_rules.check_batch([entry["Id"] for entry in entries], "DeleteMessageBatch")
        queue = response.sqs_backend.get_queue(queue_name)

        def delete(entry: dict[str, Any]) -> dict[str, str]:
            handle = entry["ReceiptHandle"]
            try:
                queue.delete_message(handle)
            except sqs.ReceiptHandleIsInvalid as error:
                text = f'The input receipt handle "{handle}" is not a valid receipt handle.'
                raise Refused(error.code, text) from error
            return {"Id": entry["Id"]}

        taken, failed = message_rules.each(entries, delete)
        return responses.ActionResult({"Successful": taken, "Failed": failed})

    return mock.patch.object(responses.SQSResponse, "delete_message_batch", delete_message_batch)


def _visibility_batch() -> Any:
    """moto knows no limits of such a batch, and lets one entry that is refused end the whole."""

    def change_message_visibility_batch(response: Any) -> Any:
        queue_name, entries = response._get_queue_name(), response._get_param("Entries", [])
        message_rules.check_batch([entry["Id"] for entry in entries], "ChangeMessageVisibilityBatch")

        def change(entry: dict[str, Any]) -> dict[str, str]:
            response.sqs_backend.change_message_visibility(
                queue_name, entry["ReceiptHandle"], entry.get("VisibilityTimeout") or 0
            )
            return {"Id": entry["Id"]}

        taken, failed = message_rules.each(entries, change)
        return responses.ActionResult({"Successful": taken, "Failed": failed})

    return mock.patch.object(
        responses.SQSResponse, "change_message_visibility_batch", change_message_visibility_batch
    )


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
    """moto changes the visibility of a message by any of its handles. Recorded against SQS: the latest handle
    does also when its time is over, and that of a deleted message does not.
    """

    def change_message_visibility(
        backend: Any, queue_name: str, receipt_handle: str, visibility_timeout: int
    ) -> None:
        queue = backend.get_queue(queue_name)
        seconds = int(visibility_timeout)
        message = next((one for one in queue._messages if one.had_receipt_handle(receipt_handle)), None)
        if message is None and receipt_handle in queue.deleted_messages:
            raise Refused(
                "InvalidParameterValue",
                f"Value {receipt_handle} for parameter ReceiptHandle is invalid. Reason: Message does not "
                f"exist or is not available for visibility timeout change.",
            )
        if message is None:
            raise sqs.ReceiptHandleIsInvalid
        if message.receipt_handle != receipt_handle:
            raise Refused("MessageNotInflight", "The message referred to is not in flight.")
        if not 0 <= seconds <= LONGEST_HIDDEN_SECONDS:
            raise sqs.InvalidParameterValue(
                f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout must "
                f"be an integer between 0 and {LONGEST_HIDDEN_SECONDS}."
            )
        if time.time() + seconds - message.received_at > LONGEST_HIDDEN_SECONDS:
            raise sqs.InvalidParameterValue(
                f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Total "
                f"VisibilityTimeout for the message "
                f"is beyond the limit [{LONGEST_HIDDEN_SECONDS} seconds]"
            )
        message.change_visibility(seconds)
        if message.visible or not seconds:
            queue.pending_messages.discard(message)
        else:
            queue.pending_messages.add(message)

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


def _expressions() -> Any:
    """A condition that cannot be read, or that names what was not given, is a ValidationException (DynamoDB
    developer guide, "Error handling with DynamoDB"); in moto the service itself breaks.
    """
    original = comparisons.ConditionExpressionParser.parse

    def parse(parser: Any) -> Any:
        try:
            return original(parser)
        except KeyError as error:
            raise MockValidationException(
                f"Invalid expression: {error} is used in it, and not defined"
            ) from error
        except ValueError as error:
            raise MockValidationException(f"Invalid expression: Syntax error; {error}") from error

    return mock.patch.object(comparisons.ConditionExpressionParser, "parse", parse)


MENDS: dict[str, Callable[[], Any]] = {
    "receiving": _receive,
    "source of dead letters": _dead_letter_source,
    "message rules": _message_rules,
    "attribute rules": _attribute_rules,
    "batch of messages": _send_batch,
    "batch of deletions": _delete_batch,
    "batch of visibilities": _visibility_batch,
    "old receipt handles": _old_handles,
    "time of receipt": _received_at,
    "visibility of messages": _change_visibility,
    "stream records": _stream_records,
    "expressions": _expressions,
}
