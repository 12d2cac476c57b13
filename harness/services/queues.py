"""The queues over time: who is told of a new message, when the next one becomes visible, and when one is gone
for good.

State is moto's. What is added here is waiting (`arrival` wakes one poller a message, when it comes and when
it becomes visible), long polls, the end of a message's retention, and what a scenario of faults does to
messages.
"""

import heapq
import itertools
import time
from collections.abc import Callable, Mapping
from math import inf
from typing import Any, Literal

import msgspec

from harness.cloud import moto_mended
from harness.cloud.limits import LONG_POLL_SECONDS
from harness.cloud.wire import Exchange
from harness.engine.kernel import Kernel, Killed, Signal
from harness.faults.refusals import Answer
from harness.recorder import Call, Message
from harness.services.stage import Stage

_POISON = "poison"


class Gone(msgspec.Struct, frozen=True):
    """A message that left a queue without having been processed: moved to a dead-letter queue, or expired.

    Also records of a stream whose mapping gave them up; `queue` is then the mapping. `body`: what the
    message, or its records, said.
    """

    queue: str
    action: Literal["redriven", "expired"]
    body: str


class Queue:
    """One queue: its name for reports, moto's object, and the signal of messages that can be received."""

    def __init__(self, kernel: Kernel, logical_id: str, arn: str, moto_queue: Any) -> None:
        self.logical_id, self.arn, self.moto = logical_id, arn, moto_queue
        self.arrival = Signal(kernel)
        self.live: dict[str, Any] = {}
        """Messages that came, sent or moved here from another queue, and are not gone; by id, moto's."""
        self.handles: dict[str, str] = {}
        """Receipt handle of a message's latest delivery -> message; with that of an earlier one nothing is
        deleted.
        """
        self.delivered: dict[str, str] = {}
        """Message -> receipt handle of its latest delivery."""
        self.returning: dict[str, bool] = {}
        """Messages that will be delivered once more although they are deleted by then -> whether they are."""
        self.expiry_armed = False
        self._kernel = kernel
        self._hidden: list[tuple[float, int, Any]] = []
        self._numbers = itertools.count()
        self._alarm = inf
        self._is_blocked = False

    @property
    def wait_seconds(self) -> int:
        """How long a ReceiveMessage waits that says nothing of it."""
        return int(self.moto.receive_message_wait_time_seconds)

    @property
    def visibility_timeout_seconds(self) -> int:
        return int(self.moto.visibility_timeout)

    @property
    def retention_seconds(self) -> int:
        """Seconds that a message is kept after it was sent."""
        return int(self.moto.message_retention_period)

    def counts(self) -> tuple[int, int]:
        """(waiting, in flight); delayed messages count as waiting."""
        in_flight = moto_mended.in_flight(self.moto)
        return len(self.moto._messages) - in_flight, in_flight

    def has_visible(self) -> bool:
        """Whether a poll would bring a message."""
        now = time.time() * 1000
        visible = any(
            message.visible_at < now and message.delayed_until <= now for message in self.moto._messages
        )
        self._is_blocked = visible and moto_mended.is_full(self.moto)
        return visible and not self._is_blocked

    def announce(self, message: Any) -> None:
        """Wakes a poller for a message of moto's: now, or when it becomes visible."""
        shown = _shown_at(message)
        if shown <= time.time():
            self.arrival.fire(1)
            return
        heapq.heappush(self._hidden, (shown, next(self._numbers), message))
        self._arm()

    def left(self) -> None:
        """A message is gone: where as many were in flight as may be, the next one can be received."""
        if self._is_blocked:
            self._is_blocked = False
            self.arrival.fire(1)

    def _arm(self) -> None:
        """Sets the alarm for the message that becomes visible next."""
        while self._hidden and not self._is_hidden(*self._hidden[0]):
            heapq.heappop(self._hidden)
        if self._hidden and self._hidden[0][0] < self._alarm:
            alarm = self._alarm = self._hidden[0][0]
            self._kernel.call_at(self._kernel.now + alarm - time.time(), lambda: self._ring(alarm))

    def _ring(self, alarm: float) -> None:
        if alarm != self._alarm:  # an earlier one was set since
            return
        self._alarm = inf
        shown = 0
        while self._hidden and self._hidden[0][0] <= alarm:
            shown += self._is_hidden(*heapq.heappop(self._hidden))
        self.arrival.fire(shown)
        self._arm()

    def _is_hidden(self, until: float, _: int, message: Any) -> bool:
        """Whether a message is still here, and hidden until just then."""
        return self.live.get(message.id) is message and _shown_at(message) == until

    def is_empty(self) -> bool:
        return not self.moto._messages and not self.returning

    def find(self, message_id: str) -> Any:
        """moto's message; None when it is not here (any more). The latest are looked at first."""
        return next((message for message in reversed(self.moto._messages) if message.id == message_id), None)


def _shown_at(message: Any) -> float:
    """Seconds from the epoch at which a message can be received. moto shows one only when its time is past,
    so a millisecond is added.
    """
    return float(max(message.visible_at, message.delayed_until) + 1) / 1000


