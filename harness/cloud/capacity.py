"""The read and write units that a call to DynamoDB uses, by the items that it touches.

Sources: Amazon DynamoDB developer guide, "DynamoDB read and write operations" (a write unit is 1 KB of the
larger of the item before and after; a write whose condition fails uses the units of the item that stands; a
read unit is 4 KB, half a unit when eventually consistent, and counts whole items whatever is projected or
filtered away; Query and Scan add up their items before they round up) and "Amazon DynamoDB Transactions: How
it works" (two units for each).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
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
    """What one call used. `items`: bytes of each item that it wrote or read; tables: units by table, of a
    call that may name several.
    """

    read: float = 0.0
    write: float = 0.0
    items: tuple[int, ...] = ()
    tables: dict[str, float] = {}


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
        self._writes = list(writes(operation, request))
        self._before = [self._size(table, key) for table, key in self._writes]

    def units(self, answer: dict[str, Any], failed: bool, refused: bool) -> Units:
        """`failed`: a condition did not hold; `refused`: nothing was done at all, which costs nothing."""
        if refused and not failed:
            return Units()
        if self._writes:
            after = [self._size(table, key) for table, key in self._writes]
            sizes = [max(pair) for pair in zip(self._before, after, strict=True)]
            factor = TRANSACTION if self._operation == "TransactWriteItems" else 1
            each = [float(factor * write_units(size)) for size in sizes]
            tables = _by_table((table for table, _ in self._writes), each)
            return Units(write=sum(each), items=tuple(sizes), tables=tables)
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
                    (table, self._size(table, key), bool(wanted.get("ConsistentRead")))
                    for table, wanted in request["RequestItems"].items()
                    for key in wanted["Keys"]
                ]
                each = [read_units(size, kind) for _, size, kind in found]
                tables = _by_table((table for table, _, _ in found), each)
                return Units(sum(each), items=tuple(size for _, size, _ in found), tables=tables)
            case "TransactGetItems":
                gets = [one["Get"] for one in request["TransactItems"]]
                sizes = [self._size(get["TableName"], get["Key"]) for get in gets]
                each = [TRANSACTION * read_units(size, True) for size in sizes]
                tables = _by_table((get["TableName"] for get in gets), each)
                return Units(sum(each), items=tuple(sizes), tables=tables)
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


def _by_table(tables: Iterable[str], units: Sequence[float]) -> dict[str, float]:
    total: dict[str, float] = {}
    for table, used in zip(tables, units, strict=True):
        total[table] = total.get(table, 0.0) + used
    return total


def told(operation: str, request: dict[str, Any], used: Units) -> Any:
    """ConsumedCapacity of an answer, as the request's ReturnConsumedCapacity asks for it: of one table, or a
    list of several; None where it does not ask (DynamoDB API reference, "ConsumedCapacity").
    """
    wanted = request.get("ReturnConsumedCapacity", "NONE")
    if wanted == "NONE":
        return None
    kinds = {"TransactWriteItems": "WriteCapacityUnits", "TransactGetItems": "ReadCapacityUnits"}

    def entry(table: str, units: float) -> dict[str, Any]:
        numbers = {name: units for name in ("CapacityUnits", kinds.get(operation)) if name}
        whole = {"Table": numbers} if wanted == "INDEXES" else {}
        return {"TableName": table, **numbers, **whole}

    if "TableName" in request:
        return entry(request["TableName"], used.read + used.write)
    return [entry(table, units) for table, units in used.tables.items()]


def writes(operation: str, request: dict[str, Any]) -> Iterator[tuple[str, Item]]:
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
