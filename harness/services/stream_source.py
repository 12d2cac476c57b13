"""The event source mapping on a DynamoDB stream: records in order, one batch at a time in each lane, retried
until they succeed.

Source: AWS Lambda developer guide, "Using Lambda with Amazon DynamoDB" and "Parameters for DynamoDB event
source mappings". moto keeps one shard a table; items are spread over as many shards as the table has
partitions by their partition key, and with a parallelization factor each shard is cut into lanes the same
way, so that records of an item stay in order.
"""

import datetime
import json
import time
import uuid
import zlib
from collections import deque
from typing import Any

import msgspec

from harness.cloud.limits import (
    PAYLOAD_BYTES,
    STREAM_BACKOFF_LIMIT_SECONDS,
    STREAM_BACKOFF_SECONDS,
    STREAM_POLL_SECONDS,
)
from harness.cloud.system import Function, StreamSource, require
from harness.cloud.wire import Exchange
from harness.engine.kernel import Kernel, Signal
from harness.recorder import IteratorAge
from harness.services import filters
from harness.services.lambda_service import ENVELOPE_BYTES, LambdaService, Throttled
from harness.services.queues import Queues
from harness.services.stage import Stage

TRIM_SECONDS = 24 * 3600.0
"""Records live 24 hours ("Change data capture for DynamoDB Streams")."""
REQUIRED = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
"""What a function's role must allow on a stream for a mapping, beside ListStreams ("Process DynamoDB records
with Lambda").
"""
WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})


class _Ended(msgspec.Struct, frozen=True):
    """How one try to have a batch processed ended.

    failed_from: index of the first record that failed, None when none did; was_invoked: whether it came to an
    invocation; is_error: whether the function failed as a whole; request: that invocation's id.
    """

    failed_from: int | None
    was_invoked: bool = False
    is_error: bool = False
    request: str = ""


