"""The event source mapping on a DynamoDB stream."""

import json

from harness.engine.clock import EPOCH
from tests.conformance.tunnel import Tunnel, gaps, row, running, stream, wait, write

USING = "Lambda developer guide, Using AWS Lambda with Amazon DynamoDB"
PARAMETERS = (
    "Lambda developer guide, Process DynamoDB records with Lambda: Lambda parameters for DynamoDB "
    "event source mappings"
)
PARTIAL = "Lambda developer guide, Configuring partial batch response with DynamoDB and Lambda"
FILTERS = "Lambda developer guide, Using event filtering with a DynamoDB event source"

PRINT = """
    def handler(event, context):
        print(*[record["dynamodb"]["Keys"]["SK"]["S"] for record in event["Records"]])
"""

COUNT = """
    def handler(event, context):
        print(len(event["Records"]))
"""


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
    """Records older than MaximumRecordAgeInSeconds are given up."""
    tunnel.run(
        stream(mapping="BatchSize: 1, MaximumRecordAgeInSeconds: 60"),
        "def handler(e, c): raise ValueError",
        write(*items("a")),
    )
    assert 55 < tunnel.invocations[-1].t < 130
    assert tunnel.emulation.finished


@row("Lambda developer guide, Retain discarded records for a DynamoDB event source in Lambda")
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
