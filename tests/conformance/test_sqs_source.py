"""The event source mapping on SQS."""

import hashlib
import json

import pytest

from harness.cloud import moto_mended
from harness.errors import UsageError
from tests.conformance.tunnel import SQS_ALLOWED, Tunnel, gaps, queue, row, running, send, wait

SCALING = "Lambda developer guide, Configuring scaling behavior for SQS event source mappings"
ERRORS = "Lambda developer guide, Handling errors for an SQS event source in Lambda"
CONFIGURE = "Lambda developer guide, Creating and configuring an Amazon SQS event source mapping"
FILTERS = "Lambda developer guide, Control which events Lambda sends to your function"
USING = "Lambda developer guide, Using Lambda with Amazon SQS"

OK = """
    def handler(event, context):
        print("got", *[record["body"] for record in event["Records"]])
"""
SLOW = """
    import time
    def handler(event, context):
        time.sleep(4)
"""
BROKEN = """
    def handler(event, context):
        raise ValueError("broken")
"""


@row(USING)
def test_a_message_is_deleted_after_its_invocation_succeeded(tunnel: Tunnel) -> None:
    """A message is deleted only after the function has processed it successfully."""
    tunnel.run(queue(), OK, send("a"))
    (invocation,) = tunnel.invocations
    (deleted,) = tunnel.messages("deleted")
    assert deleted.t > invocation.t
    assert tunnel.emulation.leftovers["Queue"].messages == 0


@row(ERRORS)
def test_a_failed_batch_reappears_after_the_visibility_timeout(tunnel: Tunnel) -> None:
    """When the function fails, its messages reappear after the visibility timeout of the queue."""
    tunnel.run(queue(visibility=30, receives=3), BROKEN, send("a"))
    received = [message.t for message in tunnel.messages("received")]
    assert all(30 <= gap < 30.1 for gap in gaps(received))


@row("SQS developer guide, Using dead-letter queues in Amazon SQS")
def test_a_message_received_too_often_moves_to_the_dead_letter_queue(tunnel: Tunnel) -> None:
    """A message that was received maxReceiveCount times moves to the dead-letter queue instead of being
    received again.
    """
    tunnel.run(queue(receives=3), BROKEN, send("a"))
    assert len(tunnel.invocations) == 3
    assert len(tunnel.messages("redriven")) == 1
    assert tunnel.emulation.leftovers["Dead"].messages == 1


@row("SQS developer guide, ReceiveMessage: ApproximateReceiveCount")
def test_the_receive_count_tells_how_often_a_message_was_received(tunnel: Tunnel) -> None:
    """The record's ApproximateReceiveCount grows by one with each delivery."""
    handler = """
        def handler(event, context):
            print(event["Records"][0]["attributes"]["ApproximateReceiveCount"])
            raise ValueError
    """
    tunnel.run(queue(receives=3), handler, send("a"))
    assert tunnel.logs == ["1", "2", "3"]


@row(ERRORS)
def test_only_the_reported_items_of_a_partial_batch_reappear(tunnel: Tunnel) -> None:
    """With ReportBatchItemFailures only the listed messages reappear; the others are deleted."""
    handler = """
        def handler(event, context):
            print(*[record["body"] for record in event["Records"]])
            failed = [record["messageId"] for record in event["Records"] if record["body"] == "b"]
            return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}
    """
    mapping = (
        "BatchSize: 10, MaximumBatchingWindowInSeconds: 1, FunctionResponseTypes: [ReportBatchItemFailures]"
    )
    tunnel.run(queue(receives=2, mapping=mapping), handler, send("a", "b", "c"))
    assert tunnel.logs[-1] == "b"
    assert sorted(message.receives for message in tunnel.messages("received")) == [1, 1, 1, 2]
    assert len(tunnel.messages("deleted")) == 2


