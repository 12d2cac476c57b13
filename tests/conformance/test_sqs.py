"""SQS itself: what a client of a queue meets, whoever it is."""

import pytest
from botocore.exceptions import ClientError

from harness.bill import meter
from harness.cloud import moto_mended
from harness.services.stage import Stage
from tests.conformance.test_sqs_source import OK
from tests.conformance.tunnel import Tunnel, queue, row, send

VISIBILITY = "SQS developer guide, Amazon SQS visibility timeout"
QUOTAS = "SQS developer guide, Amazon SQS message quotas"
AT_LEAST_ONCE = "SQS developer guide, Amazon SQS at-least-once delivery"
BATCH = "SQS developer guide, Amazon SQS batch actions"

CHANGE = "SQS API reference, ChangeMessageVisibility"
SEND = "SQS API reference, SendMessage"
LONG = "SQS developer guide, Amazon SQS short and long polling"
RECEIVE = "SQS API reference, ReceiveMessage"

PLAIN = "Queue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 30}}"


def client(tunnel: Tunnel, act, resources: str = PLAIN, **options):
    """Runs `act(sqs, url, kernel)` as the only client of a queue that no function consumes."""

    def run(stage: Stage) -> None:
        act(stage.cloud.sqs, stage.cloud.queue_url(stage.cloud.system.queues["Queue"]), stage.kernel)

    return tunnel.run(resources, "", run, **options)


def hide(sqs, url: str, message: dict, seconds: int) -> None:
    sqs.change_message_visibility(
        QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=seconds
    )


def text(value: str) -> dict:
    return {"DataType": "String", "StringValue": value}


def received(sqs, url: str, **options) -> list[dict]:
    return sqs.receive_message(QueueUrl=url, AttributeNames=["All"], **options).get("Messages", [])


@row(VISIBILITY)
def test_a_message_is_hidden_for_its_visibility_timeout_to_the_millisecond(tunnel: Tunnel) -> None:
    """A received message is hidden for exactly its visibility timeout."""

    def act(sqs, url, kernel) -> None:
        sqs.send_message(QueueUrl=url, MessageBody="a")
        assert len(received(sqs, url, VisibilityTimeout=7)) == 1
        visible = kernel.now + 7
        kernel.sleep(visible - kernel.now - 0.002)
        assert received(sqs, url) == []
        kernel.sleep(0.001)
        assert len(received(sqs, url)) == 1

    client(tunnel, act)


@row(VISIBILITY)
def test_a_message_cannot_be_hidden_for_more_than_twelve_hours(tunnel: Tunnel) -> None:
    """ChangeMessageVisibility is refused beyond 12 hours."""

    def act(sqs, url, kernel) -> None:
        sqs.send_message(QueueUrl=url, MessageBody="a")
        (message,) = received(sqs, url)
        with pytest.raises(ClientError):
            sqs.change_message_visibility(
                QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=43_201
            )
        sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=43_000
        )
        kernel.sleep(42_990)
        assert received(sqs, url) == []

    client(tunnel, act)


@row(CHANGE + " (recorded)")
def test_the_latest_handle_hides_a_message_also_when_its_timeout_is_over(tunnel: Tunnel) -> None:
    """ChangeMessageVisibility by the handle of the latest delivery succeeds also after the visibility timeout:
    the message is hidden again.
    """

    def act(sqs, url, kernel) -> None:
        sqs.send_message(QueueUrl=url, MessageBody="a")
        (message,) = received(sqs, url, VisibilityTimeout=1)
        kernel.sleep(2)
        hide(sqs, url, message, 10)
        assert received(sqs, url) == []
        kernel.sleep(10)
        assert len(received(sqs, url)) == 1

    client(tunnel, act)


