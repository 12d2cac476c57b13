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

PLAIN = "Queue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 30}}"


def client(tunnel: Tunnel, act, resources: str = PLAIN, **options):
    """Runs `act(sqs, url, kernel)` as the only client of a queue that no function consumes."""

    def run(stage: Stage) -> None:
        act(stage.cloud.sqs, stage.cloud.queue_url(stage.cloud.system.queues["Queue"]), stage.kernel)

    return tunnel.run(resources, "", run, **options)


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


@row(VISIBILITY)
def test_the_visibility_of_a_message_that_is_not_in_flight_cannot_change(tunnel: Tunnel) -> None:
    """ChangeMessageVisibility on a message that is not in flight fails with MessageNotInflight."""

    def act(sqs, url, kernel) -> None:
        sqs.send_message(QueueUrl=url, MessageBody="a")
        (message,) = received(sqs, url, VisibilityTimeout=1)
        kernel.sleep(2)
        with pytest.raises(ClientError, match="MessageNotInflight"):
            sqs.change_message_visibility(
                QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=10
            )

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
    ],
)
def test_a_batch_request_has_limits(tunnel: Tunnel, entries: list[dict], error: str) -> None:
    """A batch request has 1 to 10 entries with distinct ids of letters, digits, - and _, and 1 MiB in all."""

    def act(sqs, url, kernel) -> None:
        with pytest.raises(ClientError, match=error):
            sqs.send_message_batch(QueueUrl=url, Entries=entries)

    client(tunnel, act)


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
