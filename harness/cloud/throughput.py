"""What a table serves in a second, and how it says no to more.

Sources: Amazon DynamoDB developer guide, "On-demand capacity mode" (a new table serves 4,000 write and 12,000
read units a second, then twice its previous peak), "Best practices for designing and using partition keys
effectively" (a partition serves 1,000 write and 3,000 read units a second), "Burst and adaptive capacity" (of
provisioned capacity 300 seconds are kept for bursts); API reference, "ThrottlingReason". How often the peak
is looked at AWS does not say: here every half hour, and the peak is the busiest minute. Each partition key
counts as a partition of its own; indexes, and batches that are served in part, are not modelled.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from harness.cloud.capacity import Item, Units, writes
from harness.cloud.limits import (
    BURST_SECONDS,
    MOST_READ_UNITS,
    MOST_WRITE_UNITS,
    ON_DEMAND_READ_UNITS,
    ON_DEMAND_WRITE_UNITS,
    PARTITION_READ_UNITS,
    PARTITION_WRITE_UNITS,
    PEAK_SECONDS,
    PEAK_SPAN_SECONDS,
)

_READS = frozenset({"GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan"})
_KEPT_BUCKETS = 10_000
_PROVISIONED, _SCALING, _QUOTA = (
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
)
_KEYS = "KeyRangeThroughputExceeded"
_MESSAGES = {
    _PROVISIONED: "The table's provisioned throughput was exceeded.",
    _SCALING: "Throughput exceeds the current capacity of the table; it is being scaled.",
    _QUOTA: "Throughput exceeds the current quota of the account for a table.",
}


class Mode(msgspec.Struct, frozen=True):
    """How a table's capacity is set: units a second, None on demand; and its hash key's name."""

    read: float | None
    write: float | None
    hash_key: str


class Refused(msgspec.Struct, frozen=True):
    """Why a request is throttled, in the words of the API: the error's code and ThrottlingReason."""

    code: str
    reason: str
    table: str

    @property
    def message(self) -> str:
        return _MESSAGES[self.code]

    def details(self, arn: str) -> dict[str, Any]:
        """What the error's shape holds beside its message; the API spells it in two ways."""
        name = "throttlingReasons" if self.code == _SCALING else "ThrottlingReasons"
        return {name: [{"reason": self.reason, "resource": f"{arn}{self.table}"}]}


class _Bucket:
    """Units that are there to be used; what is used beyond them is owed. `rate`: units a second."""

    def __init__(self, rate: float, seconds: float, now: float) -> None:
        self.rate, self._seconds, self._left, self._at = rate, seconds, rate * seconds, now

    @property
    def limit(self) -> tuple[str, str]:
        """Which limit it stands for: the error's code, and the last part of the ThrottlingReason."""
        return _PROVISIONED, "ProvisionedThroughputExceeded"

    def is_open(self, now: float) -> bool:
        self._fill(now)
        return self._left > 0

    def is_full(self, now: float) -> bool:
        self._fill(now)
        return self._left >= self.rate * self._seconds

    def take(self, units: float, now: float) -> None:
        self._fill(now)
        self._left -= units

    def _fill(self, now: float) -> None:
        self._left = min(self.rate * self._seconds, self._left + (now - self._at) * self.rate)
        self._at = now


class _OnDemand(_Bucket):
    """Serves twice the busiest minute before, looked at every half hour, up to the account's quota."""

    def __init__(self, rate: float, most: float, now: float) -> None:
        super().__init__(rate, 1.0, now)
        self._most, self._minute, self._grows = most, now, now + PEAK_SPAN_SECONDS
        self._units = self._peak = 0.0

    @property
    def limit(self) -> tuple[str, str]:
        return (_SCALING, _KEYS) if self.rate < self._most else (_QUOTA, "AccountLimitExceeded")

    def _fill(self, now: float) -> None:
        while now >= self._minute + PEAK_SECONDS:
            self._peak = max(self._peak, min(self.rate, self._units / PEAK_SECONDS))
            self._units = 0.0
            self._minute += PEAK_SECONDS
            if self._minute >= self._grows:
                self.rate = min(self._most, max(self.rate, 2 * self._peak))
                self._grows += PEAK_SPAN_SECONDS
        super()._fill(now)

    def take(self, units: float, now: float) -> None:
        super().take(units, now)
        self._units += units