@row(ERRORS)
@pytest.mark.parametrize("answer", ["None", "{}", "{'batchItemFailures': []}", "{'batchItemFailures': None}"])
def test_an_empty_partial_response_is_success(tunnel: Tunnel, answer: str) -> None:
    """A response that is null, or whose batchItemFailures is empty or null, means that the whole batch
    succeeded.
    """
    tunnel.run(
        queue(mapping="BatchSize: 1, FunctionResponseTypes: [ReportBatchItemFailures]"),
        f"def handler(e, c): return {answer}",
        send("a"),
    )
    assert len(tunnel.messages("deleted")) == 1


@row(ERRORS)
@pytest.mark.parametrize(
    "answer",
    [
        "'text'",
        "{'batchItemFailures': 'all'}",
        "{'batchItemFailures': [{'itemIdentifier': ''}]}",
        "{'batchItemFailures': [{'wrong': 'key'}]}",
        "{'batchItemFailures': [{'itemIdentifier': 'unknown'}]}",
        "{'batchItemFailures': [{'itemIdentifier': None}]}",
    ],
)
def test_a_malformed_partial_response_fails_the_whole_batch(tunnel: Tunnel, answer: str) -> None:
    """A malformed response, or an item identifier that is empty, null or unknown, fails the whole batch."""
    mapping = "BatchSize: 1, FunctionResponseTypes: [ReportBatchItemFailures]"
    tunnel.run(queue(receives=1, mapping=mapping), f"def handler(e, c): return {answer}", send("a"))
    assert tunnel.messages("deleted") == []
    assert tunnel.emulation.leftovers["Dead"].messages == 1


@row(ERRORS)
def test_an_exception_fails_the_whole_batch_also_with_partial_responses(tunnel: Tunnel) -> None:
    """An exception fails the whole batch, whether or not ReportBatchItemFailures is configured."""
    tunnel.run(
        queue(receives=1, mapping="BatchSize: 1, FunctionResponseTypes: [ReportBatchItemFailures]"),
        BROKEN,
        send("a"),
    )
    assert tunnel.emulation.leftovers["Dead"].messages == 1


@row(ERRORS)
def test_without_partial_responses_the_return_value_does_not_matter(tunnel: Tunnel) -> None:
    """Without ReportBatchItemFailures a batch succeeds when the function returns, whatever it returns."""
    tunnel.run(
        queue(),
        "def handler(e, c): return {'batchItemFailures': [{'itemIdentifier': e['Records'][0]['messageId']}]}",
        send("a"),
    )
    assert len(tunnel.messages("deleted")) == 1


@row(SCALING)
def test_a_mapping_starts_with_five_concurrent_invocations(tunnel: Tunnel) -> None:
    """When messages become available, Lambda starts with five concurrent invocations of the function."""
    tunnel.run(queue(), SLOW, send(*map(str, range(40))))
    assert sum(one.start < 1.0 for one in tunnel.invocations) == 5


@row(SCALING)
def test_concurrency_grows_by_up_to_300_a_minute_while_messages_remain(tunnel: Tunnel) -> None:
    """While messages remain, concurrency grows by up to 300 a minute."""
    tunnel.run(queue(visibility=3600), SLOW, send(*map(str, range(1200))))
    minute = sum(one.start <= 30 < one.t for one in tunnel.invocations)
    assert 130 <= minute <= 5 + 150


@row(SCALING)
def test_maximum_concurrency_caps_the_mapping(tunnel: Tunnel) -> None:
    """MaximumConcurrency caps how many invocations of the mapping run at once."""
    tunnel.run(
        queue(visibility=900, mapping="BatchSize: 1, ScalingConfig: {MaximumConcurrency: 7}"),
        SLOW,
        send(*map(str, range(100))),
    )
    assert running(tunnel) == 7


@row(SCALING)
def test_maximum_concurrency_of_two_starts_with_two(tunnel: Tunnel) -> None:
    """A MaximumConcurrency below five also limits the start."""
    tunnel.run(
        queue(visibility=900, mapping="BatchSize: 1, ScalingConfig: {MaximumConcurrency: 2}"),
        SLOW,
        send(*map(str, range(12))),
    )
    assert running(tunnel) == 2


