"""The event source mapping on a queue: pollers that receive, invoke and delete, more of them while messages remain.

Source: AWS Lambda developer guide, "Using Lambda with Amazon SQS", pages "Configuring scaling behavior" and "Handling errors".
A *lane* is one poller with its invocation; the number of lanes is the mapping's concurrency.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

from harness.cloud import Cloud
from harness.errors import UsageError
from harness.kernel import Kernel
from harness.latency import Latencies
from harness.region import REGION
from harness.services import filters
from harness.services.lambda_service import LambdaService, Throttled
from harness.services.queues import Queue
from harness.template import Function, SqsSource, require

STARTING_LANES = 5
LANES_PER_MINUTE = 300
MAXIMUM_LANES = 1_250
"""Concurrent invocations of a mapping: 5 at first, up to 300 more a minute, 1,250 at most ("Configuring scaling behavior")."""
SCALING_PERIOD = 1.0
"""The minute's growth is spread evenly: AWS documents the rate, not the step."""
LONG_POLL_SECONDS = 20.0
RECEIVE_LIMIT = 10
"""Messages of one ReceiveMessage, entries of one DeleteMessageBatch (SQS quotas)."""
PAYLOAD_BYTES = 6 * 2**20
"""Of an invocation ("Lambda quotas"); a batch is cut there."""
REQUIRED = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
"""What a function's role must allow on a queue for a mapping ("Creating and configuring an Amazon SQS event source mapping")."""
THROTTLE_BACKOFF_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)


class SqsMapping:
    def __init__(
        self,
        kernel: Kernel,
        cloud: Cloud,
        service: LambdaService,
        latencies: Latencies,
        source: SqsSource,
        function: Function,
        queue: Queue,
    ) -> None:
        if function.timeout > queue.visibility_timeout:
            raise UsageError(
                f"{source.logical_id} is refused, as AWS would: the timeout of {function.logical_id} ({function.timeout} s) is longer than "
                f"the visibility timeout of {queue.logical_id} ({queue.visibility_timeout} s)"
            )
        require(function, source.logical_id, dict.fromkeys(REQUIRED, queue.arn))
        self._kernel, self._cloud, self._service, self._latencies = kernel, cloud, service, latencies
        self._source, self._function, self._queue = source, function, queue
        self._url = cloud.queue_url(queue.arn)
        self._matches = filters.matcher(source.filters)
        self._limit = min(source.maximum_concurrency or MAXIMUM_LANES, MAXIMUM_LANES)
        self._lanes = self._busy = 0

    def start(self) -> None:
        for _ in range(min(STARTING_LANES, self._limit)):
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
            self._kernel.sleep(SCALING_PERIOD)
            if self._busy == self._lanes and self._queue.has_visible():
                growth = min(int(LANES_PER_MINUTE * SCALING_PERIOD / 60), self._limit - self._lanes)
                for _ in range(growth):
                    self._add_lane()

    def _lane(self) -> None:
        while True:
            messages = self._receive()
            if not messages and self._lanes > STARTING_LANES:
                self._lanes -= 1
                return
            if messages:
                self._busy += 1
                try:
                    self._handle(messages)
                finally:
                    self._busy -= 1

    def _receive(self) -> list[dict[str, Any]]:
        """A batch: what one long poll brings, or what comes within the batching window, up to the batch size and payload limit."""
        messages = self._poll(LONG_POLL_SECONDS)
        if not messages or not self._source.window:
            return messages
        closing = self._kernel.now + self._source.window
        self._busy += 1
        try:
            while len(messages) < self._source.batch_size and self._kernel.now < closing:
                if sum(len(message["Body"]) for message in messages) >= PAYLOAD_BYTES:
                    break
                messages += self._poll(closing - self._kernel.now, self._source.batch_size - len(messages))
        finally:
            self._busy -= 1
        return messages

    def _poll(self, patience: float, wanted: int | None = None) -> list[dict[str, Any]]:
        """One long poll: waits until a message is visible, or `patience` is out, and receives."""
        ends = self._kernel.now + patience
        while not self._queue.has_visible() and self._kernel.now < ends:
            due = self._queue.next_visible()
            pause = ends - self._kernel.now
            if due is not None:
                pause = min(pause, max(0.001, due - time.time()))
            self._kernel.wait(self._queue.arrival, pause)
        response = self._cloud.sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=min(RECEIVE_LIMIT, wanted or self._source.batch_size),
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return list(response.get("Messages", []))

    def _handle(self, messages: list[dict[str, Any]]) -> None:
        records = {message["MessageId"]: self._record(message) for message in messages}
        wanted = [message for message in messages if self._matches(_filterable(records[message["MessageId"]]))]
        unwanted = [message for message in messages if message not in wanted]
        self._delete(unwanted)
        if not wanted:
            return
        failed = self._invoke([records[message["MessageId"]] for message in wanted])
        if failed is not None:
            self._delete([message for message in wanted if message["MessageId"] not in failed])

    def _invoke(self, records: list[dict[str, Any]]) -> set[str] | None:
        """Ids of the messages that failed; None when all did. A throttled batch is retried until its visibility timeout passes."""
        gives_up = self._kernel.now + self._queue.visibility_timeout
        self._kernel.sleep(self._latencies.draw("event", "invoke"))
        for pause in _backoff():
            try:
                answer = self._service.invoke(self._function, {"Records": records}, len(records))
            except Throttled:
                if self._kernel.now + pause >= gives_up:
                    return None
                self._kernel.sleep(pause)
                continue
            if answer.error:
                return None
            return _failures(answer.value, records) if self._source.report_item_failures else set()
        raise AssertionError("the backoff never ends")

    def _delete(self, messages: list[dict[str, Any]]) -> None:
        for start in range(0, len(messages), RECEIVE_LIMIT):
            self._cloud.sqs.delete_message_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(messages[start : start + RECEIVE_LIMIT])
                ],
            )

    def _record(self, message: dict[str, Any]) -> dict[str, Any]:
        """A record of the event as Lambda gives it to a function ("Using Lambda with Amazon SQS", example event)."""
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {
                name: {f"{key[0].lower()}{key[1:]}": value for key, value in attribute.items()}
                for name, attribute in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message.get("MD5OfBody", ""),
            "eventSource": "aws:sqs",
            "eventSourceARN": self._queue.arn,
            "awsRegion": REGION,
        }


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
    """Ids that a partial batch response names; None, for all, when it is malformed ("Implementing partial batch responses")."""
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