@row(CHANGE)
def test_the_handle_of_an_earlier_delivery_hides_nothing(tunnel: Tunnel) -> None:
    """ChangeMessageVisibility by the handle of an earlier delivery, which is not in flight any more, fails with
    MessageNotInflight.
    """

    def act(sqs, url, kernel) -> None:
        sqs.send_message(QueueUrl=url, MessageBody="a")
        (first,) = received(sqs, url, VisibilityTimeout=1)
        kernel.sleep(2)
        (_,) = received(sqs, url, VisibilityTimeout=1)
        with pytest.raises(ClientError, match="MessageNotInflight"):
            hide(sqs, url, first, 10)

    client(tunnel, act)


@row(CHANGE + " (recorded)")
def test_the_visibility_of_a_deleted_message_cannot_change(tunnel: Tunnel) -> None:
    """ChangeMessageVisibility of a deleted message fails with InvalidParameterValue."""

    def act(sqs, url, kernel) -> None:
        sqs.send_message(QueueUrl=url, MessageBody="a")
        (message,) = received(sqs, url)
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        with pytest.raises(ClientError, match=r"InvalidParameterValue.*does not exist"):
            hide(sqs, url, message, 10)

    client(tunnel, act)


@row("SQS API reference, ChangeMessageVisibilityBatch")
def test_each_entry_of_a_batch_of_visibilities_is_answered_for_itself(tunnel: Tunnel) -> None:
    """ChangeMessageVisibilityBatch tells of each entry whether it succeeded, and why not."""

    def act(sqs, url, kernel) -> None:
        for body in "ab":
            sqs.send_message(QueueUrl=url, MessageBody=body)
        gone, kept = received(sqs, url, MaxNumberOfMessages=10)
        sqs.delete_message(QueueUrl=url, ReceiptHandle=gone["ReceiptHandle"])
        handles = {"gone": gone["ReceiptHandle"], "kept": kept["ReceiptHandle"], "never": "never"}
        answer = sqs.change_message_visibility_batch(
            QueueUrl=url,
            Entries=[
                {"Id": name, "ReceiptHandle": one, "VisibilityTimeout": 0} for name, one in handles.items()
            ],
        )
        assert [entry["Id"] for entry in answer["Successful"]] == ["kept"]
        assert {entry["Id"]: entry["Code"] for entry in answer["Failed"]} == {
            "gone": "InvalidParameterValue",
            "never": "ReceiptHandleIsInvalid",
        }
        assert len(received(sqs, url)) == 1

    client(tunnel, act)


@row(QUOTAS)
def test_a_message_is_gone_when_its_retention_is_over(tunnel: Tunnel) -> None:
    """A message that nobody deletes is gone MessageRetentionPeriod after it was sent."""
    resources = "Queue: {Type: AWS::SQS::Queue, Properties: {MessageRetentionPeriod: 60}}"
    emulation = client(
        tunnel,
        lambda sqs, url, kernel: (sqs.send_message(QueueUrl=url, MessageBody="a"), kernel.sleep(61)),
        resources,
    )
    assert emulation.leftovers["Queue"].messages == 0
    assert [round(message.t, 1) for message in tunnel.messages("expired")] == [60.0]


@row("SQS developer guide, Using dead-letter queues in Amazon SQS")
def test_a_dead_letter_queue_keeps_the_sent_time(tunnel: Tunnel) -> None:
    """The retention of a message in a dead-letter queue still counts from when it was first sent."""
    resources = """
        Queue:
          Type: AWS::SQS::Queue
          Properties: {VisibilityTimeout: 40, RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 1}}
        Dead: {Type: AWS::SQS::Queue, Properties: {MessageRetentionPeriod: 60}}
    """

    def act(sqs, url, kernel) -> None:
        sqs.send_message(QueueUrl=url, MessageBody="a")
        assert len(received(sqs, url)) == 1
        kernel.sleep(41)
        assert received(sqs, url) == []
        kernel.sleep(15)
        dead = url.replace(url.rpartition("/")[2], kernel.dead)
        assert len(received(sqs, dead, VisibilityTimeout=0)) == 1
        kernel.sleep(10)
        assert received(sqs, dead) == []

    def named(stage: Stage) -> None:
        stage.kernel.dead = stage.cloud.system.queues["Dead"].rpartition(":")[2]
        act(stage.cloud.sqs, stage.cloud.queue_url(stage.cloud.system.queues["Queue"]), stage.kernel)

    tunnel.run(resources, "", named)
    assert [round(message.t) for message in tunnel.messages("expired", "Dead")] == [60]