@row(SCALING)
def test_a_throttled_mapping_lowers_its_concurrency(tunnel: Tunnel) -> None:
    """A mapping whose invocations are throttled lowers its concurrency: what it may not invoke for stays in
    the queue.
    """
    function = "Timeout: 5, MemorySize: 1769, ReservedConcurrentExecutions: 2"
    tunnel.run(queue(visibility=600, function=function), SLOW, send(*map(str, range(200))), longest=120)
    first = [message.receives for message in tunnel.messages("received")]
    done = len(tunnel.messages("deleted"))
    assert len(first) - done <= 12


@row(CONFIGURE)
def test_a_batch_holds_up_to_its_size(tunnel: Tunnel) -> None:
    """An invocation receives up to BatchSize messages."""
    tunnel.run(
        queue(mapping="BatchSize: 4, MaximumBatchingWindowInSeconds: 2"), OK, send(*map(str, range(60)))
    )
    assert max(one.records for one in tunnel.invocations) == 4
    assert sum(one.records for one in tunnel.invocations) == 60


@row(CONFIGURE)
def test_a_batching_window_waits_for_more_messages(tunnel: Tunnel) -> None:
    """With a batching window, each poller waits for its batch to fill or the window to end."""
    mapping = "BatchSize: 10, MaximumBatchingWindowInSeconds: 5, ScalingConfig: {MaximumConcurrency: 2}"
    tunnel.run(queue(mapping=mapping), OK, send("a"), send(*"bcdef", at=2.0))
    assert len(tunnel.invocations) == 2
    assert tunnel.invocations[0].start >= 5


@row(CONFIGURE)
def test_a_full_batch_does_not_wait_for_the_window_to_end(tunnel: Tunnel) -> None:
    """A batch that is full is sent at once, before its window ends."""
    tunnel.run(
        queue(mapping="BatchSize: 2, MaximumBatchingWindowInSeconds: 60", visibility=600), OK, send("a", "b")
    )
    assert tunnel.invocations[0].start < 1


@row(CONFIGURE)
def test_a_batch_larger_than_ten_is_collected_from_several_receives(tunnel: Tunnel) -> None:
    """A batch of more than ten messages is gathered by several ReceiveMessage calls within the window."""
    mapping = "BatchSize: 25, MaximumBatchingWindowInSeconds: 3, ScalingConfig: {MaximumConcurrency: 2}"
    tunnel.run(queue(mapping=mapping), OK, send(*map(str, range(40))))
    assert max(one.records for one in tunnel.invocations) > 10
    assert sum(one.records for one in tunnel.invocations) == 40


@row(FILTERS)
def test_messages_that_match_no_filter_are_deleted_without_an_invocation(tunnel: Tunnel) -> None:
    """A message that matches no filter is deleted from the queue and never reaches the function."""
    mapping = """BatchSize: 1, FilterCriteria: {Filters: [{Pattern: '{"body": {"kind": ["wanted"]}}'}]}"""
    tunnel.run(
        queue(mapping=mapping), OK, send(json.dumps({"kind": "other"}), json.dumps({"kind": "wanted"}))
    )
    assert tunnel.logs == ['got {"kind": "wanted"}']
    assert len(tunnel.messages("deleted")) == 2


@row(FILTERS)
def test_a_body_that_is_no_json_does_not_match_a_pattern_for_json(tunnel: Tunnel) -> None:
    """A body in plain text does not match a pattern for a JSON body: the message is deleted."""
    mapping = """BatchSize: 1, FilterCriteria: {Filters: [{Pattern: '{"body": {"kind": ["wanted"]}}'}]}"""
    tunnel.run(queue(mapping=mapping), OK, send("plain"))
    assert tunnel.invocations == []
    assert len(tunnel.messages("deleted")) == 1


@row(ERRORS)
def test_a_throttled_batch_is_tried_again_and_not_received_again(tunnel: Tunnel) -> None:
    """When the function is throttled, Lambda retries the invocation with the batch that it holds."""
    tunnel.run(
        queue(visibility=120, function="Timeout: 5, MemorySize: 1769, ReservedConcurrentExecutions: 1"),
        SLOW,
        send("a", "b", "c"),
    )
    assert tunnel.throttles
    assert len(tunnel.messages("received")) == 3
    assert running(tunnel) == 1


