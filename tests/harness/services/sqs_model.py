"""SQS as its documentation has it, over time: judges what a queue answered, and knows nothing of how it is built.

A standard queue may choose which messages it answers with. So the model predicts no answer: it keeps for each
message since when it must be receivable and until when it may not be, and takes offence at an answer that AWS's
documentation does not allow. Where the documentation leaves a choice (a delivery's older handle, a message that
is moved to the dead-letter queue only when somebody looks), both outcomes are right until one is seen.

Times are seconds. Sources: SQS API reference, SendMessage, ReceiveMessage, DeleteMessage,
ChangeMessageVisibility and their batches, SetQueueAttributes; SQS developer guide, "Amazon SQS visibility
timeout", "Amazon SQS delay queues", "Using dead-letter queues", "Amazon SQS short and long polling".
"""

from dataclasses import dataclass, field

SLACK = 0.003
"""Seconds around a moment within which either side of it is right: queues keep time in milliseconds."""
LONGEST_HIDDEN = 43_200


class Offence(AssertionError):
    """An answer that the documentation does not allow."""


def must(holds: object, text: str) -> None:
    if not holds:
        raise Offence(text)


@dataclass
class Rules:
    """A queue's attributes. Times in seconds; `receives`: maxReceiveCount, 0 without a dead-letter queue."""

    visibility: int
    delay: int
    wait: int
    retention: int
    receives: int = 0
    largest: int = 1024


@dataclass
class Message:
    body: str
    sent: float
    sent_to: str
    queue: str
    since: float
    """From when it can be received, unless it is received or hidden again before."""
    receives: int = 0
    first: float | None = None
    received: float = 0.0
    handles: list[str] = field(default_factory=list)
    gone: bool = False
    in_doubt: bool = False
    """The documentation does not say what became of it: an older handle was deleted, say, and the message
    "might not be deleted". Only its next delivery tells.
    """
    may_have_moved: bool = False
    """It was received too often, and somebody may have looked since."""


@dataclass
class Lying:
    """A message that could be received for some time, and was by nobody."""

    queue: str
    since: float
    until: float


