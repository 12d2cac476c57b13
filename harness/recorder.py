"""What happened in a run: every API call, invocation, message and result as an event in virtual time.

Events are plain structs, kept in order; `trace.jsonl` is their lines, and `digest` names a whole run by them.
Real time never enters an event, so a run that is repeated has the same digest.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import msgspec

KEYS = {
    "age_seconds": "age",
    "compute_seconds": "compute",
    "cpu_seconds": "cpu",
    "duration_seconds": "duration",
    "init_seconds": "init",
    "max_memory_mb": "max_memory",
    "memory_mb": "memory",
    "size_bytes": "size",
}
"""Field of an event -> its key in trace.jsonl, where the two differ."""


class Event(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="event", omit_defaults=True, rename=KEYS.get
):
    """`t`: virtual seconds since the run began. Fields carry their units; a trace's keys are `KEYS`."""

    t: float


class Call(Event, frozen=True, kw_only=True, tag="call"):
    """An AWS request and its answer. Sizes in bytes; `items`: bytes of each DynamoDB item that it touched, or
    of each SQS message in it; read_units, write_units: of DynamoDB.

    caller: logical id of the function or of the event source mapping; request: id of the invocation that it
    belongs to. item: the key of the one item of a table that it is about, its parts joined by "/".
    """

    caller: str
    service: str
    operation: str
    target: str = ""
    status: int = 200
    error: str = ""
    seconds: float = 0.0
    sent_bytes: int = 0
    received_bytes: int = 0
    items: tuple[int, ...] = ()
    read_units: float = 0.0
    write_units: float = 0.0
    request: str = ""
    item: str = ""


class Invocation(Event, frozen=True, kw_only=True, tag="invocation"):
    """An invocation that ended at `t`. Seconds; memory in MB; `outcome`: success, error, timeout or killed;
    init_failed: the handler could not be imported. max_memory_mb: the most that its environment has used by
    then, 0 where that is not known. messages: ids of those of a queue that it was for.
    """

    function: str
    request: str
    environment: str
    start: float
    init_seconds: float
    duration_seconds: float
    billed_ms: int
    memory_mb: int
    cold: bool
    outcome: str
    error: str = ""
    records: int = 0
    failed_records: int = 0
    logged_bytes: int = 0
    compute_seconds: float = 0.0
    init_failed: bool = False
    max_memory_mb: int = 0
    messages: tuple[str, ...] = ()


class Throttle(Event, frozen=True, kw_only=True, tag="throttle"):
    """An invocation that Lambda refused: no concurrency was left."""

    function: str
    reason: str


class LoopStopped(Event, frozen=True, kw_only=True, tag="loop stopped"):
    """An invocation that Lambda refused because its chain goes round, and how many records it was for."""

    function: str
    records: int


class Message(Event, frozen=True, kw_only=True, tag="message"):
    """A message of a queue: what became of it (sent, received, deleted, redriven) and how old it was."""

    queue: str
    action: str
    message: str
    age_seconds: float = 0.0
    receives: int = 0


class IteratorAge(Event, frozen=True, kw_only=True, tag="iterator_age"):
    """A batch of a stream's records that a function has been through: how old the last of them was when it
    was sent to the function (Lambda developer guide, "Types of metrics for Lambda functions").
    """

    mapping: str
    age_seconds: float
    records: int


class Depth(Event, frozen=True, kw_only=True, tag="depth"):
    """Gauges, taken once a virtual second while they change: messages waiting and in flight, invocations
    running.
    """

    waiting: dict[str, int]
    in_flight: dict[str, int]
    running: dict[str, int]


class Compute(Event, frozen=True, kw_only=True, tag="compute"):
    """A recorded function's call that ended at `t`: CPU seconds at one vCPU, the virtual seconds that it
    took, and for whom; cut_short: it took as long as it allows itself; further: it was a further attempt at
    the unit that the call before was for.
    """

    function: str
    cpu_seconds: float
    request: str
    error: str = ""
    cut_short: bool = False
    seconds: float = 0.0
    further: bool = False


class SideWork(Event, frozen=True, kw_only=True, tag="side_work"):
    """A call of a recorded function that is no work on a unit of an input (`RecordedFunction.counted`)."""

    function: str
    cpu_seconds: float
    request: str
    error: str = ""
    seconds: float = 0.0


class Upload(Event, frozen=True, kw_only=True, tag="upload"):
    """An input file, complete in S3; lay_there: from the beginning, and no event told of it."""

    key: str
    size_bytes: int
    lay_there: bool = False


class Result(Event, frozen=True, kw_only=True, tag="result"):
    """A result object, written to S3."""

    key: str
    size_bytes: int


class Log(Event, frozen=True, kw_only=True, tag="log"):
    """What a function logged."""

    function: str
    text: str


class Metric(Event, frozen=True, kw_only=True, tag="metric"):
    """Values of a metric that a line of a function's log had embedded; unit: one of CloudWatch's. What its
    namespace, name and dimensions tell apart is a metric of its own.
    """

    function: str
    request: str
    namespace: str
    name: str
    unit: str
    dimensions: dict[str, str] = {}
    values: tuple[float, ...] = ()


class Stroke(Event, frozen=True, kw_only=True, tag="stroke"):
    """A fault that struck: at which of its opportunities, and what it struck."""

    fault: str
    number: int
    where: str


class Held(Event, frozen=True, kw_only=True, tag="held"):
    """A call that a schedule held back until `t`: whose call it is, which of those alike, and for how long;
    behind: the invocation of higher priority that it waited for, "" where it was preempted.
    """

    where: str
    number: int
    seconds: float
    behind: str = ""


AnyEvent = (
    Call
    | Invocation
    | Throttle
    | LoopStopped
    | Message
    | IteratorAge
    | Depth
    | Compute
    | SideWork
    | Upload
    | Result
    | Log
    | Metric
    | Stroke
    | Held
)


class Recorder:
    """Collects events. Recording never waits and draws nothing, so that it cannot change a run."""

    LOG_CHARACTERS: ClassVar[int] = 2_000

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []
        self.record = self.events.append

    def digest(self) -> str:
        """Names the run: the same events in the same order give the same digest."""
        hasher = hashlib.blake2b(digest_size=16)
        encoder = msgspec.json.Encoder()
        for event in self.events:
            hasher.update(encoder.encode(event))
        return hasher.hexdigest()

    def write(self, path: Path) -> None:
        encoder = msgspec.json.Encoder()
        with path.open("wb") as file:
            for event in self.events:
                file.write(encoder.encode(event))
                file.write(b"\n")


def read(path: Path) -> Iterable[AnyEvent]:
    """The events of a `trace.jsonl`."""
    decoder = msgspec.json.Decoder(AnyEvent)
    with path.open("rb") as file:
        for line in file:
            yield decoder.decode(line)