@row(ERRORS)
def test_a_batch_that_stays_throttled_reappears_after_its_visibility_timeout(tunnel: Tunnel) -> None:
    """A batch that stays throttled until its visibility timeout has passed reappears in the queue, received
    once more.
    """
    tunnel.run(
        queue(visibility=20, function="Timeout: 5, MemorySize: 1769, ReservedConcurrentExecutions: 0"),
        OK,
        send("a"),
        longest=60,
    )
    assert tunnel.invocations == []
    assert [message.receives for message in tunnel.messages("received")] == [1, 2, 3, 4]


@row(CONFIGURE)
def test_a_function_timeout_above_the_visibility_timeout_is_refused(tunnel: Tunnel) -> None:
    """CreateEventSourceMapping refuses a function whose timeout is longer than the queue's visibility
    timeout.
    """
    with pytest.raises(UsageError, match="visibility timeout"):
        tunnel.run(queue(visibility=10, function="Timeout: 11"), OK)


@row(USING)
def test_the_record_carries_the_documented_fields(tunnel: Tunnel) -> None:
    """A record has messageId, receiptHandle, body, attributes, messageAttributes, md5OfBody, eventSource,
    eventSourceARN and awsRegion.
    """
    handler = """
        def handler(event, context):
            (record,) = event["Records"]
            print(sorted(record))
            print(sorted(record["attributes"]))
            print(record["messageAttributes"]["kind"]["stringValue"], record["eventSource"], record["awsRegion"])
    """
    tunnel.run(
        queue(),
        handler,
        send("a", MessageAttributes={"kind": {"DataType": "String", "StringValue": "letter"}}),
    )
    assert tunnel.logs[0] == str(
        [
            "attributes",
            "awsRegion",
            "body",
            "eventSource",
            "eventSourceARN",
            "md5OfBody",
            "md5OfMessageAttributes",
            "messageAttributes",
            "messageId",
            "receiptHandle",
        ]
    )
    assert {
        "ApproximateReceiveCount",
        "SentTimestamp",
        "SenderId",
        "ApproximateFirstReceiveTimestamp",
    } <= set(json.loads(tunnel.logs[1].replace("'", '"')))
    assert tunnel.logs[2] == "letter aws:sqs us-east-1"


@row("SQS developer guide, Amazon SQS short and long polling")
def test_idle_pollers_ask_every_twenty_seconds(tunnel: Tunnel) -> None:
    """Idle pollers use long polling: an empty ReceiveMessage comes back after 20 seconds."""
    tunnel.run(queue(), OK, send("a", at=61.0))
    empty = [call.t for call in tunnel.calls("ReceiveMessage") if not call.items]
    assert all(20 <= gap < 20.1 for gap in gaps(empty) if gap > 1)


@row("SQS developer guide, Amazon SQS short and long polling")
def test_a_long_poll_returns_as_soon_as_a_message_arrives(tunnel: Tunnel) -> None:
    """A long poll returns as soon as a message is there."""
    tunnel.run(queue(), OK, send("a", at=7.0))
    assert tunnel.messages("received")[0].t < 7.1


@row("SQS developer guide, Amazon SQS delay queues")
def test_a_delayed_message_is_received_when_its_delay_is_over(tunnel: Tunnel) -> None:
    """A message sent with DelaySeconds cannot be received before."""
    tunnel.run(queue(), OK, send("a", DelaySeconds=45))
    assert 45 <= tunnel.messages("received")[0].t < 45.1


@row("SQS developer guide, Amazon SQS visibility timeout")
def test_a_handler_can_make_its_message_visible_at_once(tunnel: Tunnel) -> None:
    """ChangeMessageVisibility with 0 makes a message visible at once."""
    handler = """
        import boto3, os
        def handler(event, context):
            record = event["Records"][0]
            arn = record["eventSourceARN"].split(":")
            url = f"https://sqs.us-east-1.amazonaws.com/{arn[4]}/{arn[5]}"
            boto3.client("sqs").change_message_visibility(QueueUrl=url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=0)
            raise ValueError
    """
    tunnel.run(
        queue(visibility=600, receives=2, function=f"Timeout: 5, MemorySize: 1769, {SQS_ALLOWED}"),
        handler,
        send("a"),
    )
    assert all(gap < 5 for gap in gaps([message.t for message in tunnel.messages("received")]))