class Model:
    def __init__(self, rules: dict[str, Rules], epoch: float) -> None:
        """`rules`: of the queues "main", whose dead-letter queue is "dead", and "dead". `epoch`: second of the
        epoch that is zero here.
        """
        self._epoch = epoch
        self.rules = rules
        self.messages: dict[str, Message] = {}
        self.by_handle: dict[tuple[str, str], str] = {}
        self._lying: list[Lying] = []

    # what is asked for, and answered at a moment `now`

    def sent(self, queue: str, body: str, delay: int | None, now: float, told: str | None) -> None:
        """`told`: id of the message, None for a refusal."""
        rules = self.rules[queue]
        allowed = all(ord(one) >= 0x20 or one in "\t\n\r" for one in body) and "\ufffe" not in body
        right = 0 < len(body.encode()) <= rules.largest and allowed and (delay is None or 0 <= delay <= 900)
        must(right == (told is not None), f"a message of {len(body.encode())} bytes, delay {delay}: {told}")
        if told is not None:
            must(told not in self.messages, "an id comes twice")
            since = now + (rules.delay if delay is None else delay)
            self.messages[told] = Message(body, now, queue, queue, since)

    def received(
        self,
        queue: str,
        most: int,
        wait: int | None,
        visibility: int | None,
        asked: float,
        now: float,
        told: list[dict],
    ) -> None:
        """A ReceiveMessage that came at `asked` and was answered at `now` with these messages."""
        rules = self.rules[queue]
        patience = rules.wait if wait is None else wait
        self._expire(now)
        must(len(told) <= most, f"{len(told)} messages where {most} were asked for")
        must(asked <= now <= asked + patience + SLACK, f"answered after {now - asked} s of {patience} s")
        must(told or now >= asked + patience - SLACK, "a poll ended without a message before its time")
        ready = [one for one in self.messages.values() if self._must_be_ready(one, queue, now)]
        must(len(told) >= min(most, len(ready)), f"{len(told)} messages, of {len(ready)} that are ready")
        for message in ready:
            self._waited_for(queue, asked, now, message.since, now)
        for lying in self._lying:
            if lying.queue == queue:
                self._waited_for(queue, asked, now, lying.since, lying.until)
        for one in told:
            self._delivered(queue, one, rules.visibility if visibility is None else visibility, now)
        if queue == "main" and rules.receives:
            for message in self.messages.values():
                if message.queue == queue and not message.gone and message.receives >= rules.receives:
                    self._looked_at(message, whole=len(told) < most, now=now)

    def deleted(self, queue: str, handle: str, now: float, error: str) -> None:
        self._expire(now)
        message = self._of(queue, handle)
        if message is None:
            must(error == "ReceiptHandleIsInvalid", f"a handle that never was: {error!r}")
            return
        must(not error, f"a deletion: {error}")
        if message.gone or message.queue != queue:
            return
        if handle == message.handles[-1] and not message.may_have_moved:
            self._close(message, now)
            message.gone = True
        else:
            message.in_doubt = True

    def hidden(self, queue: str, handle: str, seconds: int, now: float, error: str) -> None:
        """A ChangeMessageVisibility."""
        self._expire(now)
        message = self._of(queue, handle)
        if message is None:
            out_of_range = error == "InvalidParameterValue" and seconds > LONGEST_HIDDEN
            must(error == "ReceiptHandleIsInvalid" or out_of_range, f"a handle that never was: {error!r}")
        elif message.gone or message.queue != queue:
            must(error == "InvalidParameterValue", f"the visibility of what is gone: {error!r}")
        elif handle != message.handles[-1] or message.may_have_moved:
            message.in_doubt |= not error
        elif (
            seconds > LONGEST_HIDDEN
            or (over := now + seconds - message.received - LONGEST_HIDDEN) > SLACK
            or (error and over > -SLACK)
        ):
            must(error == "InvalidParameterValue", f"hidden for {seconds} s: {error!r}")
        else:
            must(not error or message.in_doubt, f"the visibility of a message: {error}")
            self._close(message, now)
            message.since = now + seconds

    def counted(self, queue: str, now: float, visible: int, hidden: int, delayed: int) -> None:
        """The approximate numbers of a queue's messages, where nothing is in doubt."""
        self._expire(now)
        here = [one for one in self.messages.values() if one.queue == queue and not one.gone]
        everywhere = self.messages.values()
        if any(
            one.in_doubt or abs(one.since - now) < SLACK or (self._is_exhausted(one) and one.queue == "main")
            for one in everywhere
            if not one.gone
        ):
            return
        told = (visible, hidden, delayed)
        late = [one for one in here if one.since > now]
        right = (
            len(here) - len(late),
            sum(one.receives > 0 for one in late),
            sum(not one.receives for one in late),
        )
        must(told == right, f"visible, in flight and delayed are {told}, not {right}")

    # what follows

    def _delivered(self, queue: str, told: dict, visibility: int, now: float) -> None:
        message = self.messages.get(told["MessageId"])
        must(message is not None, "a message that was never sent")
        assert message is not None
        must(not message.gone, f"{message.body!r} was deleted or has expired")
        if queue == "dead" and message.queue == "main":
            must(self._is_exhausted(message), f"{message.body!r} moved after {message.receives} receives")
            message.queue, message.may_have_moved = "dead", False
        must(message.queue == queue, f"a message of {message.queue}")
        must(message.since <= now + SLACK, f"{message.body!r} is hidden until {message.since:.3f}")
        must(queue == "dead" or not self._is_exhausted(message), f"received {message.receives + 1} times")
        self._close(message, now)
        message.receives += 1
        message.first = now if message.first is None else message.first
        handle = told["ReceiptHandle"]
        must((queue, handle) not in self.by_handle, "a handle comes twice")
        message.handles.append(handle)
        self.by_handle[queue, handle] = told["MessageId"]
        attributes = told["Attributes"]
        must(told["Body"] == message.body, "another body")
        must(int(attributes["ApproximateReceiveCount"]) == message.receives, "another count of receives")
        for name, right in (
            ("SentTimestamp", message.sent),
            ("ApproximateFirstReceiveTimestamp", message.first),
        ):
            seen = int(attributes[name]) / 1000 - self._epoch
            must(abs(seen - right) < SLACK, f"{name} is {seen:.3f}, not {right:.3f}")
        must(("DeadLetterQueueSourceArn" in attributes) == (queue != message.sent_to), "another source")
        message.in_doubt = False
        message.received, message.since = now, now + visibility

    def _looked_at(self, message: Message, whole: bool, now: float) -> None:
        """Somebody asked the queue of a message that was received too often; `whole`: for more than there was.

        A message in doubt may have been hidden meanwhile, and lie there still.
        """
        if message.since > now + SLACK:
            return
        if whole and not message.in_doubt and message.since < now - SLACK:
            message.queue, message.since = "dead", max(message.since, now)
            message.may_have_moved = False
        else:
            message.may_have_moved = True

    def _waited_for(self, queue: str, asked: float, now: float, since: float, until: float) -> None:
        """A poll from `asked` to `now` met a message that lay there from `since` to `until`."""
        both = min(now, until) - max(asked, since)
        must(both <= SLACK, f"a poll of {queue} waited {both:.3f} s beside a message")

    def _must_be_ready(self, message: Message, queue: str, now: float) -> bool:
        return (
            message.queue == queue
            and not (message.gone or message.in_doubt or message.may_have_moved)
            and not (queue == "main" and self._is_exhausted(message))
            and message.since < now - SLACK
            and now < message.sent + self.rules[queue].retention - SLACK
        )

    def _is_exhausted(self, message: Message) -> bool:
        return 0 < self.rules["main"].receives <= message.receives

    def _close(self, message: Message, now: float) -> None:
        """A message stops to be receivable: whoever waited meanwhile must not have."""
        if self._must_be_ready(message, message.queue, now):
            self._lying.append(Lying(message.queue, message.since, now))

    def _expire(self, now: float) -> None:
        """A message is kept for the retention of its queue, counted from when it was first sent."""
        for message in self.messages.values():
            ends = message.sent + self.rules[message.queue].retention
            if message.gone or now < ends - SLACK:
                continue
            if now < ends + SLACK:
                message.in_doubt = True
            else:
                self._close(message, ends - 2 * SLACK)
                message.gone = True

    def _of(self, queue: str, handle: str) -> Message | None:
        message_id = self.by_handle.get((queue, handle))
        return None if message_id is None else self.messages[message_id]
