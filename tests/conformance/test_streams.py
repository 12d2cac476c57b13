"""The event source mapping on a DynamoDB stream."""

import json
from typing import Any

import pytest

from harness.engine.clock import EPOCH
from harness.recorder import IteratorAge
from tests.conformance.tunnel import Client, Tunnel, gaps, row, running, stream, wait, write

USING = "Lambda developer guide, Using AWS Lambda with Amazon DynamoDB"
PARAMETERS = (
    "Lambda developer guide, Process DynamoDB records with Lambda: Lambda parameters for DynamoDB "
    "event source mappings"
)
PARTIAL = "Lambda developer guide, Configuring partial batch response with DynamoDB and Lambda"
ERRORS = "Lambda developer guide, Retain discarded records for a DynamoDB event source in Lambda"
CHANGES = "DynamoDB developer guide, Change data capture for DynamoDB Streams"
RECORDED = "recorded against Lambda: LocalStack, test_lambda_integration_kinesis.snapshot.json, {}"
FILTERS = "Lambda developer guide, Using event filtering with a DynamoDB event source"

PRINT = """
    def handler(event, context):
        print(*[record["dynamodb"]["Keys"]["SK"]["S"] for record in event["Records"]])
"""

COUNT = """
    def handler(event, context):
        print(len(event["Records"]))
"""


DESTINATION = "DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Failures.Arn}}"
PARTIAL_RESPONSES = "FunctionResponseTypes: [ReportBatchItemFailures]"
BROKEN = """
    def handler(event, context):
        print(*[record["dynamodb"]["Keys"]["SK"]["S"] for record in event["Records"]])
        raise ValueError
"""


def failures(told: list[dict[str, Any]], at: float) -> Client:
    """A client that takes what the on-failure destination holds at a time."""

    def client(stage: Any) -> None:
        stage.kernel.sleep(at)
        url = stage.cloud.queue_url(stage.cloud.system.queues["Failures"])
        held = stage.cloud.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        told.extend(json.loads(message["Body"]) for message in held)

    return client


def items(*sort_keys: str, key: str = "p") -> list[dict]:
    return [{"PK": key, "SK": sort_key} for sort_key in sort_keys]


@row(USING)
def test_records_come_in_order(tunnel: Tunnel) -> None:
    """Records of an item come to the function in the order in which it was changed."""
    tunnel.run(stream(), PRINT, write(*items(*"abcdefgh")))
    assert "".join(tunnel.logs).replace(" ", "") == "abcdefgh"


@row(USING)
def test_a_shard_is_polled_four_times_a_second(tunnel: Tunnel) -> None:
    """Lambda polls a shard about four times a second: what comes between two polls makes one batch."""
    tunnel.run(stream(), PRINT, write(*items(*"abc")), write(*items("d"), at=0.9))
    assert tunnel.logs == ["a b c", "d"]


@row(PARAMETERS)
def test_a_batch_holds_up_to_its_size(tunnel: Tunnel) -> None:
    """An invocation receives up to BatchSize records."""
    tunnel.run(stream(mapping="BatchSize: 3"), PRINT, write(*items(*"abcdefgh")))
    assert [len(line.split()) for line in tunnel.logs] == [3, 3, 2]


@row(USING)
def test_one_batch_of_a_shard_is_in_flight_at_a_time(tunnel: Tunnel) -> None:
    """Without a parallelization factor one batch of a shard is processed at a time."""
    tunnel.run(
        stream(mapping="BatchSize: 1"), "import time\ndef handler(e, c): time.sleep(2)", write(*items(*"abc"))
    )
    starts = [one.start for one in tunnel.invocations]
    assert all(gap >= 2 for gap in gaps(starts))


@row(PARAMETERS)
def test_a_parallelization_factor_runs_other_partition_keys_at_once(tunnel: Tunnel) -> None:
    """With a parallelization factor batches of different partition keys run at once, those of one key in
    order.
    """
    written = [item for number in range(8) for item in items("a", "b", key=f"p{number}")]
    tunnel.run(
        stream(mapping="BatchSize: 1, ParallelizationFactor: 10"),
        "import time\ndef handler(e, c): time.sleep(2)",
        write(*written),
    )
    assert sum(one.start < 2 for one in tunnel.invocations) > 2
    assert len(tunnel.invocations) == 16