@row("SQS developer guide, Amazon SQS visibility timeout")
def test_a_handler_can_extend_the_visibility_of_its_message(tunnel: Tunnel) -> None:
    """ChangeMessageVisibility with a longer time keeps a message hidden for that time from then on."""
    handler = """
        import boto3
        def handler(event, context):
            record = event["Records"][0]
            arn = record["eventSourceARN"].split(":")
            url = f"https://sqs.us-east-1.amazonaws.com/{arn[4]}/{arn[5]}"
            boto3.client("sqs").change_message_visibility(QueueUrl=url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=200)
            raise ValueError
    """
    tunnel.run(
        queue(visibility=30, receives=2, function=f"Timeout: 5, MemorySize: 1769, {SQS_ALLOWED}"),
        handler,
        send("a"),
    )
    (gap,) = gaps([message.t for message in tunnel.messages("received")])
    assert 200 < gap < 202


@row(SCALING)
def test_a_mapping_backs_off_when_its_function_fails(tunnel: Tunnel) -> None:
    """Function errors make the mapping lower its concurrency."""
    fail = """
        import time
        def handler(event, context):
            time.sleep(2)
            raise ValueError("broken")
    """
    tunnel.run(queue(visibility=3600, receives=1), fail, send(*map(str, range(200))), longest=40)
    assert sum(one.start <= 2.5 < one.t for one in tunnel.invocations) == 15
    assert sum(one.start <= 30.0 < one.t for one in tunnel.invocations) <= 2


@row(SCALING)
def test_a_mapping_with_partial_responses_does_not_back_off(tunnel: Tunnel) -> None:
    """With ReportBatchItemFailures concurrency is not lowered when messages fail."""
    fail = """
        import time
        def handler(event, context):
            time.sleep(2)
            return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in event["Records"]]}
    """
    mapping = "BatchSize: 1, FunctionResponseTypes: [ReportBatchItemFailures]"
    tunnel.run(
        queue(visibility=3600, receives=1, mapping=mapping), fail, send(*map(str, range(400))), longest=40
    )
    assert running(tunnel) > 20


@row(SCALING)
def test_an_idle_mapping_polls_with_two_lanes(tunnel: Tunnel) -> None:
    """Without MaximumConcurrency an idle mapping scales back to as few as two concurrent polls."""
    tunnel.run(queue(), OK, wait(200))
    polls = [call.t for call in tunnel.calls("ReceiveMessage")]
    assert sum(t < 21 for t in polls) == 5
    assert sum(150 <= t < 170.1 for t in polls) == 2


@row(SCALING)
def test_provisioned_pollers_run_ten_invocations_each(tunnel: Tunnel) -> None:
    """In provisioned mode each event poller runs up to ten invocations at once, from the minimum of pollers
    on.
    """
    mapping = "BatchSize: 1, ProvisionedPollerConfig: {MinimumPollers: 2, MaximumPollers: 3}"
    tunnel.run(queue(visibility=3600, mapping=mapping), SLOW, send(*map(str, range(120))))
    assert sum(one.start < 1.0 for one in tunnel.invocations) == 20
    assert running(tunnel) == 30


@row(SCALING)
def test_provisioned_mode_excludes_maximum_concurrency(tunnel: Tunnel) -> None:
    """A mapping with provisioned mode and MaximumConcurrency is refused."""
    mapping = (
        "BatchSize: 1, ProvisionedPollerConfig: {MinimumPollers: 2}, ScalingConfig: {MaximumConcurrency: 5}"
    )
    with pytest.raises(UsageError, match="exclude one another"):
        tunnel.run(queue(mapping=mapping), OK)


