"""What SQS takes: sizes in bytes with attributes, characters, entries of a batch.

Sources: SQS API reference, SendMessage and SendMessageBatch; SQS developer guide, "Amazon SQS message quotas"
and "Amazon SQS message metadata". Takes plain values; who breaks a rule is told so by SQS's own error.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from moto.core.exceptions import ServiceException

MESSAGE_BYTES = 1_048_576
"""Of a message, and of a batch's messages together, at most; a queue may allow less."""
MOST_ATTRIBUTES = 10
MOST_ENTRIES = 10

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")

Attributes = Mapping[str, Mapping[str, Any]]
"""Message attributes by name, each with DataType, and StringValue or BinaryValue (bytes)."""


class Refused(ServiceException):  # type: ignore[misc]
    """SQS's answer to what it does not take: code and message."""


def message_bytes(body: str, attributes: Attributes) -> int:
    """A message's size: "All parts of the message attribute, including Name, Type, and Value, are part of the
    message size restriction" (MessageAttributeValue).
    """
    return len(body.encode()) + sum(
        len(name.encode())
        + len(str(value.get("DataType") or "").encode())
        + len((value.get("StringValue") or "").encode())
        + len(value.get("BinaryValue") or b"")
        for name, value in attributes.items()
    )


def check_message(body: str, attributes: Attributes, limit_bytes: int) -> None:
    """Raises `Refused` for a message that SQS does not take."""
    if not body:
        raise Refused("MissingParameter", "The request must contain the parameter MessageBody.")
    if len(attributes) > MOST_ATTRIBUTES:
        raise Refused(
            "InvalidParameterValue",
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum "
            f"[{MOST_ATTRIBUTES}].",
        )
    for name, value in attributes.items():
        if not (value.get("StringValue") or value.get("BinaryValue")):
            raise Refused(
                "InvalidParameterValue", f"The message attribute '{name}' must contain a non-empty value."
            )
    if any(
        map(_FORBIDDEN.search, [body, *(value.get("StringValue") or "" for value in attributes.values())])
    ):
        raise Refused("InvalidMessageContents", "The message contains characters outside the allowed set.")
    if message_bytes(body, attributes) > limit_bytes:
        raise Refused(
            "InvalidParameterValue",
            f"One or more parameters are invalid. Reason: Message must be shorter than {limit_bytes} bytes.",
        )


def check_batch(ids: Sequence[str], operation: str) -> None:
    """Raises `Refused` for a batch whose entries have these ids."""
    if not ids:
        raise Refused(
            "AWS.SimpleQueueService.EmptyBatchRequest",
            f"There should be at least one {operation}RequestEntry in the request.",
        )
    if len(ids) > MOST_ENTRIES:
        raise Refused(
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are {MOST_ENTRIES}. You have sent {len(ids)}.",
        )
    if not all(map(_ENTRY_ID.fullmatch, ids)):
        raise Refused(
            "AWS.SimpleQueueService.InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
            "It can be at most 80 letters long.",
        )
    if repeated := next((one for place, one in enumerate(ids) if one in ids[:place]), None):
        raise Refused("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", f"Id {repeated} repeated.")


def check_batch_bytes(sizes: Iterable[int]) -> None:
    """Raises `Refused` for messages that are too long together."""
    if (size := sum(sizes)) > MESSAGE_BYTES:
        raise Refused(
            "AWS.SimpleQueueService.BatchRequestTooLong",
            f"Batch requests cannot be longer than {MESSAGE_BYTES} bytes. You have sent {size} bytes.",
        )


def each(
    entries: Iterable[dict[str, Any]], act: Callable[[dict[str, Any]], Any]
) -> tuple[list[Any], list[dict[str, Any]]]:
    """What `act` made of the entries that it took, and of the others why not: the result of each "is reported
    individually" (SendMessageBatch).
    """
    taken: list[Any] = []
    failed: list[dict[str, Any]] = []
    for entry in entries:
        try:
            taken.append(act(entry))
        except ServiceException as error:
            failed.append(
                {"Id": entry["Id"], "SenderFault": True, "Code": error.code, "Message": error.message}
            )
    return taken, failed
