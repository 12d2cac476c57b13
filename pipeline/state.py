"""The state of files in work, in DynamoDB: one METADATA item a file and one BATCH item a batch.

A batch is counted exactly once, without transactions: its item is written first; then one conditional update
of METADATA puts its number into a set, adds to a counter and takes one from `remainingBatches`, on condition
that the set lacks the number. A retry at any point repeats what is missing and nothing else.
`remainingBatches = 0` in the stream wakes the aggregator.
"""

import time
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from pipeline import results
from pipeline.messages import FileRef
from pipeline.results import BatchOutcome, PageOutcome, Verdict

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]

METADATA = "METADATA"
_PREFIX = "FILE#"
GIVEN_UP = "not processed: every attempt failed, and its message is kept in the parked queue"
"""The reason of what was buried."""
UNCLOSED = (
    "not put together: every attempt to write its result failed, and a message is kept in the parked queue"
)
"""The reason of a file whose batches are all counted, but which the aggregator could not close."""
MOST_FAREWELLS = 5
_CONDITION_FAILED = "ConditionalCheckFailedException"
_STATUS = {"#status": "status"}
"""A name that DynamoDB keeps for itself in expressions."""
_to_dynamodb = TypeSerializer().serialize
_from_dynamodb = TypeDeserializer().deserialize


class FileRecord(msgspec.Struct, frozen=True):
    """A file's METADATA: which upload, how far its batches are, what is wrong with the file as a whole, and
    who created the record.
    """

    file: FileRef
    status: str
    total_pages: int
    total_batches: int
    completed_batches: int
    failed_batches: int
    remaining_batches: int
    fault: str
    created_at: int
    event_id: str
    counted_batch_ids: frozenset[int] = frozenset()
    failed_batch_ids: frozenset[int] = frozenset()
    unclosed: bool = False
    left_out: tuple[str, ...] = ()

    @property
    def is_buried(self) -> bool:
        """Whether its upload event was given up before its pages were found."""
        return self.fault == GIVEN_UP and not self.total_batches