@row("Lambda developer guide, Lambda quotas")
def test_a_batch_is_cut_where_an_invocation_would_exceed_six_mb(tunnel: Tunnel) -> None:
    """Messages received together that exceed 6 MB in one event come in several invocations."""
    handler = """
        def handler(event, context):
            print(sum(len(record["body"]) for record in event["Records"]))
    """
    mapping = "BatchSize: 10, MaximumBatchingWindowInSeconds: 2, ScalingConfig: {MaximumConcurrency: 2}"
    tunnel.run(queue(mapping=mapping, visibility=600), handler, send(*["x" * 1_000_000] * 9))
    assert sum(map(int, tunnel.logs)) == 9_000_000
    assert max(map(int, tunnel.logs)) <= 6 * 2**20
    assert len(tunnel.messages("deleted")) == 9


@row(USING)
def test_a_batch_is_processed_again_when_it_cannot_be_deleted(tunnel: Tunnel) -> None:
    """When the deletion after a success fails, the messages reappear: delivery is at least once (at a rate of
    the scenario's).
    """
    tunnel.run(queue(), OK, send("a"), faults="[delete_fails]\nonly = [1]")
    assert tunnel.logs == ["got a", "got a"]
    assert tunnel.invocations[1].start >= 30


@row(USING)
@pytest.mark.parametrize(("fault", "times"), [("poller_dies_before", 1), ("poller_dies_after", 2)])
def test_the_batch_of_a_lost_poller_reappears(tunnel: Tunnel, fault: str, times: int) -> None:
    """A poller that is lost with a batch in hand deletes nothing: the messages reappear after their
    visibility timeout.
    """
    tunnel.run(queue(), OK, send("a"), faults=f"[{fault}]\nonly = [1]")
    assert tunnel.logs == ["got a"] * times
    assert [message.receives for message in tunnel.messages("received")] == [1, 2]


@row(ERRORS)
def test_a_failed_batch_reappears_in_time_also_when_all_pollers_wait(tunnel: Tunnel) -> None:
    """A visibility timeout that ends within a long poll ends the poll: the messages of a failed batch are
    received again at once, whoever waits.
    """
    tunnel.run(queue(visibility=6, receives=4), BROKEN, send("a", at=3.0))
    received = [message.t for message in tunnel.messages("received")]
    assert len(received) == 4
    assert all(6 <= gap < 6.1 for gap in gaps(received))


def test_a_poller_at_the_limit_in_flight_receives_when_a_message_is_deleted(
    tunnel: Tunnel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the limit of messages in flight the next one is received as soon as one is deleted."""
    monkeypatch.setattr(moto_mended, "IN_FLIGHT_LIMIT", 1)
    tunnel.run(queue(), SLOW, send("a", "b"))
    (deleted, _), (_, second) = tunnel.messages("deleted"), tunnel.messages("received")
    assert 0 <= second.t - deleted.t < 0.1


@row(USING)
def test_a_record_tells_message_attributes_as_lambda_does(tunnel: Tunnel) -> None:
    """A record has md5OfMessageAttributes when its message has attributes; each attribute has dataType,
    stringValue or binaryValue (in base64), stringListValues and binaryListValues.
    """
    handler = """
        import json
        def handler(event, context):
            (record,) = event["Records"]
            print(json.dumps([record.get("md5OfMessageAttributes"), record["messageAttributes"]]))
    """
    attributes = {
        "kind": {"DataType": "String", "StringValue": "letter"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    tunnel.run(queue(), handler, send("a", MessageAttributes=attributes), send("b", at=1.0))
    digest = hashlib.md5()  # "Calculating the MD5 message digest for message attributes"
    for part, kind in (
        ("kind", None),
        ("String", None),
        ("letter", 1),
        ("raw", None),
        ("Binary", None),
        (b"\x00\xff", 2),
    ):
        encoded = part.encode() if isinstance(part, str) else part
        digest.update((bytes([kind]) if kind else b"") + len(encoded).to_bytes(4, "big") + encoded)
    lists: dict[str, list] = {"stringListValues": [], "binaryListValues": []}
    assert json.loads(tunnel.logs[0]) == [
        digest.hexdigest(),
        {
            "kind": {"dataType": "String", "stringValue": "letter", **lists},
            "raw": {"dataType": "Binary", "binaryValue": "AP8=", **lists},
        },
    ]
    assert json.loads(tunnel.logs[1]) == [None, {}]


@row(USING)
def test_a_record_of_a_dead_letter_queue_tells_its_source(tunnel: Tunnel) -> None:
    """A record of a message in a dead-letter queue has the attribute DeadLetterQueueSourceArn."""
    resources = """
        First:
          Type: AWS::SQS::Queue
          Properties: {VisibilityTimeout: 1, RedrivePolicy: {deadLetterTargetArn: !GetAtt Queue.Arn, maxReceiveCount: 1}}
    """
    handler = """
        def handler(event, context):
            print(event["Records"][0]["attributes"]["DeadLetterQueueSourceArn"])
    """

    def fail(stage) -> None:
        url = stage.cloud.queue_url(stage.cloud.system.queues["First"])
        stage.cloud.sqs.send_message(QueueUrl=url, MessageBody="a")
        for _ in range(2):
            stage.cloud.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2)

    emulation = tunnel.run(resources + queue(), handler, fail)
    assert tunnel.logs == [emulation.system.queues["First"]]


POLLING = """
    import boto3
    def handler(event, context):
        url = "https://sqs.us-east-1.amazonaws.com/123456789012/" + event["Records"][0]["body"]
        answer = boto3.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20)
        print(*[message["Body"] for message in answer.get("Messages", [])] or ["nothing"])