@row(USING)
def test_a_failing_batch_blocks_its_shard_until_it_succeeds(tunnel: Tunnel) -> None:
    """A batch that fails is retried until it succeeds or expires; later records of the shard wait."""
    handler = """
        tries = 0
        def handler(event, context):
            global tries
            tries += 1
            print(event["Records"][0]["dynamodb"]["Keys"]["SK"]["S"])
            if tries < 4:
                raise ValueError
    """
    tunnel.run(stream(mapping="BatchSize: 1"), handler, write(*items("a", "b")))
    assert tunnel.logs == ["a", "a", "a", "a", "b"]


@row(PARAMETERS)
def test_maximum_retry_attempts_gives_a_batch_up(tunnel: Tunnel) -> None:
    """After MaximumRetryAttempts retries a batch is given up, and the shard goes on."""
    tunnel.run(
        stream(mapping="BatchSize: 1, MaximumRetryAttempts: 2"),
        "def handler(e, c): raise ValueError",
        write(*items("a", "b")),
    )
    assert len(tunnel.invocations) == 6


@row(PARAMETERS)
def test_maximum_record_age_gives_old_records_up(tunnel: Tunnel) -> None:
    """Records older than MaximumRecordAgeInSeconds are given up: none is sent to the function."""
    tunnel.run(
        stream(mapping="BatchSize: 1, MaximumRecordAgeInSeconds: 60"),
        "def handler(e, c): raise ValueError",
        write(*items("a")),
    )
    assert 30 < tunnel.invocations[-1].start <= 60
    assert tunnel.emulation.finished


@row(ERRORS)
def test_what_is_given_up_goes_to_the_destination_as_a_position(tunnel: Tunnel) -> None:
    """The on-failure destination receives the position of the batch in the stream, not the records."""
    destination = "DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Failures.Arn}}"
    mapping = f"BatchSize: 10, MaximumRetryAttempts: 0, {destination}"
    tunnel.run(stream(mapping=mapping), "def handler(e, c): raise ValueError", write(*items("a", "b")))
    assert tunnel.emulation.leftovers["Failures"].messages == 1
    (call,) = tunnel.calls("SendMessage")
    assert call.items[0] > 100


@row(PARAMETERS)
def test_bisect_splits_a_failing_batch(tunnel: Tunnel) -> None:
    """With BisectBatchOnFunctionError a failing batch is split in two and retried, until the bad record is
    alone.
    """
    handler = """
        def handler(event, context):
            keys = [record["dynamodb"]["Keys"]["SK"]["S"] for record in event["Records"]]
            print(*keys)
            if "c" in keys:
                raise ValueError
    """
    tunnel.run(
        stream(mapping="BatchSize: 10, BisectBatchOnFunctionError: true, MaximumRetryAttempts: 3"),
        handler,
        write(*items(*"abcd")),
    )
    assert tunnel.logs[0] == "a b c d"
    assert "a b" in tunnel.logs
    assert "d" in tunnel.logs
    assert tunnel.logs.count("c") >= 1


@row(PARTIAL)
def test_a_partial_response_is_a_checkpoint(tunnel: Tunnel) -> None:
    """With ReportBatchItemFailures the batch is retried from the lowest sequence number that is reported."""
    handler = """
        tries = 0
        def handler(event, context):
            global tries
            tries += 1
            print(*[record["dynamodb"]["Keys"]["SK"]["S"] for record in event["Records"]])
            if tries == 1:
                return {"batchItemFailures": [{"itemIdentifier": event["Records"][n]["dynamodb"]["SequenceNumber"]} for n in (3, 1)]}
    """
    tunnel.run(
        stream(mapping="BatchSize: 10, FunctionResponseTypes: [ReportBatchItemFailures]"),
        handler,
        write(*items(*"abcd")),
    )
    assert tunnel.logs == ["a b c d", "b c d"]


