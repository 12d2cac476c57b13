"""The event source mapping on a queue: pollers that receive, invoke and delete, more of them while messages
remain.

Source: AWS Lambda developer guide, "Using Lambda with Amazon SQS", pages "Configuring scaling behavior" and
"Handling errors". A *lane* is one poller with its invocation; the number of lanes is the mapping's
concurrency.
"""

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from harness.cloud.limits import (
    BACK_OFF,
    IDLE_LANES,
    LANES_PER_MINUTE,
    LONG_POLL_SECONDS,
    MAXIMUM_LANES,
    PAYLOAD_BYTES,
    PROVISIONED_LANES_PER_MINUTE,
    PROVISIONED_LANES_PER_POLLER,
    RECEIVE_LIMIT,
    SCALING_PERIOD_SECONDS,
    STARTING_LANES,
    THROTTLE_BACKOFF_SECONDS,
)
from harness.cloud.system import Function, SqsSource, require
from harness.engine.kernel import Signal
from harness.errors import UsageError
from harness.region import REGION
from harness.services import filters
from harness.services.lambda_service import ENVELOPE_BYTES, Answer, LambdaService, Recursive, Throttled
from harness.services.lineage import Lineage
from harness.services.queues import Queues
from harness.services.stage import Stage

REQUIRED = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
"""What a function's role must allow on a queue for a mapping ("Creating and configuring an Amazon SQS event
source mapping").
"""