"""


def other_queue(timeout: int) -> str:
    """Resources: a function that long polls a second queue, named in its message."""
    function = f"Timeout: {timeout}, MemorySize: 1769, {SQS_ALLOWED}"
    other = "        Other: {Type: AWS::SQS::Queue, Properties: {QueueName: other}}"
    return other + queue(function=function, visibility=60)


@row("SQS developer guide, Amazon SQS short and long polling")
@pytest.mark.parametrize(("sent_at", "got", "seconds"), [(7.0, "late", 7), (100.0, "nothing", 20)])
def test_a_handler_can_poll_a_queue_for_as_long_as_it_waits(
    tunnel: Tunnel, sent_at: float, got: str, seconds: int
) -> None:
    """A function that calls ReceiveMessage with WaitTimeSeconds waits until a message comes, or to the end."""
    tunnel.run(other_queue(60), POLLING, send("other"), send("late", queue="Other", at=sent_at))
    assert tunnel.logs == [got]
    assert seconds - 1 < tunnel.invocations[0].duration_seconds < seconds + 0.1


@row("Lambda developer guide, Configure Lambda function timeout")
def test_a_timeout_ends_a_handler_that_polls(tunnel: Tunnel) -> None:
    """A function that waits in a long poll ends with its timeout, and receives nothing afterwards."""
    tunnel.run(other_queue(5), POLLING, send("other"), send("late", queue="Other", at=7.0), longest=30)
    assert tunnel.invocations[0].outcome == "timeout"
    assert 5 <= tunnel.invocations[0].duration_seconds < 5.01
    assert tunnel.messages("received", "Other") == []


@row("SQS developer guide, Amazon SQS short and long polling")
def test_a_mapping_on_a_queue_that_waits_by_itself(tunnel: Tunnel) -> None:
    """A queue's ReceiveMessageWaitTimeSeconds keeps no poller of a mapping longer, also when the only message
    there moves to the dead-letter queue.
    """
    patient = queue(visibility=30, receives=2).replace(
        "VisibilityTimeout: 30", "VisibilityTimeout: 30, ReceiveMessageWaitTimeSeconds: 20"
    )
    tunnel.run(patient, BROKEN, send("a"), send("b", at=62.0))
    assert [round(message.t) for message in tunnel.messages("redriven")] == [60, 122]
    assert [round(message.t) for message in tunnel.messages("received")] == [0, 30, 62, 92]