class StreamMapping:
    def __init__(
        self,
        stage: Stage,
        source: StreamSource,
        function: Function,
        service: LambdaService,
        queues: Queues,
        shards: int,
    ) -> None:
        required = dict.fromkeys(REQUIRED, source.stream_arn) | {"dynamodb:ListStreams": "*"}
        if source.on_failure:
            required["sqs:SendMessage"] = source.on_failure
        require(function, source.logical_id, required)
        self._kernel, self._cloud, self._latencies, self._dice = (
            stage.kernel,
            stage.cloud,
            stage.latencies,
            stage.dice,
        )
        self._source, self._function, self._service, self._queues = source, function, service, queues
        self._matches = filters.matcher(source.filters, source.logical_id)
        self._recorder = stage.recorder
        self._shards = [
            _Shard(stage.kernel, STREAM_POLL_SECONDS * number / shards, self._lanes_of(stage, source.lanes))
            for number in range(shards)
        ]
        self._cursor = 0
        stage.wire.observe("dynamodb", self._on_call)

    def _lanes_of(self, stage: Stage, count: int) -> list["_Lane"]:
        return [_Lane(self, stage.kernel) for _ in range(count)]

    def wake(self) -> None:
        """The stream has records that no call wrote."""
        self._sort()

    def start(self) -> None:
        for shard in self._shards:
            self._kernel.spawn(f"{self._source.logical_id}:shard", shard.run)
            for lane in shard.lanes:
                self._kernel.spawn(self._source.logical_id, lane.run)

    @property
    def is_idle(self) -> bool:
        """Whether every record of the stream is handled."""
        return self._cursor == len(self._stream.items) and all(shard.is_idle for shard in self._shards)

    @property
    def _stream(self) -> Any:
        return self._cloud.moto_table(self._source.table).stream_shard

    def _on_call(self, exchange: Exchange) -> None:
        if exchange.operation in WRITES:
            self._sort()

    def _sort(self) -> None:
        """Lays new records into the shards of their partition keys."""
        items = self._stream.items
        for entry in items[self._cursor :]:
            record = _event_record(entry.to_json(), self._source.stream_arn)
            if self._matches(record):
                key = json.dumps(next(iter(record["dynamodb"]["Keys"].values())))
                rest, place = divmod(zlib.crc32(key.encode()), len(self._shards))
                self._shards[place].add(rest, record)
        self._cursor = len(items)

    def handle(self, records: list[dict[str, Any]]) -> None:
        """Invokes the function until every record has succeeded or is given up."""
        if late := self._dice.strike("late_records", self._source.logical_id):
            self._kernel.sleep(late.seconds)
        self._process(records)
        if again := self._dice.strike("stream_redelivery", self._source.logical_id):
            self._kernel.sleep(again.seconds)
            self._process(records)

    def _process(self, records: list[dict[str, Any]]) -> None:
        """Only failures of the function use up the retries: what keeps Lambda from invoking it does not, nor
        does splitting the batch ("Retain discarded records for a DynamoDB event source").
        """
        failures = tries = 0
        while records := self._without_expired(records, failures):
            ended = self._invoke(records)
            if ended.failed_from is None:
                return
            tries += 1
            if ended.failed_from > 0:  # those before the failed one are checkpointed
                records, failures, tries = records[ended.failed_from :], 0, 0
                continue
            failures += ended.was_invoked
            if ended.is_error and self._source.bisect and len(records) > 1:
                half = len(records) // 2
                self._process(records[:half])
                records, failures, tries = records[half:], 0, 0
                continue
            if 0 <= self._source.maximum_retries < failures:
                self._give_up(records, "RetryAttemptsExhausted", failures, ended)
                return
            pause = STREAM_BACKOFF_SECONDS * 2 ** min(tries - 1, 10)
            self._kernel.sleep(min(STREAM_BACKOFF_LIMIT_SECONDS, pause))

    def _without_expired(self, records: list[dict[str, Any]], failures: int) -> list[dict[str, Any]]:
        """The records that are young enough to be processed; the others are given up."""
        limit = self._source.maximum_record_age_seconds
        longest = min(limit, TRIM_SECONDS) if limit >= 0 else TRIM_SECONDS
        young = next((place for place, one in enumerate(records) if age(one) <= longest), len(records))
        if young:
            self._give_up(records[:young], "RecordAgeExceeded", failures)
        return records[young:]

    def _invoke(self, records: list[dict[str, Any]]) -> _Ended:
        self._kernel.sleep(self._latencies.draw("event", "invoke"))
        old = age(records[-1])
        try:
            answer = self._service.invoke(self._function, {"Records": records}, len(records))
        except Throttled:
            return _Ended(failed_from=0)
        self._recorder.record(
            IteratorAge(
                t=self._kernel.now,
                mapping=self._source.logical_id,
                age_seconds=round(old, 6),
                records=len(records),
            )
        )
        if answer.error:
            return _Ended(failed_from=0, was_invoked=True, is_error=True, request=answer.request)
        failed = _first_failure(answer.value, records) if self._source.report_item_failures else None
        return _Ended(failed_from=failed, was_invoked=True, request=answer.request)

    def _give_up(
        self, records: list[dict[str, Any]], condition: str, invocations: int, ended: _Ended | None = None
    ) -> None:
        """The position of the batch goes to the on-failure destination; the records themselves do not (the
        same page). What expired tells of no response.
        """
        if not self._source.on_failure:
            return
        first, last = (record["dynamodb"] for record in (records[0], records[-1]))
        request = ended.request if ended else str(uuid.uuid5(uuid.NAMESPACE_OID, records[0]["eventID"]))
        response = {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled" if ended and ended.is_error else None,
        }
        body = {
            "requestContext": {
                "requestId": request,
                "functionArn": self._function.arn,
                "condition": condition,
                "approximateInvokeCount": invocations,
            },
            **({"responseContext": response} if ended else {}),
            "version": "1.0",
            "timestamp": _instant(time.time(), "milliseconds"),
            "DDBStreamBatchInfo": {
                "shardId": self._stream.id,
                "startSequenceNumber": first["SequenceNumber"],
                "endSequenceNumber": last["SequenceNumber"],
                "approximateArrivalOfFirstRecord": _instant(first["ApproximateCreationDateTime"]),
                "approximateArrivalOfLastRecord": _instant(last["ApproximateCreationDateTime"]),
                "batchSize": len(records),
                "streamArn": self._source.stream_arn,
            },
        }
        url = self._cloud.queue_url(self._source.on_failure)
        sent = self._cloud.sqs.send_message(QueueUrl=url, MessageBody=msgspec.json.encode(body).decode())
        self._queues.gave_up(
            self._source.logical_id, sent["MessageId"], json.dumps([record["dynamodb"] for record in records])
        )

    @property
    def batch_size(self) -> int:
        return self._source.batch_size

    @property
    def window_seconds(self) -> int:
        return self._source.window_seconds


