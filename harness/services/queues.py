"""The queues as the event sources see them: who is told of a new message, and when the next one becomes visible.

State is moto's. What is added here is waiting: `arrival` wakes one poller a message, and `next_visible` says when a message that is in
flight or delayed will be due.
"""

import itertools
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from harness.kernel import Kernel, Signal
from harness.recorder import Message, Recorder
from harness.wire import Exchange, Wire


class Queue:
    """One queue: its name for reports, moto's object, and the signal of new messages."""

    def __init__(self, kernel: Kernel, logical_id: str, arn: str, moto_queue: Any) -> None:
        self.logical_id, self.arn, self.moto = logical_id, arn, moto_queue
        self.arrival = Signal(kernel)
        self.known: set[str] = set()
        """Messages whose coming has been recorded, whether sent here or moved here from another queue."""

    @property
    def visibility_timeout(self) -> int:
        return int(self.moto.visibility_timeout)

    def counts(self) -> tuple[int, int]:
        """(waiting, in flight); delayed messages count as waiting."""
        now = time.time() * 1000
        in_flight = sum(message.visible_at >= now for message in self.moto._messages)
        return len(self.moto._messages) - in_flight, in_flight

    def has_visible(self) -> bool:
        now = time.time() * 1000
        return any(message.visible_at < now and message.delayed_until <= now for message in self.moto._messages)

    def next_visible(self) -> float | None:
        """Seconds from the epoch at which the next message becomes visible; None without messages."""
        # moto shows a message only when its time is past, so a millisecond is added.
        return min(((max(message.visible_at, message.delayed_until) + 1) / 1000 for message in self.moto._messages), default=None)

    def is_empty(self) -> bool:
        return not self.moto._messages


class Queues:
    """All queues by ARN. Watches every SQS call and records what becomes of messages."""

    def __init__(self, kernel: Kernel, wire: Wire, recorder: Recorder, arns: Mapping[str, str], moto: Mapping[str, Any]) -> None:
        self._kernel, self._recorder = kernel, recorder
        self.by_arn = {arn: Queue(kernel, logical_id, arn, moto[arn]) for logical_id, arn in arns.items()}
        self._by_name = {arn.rpartition(":")[2]: queue for arn, queue in self.by_arn.items()}
        wire.observe("sqs", self._on_call)

    def _on_call(self, exchange: Exchange) -> None:
        request = msgspec.json.decode(exchange.body)
        queue = self._by_name.get(str(request.get("QueueUrl", "")).rpartition("/")[2])
        if queue is None:
            return
        answer = msgspec.json.decode(exchange.answer) if exchange.answer else {}
        match exchange.operation:
            case "SendMessage":
                self._sent(queue, answer["MessageId"])
            case "SendMessageBatch":
                for entry in answer.get("Successful", []):
                    self._sent(queue, entry["MessageId"])
            case "ReceiveMessage":
                for message in answer.get("Messages", []):
                    self._received(queue, message)
                self._redriven(queue)
            case "DeleteMessage":
                self._record(queue, "deleted", "")
            case "DeleteMessageBatch":
                for entry in answer.get("Successful", []):
                    self._record(queue, "deleted", entry["Id"])
            case "ChangeMessageVisibility" | "ChangeMessageVisibilityBatch":
                queue.arrival.fire(1)

    def _sent(self, queue: Queue, message: str) -> None:
        queue.known.add(message)
        self._record(queue, "sent", message)
        queue.arrival.fire(1)

    def _received(self, queue: Queue, message: dict[str, Any]) -> None:
        attributes = message.get("Attributes", {})
        self._recorder.record(
            Message(
                t=self._kernel.now,
                queue=queue.logical_id,
                action="received",
                message=message["MessageId"],
                age=_age(attributes),
                receives=int(attributes.get("ApproximateReceiveCount", 0)),
            )
        )

    def _redriven(self, queue: Queue) -> None:
        """moto moves what was received too often while it serves a ReceiveMessage; the dead-letter queue's pollers must hear of it."""
        dead = queue.moto.dead_letter_queue
        target = self._by_name.get(dead.name) if dead is not None else None
        if target is None:
            return
        moved = list(itertools.takewhile(lambda message: message.id not in target.known, reversed(target.moto._messages)))
        for message in reversed(moved):
            self._record(queue, "redriven", message.id)
            self._sent(target, message.id)

    def _record(self, queue: Queue, action: str, message: str) -> None:
        self._recorder.record(Message(t=self._kernel.now, queue=queue.logical_id, action=action, message=message))


def _age(attributes: Mapping[str, str]) -> float:
    return max(0.0, round(time.time() - int(attributes["SentTimestamp"]) / 1000, 3)) if "SentTimestamp" in attributes else 0.0