class StateTable:
    """Reads and writes the table. Errors of DynamoDB other than a failed condition rise as `ClientError`."""

    def __init__(self, client: "DynamoDBClient", table_name: str, record_days: int) -> None:
        self._client, self._table, self._record_days = client, table_name, record_days

    def create_file(
        self,
        ref: FileRef,
        *,
        total_pages: int,
        total_batches: int,
        fault: str,
        event_id: str,
        left_out: tuple[str, ...] = (),
    ) -> FileRecord | None:
        """Writes METADATA, unless the file has one: then that is returned, and nothing written. A buried one
        gives way.

        A file without batches has `remainingBatches` 0 from the start, so that the aggregator closes it.
        `fault`: what is wrong with the file as a whole ("" for nothing); `left_out`: its images that are no
        pages.
        """
        now = int(time.time())
        item: Item = {
            **_key(ref.file_id, METADATA),
            "s3Key": ref.key,
            "bucket": ref.bucket,
            "versionId": ref.version_id,
            "etag": ref.etag,
            "size": ref.size,
            "totalPages": total_pages,
            "totalBatches": total_batches,
            "completedBatches": 0,
            "failedBatches": 0,
            "remainingBatches": total_batches,
            "status": "PROCESSING",
            "npiPages": [],
            "npiPercentage": 0,
            "isNpiProcessed": False,
            "isPdfCreated": False,
            "fault": fault,
            "reason": "",
            "eventId": event_id,
            "createdAt": now,
            "updatedAt": now,
            "expiresAt": self._expiry(now),
            **({"leftOut": list(left_out)} if left_out else {}),
        }
        old = self._put_new(item)
        if old and _file_record(old).is_buried and fault != GIVEN_UP:
            old = self._put_new(
                item, "fault = :buried AND totalBatches = :none", {":buried": GIVEN_UP, ":none": 0}
            )
        return _file_record(old) if old else None

    def finished_batch(self, file_id: str, batch_id: int) -> BatchOutcome | None:
        """The batch, if a worker has finished it already: then its pages need not be read again."""
        response = self._client.get_item(
            TableName=self._table,
            Key=_dump(_key(file_id, _batch_key(batch_id))),
            ConsistentRead=True,
            ProjectionExpression="batchId, pages, npiPages, #status",
            ExpressionAttributeNames=_STATUS,
        )
        item = _load(response.get("Item", {}))
        if item.get("status") != "COMPLETED":
            return None
        return BatchOutcome(batch_id, item["pages"], npi_pages=_pages(item))

    def hand_on(self, file_id: str, batch_id: int, page: int, event_id: str) -> bool:
        """Says that the message `event_id` is about to hand back a batch from this page on. False when that
        is not to be: the batch is finished, or another message of it has come as far, and the rest is on its
        way, or will be when that one comes again. Else each message that comes twice would be two from there
        on, and many after a few turns.
        """
        now = int(time.time())
        old = self._update(
            file_id,
            "SET nextPage = :page, handedBy = :event, processedAt = :now, expiresAt = :expiry",
            "(attribute_not_exists(#status) OR #status = :failed) AND (attribute_not_exists(nextPage) OR "
            "nextPage < :page OR handedBy = :event)",
            {
                ":page": page,
                ":event": event_id,
                ":failed": "FAILED",
                ":now": now,
                ":expiry": self._expiry(now),
            },
            _batch_key(batch_id),
        )
        return old is None

    def put_batch(self, file_id: str, batch: BatchOutcome, outcome_key: str = "") -> None:
        """Writes the item of a finished batch. With `outcome_key`, its outcomes lie in S3 under that key
        instead.
        """
        now = int(time.time())
        item: Item = {
            **_key(file_id, _batch_key(batch.batch_id)),
            "batchId": batch.batch_id,
            "pages": batch.pages,
            "status": "COMPLETED",
            "npiPages": list(batch.npi_pages),
            "confidence": results.mean_confidence(batch.outcomes),
            "processedAt": now,
            "expiresAt": self._expiry(now),
            **({"outcomeKey": outcome_key} if outcome_key else {"outcomes": encode_outcomes(batch.outcomes)}),
            **({"textParts": list(batch.text_parts)} if batch.text_parts else {}),
        }
        self._client.put_item(TableName=self._table, Item=_dump(item))

    def put_failed_batch(self, file_id: str, batch_id: int, pages: str, failure: str) -> None:
        """Writes the item of a batch that could not be processed, unless a worker has finished it after all.
        How far it was handed on is forgotten: who tries it again begins anew.
        """
        now = int(time.time())
        self._put_new(
            {
                **_key(file_id, _batch_key(batch_id)),
                "batchId": batch_id,
                "pages": pages,
                "status": "FAILED",
                "npiPages": [],
                "confidence": 0,
                "reason": failure,
                "processedAt": now,
                "expiresAt": self._expiry(now),
            },
            "attribute_not_exists(#status) OR #status = :failed",
            {":failed": "FAILED"},
        )

    def count_completed(self, file_id: str, batch_id: int, npi_pages: tuple[int, ...]) -> None:
        """Counts a finished batch, once. One that was counted as failed before moves over and reopens the
        file.
        """
        old = self._update(
            file_id,
            "ADD countedBatches :ids, completedBatches :one "
            "SET remainingBatches = remainingBatches - :one, npiPages = list_append(npiPages, :npi), "
            "updatedAt = :now",
            "attribute_exists(PK) AND NOT contains(countedBatches, :id)",
            {
                ":ids": {batch_id},
                ":id": batch_id,
                ":one": 1,
                ":npi": list(npi_pages),
                ":now": int(time.time()),
            },
        )
        if old and batch_id in old.get("failedBatchIds", ()):
            self._update(
                file_id,
                "ADD completedBatches :one, failedBatches :minus DELETE failedBatchIds :ids "
                "SET #status = :processing, npiPages = list_append(npiPages, :npi), updatedAt = :now",
                "contains(failedBatchIds, :id)",
                {
                    ":ids": {batch_id},
                    ":id": batch_id,
                    ":one": 1,
                    ":minus": -1,
                    ":npi": list(npi_pages),
                    ":processing": "PROCESSING",
                    ":now": int(time.time()),
                },
            )

    def count_failed(self, file_id: str, batch_id: int) -> None:
        """Counts a batch as failed, once, unless it is counted already."""
        self._update(
            file_id,
            "ADD countedBatches :ids, failedBatchIds :ids, failedBatches :one "
            "SET remainingBatches = remainingBatches - :one, updatedAt = :now",
            "attribute_exists(PK) AND NOT contains(countedBatches, :id)",
            {":ids": {batch_id}, ":id": batch_id, ":one": 1, ":now": int(time.time())},
        )

    def read_file(self, file_id: str) -> tuple[FileRecord, tuple[tuple[BatchOutcome, str], ...]] | None:
        """The file and its batches, each with the S3 key of its outcomes ("" when they stand in the item);
        consistent.

        Without its batches when it was given up: they may be what the aggregator failed for.
        """
        items = {item["SK"]: item for item in self._query(file_id)}
        if METADATA not in items:
            return None
        record = _file_record(items.pop(METADATA))
        if record.unclosed:
            return record, ()
        ended = (item for item in items.values() if "status" in item)  # others are on their way
        batches = [(_batch_outcome(item), item.get("outcomeKey", "")) for item in ended]
        return record, tuple(sorted(batches, key=lambda batch: batch[0].batch_id))

    def close_file(self, file_id: str, seen: FileRecord, verdict: Verdict, pdf_created: bool) -> bool:
        """Writes the verdict, if the file still stands as `seen`: nobody opened it meanwhile, or moved a
        batch over, or gave it back. False when it does not, and a newer event follows. One that was given up
        meanwhile is closed all the same, and is to be reopened no more.
        """
        old = self._update(
            file_id,
            "SET #status = :status, npiPages = :npi, npiPercentage = :share, confidence = :confidence, "
            "reason = :reason, "
            "isNpiProcessed = :yes, isPdfCreated = :pdf, updatedAt = :now"
            + ("" if seen.unclosed else " REMOVE unclosed"),
            "#status = :processing AND totalBatches = :total AND completedBatches = :completed"
            + (" AND attribute_exists(unclosed)" if seen.unclosed else ""),
            {
                ":status": verdict.status,
                ":npi": list(verdict.npi_pages),
                ":share": Decimal(str(verdict.npi_percentage)),
                ":confidence": verdict.confidence,
                ":reason": verdict.reason,
                ":yes": True,
                ":pdf": pdf_created,
                ":now": int(time.time()),
                ":processing": "PROCESSING",
                ":total": seen.total_batches,
                ":completed": seen.completed_batches,
            },
        )
        return old is None

    def give_up_closing(self, file_id: str) -> bool:
        """Marks a file that the aggregator could not close, which wakes it once more, to say so. False when
        it is closed otherwise.

        It is woken for that `MOST_FAREWELLS` times at most, if it fails again and again.
        """
        old = self._update(
            file_id,
            "ADD unclosed :one SET updatedAt = :now",
            "#status = :processing AND remainingBatches = :none AND (attribute_not_exists(unclosed) OR "
            "unclosed < :most)",
            {
                ":one": 1,
                ":most": MOST_FAREWELLS,
                ":processing": "PROCESSING",
                ":none": 0,
                ":now": int(time.time()),
            },
        )
        return old is None or bool(old.get("unclosed"))

    def reopen(self, file_id: str) -> None:
        """Lets the aggregator try again on a file that was given up."""
        self._update(
            file_id,
            "SET #status = :processing, updatedAt = :now REMOVE unclosed",
            "attribute_exists(unclosed)",
            {":processing": "PROCESSING", ":now": int(time.time())},
        )

    def _expiry(self, now: int) -> int:
        return now + self._record_days * 86_400

    def _put_new(
        self, item: Item, condition: str = "attribute_not_exists(PK)", values: Item | None = None
    ) -> Item | None:
        """Writes an item unless its key is taken (or the condition fails otherwise); then the item that has
        it is returned.
        """
        request: dict[str, Any] = {"ExpressionAttributeValues": _dump(values)} if values else {}
        if "#status" in condition:
            request["ExpressionAttributeNames"] = _STATUS
        try:
            self._client.put_item(
                TableName=self._table,
                Item=_dump(item),
                ConditionExpression=condition,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **request,
            )
        except ClientError as error:
            return _old_item(error)
        return None

    def _update(
        self, file_id: str, update: str, condition: str, values: Item, sort_key: str = METADATA
    ) -> Item | None:
        """Updates an item of the file; when the condition fails, nothing is written, and the item that stands
        is returned.
        """
        request: dict[str, Any] = {
            "TableName": self._table,
            "Key": _dump(_key(file_id, sort_key)),
            "UpdateExpression": update,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": _dump(values),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if "#status" in update + condition:
            request["ExpressionAttributeNames"] = _STATUS
        try:
            self._client.update_item(**request)
        except ClientError as error:
            return _old_item(error)
        return None

    def _query(self, file_id: str) -> Iterator[Item]:
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "PK = :pk",
            "ExpressionAttributeValues": _dump({":pk": _key(file_id, METADATA)["PK"]}),
            "ConsistentRead": True,
        }
        while True:
            response = self._client.query(**request)
            yield from map(_load, response["Items"])
            if "LastEvaluatedKey" not in response:
                return
            request["ExclusiveStartKey"] = response["LastEvaluatedKey"]