@row(FILTERS)
def test_records_that_match_no_filter_are_passed_over(tunnel: Tunnel) -> None:
    """A record that matches no filter never reaches the function, and does not hold up the shard."""
    pattern = json.dumps({"dynamodb": {"NewImage": {"left": {"N": ["0"]}}}})
    mapping = f"BatchSize: 10, FilterCriteria: {{Filters: [{{Pattern: '{pattern}'}}]}}"
    written = [
        {"PK": "p", "SK": name, "left": left} for name, left in (("a", 1), ("b", 0), ("c", 2), ("d", 0))
    ]
    tunnel.run(stream(mapping=mapping), PRINT, write(*written))
    assert tunnel.logs == ["b d"]


@row("DynamoDB developer guide, Change data capture for DynamoDB Streams")
def test_a_record_tells_what_changed(tunnel: Tunnel) -> None:
    """A record tells INSERT, MODIFY or REMOVE, with the images that the stream's view type names."""
    handler = """
        def handler(event, context):
            for record in event["Records"]:
                change = record["dynamodb"]
                created = type(change["ApproximateCreationDateTime"]).__name__
                print(record["eventName"], "NewImage" in change, "OldImage" in change, record["eventSource"], created)
    """
    item = {"PK": "p", "SK": "a", "n": 1}
    tunnel.run(stream(), handler, write(item), write(item | {"n": 2}, at=1.0))
    assert tunnel.logs == ["INSERT True False aws:dynamodb float", "MODIFY True True aws:dynamodb float"]


@row("Amazon DynamoDB pricing page")
def test_the_reads_of_a_trigger_are_no_api_calls_of_the_account(tunnel: Tunnel) -> None:
    """GetRecords calls that Lambda makes for its triggers are free."""
    tunnel.run(stream(), PRINT, write(*items("a")))
    assert tunnel.calls("GetRecords") == []


@row(PARAMETERS)
def test_a_batching_window_gathers_records(tunnel: Tunnel) -> None:
    """With a batching window Lambda gathers records until the batch is full or the window ends."""
    mapping = "BatchSize: 3, MaximumBatchingWindowInSeconds: 10"
    written = [{"PK": "a", "SK": str(number)} for number in range(4)]
    tunnel.run(
        stream(mapping=mapping), COUNT, *(write(item, at=2.0 * number) for number, item in enumerate(written))
    )
    assert tunnel.logs == ["3", "1"]
    assert [round(one.start) for one in tunnel.invocations] == [4, 16]


@row("DynamoDB developer guide, Change data capture for DynamoDB Streams")
def test_records_live_for_24_hours(tunnel: Tunnel) -> None:
    """A record is trimmed 24 hours after it was written: a batch that fails for as long is lost, and so is
    what waited behind it.
    """
    handler = """
        def handler(event, context):
            names = [record["dynamodb"]["Keys"]["SK"]["S"] for record in event["Records"]]
            print(*names)
            if "bad" in names:
                raise ValueError("broken")
    """
    day = 24 * 3600.0
    clients = [
        write({"PK": "a", "SK": "bad"}),
        write({"PK": "a", "SK": "behind"}, at=60.0),
        write({"PK": "a", "SK": "later"}, at=day - 100),
    ]
    tunnel.run(stream(mapping="BatchSize: 1"), handler, *clients, longest=2 * day)
    assert {text for text in tunnel.logs if text != "bad"} == {"behind", "later"}
    last = max(one.t for one in tunnel.invocations if one.outcome == "error")
    assert day - 120 < last <= day + 120


@row("DynamoDB developer guide, Change data capture for DynamoDB Streams")
def test_each_shard_is_processed_on_its_own(tunnel: Tunnel) -> None:
    """A table with several partitions has several shards; each has one batch in flight, and an item's records
    stay in one.
    """
    slow = """
        import time
        def handler(event, context):
            time.sleep(4)
    """
    written = [{"PK": str(number), "SK": "x"} for number in range(24)]
    tunnel.run(stream(mapping="BatchSize: 1"), slow, write(*written), stream_shards=3)
    assert running(tunnel) == 3