class _Shard:
    """Records of some partition keys: polled four times a second, at moments of its own, and handed to its
    lanes.
    """

    def __init__(self, kernel: Kernel, phase: float, lanes: list["_Lane"]) -> None:
        """`phase`: seconds by which its polls are later than those of the first shard."""
        self._kernel, self._phase, self.lanes = kernel, phase, lanes
        self._unread: list[tuple[_Lane, dict[str, Any]]] = []
        self._written = Signal(kernel)

    @property
    def is_idle(self) -> bool:
        return not self._unread and all(lane.is_idle for lane in self.lanes)

    def add(self, number: int, record: dict[str, Any]) -> None:
        """A record that was written; the lanes share them by `number`."""
        self._unread.append((self.lanes[number % len(self.lanes)], record))
        self._written.fire()

    def run(self) -> None:
        while True:
            if not self._unread:
                self._kernel.wait(self._written)
            polls = (self._kernel.now - self._phase) // STREAM_POLL_SECONDS + 1
            self._kernel.sleep(polls * STREAM_POLL_SECONDS + self._phase - self._kernel.now)
            read, self._unread = self._unread, []
            for lane, record in read:
                lane.add(record)


class _Lane:
    """Records of some partition keys, in order; one batch in flight."""

    def __init__(self, mapping: StreamMapping, kernel: Kernel) -> None:
        self._mapping, self._kernel = mapping, kernel
        self._records: deque[dict[str, Any]] = deque()
        self._filled = Signal(kernel)
        self._busy = False

    @property
    def is_idle(self) -> bool:
        return not self._busy and not self._records

    def add(self, record: dict[str, Any]) -> None:
        self._records.append(record)
        self._filled.fire()

    def run(self) -> None:
        while True:
            if not self._records:
                self._kernel.wait(self._filled)
            self._busy = True
            self._gather()
            while self._records and age(self._records[0]) > TRIM_SECONDS:
                self._records.popleft()  # it waited behind a batch that failed until the stream forgot it
            if batch := self._take():
                self._mapping.handle(batch)
            self._busy = False

    def _take(self) -> list[dict[str, Any]]:
        """The next records, as many as a batch and an invocation's payload may hold."""
        batch: list[dict[str, Any]] = []
        size = 0
        while self._records and len(batch) < self._mapping.batch_size:
            size += len(json.dumps(self._records[0])) + len(", ")
            if batch and size > PAYLOAD_BYTES - ENVELOPE_BYTES:
                break
            batch.append(self._records.popleft())
        return batch

    def _gather(self) -> None:
        """Lets the batch grow: by what the same poll brought, and until it is full or its window ends."""
        self._kernel.sleep(0)
        closing = self._kernel.now + self._mapping.window_seconds
        while len(self._records) < self._mapping.batch_size and self._kernel.now < closing:
            self._kernel.wait(self._filled, closing - self._kernel.now)


def age(record: dict[str, Any]) -> float:
    """Seconds since the record was written."""
    return float(time.time() - record["dynamodb"]["ApproximateCreationDateTime"])


def _event_record(record: dict[str, Any], stream_arn: str) -> dict[str, Any]:
    """A stream record as Lambda gives it to a function: times as epoch seconds, the stream's ARN."""
    created = record["dynamodb"]["ApproximateCreationDateTime"]
    seconds = created.replace(tzinfo=created.tzinfo or datetime.UTC).timestamp()
    return {
        **record,
        "eventSourceARN": stream_arn,
        "dynamodb": {**record["dynamodb"], "ApproximateCreationDateTime": seconds},
    }


def _instant(seconds: float, precision: str = "seconds") -> str:
    """A moment, in seconds from the epoch, as AWS writes it."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


def _first_failure(response: Any, records: list[dict[str, Any]]) -> int | None:
    """Index of the lowest sequence number that a partial batch response names; 0 when it is malformed. What
    is empty, of whatever kind, names none.
    """
    if response in (None, "", [], {}) or (
        isinstance(response, dict) and not response.get("batchItemFailures")
    ):
        return None
    if not isinstance(response, dict) or not isinstance(response["batchItemFailures"], list):
        return 0
    order = {record["dynamodb"]["SequenceNumber"]: index for index, record in enumerate(records)}
    named = [
        order.get(failure.get("itemIdentifier") or "", 0) if isinstance(failure, dict) else 0
        for failure in response["batchItemFailures"]
    ]
    return min(named)