def encode_outcomes(outcomes: tuple[PageOutcome, ...]) -> str:
    """Outcomes as one JSON string: DynamoDB bills by the byte, and nothing queries inside."""
    return msgspec.json.encode(outcomes).decode()


def decode_outcomes(text: str | bytes) -> tuple[PageOutcome, ...]:
    return msgspec.json.decode(text, type=tuple[PageOutcome, ...])


def file_id_of(partition_key: str) -> str:
    """The file that an item with this PK is about."""
    return partition_key.removeprefix(_PREFIX)


def _key(file_id: str, sort_key: str) -> Item:
    return {"PK": f"{_PREFIX}{file_id}", "SK": sort_key}


def _batch_key(batch_id: int) -> str:
    return f"BATCH#{batch_id}"


def _dump(values: Item) -> dict[str, Any]:
    return {name: _to_dynamodb(value) for name, value in values.items()}


def _load(item: Any) -> Item:
    return {name: _from_dynamodb(value) for name, value in item.items()}


def _old_item(error: ClientError) -> Item:
    """The item that made a condition fail ({} where there is none); any other error rises again."""
    if error.response["Error"]["Code"] != _CONDITION_FAILED:
        raise error
    return _load(error.response.get("Item", {}))


def _file_record(item: Item) -> FileRecord:
    return FileRecord(
        file=FileRef(item["bucket"], item["s3Key"], int(item["size"]), item["etag"], item["versionId"]),
        status=item["status"],
        total_pages=int(item["totalPages"]),
        total_batches=int(item["totalBatches"]),
        completed_batches=int(item["completedBatches"]),
        failed_batches=int(item["failedBatches"]),
        remaining_batches=int(item["remainingBatches"]),
        fault=item["fault"],
        created_at=int(item["createdAt"]),
        event_id=item["eventId"],
        counted_batch_ids=frozenset(map(int, item.get("countedBatches", ()))),
        failed_batch_ids=frozenset(map(int, item.get("failedBatchIds", ()))),
        unclosed=bool(item.get("unclosed")),
        left_out=tuple(item.get("leftOut", ())),
    )


def _batch_outcome(item: Item) -> BatchOutcome:
    return BatchOutcome(
        batch_id=int(item["batchId"]),
        pages=item["pages"],
        outcomes=decode_outcomes(item.get("outcomes", "[]")),
        npi_pages=_pages(item),
        failure=item["reason"] if item["status"] == "FAILED" else "",
        text_parts=tuple(item.get("textParts", ())),
    )


def _pages(item: Item) -> tuple[int, ...]:
    return tuple(int(page) for page in item["npiPages"])