@row("DynamoDB developer guide, Using time to live (TTL) in DynamoDB")
def test_expired_items_are_removed_by_dynamodb_itself(tunnel: Tunnel) -> None:
    """An item whose time to live is past is removed some time later; the stream tells a REMOVE by
    dynamodb.amazonaws.com.
    """
    handler = """
        def handler(event, context):
            for record in event["Records"]:
                print(record["eventName"], record["dynamodb"]["Keys"]["SK"]["S"], record.get("userIdentity", {}).get("principalId"))
    """
    soon, never = int(EPOCH.timestamp()) + 100, int(EPOCH.timestamp()) + 10**8
    clients = (
        write({"PK": "a", "SK": "soon", "expiresAt": soon}, {"PK": "a", "SK": "never", "expiresAt": never}),
        wait(4000),
    )
    emulation = tunnel.run(stream(ttl="expiresAt"), handler, *clients)
    assert tunnel.logs[-1] == "REMOVE soon dynamodb.amazonaws.com"
    assert [item["SK"] for item in emulation.items["Table"]] == ["never"]


@row("Lambda developer guide, Using AWS Lambda with Amazon DynamoDB")
def test_a_batch_of_records_is_cut_at_six_mb(tunnel: Tunnel) -> None:
    """Lambda stops gathering records when the event reaches 6 MB."""
    large = [{"PK": "a", "SK": str(number), "text": "x" * 300_000} for number in range(30)]
    tunnel.run(stream(mapping="BatchSize: 100, MaximumBatchingWindowInSeconds: 5"), COUNT, write(*large))
    assert sum(map(int, tunnel.logs)) == 30
    assert max(map(int, tunnel.logs)) == 20


@row("Lambda developer guide, Using AWS Lambda with Amazon DynamoDB")
def test_a_batch_may_be_delivered_again(tunnel: Tunnel) -> None:
    """Event source mappings process each record at least once; a batch may come again (at a rate of the
    scenario's).
    """
    tunnel.run(stream(), COUNT, write({"PK": "a", "SK": "1"}), faults="[stream_redelivery]\nonly = [1]")
    assert tunnel.logs == ["1", "1"]


@row(ERRORS)
def test_throttles_use_up_no_retries(tunnel: Tunnel) -> None:
    """A batch that cannot be invoked because of throttling is retried until it can be, whatever
    MaximumRetryAttempts says.
    """
    function = "Timeout: 5, MemorySize: 1769, ReservedConcurrentExecutions: 1"
    slow = """
        import time
        def handler(event, context):
            print(event["Records"][0]["dynamodb"]["Keys"]["PK"]["S"])
            time.sleep(4)
    """
    mapping = f"BatchSize: 1, MaximumRetryAttempts: 0, ParallelizationFactor: 10, {DESTINATION}"
    written = [{"PK": f"p{number}", "SK": "a"} for number in range(6)]
    tunnel.run(stream(function=function, mapping=mapping), slow, write(*written))
    assert tunnel.throttles
    assert sorted(tunnel.logs) == [item["PK"] for item in written]
    assert tunnel.emulation.leftovers["Failures"].messages == 0


@row(ERRORS)
def test_throttled_records_are_given_up_when_they_are_too_old(tunnel: Tunnel) -> None:
    """What throttling holds back is retried until it exceeds the maximum age; then it is given up without an
    invocation.
    """
    told: list[dict[str, Any]] = []
    function = "Timeout: 5, MemorySize: 1769, ReservedConcurrentExecutions: 0"
    mapping = f"BatchSize: 10, MaximumRecordAgeInSeconds: 60, {DESTINATION}"
    tunnel.run(stream(function=function, mapping=mapping), PRINT, write(*items("a")), failures(told, 200))
    assert tunnel.invocations == []
    assert told[0]["requestContext"]["condition"] == "RecordAgeExceeded"
    assert told[0]["requestContext"]["approximateInvokeCount"] == 0


@row(ERRORS)
def test_splitting_a_batch_uses_up_no_retries(tunnel: Tunnel) -> None:
    """Splitting a batch does not consume the retry quota: with one retry, each record is still tried twice on
    its own.
    """
    mapping = "BatchSize: 10, BisectBatchOnFunctionError: true, MaximumRetryAttempts: 1"
    tunnel.run(stream(mapping=mapping), BROKEN, write(*items(*"abcd")))
    assert tunnel.logs == ["a b c d", "a b", "a", "a", "b", "b", "c d", "c", "c", "d", "d"]