class Throughput:
    """All tables. `mode` tells how a table's capacity is set; None for a table that is not there."""

    def __init__(self, mode: Callable[[str], Mode | None]) -> None:
        self._mode = mode
        self._modes: dict[str, Mode | None] = {}
        self._tables: dict[tuple[str, str], _Bucket] = {}
        self._partitions: dict[tuple[str, str, str], _Bucket] = {}

    def refusal(self, operation: str, request: Item, now: float) -> Refused | None:
        """Why a request is not served at this moment (seconds), if it is not."""
        kind = _kind(operation)
        for table, keys in self._asked(operation, request).items():
            if not self._table(table, kind, now).is_open(now):
                return _refused(table, kind, *self._table(table, kind, now).limit)
            for key in keys:
                bucket = self._partitions.get((table, kind, key))
                if bucket is not None and not bucket.is_open(now):
                    provisioned = type(self._table(table, kind, now)) is _Bucket
                    return _refused(table, kind, _PROVISIONED if provisioned else _SCALING, _KEYS)
        return None

    def used(self, operation: str, request: Item, units: Units, now: float) -> None:
        """Takes what a request has used: of several items the same of each."""
        amount = units.read + units.write
        if not amount:
            return
        kind, asked = _kind(operation), self._asked(operation, request)
        count = sum(max(1, len(keys)) for keys in asked.values())
        for table, keys in asked.items():
            self._table(table, kind, now).take(amount * max(1, len(keys)) / count, now)
            for key in keys:
                self._partition(table, kind, key, now).take(amount / count, now)

    def _asked(self, operation: str, request: Item) -> dict[str, list[str]]:
        """The partition keys that a request is about, by table; none of a scan."""
        found: dict[str, list[str]] = {}
        for table, item in _items(operation, request):
            if table not in self._modes:
                self._modes[table] = self._mode(table)
            mode = self._modes[table]
            if mode is not None:
                found.setdefault(table, [])
                key = item.get(mode.hash_key)
                if key is not None:
                    found[table].append(repr(key))
        return found

    def _table(self, table: str, kind: str, now: float) -> _Bucket:
        bucket = self._tables.get((table, kind))
        if bucket is None:
            mode = self._modes[table]
            assert mode is not None
            given = mode.read if kind == "Read" else mode.write
            if given is not None:
                bucket = _Bucket(given, BURST_SECONDS, now)
            elif kind == "Read":
                bucket = _OnDemand(ON_DEMAND_READ_UNITS, MOST_READ_UNITS, now)
            else:
                bucket = _OnDemand(ON_DEMAND_WRITE_UNITS, MOST_WRITE_UNITS, now)
            self._tables[table, kind] = bucket
        return bucket

    def _partition(self, table: str, kind: str, key: str, now: float) -> _Bucket:
        place = table, kind, key
        if place not in self._partitions:
            if len(self._partitions) >= _KEPT_BUCKETS:
                self._partitions = {
                    one: bucket for one, bucket in self._partitions.items() if not bucket.is_full(now)
                }
            rate = PARTITION_READ_UNITS if kind == "Read" else PARTITION_WRITE_UNITS
            self._partitions[place] = _Bucket(rate, 1.0, now)
        return self._partitions[place]


def _refused(table: str, kind: str, code: str, limit: str) -> Refused:
    return Refused(code, f"Table{kind}{limit}", table)


def _kind(operation: str) -> str:
    return "Read" if operation in _READS else "Write"


def _items(operation: str, request: Item) -> Iterator[tuple[str, Item]]:
    """(table, an item that holds its key) of each item that a request reads or writes; of a query the key
    that it asks for, of a scan nothing.
    """
    match operation:
        case "GetItem":
            yield request["TableName"], request["Key"]
        case "BatchGetItem":
            for table, wanted in request["RequestItems"].items():
                for key in wanted["Keys"]:
                    yield table, key
        case "TransactGetItems":
            for entry in request["TransactItems"]:
                yield entry["Get"]["TableName"], entry["Get"]["Key"]
        case "Query":
            yield request["TableName"], _queried(request)
        case "Scan":
            yield request["TableName"], {}
        case _:
            yield from writes(operation, request)


def _queried(request: Item) -> Item:
    """The hash key that a key condition asks for, "name = :value", under its name."""
    for condition in str(request.get("KeyConditionExpression", "")).replace(" AND ", " and ").split(" and "):
        name, equals, value = condition.strip(" ()").partition("=")
        if equals:
            names: Any = request.get("ExpressionAttributeNames", {})
            values: Any = request.get("ExpressionAttributeValues", {})
            return {names.get(name.strip(), name.strip()): values.get(value.strip())}
    return {}