class SqsMapping:
    def __init__(
        self,
        stage: Stage,
        source: SqsSource,
        function: Function,
        service: LambdaService,
        queues: Queues,
        lineage: Lineage,
    ) -> None:
        queue = queues.by_arn[source.queue_arn]
        if function.timeout_seconds > queue.visibility_timeout_seconds:
            raise UsageError(
                f"{source.logical_id} is refused, as AWS would: the timeout of {function.logical_id} "
                f"({function.timeout_seconds} s) is longer than "
                f"the visibility timeout of {queue.logical_id} ({queue.visibility_timeout_seconds} s)"
            )
        require(function, source.logical_id, dict.fromkeys(REQUIRED, queue.arn))
        self._kernel, self._cloud, self._latencies, self._dice = (
            stage.kernel,
            stage.cloud,
            stage.latencies,
            stage.dice,
        )
        self._source, self._function, self._service = source, function, service
        self._queue, self._queues, self._lineage = queue, queues, lineage
        self._url = stage.cloud.queue_url(queue.arn)
        self._matches = filters.matcher(source.filters, source.logical_id)
        if source.provisioned_pollers:
            fewest, most = (pollers * PROVISIONED_LANES_PER_POLLER for pollers in source.provisioned_pollers)
            self._limit, self._at_start, self._at_rest, self._per_minute = (
                most,
                fewest,
                fewest,
                PROVISIONED_LANES_PER_MINUTE,
            )
        else:
            self._limit = min(source.maximum_concurrency or MAXIMUM_LANES, MAXIMUM_LANES)
            self._at_start, self._per_minute = min(STARTING_LANES, self._limit), LANES_PER_MINUTE
            self._at_rest = self._at_start if source.maximum_concurrency else IDLE_LANES
        self._wanted = self._at_start
        self._backs_off = False
        self._eases_after = 0.0
        self._refused = 0
        self._saturated = Signal(stage.kernel)
        self._lanes = self._busy = 0

    def start(self) -> None:
        for _ in range(self._at_start):
            self._add_lane()
        self._kernel.spawn(f"{self._source.logical_id}:scaling", self._scale)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in hand and nothing waits or will become visible again."""
        return not self._busy and self._queue.is_empty()

    def _add_lane(self) -> None:
        self._lanes += 1
        self._kernel.spawn(self._source.logical_id, self._lane)

    def _scale(self) -> None:
        while True:
            if self._busy < self._lanes:
                self._kernel.wait(self._saturated)
            self._kernel.sleep(SCALING_PERIOD_SECONDS)
            if self._backs_off or self._refused or self._busy < self._lanes or not self._queue.has_visible():
                continue
            growth = max(int(self._per_minute * SCALING_PERIOD_SECONDS / 60), self._at_start - self._lanes)
            self._wanted = min(self._lanes + growth, self._limit)
            for _ in range(self._wanted - self._lanes):
                self._add_lane()

    def _lane(self) -> None:
        self._at_work()
        try:
            self._serve()
        finally:
            self._busy -= 1

    def _at_work(self) -> None:
        self._busy += 1
        if self._busy == self._lanes:
            self._saturated.fire()

    def _serve(self) -> None:
        while True:
            messages = self._receive()
            if not messages:
                # After an empty poll the extra lanes end, then, one poll later, those that an idle queue does
                # without.
                self._wanted = self._at_start if self._lanes > self._at_start else self._at_rest
            if not messages and self._lanes > self._wanted:
                self._lanes -= 1
                return
            if messages:
                self._handle(messages)
                if self._lanes > self._wanted:  # the function failed, and the mapping has backed off
                    self._lanes -= 1
                    return

    def _receive(self) -> list[dict[str, Any]]:
        """A batch: what one long poll brings, or what comes within the batching window, up to the batch size
        and payload limit.
        """
        messages = self._poll(LONG_POLL_SECONDS)
        if not messages or not self._source.window_seconds:
            return messages
        closing = self._kernel.now + self._source.window_seconds
        while len(messages) < self._source.batch_size and self._kernel.now < closing:
            if sum(len(message["Body"]) for message in messages) >= PAYLOAD_BYTES:
                break
            messages += self._poll(closing - self._kernel.now, self._source.batch_size - len(messages))
        return messages

    def _poll(self, patience_seconds: float, wanted: int | None = None) -> list[dict[str, Any]]:
        """One long poll: waits until a message is visible, or the patience is out, and receives."""
        answers_after = self._latencies.draw(
            "sqs", "ReceiveMessage"
        )  # when nothing comes; else the call itself draws its own
        ends = self._kernel.now + patience_seconds + answers_after
        while not self._queue.has_visible() and self._kernel.now < ends:
            pause = ends - self._kernel.now
            if wanted is None:
                self._rest(pause)
            else:  # it has messages in hand
                self._kernel.wait(self._queue.arrival, pause)
        if not self._queue.has_visible():
            # The poll is counted and took its time, but moto need not be asked.
            self._queues.received_nothing(self._queue, self._source.logical_id, answers_after)
            return []
        response = self._cloud.sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=min(RECEIVE_LIMIT, wanted or self._source.batch_size),
            WaitTimeSeconds=0,  # it has waited; what it saw may be gone by now, to another lane or a DLQ
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return list(response.get("Messages", []))

    def _rest(self, seconds: float) -> None:
        """Waits for a message with none in hand: only then is a lane not at work."""
        self._busy -= 1
        try:
            self._kernel.wait(self._queue.arrival, seconds)
        finally:
            self._at_work()

    def _handle(self, messages: list[dict[str, Any]]) -> None:
        records = {message["MessageId"]: self._record(message) for message in messages}
        wanted = [
            message for message in messages if self._matches(_filterable(records[message["MessageId"]]))
        ]
        unwanted = [message for message in messages if message not in wanted]
        self._delete(unwanted)
        for batch in _payloads(wanted, records):
            self._process(batch, records)

    def _process(self, batch: list[dict[str, Any]], records: dict[str, dict[str, Any]]) -> None:
        """One invocation, and the deletion of what it processed."""
        if self._dice.strike("poller_dies_before", self._source.logical_id):
            return
        failed = self._invoke([records[message["MessageId"]] for message in batch])
        self._backs_off = False
        if failed is None and not self._source.report_item_failures:
            self._back_off()
        if failed is not None and not self._dice.strike("poller_dies_after", self._source.logical_id):
            self._delete([message for message in batch if message["MessageId"] not in failed])

    def _throttled(self) -> None:
        """Fewer lanes, and no more while one waits with messages in hand that it may not invoke for; once a
        period, since refusals of one moment have one cause.
        """
        if self._kernel.now >= self._eases_after:
            self._eases_after = self._kernel.now + SCALING_PERIOD_SECONDS
            self._back_off()

    def _back_off(self) -> None:
        self._backs_off = True
        self._wanted = max(IDLE_LANES, int(min(self._wanted, self._lanes) * BACK_OFF))

    def _invoke(self, records: list[dict[str, Any]]) -> set[str] | None:
        """Ids of the messages that failed; None when all did. A throttled batch is retried until its
        visibility timeout passes.
        """
        answer = self._answer(records)
        if answer is None or answer.error:
            return None
        return _failures(answer.value, records) if self._source.report_item_failures else set()

    def _answer(self, records: list[dict[str, Any]]) -> Answer | None:
        """The function's, however often it takes to be let in; None when it never is."""
        chain = self._lineage.of(record["messageId"] for record in records)
        gives_up = self._kernel.now + self._queue.visibility_timeout_seconds
        self._kernel.sleep(self._latencies.draw("event", "invoke"))
        refused = False
        try:
            for pause in _backoff():
                try:
                    return self._service.invoke(self._function, {"Records": records}, len(records), chain)
                except Throttled:
                    self._refused += not refused
                    refused = True
                    self._throttled()
                    if self._kernel.now + pause >= gives_up:
                        break
                    self._kernel.sleep(pause)
        except Recursive:
            return None
        finally:
            self._refused -= refused
        return None

    def _delete(self, messages: list[dict[str, Any]]) -> None:
        for start in range(0, len(messages), RECEIVE_LIMIT):
            if self._dice.strike("delete_fails", self._source.logical_id):
                continue
            self._cloud.sqs.delete_message_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(messages[start : start + RECEIVE_LIMIT])
                ],
            )

    def _record(self, message: dict[str, Any]) -> dict[str, Any]:
        """A record of the event as Lambda gives it to a function ("Using Lambda with Amazon SQS", example
        event).
        """
        record = {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {
                name: _attribute(attribute)
                for name, attribute in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message.get("MD5OfBody", ""),
            "eventSource": "aws:sqs",
            "eventSourceARN": self._queue.arn,
            "awsRegion": REGION,
        }
        if "MD5OfMessageAttributes" in message:
            record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
        return record


def _attribute(attribute: dict[str, Any]) -> dict[str, Any]:
    """A message attribute of a record: bytes in base64, and the lists, which SQS has never put to use."""
    value = {
        f"{key[0].lower()}{key[1:]}": b64encode(part).decode() if isinstance(part, bytes) else part
        for key, part in attribute.items()
    }
    return {"stringListValues": [], "binaryListValues": [], **value}


def _payloads(
    messages: list[dict[str, Any]], records: dict[str, dict[str, Any]]
) -> Iterator[list[dict[str, Any]]]:
    """The messages in batches that an invocation's payload can hold."""
    batch: list[dict[str, Any]] = []
    size = 0
    for message in messages:
        length = len(json.dumps(records[message["MessageId"]])) + len(", ")
        if batch and size + length + ENVELOPE_BYTES > PAYLOAD_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += length
    if batch:
        yield batch


def _backoff() -> Iterator[float]:
    yield from THROTTLE_BACKOFF_SECONDS
    while True:
        yield THROTTLE_BACKOFF_SECONDS[-1]


def _filterable(record: dict[str, Any]) -> dict[str, Any]:
    """The record as filters see it: a body that is JSON counts as an object."""
    try:
        return {**record, "body": json.loads(record["body"])}
    except ValueError:
        return record


def _failures(response: Any, records: list[dict[str, Any]]) -> set[str] | None:
    """Ids that a partial batch response names; None, for all, when it is malformed ("Implementing partial
    batch responses").
    """
    known = {record["messageId"] for record in records}
    if response is None:
        return set()
    if not isinstance(response, dict):
        return None
    failures = response.get("batchItemFailures")
    if not failures:
        return set()
    if not isinstance(failures, list) or not all(isinstance(failure, dict) for failure in failures):
        return None
    named = {failure.get("itemIdentifier") for failure in failures}
    return named if named <= known else None
