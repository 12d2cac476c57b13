"""What a table serves: closed forms of its limits."""

import pytest

from harness.cloud.capacity import Units
from harness.cloud.throughput import Mode, Refused, Throughput

ON_DEMAND, PROVISIONED = Mode(None, None, "PK"), Mode(10.0, 10.0, "PK")


def put(key: str) -> dict:
    return {"TableName": "T", "Item": {"PK": {"S": key}}}


def served(table: Throughput, seconds: range, rate: int, keys: int = 10**9) -> dict[int, int]:
    """Of so many writes of one unit a second, to as many keys as that or fewer: how many in each second."""
    counts: dict[int, int] = {}
    for second in seconds:
        for number in range(rate):
            now = second + number / rate
            request = put(str(number % keys))
            if table.refusal("PutItem", request, now) is None:
                table.used("PutItem", request, Units(write=1.0), now)
                counts[second] = counts.get(second, 0) + 1
    return counts


def test_a_new_table_on_demand_serves_4000_writes_a_second() -> None:
    counts = served(Throughput(lambda name: ON_DEMAND), range(20), 6_000)
    assert sum(counts.values()) == pytest.approx(4_000 * 21, rel=0.001)  # a second's worth is there at first


def test_on_demand_it_serves_twice_its_busiest_minute_after_half_an_hour() -> None:
    table = Throughput(lambda name: ON_DEMAND)
    for second in range(1_800):
        for key in range(3):  # 3,000 units a second, in three requests
            table.used("PutItem", put(f"{second} {key}"), Units(write=1_000.0), float(second))
    counts = served(table, range(1_810, 1_820), 9_000)
    assert sum(counts.values()) == pytest.approx(6_000 * 11, rel=0.001)


def test_a_partition_serves_1000_writes_a_second_however_large_its_table() -> None:
    table = Throughput(lambda name: ON_DEMAND)
    counts = served(table, range(10), 2_000, keys=1)
    assert sum(counts.values()) == pytest.approx(1_000 * 11, rel=0.001)
    assert table.refusal("PutItem", put("0"), 9.9995) == Refused(
        "ThrottlingException", "TableWriteKeyRangeThroughputExceeded", "T"
    )
    assert table.refusal("PutItem", put("another"), 9.9995) is None


def test_a_partition_serves_3000_reads_a_second() -> None:
    table = Throughput(lambda name: ON_DEMAND)
    get = {"TableName": "T", "Key": {"PK": {"S": "a"}}}
    reads = 0
    for number in range(50_000):
        if table.refusal("GetItem", get, number / 5_000) is None:
            table.used("GetItem", get, Units(read=1.0), number / 5_000)
            reads += 1
    assert reads == pytest.approx(3_000 * 11, rel=0.001)


def test_provisioned_capacity_is_kept_for_five_minutes_and_then_is_the_limit() -> None:
    table = Throughput(lambda name: PROVISIONED)
    counts = served(table, range(600), 20)
    assert sum(counts.values()) == pytest.approx(10 * (600 + 300), rel=0.002)
    refused = table.refusal("PutItem", put("a"), 599.96)
    assert refused == Refused(
        "ProvisionedThroughputExceededException", "TableWriteProvisionedThroughputExceeded", "T"
    )


def test_a_query_counts_for_the_key_that_it_asks_for() -> None:
    table = Throughput(lambda name: ON_DEMAND)
    query = {
        "TableName": "T",
        "KeyConditionExpression": "#k = :k AND begins_with(SK, :b)",
        "ExpressionAttributeNames": {"#k": "PK"},
        "ExpressionAttributeValues": {":k": {"S": "a"}, ":b": {"S": "B"}},
    }
    table.used("Query", query, Units(read=3_001.0), 0.0)
    assert table.refusal("GetItem", {"TableName": "T", "Key": {"PK": {"S": "a"}}}, 0.0) is not None
    assert table.refusal("GetItem", {"TableName": "T", "Key": {"PK": {"S": "b"}}}, 0.0) is None


def test_what_is_no_table_is_not_refused() -> None:
    assert Throughput(lambda name: None).refusal("PutItem", put("a"), 0.0) is None
