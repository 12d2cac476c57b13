"""The read and write units that a call to DynamoDB uses, by the items that it touches.

Sources: Amazon DynamoDB developer guide, "DynamoDB read and write operations" (a write unit is 1 KB of the
larger of the item before and after; a write whose condition fails uses the units of the item that stands; a
read unit is 4 KB, half a unit when eventually consistent, and counts whole items whatever is projected or
filtered away; Query and Scan add up their items before they round up) and "Amazon DynamoDB Transactions: How
it works" (two units for each).
"""

from collections.abc import Callable, Iterator
from math import ceil
from typing import Any

import msgspec

from harness.cloud.item_size import item_bytes

WRITE_UNIT_BYTES, READ_UNIT_BYTES = 1_024, 4_096
TRANSACTION = 2

Item = dict[str, Any]
Stored = Callable[[str, Item], Item | None]
"""The item that stands in a table under the key in an item; None where there is none."""


class Units(msgspec.Struct):
    """What one call used. `items`: bytes of each item that it wrote or read."""

    read: float = 0.0
    write: float = 0.0
    items: tuple[int, ...] = ()


def write_units(size_bytes: int) -> int:
    """Of one item; also for one that is not there."""
    return max(1, ceil(size_bytes / WRITE_UNIT_BYTES))


def read_units(size_bytes: int, consistent: bool) -> float:
    """Of one item, or of all that a Query or Scan has read."""
    return max(1, ceil(size_bytes / READ_UNIT_BYTES)) * (1.0 if consistent else 0.5)


class Metered:
    """One call, seen before and after it was carried out."""

    def __init__(self, operation: str, request: dict[str, Any], stored: Stored) -> None:
        self._operation, self._request, self._stored = operation, request, stored
        self._writes = list(_writes(operation, request))
        self._before = [self._size(table, key) for table, key in self._writes]

    def units(self, answer: dict[str, Any], failed: bool, refused: bool) -> Units:
        """`failed`: a condition did not hold; `refused`: nothing was done at all, which costs nothing."""
        if refused and not failed:
            return Units()
        if self._writes:
            after = [self._size(table, key) for table, key in self._writes]
            sizes = [max(pair) for pair in zip(self._before, after, strict=True)]
            factor = TRANSACTION if self._operation == "TransactWriteItems" else 1
            return Units(write=float(factor * sum(map(write_units, sizes))), items=tuple(sizes))
        return self._read(answer)

    def _read(self, answer: dict[str, Any]) -> Units:
        request = self._request
        consistent = bool(request.get("ConsistentRead"))
        match self._operation:
            case "GetItem":
                size = self._size(request["TableName"], request["Key"])
                return Units(read_units(size, consistent), items=(size,))
            case "BatchGetItem":
                found = [
                    (self._size(table, key), bool(wanted.get("ConsistentRead")))
                    for table, wanted in request["RequestItems"].items()
                    for key in wanted["Keys"]
                ]
                return Units(sum(read_units(*one) for one in found), items=tuple(size for size, _ in found))
            case "TransactGetItems":
                gets = [one["Get"] for one in request["TransactItems"]]
                sizes = [self._size(get["TableName"], get["Key"]) for get in gets]
                return Units(TRANSACTION * sum(read_units(size, True) for size in sizes), items=tuple(sizes))
            case "Query" | "Scan":
                sizes = self._scanned(answer)
                return Units(read_units(sum(sizes), consistent), items=tuple(sizes))
        return Units()

    def _scanned(self, answer: dict[str, Any]) -> list[int]:
        """Sizes of the items that were looked at; those that a filter took away count as the mean of the rest
        of the answer, or as one unit where it took all.
        """
        sizes = []
        for item in answer.get("Items", []):
            whole = self._stored(self._request["TableName"], item) if self._is_projected else item
            sizes.append(item_bytes(whole or item))
        hidden = int(answer.get("ScannedCount", len(sizes))) - len(sizes)
        mean = round(sum(sizes) / len(sizes)) if sizes else READ_UNIT_BYTES
        return [*sizes, *([mean] * hidden)]

    @property
    def _is_projected(self) -> bool:
        return bool({"ProjectionExpression", "AttributesToGet", "IndexName"} & self._request.keys())

    def _size(self, table: str, key: Item) -> int:
        found = self._stored(table, key)
        return item_bytes(found) if found else 0


def _writes(operation: str, request: dict[str, Any]) -> Iterator[tuple[str, Item]]:
    """(table, an item that holds its key) of each item that a call writes."""
    match operation:
        case "PutItem":
            yield request["TableName"], request["Item"]
        case "UpdateItem" | "DeleteItem":
            yield request["TableName"], request["Key"]
        case "BatchWriteItem":
            for table, entries in request["RequestItems"].items():
                for entry in entries:
                    ((_, one),) = entry.items()
                    yield table, one.get("Item") or one["Key"]
        case "TransactWriteItems":
            for entry in request["TransactItems"]:
                ((_, one),) = entry.items()
                yield one["TableName"], one.get("Item") or one["Key"]