@row("SQS API reference, DeleteMessage")
def test_deleting_a_message_twice_succeeds(tunnel: Tunnel) -> None:
    """DeleteMessage succeeds also when the message is deleted already; a handle that never was is refused."""

    def act(sqs, url, kernel) -> None:
        sqs.send_message(QueueUrl=url, MessageBody="a")
        (message,) = received(sqs, url)
        for _ in range(2):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        with pytest.raises(ClientError, match="ReceiptHandleIsInvalid"):
            sqs.delete_message(QueueUrl=url, ReceiptHandle="never")

    client(tunnel, act)
    assert len(tunnel.messages("deleted")) == 1


@row("SQS API reference, DeleteMessage")
def test_an_old_receipt_handle_deletes_nothing(tunnel: Tunnel) -> None:
    """With the receipt handle of an earlier delivery DeleteMessage succeeds, but the message might not be
    deleted: here it never is.
    """

    def act(sqs, url, kernel) -> None:
        sqs.send_message(QueueUrl=url, MessageBody="a")
        (first,) = received(sqs, url, VisibilityTimeout=1)
        kernel.sleep(2)
        (second,) = received(sqs, url, VisibilityTimeout=1)
        assert first["ReceiptHandle"] != second["ReceiptHandle"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
        kernel.sleep(2)
        (third,) = received(sqs, url)
        sqs.delete_message(QueueUrl=url, ReceiptHandle=third["ReceiptHandle"])

    assert client(tunnel, act).leftovers["Queue"].messages == 0
    assert len(tunnel.messages("deleted")) == 1


@row(BATCH)
@pytest.mark.parametrize(
    ("entries", "error"),
    [
        ([{"Id": str(number), "MessageBody": "x"} for number in range(11)], "TooManyEntriesInBatchRequest"),
        ([], "EmptyBatchRequest"),
        ([{"Id": "a", "MessageBody": "x"}, {"Id": "a", "MessageBody": "y"}], "BatchEntryIdsNotDistinct"),
        ([{"Id": "a b", "MessageBody": "x"}], "InvalidBatchEntryId"),
        ([{"Id": str(number), "MessageBody": "x" * 600_000} for number in range(2)], "BatchRequestTooLong"),
        ([{"Id": str(number), "MessageBody": "ü" * 300_000} for number in range(2)], "BatchRequestTooLong"),
        (
            [
                {"Id": str(number), "MessageBody": "x", "MessageAttributes": {"a": text("x" * 600_000)}}
                for number in range(2)
            ],
            "BatchRequestTooLong",
        ),
    ],
)
def test_a_batch_request_has_limits(tunnel: Tunnel, entries: list[dict], error: str) -> None:
    """A batch request has 1 to 10 entries with distinct ids of letters, digits, - and _, and 1 MiB in all."""

    def act(sqs, url, kernel) -> None:
        with pytest.raises(ClientError, match=error):
            sqs.send_message_batch(QueueUrl=url, Entries=entries)

    client(tunnel, act)


@row(BATCH)
@pytest.mark.parametrize("operation", ["delete_message_batch", "change_message_visibility_batch"])
@pytest.mark.parametrize(
    ("ids", "error"),
    [
        ([str(number) for number in range(11)], "TooManyEntriesInBatchRequest"),
        ([], "EmptyBatchRequest"),
        (["a", "a"], "BatchEntryIdsNotDistinct"),
        (["a b"], "InvalidBatchEntryId"),
    ],
)
def test_batches_of_deletions_and_of_visibilities_have_the_same_limits(
    tunnel: Tunnel, operation: str, ids: list[str], error: str
) -> None:
    """DeleteMessageBatch and ChangeMessageVisibilityBatch have 1 to 10 entries with distinct ids of letters,
    digits, - and _.
    """

    def act(sqs, url, kernel) -> None:
        timeout = {"VisibilityTimeout": 1} if "visibility" in operation else {}
        entries = [{"Id": one, "ReceiptHandle": f"r{place}", **timeout} for place, one in enumerate(ids)]
        with pytest.raises(ClientError, match=error):
            getattr(sqs, operation)(QueueUrl=url, Entries=entries)

    client(tunnel, act)


REFUSED = {
    "no body": ({"MessageBody": ""}, "MissingParameter"),
    "control character": ({"MessageBody": "a\x00b"}, "InvalidMessageContents"),
    "no character": ({"MessageBody": "a\ufffe"}, "InvalidMessageContents"),
    "too long": ({"MessageBody": "x" * 1025}, "InvalidParameterValue"),
    "too many bytes": ({"MessageBody": "ü" * 513}, "InvalidParameterValue"),
    "too long an attribute": (
        {"MessageBody": "x", "MessageAttributes": {"name": text("y" * 1014)}},
        "InvalidParameterValue",
    ),
    "too long a binary attribute": (
        {"MessageBody": "x", "MessageAttributes": {"b": {"DataType": "Binary", "BinaryValue": b"y" * 1017}}},
        "InvalidParameterValue",
    ),
    "eleven attributes": (
        {"MessageBody": "x", "MessageAttributes": {f"n{number}": text("y") for number in range(11)}},
        "InvalidParameterValue",
    ),
    "an empty attribute": (
        {"MessageBody": "x", "MessageAttributes": {"name": text("")}},
        "InvalidParameterValue",
    ),
}
"""What a queue whose messages have at most 1,024 bytes does not take."""
SMALL = "Queue: {Type: AWS::SQS::Queue, Properties: {MaximumMessageSize: 1024}}"


@row(SEND)
@pytest.mark.parametrize(("message", "error"), REFUSED.values(), ids=REFUSED)
def test_a_message_has_rules(tunnel: Tunnel, message: dict, error: str) -> None:
    """A message has a body of characters that XML allows, ten attributes at most, none of them empty, and no
    more bytes than the queue allows, names, types and values of its attributes included.
    """

    def act(sqs, url, kernel) -> None:
        with pytest.raises(ClientError, match=error):
            sqs.send_message(QueueUrl=url, **message)

    client(tunnel, act, SMALL)


@row("SQS API reference, SendMessageBatch")
@pytest.mark.parametrize(("message", "error"), REFUSED.values(), ids=REFUSED)
def test_a_refused_entry_of_a_batch_keeps_no_other_back(tunnel: Tunnel, message: dict, error: str) -> None:
    """The result of sending each message of a batch is reported individually: the others are sent."""

    def act(sqs, url, kernel) -> None:
        entries = [{"Id": "good", "MessageBody": "x"}, {"Id": "bad", **message}]
        answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
        assert [entry["Id"] for entry in answer["Successful"]] == ["good"]
        assert [(one["Id"], one["Code"], one["SenderFault"]) for one in answer["Failed"]] == [
            ("bad", error, True)
        ]
        assert len(received(sqs, url, MaxNumberOfMessages=10)) == 1

    client(tunnel, act, SMALL)


@pytest.mark.parametrize(
    "message",
    [
        {"MessageBody": "x" * 1024},
        {"MessageBody": "\t\n\r \ud7ff\ue000\ufffd\U00010000\U0010ffff"},
        {"MessageBody": "x", "MessageAttributes": {"name": text("y" * 1013)}},
        {"MessageBody": "x", "MessageAttributes": {"b": {"DataType": "Binary", "BinaryValue": b"y" * 1016}}},
        {"MessageBody": "x", "MessageAttributes": {f"n{number}": text("y") for number in range(10)}},
    ],
)
def test_a_message_at_its_limits_is_taken(tunnel: Tunnel, message: dict) -> None:
    """A message of exactly the bytes that the queue allows, of the outermost characters, or with ten
    attributes, is taken as it is.
    """

    def act(sqs, url, kernel) -> None:
        sqs.send_message(QueueUrl=url, **message)
        (got,) = received(sqs, url, MessageAttributeNames=["All"])
        assert got["Body"] == message["MessageBody"]
        assert got.get("MessageAttributes", {}) == message.get("MessageAttributes", {})

    client(tunnel, act, SMALL)


@row(QUOTAS)
def test_a_message_can_be_delayed_for_fifteen_minutes_at_most(tunnel: Tunnel) -> None:
    """DelaySeconds beyond 900 is refused."""

    def act(sqs, url, kernel) -> None:
        sqs.send_message(QueueUrl=url, MessageBody="a", DelaySeconds=900)
        with pytest.raises(ClientError, match="DelaySeconds"):
            sqs.send_message(QueueUrl=url, MessageBody="a", DelaySeconds=901)

    client(tunnel, act)


@row("Amazon SQS pricing")
@pytest.mark.parametrize(("size", "requests"), [(1, 1), (65_536, 1), (65_537, 2), (262_144, 4)])
def test_each_64_kb_of_payload_is_one_request(tunnel: Tunnel, size: int, requests: int) -> None:
    """Every 64 KB chunk of a payload is billed as one request, for SendMessage as for ReceiveMessage."""

    def act(sqs, url, kernel) -> None:
        sqs.send_message(QueueUrl=url, MessageBody="x" * size)
        assert len(received(sqs, url)) == 1
        assert received(sqs, url) == []

    client(tunnel, act)
    calls = [
        call for call in tunnel.calls("SendMessage") + tunnel.calls("ReceiveMessage") if call.service == "sqs"
    ]
    assert [meter.sqs_requests(call) for call in calls] == [requests, requests, 1]


@row(QUOTAS)
def test_no_more_than_120000_messages_are_in_flight(tunnel: Tunnel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue has 120,000 messages in flight at most; a long poll then brings nothing, without an error."""
    assert moto_mended.IN_FLIGHT_LIMIT == 120_000
    monkeypatch.setattr(moto_mended, "IN_FLIGHT_LIMIT", 3)  # the same with fewer messages
    slow = "import time\ndef handler(event, context): time.sleep(4)"
    tunnel.run(queue(), slow, send(*map(str, range(10))))
    receives, moves = (
        [message.t for message in tunnel.messages("received")],
        tunnel.messages("received") + tunnel.messages("deleted"),
    )
    in_flight = most = 0
    for move in sorted(moves, key=lambda move: move.t):
        in_flight += 1 if move.action == "received" else -1
        most = max(most, in_flight)
    assert (len(receives), most) == (10, 3)


@row(AT_LEAST_ONCE)
def test_a_message_may_be_delivered_twice(tunnel: Tunnel) -> None:
    """On rare occasions a message is delivered again while it is in flight (at a rate of the scenario's)."""
    faults = "[duplicate_delivery]\nrate = 0.2\nseconds = [0.1, 5.0]"
    slow = "import time\ndef handler(event, context): time.sleep(4)"
    tunnel.run(queue(), slow, send(*map(str, range(60))), faults=faults)
    deliveries = len(tunnel.messages("received"))
    assert 60 < deliveries < 90
    assert len(tunnel.messages("deleted")) == 60


@row(AT_LEAST_ONCE)
def test_a_deleted_message_may_come_back(tunnel: Tunnel) -> None:
    """A server that was unavailable when a message was deleted may deliver its copy again (at a rate of the
    scenario's).
    """
    faults = "[deletion_lost]\nonly = [2]\nseconds = [30.0, 30.0]"
    tunnel.run(queue(), OK, send("a", "b", "c"), faults=faults)
    assert sorted(tunnel.logs) == ["got a", "got b", "got b", "got c"] or len(tunnel.logs) == 4
    assert [round(message.t) for message in tunnel.messages("returned")] == [30]


@row("SQS developer guide, Amazon SQS standard queues")
def test_messages_may_come_out_of_order(tunnel: Tunnel) -> None:
    """Order is best effort: a message may be received after others that were sent later (at a rate of the
    scenario's).
    """
    mapping = "BatchSize: 1, ScalingConfig: {MaximumConcurrency: 2}"
    faults = "[late_delivery]\nrate = 0.3\nseconds = [0.01, 1.0]"
    tunnel.run(queue(mapping=mapping), OK, send(*map(str, range(40))), faults=faults)
    got = [int(text.removeprefix("got ")) for text in tunnel.logs]
    assert sorted(got) == list(range(40))
    assert got != sorted(got)


@row("SQS developer guide, Amazon SQS short and long polling")
def test_a_short_poll_answers_at_once(tunnel: Tunnel) -> None:
    """With WaitTimeSeconds 0 an empty ReceiveMessage answers at once."""

    def act(sqs, url, kernel) -> None:
        began = kernel.now
        assert received(sqs, url, WaitTimeSeconds=0) == []
        assert kernel.now - began < 0.01

    client(tunnel, act)


@row("SQS API reference, DeleteMessage")
def test_who_holds_an_old_delivery_deletes_nothing(tunnel: Tunnel) -> None:
    """Of two pollers that hold the same message only the one that received it last deletes it."""
    slow = "import time\ndef handler(event, context): time.sleep(4)"
    faults = "[duplicate_delivery]\nonly = [1]\nseconds = [1.0, 1.0]\n[poller_dies_after]\nonly = [2]"
    tunnel.run(queue(), slow, send("a"), faults=faults)
    assert [message.receives for message in tunnel.messages("received")] == [1, 2, 3]
    assert len(tunnel.messages("deleted")) == 1


PATIENT = "Queue: {Type: AWS::SQS::Queue, Properties: {ReceiveMessageWaitTimeSeconds: 15}}"


@row(LONG)
@pytest.mark.parametrize(
    ("resources", "options", "seconds"),
    [(PLAIN, {"WaitTimeSeconds": 20}, 20), (PATIENT, {}, 15), (PATIENT, {"WaitTimeSeconds": 0}, 0)],
    ids=["the call's", "the queue's", "the call's before the queue's"],
)
def test_a_long_poll_of_an_empty_queue_ends_with_its_wait(
    tunnel: Tunnel, resources: str, options: dict, seconds: int
) -> None:
    """A ReceiveMessage that brings nothing is answered after its WaitTimeSeconds, or else the queue's
    ReceiveMessageWaitTimeSeconds.
    """

    def act(sqs, url, kernel) -> None:
        began = kernel.now
        assert received(sqs, url, **options) == []
        assert seconds <= kernel.now - began < seconds + 0.01

    client(tunnel, act, resources)


@row(RECEIVE)
@pytest.mark.parametrize("what", ["sent", "delayed", "hidden", "released"])
def test_a_long_poll_ends_as_soon_as_a_message_can_be_received(tunnel: Tunnel, what: str) -> None:
    """ReceiveMessage returns sooner than its WaitTimeSeconds when a message is available: one that was just
    sent, or whose delay or visibility timeout is over.
    """

    def act(sqs, url, kernel) -> None:
        if what == "sent":
            kernel.spawn("sender", lambda: (kernel.sleep(7), sqs.send_message(QueueUrl=url, MessageBody="a")))
        if what == "delayed":
            sqs.send_message(QueueUrl=url, MessageBody="a", DelaySeconds=7)
        if what in ("hidden", "released"):
            sqs.send_message(QueueUrl=url, MessageBody="a")
            (message,) = received(sqs, url, VisibilityTimeout=7 if what == "hidden" else 600)
        if what == "released":
            kernel.spawn("holder", lambda: (kernel.sleep(7), hide(sqs, url, message, 0)))
        assert len(received(sqs, url, WaitTimeSeconds=20)) == 1
        assert 7 < kernel.now < 7.02

    client(tunnel, act)


@row(LONG)
def test_one_message_ends_one_of_two_long_polls(tunnel: Tunnel) -> None:
    """A message is received by one of those that wait for it; the other waits on."""
    got: list[tuple[float, int]] = []

    def poll(sqs, url, kernel) -> None:
        messages = received(sqs, url, WaitTimeSeconds=20)
        got.append((round(kernel.now), len(messages)))

    def act(sqs, url, kernel) -> None:
        kernel.spawn("other", lambda: poll(sqs, url, kernel))
        kernel.spawn("sender", lambda: (kernel.sleep(7), sqs.send_message(QueueUrl=url, MessageBody="a")))
        poll(sqs, url, kernel)
        kernel.sleep(20)

    client(tunnel, act)
    assert got == [(7, 1), (20, 0)]


POISONED = """
    Queue:
      Type: AWS::SQS::Queue
      Properties:
        {VisibilityTimeout: 1, ReceiveMessageWaitTimeSeconds: 20,
         RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 1}}
    Dead: {Type: AWS::SQS::Queue, Properties: {ReceiveMessageWaitTimeSeconds: 20}}
"""


@row(LONG)
def test_a_message_that_moves_to_the_dead_letter_queue_ends_no_long_poll(tunnel: Tunnel) -> None:
    """A long poll that meets only a message received too often moves it, and waits on."""

    def act(sqs, url, kernel) -> None:
        sqs.send_message(QueueUrl=url, MessageBody="a")
        assert len(received(sqs, url)) == 1
        began = kernel.now
        assert received(sqs, url) == []
        assert 20 <= kernel.now - began < 20.01

    client(tunnel, act, POISONED)
    assert [round(message.t) for message in tunnel.messages("sent", "Dead")] == [1]


@row("SQS developer guide, Using dead-letter queues in Amazon SQS")
def test_a_redrive_does_not_wait_by_the_clock(tunnel: Tunnel) -> None:
    """A redrive moves the messages of a dead-letter queue back, whatever wait that queue has by itself."""

    def act(sqs, url, kernel) -> None:
        sqs.send_message(QueueUrl=url, MessageBody="a")
        assert len(received(sqs, url)) == 1
        assert received(sqs, url) == []

    emulation = client(tunnel, act, POISONED, redrive=True)
    assert (emulation.redriven, emulation.finished) == (1, True)
    assert emulation.leftovers["Queue"].messages == 1


@row(RECEIVE)
def test_a_dead_letter_tells_where_it_came_from(tunnel: Tunnel) -> None:
    """A message in a dead-letter queue has the attribute DeadLetterQueueSourceArn; others have none."""

    def act(stage: Stage) -> None:
        sqs, queues = stage.cloud.sqs, stage.cloud.system.queues
        url, dead = (stage.cloud.queue_url(queues[name]) for name in ("Queue", "Dead"))
        sqs.send_message(QueueUrl=url, MessageBody="a")
        (before,) = received(sqs, url)
        assert "DeadLetterQueueSourceArn" not in before["Attributes"]
        assert received(sqs, url, WaitTimeSeconds=5) == []
        (after,) = received(sqs, dead)
        assert after["Attributes"]["DeadLetterQueueSourceArn"] == queues["Queue"]
        with pytest.raises(ClientError, match="InvalidParameterValue"):  # it is no message of that queue now
            hide(sqs, url, before, 10)

    tunnel.run(POISONED, "", act)
