"""Units of DynamoDB: the examples of its developer guide, and what calls to a real table use."""

from typing import Any

import pytest

from harness.cloud.capacity import Metered, read_units, write_units
from harness.cloud.item_size import item_bytes

KB = 1024


def item(size_bytes: int, key: str = "a") -> dict[str, Any]:
    """An item of exactly this size: "PK" and its key, "v" and the rest."""
    return {"PK": {"S": key}, "v": {"S": "x" * (size_bytes - 3 - len(key))}}


class Table:
    """Items by key, as they stand."""

    def __init__(self, *items: dict[str, Any]) -> None:
        self.items = {one["PK"]["S"]: one for one in items}

    def stored(self, name: str, key: dict[str, Any]) -> dict[str, Any] | None:
        return self.items.get(key["PK"]["S"])


def used(
    table: Table, operation: str, answer: dict[str, Any] | None = None, failed: bool = False, **request: Any
):
    """Units of a call that changes nothing."""
    metered = Metered(operation, {"TableName": "T", **request}, table.stored)
    return metered.units(answer or {}, failed=failed, refused=failed)


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ({"name": {"S": "Zoë"}}, 4 + 4),  # UTF-8 bytes of name and value
        ({"n": {"N": "0"}}, 1 + 1),
        ({"n": {"N": "27"}}, 1 + 2),  # a byte for two digits, and one
        ({"n": {"N": "-123.4500"}}, 1 + 4),  # zeros at the ends are trimmed
        ({"n": {"N": "1000000"}}, 1 + 2),
        ({"b": {"B": "aGVsbG8="}}, 1 + 5),  # raw bytes, not base64
        ({"t": {"BOOL": True}, "z": {"NULL": True}}, 2 + 2),
        ({"l": {"L": []}, "m": {"M": {}}}, 2 + 3 + 3),
        ({"l": {"L": [{"S": "ab"}, {"N": "1"}]}}, 1 + 3 + (1 + 2) + (1 + 2)),
        ({"m": {"M": {"k": {"S": "v"}}}}, 1 + 3 + (1 + 1 + 1)),
        ({"s": {"SS": ["a", "bc"]}, "n": {"NS": ["1", "22"]}}, 1 + 3 + 1 + 4),
    ],
)
def test_sizes_are_those_of_the_developer_guide(attributes: dict[str, Any], size: int) -> None:
    assert item_bytes(attributes) == size


def test_reads_of_3500_bytes_and_of_8_and_10_kb_use_what_the_guide_says() -> None:
    """ "DynamoDB read and write operations": up to 4 KB one unit; 8 KB two, one, or four; 10 KB like 12 KB."""
    assert read_units(3_500, consistent=True) == read_units(4 * KB, consistent=True) == 1
    assert (read_units(8 * KB, consistent=True), read_units(8 * KB, consistent=False)) == (2, 1)
    assert read_units(10 * KB, consistent=True) == read_units(12 * KB, consistent=True) == 3
    get = {"TransactItems": [{"Get": {"TableName": "T", "Key": {"PK": {"S": "a"}}}}]}
    assert used(Table(item(8 * KB)), "TransactGetItems", **get).read == 4


def test_a_batch_rounds_up_each_item_and_a_query_their_sum() -> None:
    """The guide: BatchGetItem of 1.5 KB and 6.5 KB counts 12 KB, not 8; a Query of 40.8 KB counts 44 KB."""
    two = Table(item(1536, "a"), item(6656, "b"))
    keys = {"RequestItems": {"T": {"Keys": [{"PK": {"S": "a"}}, {"PK": {"S": "b"}}], "ConsistentRead": True}}}
    assert used(two, "BatchGetItem", **keys).read == 3
    answer = {"Items": [item(round(40.8 * KB / 4), str(number)) for number in range(4)], "ScannedCount": 4}
    assert used(two, "Query", answer, ConsistentRead=True).read == 11
    assert used(two, "Query", answer).read == 5.5


def test_writes_of_one_and_three_kb_and_in_a_transaction_use_what_the_pricing_page_says() -> None:
    """DynamoDB pricing: 1 KB one unit, 3 KB three, 3 KB in a transaction six."""
    assert (write_units(1 * KB), write_units(3 * KB)) == (1, 3)
    put = {"TransactItems": [{"Put": {"TableName": "T", "Item": item(3 * KB)}}]}
    assert used(Table(item(3 * KB)), "TransactWriteItems", **put).write == 6


def test_a_write_counts_the_larger_of_the_item_before_and_after() -> None:
    table = Table(item(5 * KB))
    metered = Metered("PutItem", {"TableName": "T", "Item": item(KB)}, table.stored)
    table.items = {"a": item(KB)}
    assert metered.units({}, failed=False, refused=False).write == 5
    assert used(Table(), "DeleteItem", Key={"PK": {"S": "a"}}).write == 1  # nothing there is a unit too


def test_a_failed_condition_counts_the_item_that_stands_and_a_refused_call_nothing() -> None:
    table = Table(item(2 * KB + 1))
    assert used(table, "UpdateItem", failed=True, Key={"PK": {"S": "a"}}).write == 3
    metered = Metered("UpdateItem", {"TableName": "T", "Key": {"PK": {"S": "a"}}}, table.stored)
    assert metered.units({}, failed=False, refused=True).write == 0


def test_what_is_projected_or_filtered_away_was_read_all_the_same() -> None:
    table = Table(item(9 * KB))
    whole = used(table, "GetItem", Key={"PK": {"S": "a"}}, ProjectionExpression="PK", ConsistentRead=True)
    assert whole.read == 3
    answer = {
        "Items": [{"PK": {"S": "a"}}],
        "ScannedCount": 2,
    }  # two like it were read, one was filtered away
    assert used(table, "Query", answer, ProjectionExpression="PK", ConsistentRead=True).read == 5