@row(ERRORS)
def test_a_batch_is_split_also_where_no_retries_are_allowed(tunnel: Tunnel) -> None:
    """With no retries at all a failing batch is still split, until the bad record alone is given up."""
    told: list[dict[str, Any]] = []
    handler = BROKEN.replace("raise ValueError", "assert not any('c' in str(r) for r in event['Records'])")
    handler = handler.replace("str(r)", "r['dynamodb']['Keys']['SK']['S']")
    mapping = f"BatchSize: 10, BisectBatchOnFunctionError: true, MaximumRetryAttempts: 0, {DESTINATION}"
    tunnel.run(stream(mapping=mapping), handler, write(*items(*"abcd")), failures(told, 60))
    assert tunnel.logs == ["a b c d", "a b", "c d", "c", "d"]
    assert [one["DDBStreamBatchInfo"]["batchSize"] for one in told] == [1]


@row(PARTIAL)
def test_a_partial_response_splits_a_batch_at_the_record_that_it_names(tunnel: Tunnel) -> None:
    """With BisectBatchOnFunctionError too, a partial response cuts the batch where it says, and all that
    remains is retried together.
    """
    handler = """
        tries = 0
        def handler(event, context):
            global tries
            tries += 1
            print(*[record["dynamodb"]["Keys"]["SK"]["S"] for record in event["Records"]])
            if tries == 1:
                return {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["dynamodb"]["SequenceNumber"]}]}
    """
    mapping = f"BatchSize: 10, BisectBatchOnFunctionError: true, {PARTIAL_RESPONSES}"
    tunnel.run(stream(mapping=mapping), handler, write(*items(*"abcd")))
    assert tunnel.logs == ["a b c d", "a b c d"]


@row(RECORDED.format("test_kinesis_maximum_record_age_exceeded"))
def test_only_the_records_that_expired_are_given_up(tunnel: Tunnel) -> None:
    """Of a failing batch only those records are given up that exceed the maximum age; the others go on."""
    told: list[dict[str, Any]] = []
    handler = BROKEN.replace("raise ValueError", "assert len(event['Records']) == 1")
    mapping = (
        f"BatchSize: 2, MaximumBatchingWindowInSeconds: 40, MaximumRecordAgeInSeconds: 60, {DESTINATION}"
    )
    tunnel.run(
        stream(mapping=mapping), handler, write(*items("a")), write(*items("b"), at=30), failures(told, 300)
    )
    assert tunnel.logs[-1] == "b"
    ((context, info),) = ((one["requestContext"], one["DDBStreamBatchInfo"]) for one in told)
    assert (context["condition"], info["batchSize"]) == ("RecordAgeExceeded", 1)


@row(RECORDED.format("test_kinesis_maximum_record_age_exceeded[expire-before-ingestion]"))
def test_records_that_expired_while_they_waited_are_never_invoked_for(tunnel: Tunnel) -> None:
    """Records that are too old before they come to an invocation are given up without one, and the message
    tells of no response.
    """
    told: list[dict[str, Any]] = []
    slow = """
        import time
        def handler(event, context):
            print(event["Records"][0]["dynamodb"]["Keys"]["SK"]["S"])
            time.sleep(100)
    """
    mapping = f"BatchSize: 1, MaximumRecordAgeInSeconds: 60, {DESTINATION}"
    function = "Timeout: 300, MemorySize: 1769"
    tunnel.run(stream(function=function, mapping=mapping), slow, write(*items("a", "b")), failures(told, 200))
    assert tunnel.logs == ["a"]
    assert told[0]["requestContext"]["condition"] == "RecordAgeExceeded"
    assert "responseContext" not in told[0]


