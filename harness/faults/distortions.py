"""Answers that are right by AWS's rules and still not what a careless caller expects: stale reads, pages of
answers, batches taken in part, and streams that show nothing yet.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import Any

import msgspec
from botocore.awsrequest import AWSPreparedRequest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType, Item

from harness.faults.dice import Dice
from harness.region import REGION

Answered = tuple[int, Any, bytes]
_READS = frozenset({"GetItem", "Query"})
_PAGED = frozenset({"Query", "Scan"})


class Distortions:
    def __init__(self, dice: Dice) -> None:
        self._dice = dice

    def perform(
        self,
        where: str,
        service: str,
        operation: str,
        request: AWSPreparedRequest,
        perform: Callable[[], Answered],
    ) -> Answered:
        """The call's answer by `perform`, distorted if a fault strikes."""
        if service == "dynamodb" and operation in _PAGED and self._dice.strike("short_page", where):
            perform = _first_item_of(request, perform)
        if service == "dynamodb" and operation in _READS:
            payload = _payload(request)
            if (
                not payload.get("ConsistentRead")
                and "IndexName" not in payload
                and (strike := self._dice.strike("stale_read", where))
            ):
                with _as_it_was(payload["TableName"], time.time() - strike.seconds):
                    return perform()
        if (
            service == "sqs"
            and operation == "SendMessageBatch"
            and self._dice.strike("batch_entry_refused", where)
        ):
            return _without_last_entry(request, perform)
        if (
            service == "dynamodb-streams"
            and operation == "GetRecords"
            and self._dice.strike("empty_read", where)
        ):
            return _nothing_yet(request)
        return perform()


def _first_item_of(request: AWSPreparedRequest, perform: Callable[[], Answered]) -> Callable[[], Answered]:
    """What looks at no more than one item (DynamoDB API reference, Query: an answer ends at 1 MB or at the
    Limit, and LastEvaluatedKey says where to go on; as long as there is one, there may be more).
    """

    def limited() -> Answered:
        whole = request.body
        request.body = msgspec.json.encode({**_payload(request), "Limit": 1})
        try:
            return perform()
        finally:
            request.body = whole

    return limited


@contextmanager
def _as_it_was(name: str, moment: float) -> Iterator[None]:
    """The table without the writes since a moment (seconds from the epoch), as its stream tells of them.

    DynamoDB developer guide, "Read consistency": an eventually consistent read might not reflect a recently
    completed write.
    """
    table = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].get_table(name)
    before: dict[str, tuple[Any, Any]] = {}
    for entry in reversed(table.stream_shard.items if table.stream_shard is not None else []):
        told = entry.record["dynamodb"]
        if told["ApproximateCreationDateTime"].replace(tzinfo=UTC).timestamp() < moment:
            break
        before[str(told["Keys"])] = told["Keys"], told.get("OldImage")
    kept = table.items
    table.items = kept.copy()
    for keys, image in before.values():
        _put_back(table, kept, keys, image)
    try:
        yield
    finally:
        table.items = kept


def _put_back(table: Any, kept: Any, keys: dict[str, Any], image: dict[str, Any] | None) -> None:
    hash_key = DynamoType(keys[table.hash_key_attr])
    range_key = DynamoType(keys[table.range_key_attr]) if table.range_key_attr else None
    holder = table.items
    if range_key is not None:
        if table.items.get(hash_key) is kept.get(hash_key):
            table.items[hash_key] = dict(kept.get(hash_key, {}))
        holder = table.items[hash_key]
    place = hash_key if range_key is None else range_key
    if image is None:
        holder.pop(place, None)
    else:
        holder[place] = Item(hash_key, range_key, attrs=image)


def _payload(request: AWSPreparedRequest) -> dict[str, Any]:
    body: Any = request.body
    return msgspec.json.decode(body or b"{}", type=dict[str, Any])


def _nothing_yet(request: AWSPreparedRequest) -> Answered:
    """No records, and where to go on (DynamoDB streams API reference, GetRecords: an empty list where the
    iterator points to a part without records; "it might take multiple calls" to get to one that has some).
    """
    answer = {"Records": [], "NextShardIterator": _payload(request)["ShardIterator"]}
    return 200, {"Content-Type": "application/x-amz-json-1.0"}, msgspec.json.encode(answer)


def _without_last_entry(request: AWSPreparedRequest, perform: Callable[[], Answered]) -> Answered:
    """A batch of which SQS refuses one entry (SQS API reference, SendMessageBatch: the result is reported for
    each message).
    """
    payload = _payload(request)
    *taken, refused = payload["Entries"]
    failed = [
        {
            "Id": refused["Id"],
            "SenderFault": False,
            "Code": "InternalError",
            "Message": "as the scenario has it",
        }
    ]
    if not taken:
        return (
            200,
            {"Content-Type": "application/x-amz-json-1.0"},
            msgspec.json.encode({"Successful": [], "Failed": failed}),
        )
    whole = request.body
    request.body = msgspec.json.encode({**payload, "Entries": taken})
    try:
        status, headers, body = perform()
    finally:
        request.body = whole
    answer = msgspec.json.decode(body)
    return status, headers, msgspec.json.encode({**answer, "Failed": [*answer.get("Failed", []), *failed]})