class Queues:
    """All queues by ARN. Watches every SQS call and records what becomes of messages."""

    def __init__(self, stage: Stage) -> None:
        self._kernel, self._recorder, self._dice, self._cloud = (
            stage.kernel,
            stage.recorder,
            stage.dice,
            stage.cloud,
        )
        system = stage.cloud.system
        self.by_arn = {
            arn: Queue(stage.kernel, logical_id, arn, stage.cloud.queues[arn])
            for logical_id, arn in system.queues.items()
        }
        self._by_name = {arn.rpartition(":")[2]: queue for arn, queue in self.by_arn.items()}
        self.consumed = {source.queue_arn for source in system.sqs_sources}
        self.gone: list[Gone] = []
        self._records: dict[str, str] = {}
        stage.wire.observe("sqs", self._on_call)
        stage.wire.hold("sqs", "ReceiveMessage", self._long_poll)

    def received_nothing(self, queue: Queue, caller: str, seconds: float) -> None:
        """Records a ReceiveMessage of a queue that shows no message."""
        name = queue.arn.rpartition(":")[2]
        call = Call(
            t=self._kernel.now,
            caller=caller,
            service="sqs",
            operation="ReceiveMessage",
            target=name,
            seconds=seconds,
        )
        self._recorder.record(call)

    def gave_up(self, mapping: str, message: str, records: str) -> None:
        """Takes note of records of a stream, whose place (not they themselves) was sent to an on-failure
        destination by this message.
        """
        self._records[message] = records
        self.gone.append(Gone(mapping, "redriven", records))

    def _long_poll(self, body: Any, ask: Callable[[], Answer], patience_seconds: float) -> Answer | None:
        """A ReceiveMessage that may wait: answered when a message can be received, or its wait is over (SQS
        API reference, ReceiveMessage: WaitTimeSeconds; else the queue's ReceiveMessageWaitTimeSeconds). None
        when the caller's patience ends before.
        """
        answered = ask()
        request = msgspec.json.decode(body)
        queue = self._queue_of(request)
        if queue is None:
            return answered
        ends = self._kernel.now + min(request.get("WaitTimeSeconds", queue.wait_seconds), LONG_POLL_SECONDS)
        hangs_up = self._kernel.now + patience_seconds
        while self._kernel.now < ends and _is_empty(answered):
            if self._kernel.now >= hangs_up:
                return None
            self._redriven(queue)
            try:
                self._kernel.wait(queue.arrival, min(ends, hangs_up) - self._kernel.now)
            except Killed:
                queue.arrival.fire(1)  # what it may have been woken for is for others
                raise
            answered = ask()
        return answered

    def _queue_of(self, request: dict[str, Any]) -> Queue | None:
        return self._by_name.get(str(request.get("QueueUrl", "")).rpartition("/")[2])

    def _on_call(self, exchange: Exchange) -> None:
        request = msgspec.json.decode(exchange.body)
        queue = self._queue_of(request)
        if queue is None:
            return
        answer = msgspec.json.decode(exchange.answer) if exchange.answer else {}
        match exchange.operation:
            case "SendMessage":
                self._sent(queue, answer["MessageId"], exchange.caller)
            case "SendMessageBatch":
                for entry in answer.get("Successful", []):
                    self._sent(queue, entry["MessageId"], exchange.caller)
            case "ReceiveMessage":
                for message in answer.get("Messages", []):
                    self._received(queue, message)
                self._redriven(queue)
            case "DeleteMessage":
                self._deleted(queue, request["ReceiptHandle"])
            case "DeleteMessageBatch":
                done = {entry["Id"] for entry in answer.get("Successful", [])}
                for entry in request["Entries"]:
                    if entry["Id"] in done:
                        self._deleted(queue, entry["ReceiptHandle"])
            case "ChangeMessageVisibility":
                self._visibility_changed(queue, request["ReceiptHandle"])
            case "ChangeMessageVisibilityBatch":
                for entry in request["Entries"]:
                    self._visibility_changed(queue, entry["ReceiptHandle"])

    def _sent(self, queue: Queue, message_id: str, caller: str) -> None:
        message = queue.find(message_id)
        self._came(queue, "sent", message)
        if queue.arn in self.consumed and caller != _POISON:
            if late := self._dice.strike("late_delivery", queue.logical_id):
                message.delayed_until = max(message.delayed_until, (time.time() + late.seconds) * 1000)
            if early := self._dice.strike("message_expires", queue.logical_id):
                self._kernel.call_at(
                    self._kernel.now + early.seconds, lambda: self._expire(queue, queue.find(message_id))
                )
            if self._dice.strike("poison_message", queue.logical_id):
                body = message.body
                self._kernel.spawn(_POISON, lambda: self._send_poison(queue, body[: len(body) // 2]))
        queue.announce(message)

    def _send_poison(self, queue: Queue, body: str) -> None:
        self._cloud.sqs.send_message(QueueUrl=self._cloud.queue_url(queue.arn), MessageBody=body)

    def _came(self, queue: Queue, action: str, message: Any) -> None:
        queue.live[message.id] = message
        self._record(queue, action, message.id)
        if not queue.expiry_armed:
            self._arm_expiry(queue)

    def _received(self, queue: Queue, message: dict[str, Any]) -> None:
        attributes = message.get("Attributes", {})
        queue.handles.pop(queue.delivered.get(message["MessageId"], ""), None)
        queue.handles[message["ReceiptHandle"]] = message["MessageId"]
        queue.delivered[message["MessageId"]] = message["ReceiptHandle"]
        queue.announce(queue.live[message["MessageId"]])
        self._recorder.record(
            Message(
                t=self._kernel.now,
                queue=queue.logical_id,
                action="received",
                message=message["MessageId"],
                age_seconds=_age(attributes),
                receives=int(attributes.get("ApproximateReceiveCount", 0)),
            )
        )
        if again := self._dice.strike("duplicate_delivery", f"{queue.logical_id} {message['MessageId']}"):
            self._kernel.call_at(
                self._kernel.now + again.seconds, lambda: self._show_again(queue, message["MessageId"])
            )
        if back := self._dice.strike("deletion_lost", f"{queue.logical_id} {message['MessageId']}"):
            queue.returning[message["MessageId"]] = False
            kept = queue.find(message["MessageId"])
            self._kernel.call_at(self._kernel.now + back.seconds, lambda: self._bring_back(queue, kept))

    def _deleted(self, queue: Queue, receipt_handle: str) -> None:
        """SQS calls a deletion done also when the message was deleted or expired before; that is none."""
        message_id = queue.handles.pop(receipt_handle, "")
        if message_id in queue.live:
            del queue.live[message_id]
            queue.delivered.pop(message_id, None)
            self._record(queue, "deleted", message_id)
            queue.left()
            if message_id in queue.returning:
                queue.returning[message_id] = True

    def _visibility_changed(self, queue: Queue, receipt_handle: str) -> None:
        message = queue.live.get(queue.handles.get(receipt_handle, ""))
        if message is not None:
            queue.announce(message)

    def _show_again(self, queue: Queue, message_id: str) -> None:
        """A message in flight is visible: "on rare occasions" SQS delivers one again ("At-least-once
        delivery").
        """
        message = queue.find(message_id)
        if message is not None:
            message.visible_at = 0.0
            queue.announce(message)

    def _bring_back(self, queue: Queue, message: Any) -> None:
        """A server of SQS that missed the deletion still has its copy (same page)."""
        if queue.returning.pop(message.id, False):
            message.visible_at = 0.0
            queue.moto._messages.append(message)
            self._came(queue, "returned", message)
            queue.announce(message)

    def _redriven(self, queue: Queue) -> None:
        """moto moves what was received too often while it serves a ReceiveMessage; the dead-letter queue's
        pollers must hear of it.
        """
        dead = queue.moto.dead_letter_queue
        target = self._by_name.get(dead.name) if dead is not None else None
        if target is None:
            return
        moved = list(
            itertools.takewhile(
                lambda message: message.id not in target.live, reversed(target.moto._messages)
            )
        )
        for message in reversed(moved):
            self._record(queue, "redriven", message.id)
            self.gone.append(Gone(queue.logical_id, "redriven", self._records.get(message.id, message.body)))
            queue.live.pop(message.id, None)
            queue.left()
            self._came(target, "sent", message)
            target.announce(message)

    def _arm_expiry(self, queue: Queue) -> None:
        oldest = min((message.sent_timestamp for message in queue.moto._messages), default=None)
        queue.expiry_armed = oldest is not None
        if oldest is not None:
            due = self._kernel.now + max(0.0, oldest / 1000 + queue.retention_seconds - time.time())
            self._kernel.call_at(due, lambda: self._expire_due(queue))

    def _expire_due(self, queue: Queue) -> None:
        now = time.time()
        for message in [
            one
            for one in queue.moto._messages
            if one.sent_timestamp / 1000 + queue.retention_seconds <= now + 0.001
        ]:
            self._expire(queue, message)
        self._arm_expiry(queue)

    def _expire(self, queue: Queue, message: Any) -> None:
        if message is None:
            return
        queue.moto._messages.remove(message)
        queue.moto.pending_messages.discard(message)
        queue.moto.deleted_messages.update(message.all_receipt_handles)
        queue.live.pop(message.id, None)
        queue.left()
        self._record(queue, "expired", message.id)
        self.gone.append(Gone(queue.logical_id, "expired", self._records.get(message.id, message.body)))

    def _record(self, queue: Queue, action: str, message: str) -> None:
        self._recorder.record(
            Message(t=self._kernel.now, queue=queue.logical_id, action=action, message=message)
        )


def _age(attributes: Mapping[str, str]) -> float:
    return (
        max(0.0, round(time.time() - int(attributes["SentTimestamp"]) / 1000, 3))
        if "SentTimestamp" in attributes
        else 0.0
    )


def _is_empty(answered: Answer) -> bool:
    """Whether a ReceiveMessage was answered without a message."""
    status, _, body = answered
    return status < 300 and "Messages" not in msgspec.json.decode(body)
