"""What there is to see of a living system: inputs and their states, queues, functions, the log, and the bill.

Made of the events that were recorded since the last look, and of what writes to tables tell of an input's
progress; looked at in the thread of the event loop. Holds no value of what was found.
"""

from collections import Counter, deque
from typing import Any

import msgspec

from harness.bill import bill as bills
from harness.bill import meter
from harness.bill.bill import Bill
from harness.bill.prices import Prices
from harness.cloud import backends
from harness.cloud.deployment import Holding
from harness.cloud.system import System
from harness.cloud.wire import Exchange
from harness.config import Config
from harness.live.world import LivingWorld
from harness.recorder import AnyEvent, Invocation, Log, LoopStopped, Result, Stroke, Throttle, Upload
from harness.runs.results import Outcome, by_upload
from harness.services.stage import Stage

LOG_LINES = 500
"""That are kept for who comes later."""
UPLOADED, PROCESSING = "UPLOADED", "PROCESSING"
_WRITES = ("PutItem", "UpdateItem")


class Row(msgspec.Struct, rename="camel"):
    """An input: state is UPLOADED, PROCESSING, or its result's status. Times in virtual seconds."""

    key: str
    name: str
    size: int
    uploaded: float
    version: int
    state: str = UPLOADED
    parts: int = 0
    parts_done: int = 0
    units: int = 0
    marked: list[int] = []
    reason: str = ""
    result: str = ""
    ended: float = 0.0


class Line(msgspec.Struct, frozen=True):
    """Of the log; kind: log, error, throttle or fault."""

    number: int
    t: float
    kind: str
    function: str
    text: str


class Bills:
    """What it would have cost so far; counted by who asks, not by the loop, and only when it has changed."""

    def __init__(self, system: System, prices: Prices, free_tier: bool, months: float) -> None:
        self._system, self._prices, self._free_tier, self._months = system, prices, free_tier, months
        self._known = 0
        self._bill: Bill | None = None

    def of(self, events: list[AnyEvent], holdings: tuple[Holding, ...]) -> Bill:
        if self._bill is None or len(events) != self._known:
            usage = meter.Usage(events=events, system=self._system, holdings=holdings, months=self._months)
            self._bill = bills.bill(meter.quantities(usage), self._prices, self._free_tier)
            self._known = len(events)
        return self._bill


class View:
    def __init__(self, config: Config, stage: Stage, world: LivingWorld) -> None:
        self._config, self._stage, self._world = config, stage, world
        self._events = stage.recorder.events
        self._seen = self._version = 0
        self.rows: dict[str, Row] = {}
        self.outcomes: dict[str, Outcome] = {}
        """By the key of the upload."""
        self._lines: deque[Line] = deque(maxlen=LOG_LINES)
        self._written: dict[tuple[str, str], dict[str, Any]] = {}
        self._invocations: dict[str, Counter[str]] = {
            name: Counter() for name in stage.cloud.system.functions
        }
        if config.state is not None:
            stage.wire.observe("dynamodb", self._on_write)

    def since(self, version: int, line: int) -> dict[str, Any]:
        """All that is shown, and of inputs and log what has changed since."""
        self.catch_up()
        rows = [row for row in self.rows.values() if row.version > version]
        return {
            "version": self._version,
            "files": msgspec.to_builtins(rows),
            "counts": Counter(row.state for row in self.rows.values()),
            "queues": self._queues(),
            "functions": self._functions(),
            "log": msgspec.to_builtins([one for one in self._lines if one.number > line]),
        }

    def catch_up(self) -> None:
        """Takes in what happened since the last look."""
        for event in self._events[self._seen :]:
            self._take(event)
        self._seen = len(self._events)
        for (table, _), key in self._written.items():
            if (item := backends.stored_item(table, key)) is not None:
                self._progress(item)
        self._written.clear()

    def _take(self, event: AnyEvent) -> None:
        match event:
            case Upload():
                name = event.key.removeprefix(self._world.prefix)
                self.rows[event.key] = Row(event.key, name, event.size_bytes, event.t, self._next())
                self.outcomes.pop(event.key, None)
            case Result():
                self._result(event)
            case Invocation():
                counts = self._invocations[event.function]
                counts.update(invocations=1, cold=int(event.cold), failed=int(bool(event.error)))
                if event.error:
                    self._line(event.t, "error", event.function, event.error)
            case Throttle() | LoopStopped():
                self._invocations[event.function]["throttled"] += 1
            case Log():
                self._line(event.t, "log", event.function, event.text)
            case Stroke():
                self._line(event.t, "fault", event.where, event.fault)

    def _result(self, event: Result) -> None:
        place = self._config.results.partition("/")[0]
        bucket = self._stage.cloud.system.buckets.get(place, "")
        stored = self._stage.cloud.stored_object(bucket, event.key) if bucket else None
        if stored is None:
            return
        for upload, found in by_upload({event.key: stored.value}, self._config.result).items():
            outcome, row = found[0], self.rows.get(upload)
            if row is None:
                continue
            self.outcomes[upload] = outcome
            row.state, row.units, row.marked = outcome.status, outcome.units, outcome.marked
            row.reason, row.result, row.ended, row.version = outcome.reason, event.key, event.t, self._next()

    def _on_write(self, exchange: Exchange) -> None:
        if exchange.operation in _WRITES:
            asked = msgspec.json.decode(exchange.body)
            key = asked.get("Key") or asked.get("Item") or {}
            table = str(asked.get("TableName", ""))
            self._written[table, backends.key_of(table, key)] = key

    def _progress(self, item: dict[str, Any]) -> None:
        """An item of the table that tells of an input."""
        fields = self._config.state
        assert fields is not None
        row = self.rows.get(str(_plain(item.get(fields.file))))
        if row is None or fields.total not in item or row.result:
            return
        row.state = PROCESSING
        row.parts = int(_plain(item[fields.total]))
        row.parts_done = sum(int(_plain(item[name])) for name in fields.counted if name in item)
        row.version = self._next()

    def _queues(self) -> list[dict[str, Any]]:
        dead = self._stage.cloud.system.dead_letters
        return [
            {"name": queue.logical_id, "waiting": waiting, "inFlight": in_flight, "dead": arn in dead}
            for arn, queue in self._world.queues.by_arn.items()
            for waiting, in_flight in [queue.counts()]
        ]

    def _functions(self) -> list[dict[str, Any]]:
        warm = self._world.functions.idle
        return [
            {
                "name": name,
                "running": self._world.functions.running.get(name, 0),
                "warm": warm.get(name, 0),
                **{kind: counts[kind] for kind in ("invocations", "cold", "failed", "throttled")},
            }
            for name, counts in self._invocations.items()
        ]

    def _line(self, t: float, kind: str, function: str, text: str) -> None:
        self._lines.append(Line(self._next(), round(t, 3), kind, function, text))

    def _next(self) -> int:
        self._version += 1
        return self._version


def _plain(value: Any) -> Any:
    """A value of DynamoDB's JSON, {"S": "text"}, by itself."""
    return next(iter(value.values()), "") if isinstance(value, dict) else ""