@row(ERRORS)
def test_the_failure_message_has_the_documented_fields(tunnel: Tunnel) -> None:
    """The message tells the request, how often it was invoked, the response, when the batch arrived and when
    it was given up.
    """
    told: list[dict[str, Any]] = []
    mapping = f"BatchSize: 10, MaximumRetryAttempts: 2, {DESTINATION}"
    tunnel.run(stream(mapping=mapping), BROKEN, write(*items("a", "b"), at=0.1), failures(told, 60))
    (message,) = told
    context, info = message["requestContext"], message["DDBStreamBatchInfo"]
    assert context["requestId"] == tunnel.invocations[-1].request
    assert context["functionArn"] == tunnel.emulation.system.functions["Function"].arn
    assert (context["condition"], context["approximateInvokeCount"]) == ("RetryAttemptsExhausted", 3)
    assert message["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert (message["version"], info["batchSize"]) == ("1.0", 2)
    written = EPOCH.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert info["approximateArrivalOfFirstRecord"] == info["approximateArrivalOfLastRecord"] == written
    assert message["timestamp"].endswith("Z")
    assert written < message["timestamp"]


@row(RECORDED.format("test_kinesis_report_batch_item_failures"))
def test_a_partial_response_that_is_given_up_is_no_function_error(tunnel: Tunnel) -> None:
    """Of a batch that is given up after partial responses the message tells a response without a function
    error; the invocations are those since the checkpoint.
    """
    told: list[dict[str, Any]] = []
    handler = """
        def handler(event, context):
            bad = [record["dynamodb"] for record in event["Records"] if record["dynamodb"]["Keys"]["SK"]["S"] == "c"]
            print(len(event["Records"]))
            return {"batchItemFailures": [{"itemIdentifier": one["SequenceNumber"]} for one in bad]}
    """
    mapping = f"BatchSize: 3, MaximumRetryAttempts: 3, {PARTIAL_RESPONSES}, {DESTINATION}"
    tunnel.run(stream(mapping=mapping), handler, write(*items(*"abc")), failures(told, 60))
    assert tunnel.logs == ["3", "1", "1", "1", "1"]
    assert told[0]["responseContext"]["functionError"] is None
    assert told[0]["requestContext"]["approximateInvokeCount"] == 4


@row(RECORDED.format("test_kinesis_report_batch_item_success_scenarios"))
@pytest.mark.parametrize(
    "response", ["[]", "''", "{}", "None", "{'batchItemFailures': []}", "{'batchItemFailures': None}"]
)
def test_an_empty_response_is_a_success(tunnel: Tunnel, response: str) -> None:
    """With ReportBatchItemFailures an empty list, string, object or null as response is a success."""
    mapping = f"BatchSize: 10, MaximumRetryAttempts: 2, {PARTIAL_RESPONSES}"
    tunnel.run(stream(mapping=mapping), f"def handler(e, c): return {response}", write(*items("a")))
    assert len(tunnel.invocations) == 1


@row(CHANGES)
def test_a_put_that_changes_nothing_makes_no_record(tunnel: Tunnel) -> None:
    """A PutItem or UpdateItem that does not change any data in an item writes no stream record."""

    def update(stage: Any) -> None:
        stage.kernel.sleep(2)
        stage.cloud.client("dynamodb").update_item(
            TableName=stage.cloud.system.tables["Table"],
            Key={"PK": {"S": "p"}, "SK": {"S": "a"}},
            UpdateExpression="SET n = :n",
            ExpressionAttributeValues={":n": {"N": "1"}},
        )

    item = {"PK": "p", "SK": "a", "n": 1}
    tunnel.run(stream(), COUNT, write(item), write(item, at=1.0), update, write(item | {"n": 2}, at=3.0))
    assert tunnel.logs == ["1", "1"]


@row(CHANGES)
def test_an_update_that_makes_an_item_is_one_record(tunnel: Tunnel) -> None:
    """Each change appears exactly once: an UpdateItem of an item that is not there is one INSERT, with all
    that it set.
    """

    def update(stage: Any) -> None:
        stage.cloud.client("dynamodb").update_item(
            TableName=stage.cloud.system.tables["Table"],
            Key={"PK": {"S": "p"}, "SK": {"S": "a"}},
            UpdateExpression="SET n = :n",
            ExpressionAttributeValues={":n": {"N": "1"}},
        )

    handler = """
        def handler(event, context):
            for record in event["Records"]:
                print(record["eventName"], sorted(record["dynamodb"]["NewImage"]))
    """
    tunnel.run(stream(), handler, update)
    assert tunnel.logs == ["INSERT ['PK', 'SK', 'n']"]


@row("Lambda developer guide, Using AWS Lambda with Amazon DynamoDB, example event")
def test_the_size_of_a_record_is_that_of_its_keys_and_images(tunnel: Tunnel) -> None:
    """SizeBytes counts keys and images as DynamoDB counts items: 26 and 59 bytes in the documented example."""
    handler = """
        def handler(event, context):
            print(*[record["dynamodb"]["SizeBytes"] for record in event["Records"]])
    """
    resources = stream().replace(
        "{AttributeName: PK, AttributeType: S}, {AttributeName: SK, AttributeType: S}",
        "{AttributeName: Id, AttributeType: N}",
    )
    resources = resources.replace(
        "{AttributeName: PK, KeyType: HASH}, {AttributeName: SK, KeyType: RANGE}",
        "{AttributeName: Id, KeyType: HASH}",
    )
    first, second = {"Id": 101, "Message": "New item!"}, {"Id": 101, "Message": "This item has changed"}
    tunnel.run(resources, handler, write(first), write(second, at=1.0))
    assert tunnel.logs == ["26", "59"]


@row("recorded against Lambda: LocalStack, test_lambda_integration_dynamodbstreams.snapshot.json")
def test_records_are_of_version_1_1(tunnel: Tunnel) -> None:
    """Records of a table's stream have eventVersion 1.1."""
    handler = "def handler(event, context): print(event['Records'][0]['eventVersion'])"
    tunnel.run(stream(), handler, write(*items("a")))
    assert tunnel.logs == ["1.1"]


@row(
    "Lambda developer guide, Process DynamoDB records with Lambda, parameter Enabled; recorded against Lambda"
)
def test_a_disabled_mapping_reads_nothing(tunnel: Tunnel) -> None:
    """A mapping with Enabled: false does not poll its stream."""
    tunnel.run(stream(mapping="BatchSize: 10, Enabled: false"), PRINT, write(*items("a")))
    assert tunnel.invocations == []
    assert tunnel.emulation.finished


@row(
    "DynamoDB developer guide, Best practices for designing and using partition keys effectively; Change data "
    "capture for DynamoDB Streams"
)
@pytest.mark.parametrize(
    ("throughput", "partitions"),
    [
        ("BillingMode: PAY_PER_REQUEST", 4),
        ("ProvisionedThroughput: {ReadCapacityUnits: 5, WriteCapacityUnits: 5}", 1),
        ("ProvisionedThroughput: {ReadCapacityUnits: 3000, WriteCapacityUnits: 1500}", 3),
    ],
)
def test_a_stream_has_a_shard_for_each_partition_of_its_table(
    tunnel: Tunnel, throughput: str, partitions: int
) -> None:
    """A stream has as many shards as its table has partitions: four of a new one on demand, and one for each
    3,000 read and 1,000 write units that are provisioned (as an option).
    """
    slow = "import time\ndef handler(event, context): time.sleep(4)"
    written = [{"PK": str(number), "SK": "x"} for number in range(24)]
    resources = stream(mapping="BatchSize: 1").replace("BillingMode: PAY_PER_REQUEST", throughput)
    tunnel.run(resources, slow, write(*written), stream_shards=0)
    assert running(tunnel) == partitions


@row(USING)
def test_each_shard_is_polled_four_times_a_second(tunnel: Tunnel) -> None:
    """Each shard is polled about four times a second by itself: what lies in several shards does not come at
    the same moment, and within a quarter of a second.
    """
    written = [{"PK": str(number), "SK": "x"} for number in range(16)]
    tunnel.run(stream(mapping="BatchSize: 100"), COUNT, write(*written), stream_shards=4)
    starts = sorted(round(one.start, 2) for one in tunnel.invocations)
    assert len(set(starts)) == len(starts) == 4
    assert starts[-1] < 0.3


@row("Lambda developer guide, Types of metrics for Lambda functions: IteratorAge")
def test_the_iterator_age_is_that_of_the_last_record_when_it_is_sent(tunnel: Tunnel) -> None:
    """The iterator age is the time between when the stream received the last record of a batch and when it was
    sent to the function.
    """
    slow = "import time\ndef handler(event, context): time.sleep(4)"
    tunnel.run(stream(mapping="BatchSize: 2"), slow, write(*items("a")), write(*items("b", "c"), at=0.5))
    first, second = tunnel.events(IteratorAge)
    assert (first.mapping, first.records, second.records) == ("FunctionE", 1, 2)
    assert 0 < first.age_seconds < 0.3
    assert 4.2 < second.age_seconds < 4.8
