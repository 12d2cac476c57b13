"""A scenario: which faults strike, and how often. One TOML table for each fault; `calm`, `rough` and
`hostile` are built in.
"""

import json
import tomllib
from importlib import resources
from pathlib import Path

import msgspec

from harness.errors import UsageError

PRESETS = ("calm", "rough", "hostile")

_OF_INVOCATIONS = {
    "killed_before_call": "an invocation ends just before one of its AWS calls",
    "killed_after_call": "an invocation ends when its AWS call is done but before it hears of it",
    "hangs": "a call of an invocation is never answered: the SDK gives it up after its read timeout",
    "out_of_memory": "Lambda ends an invocation for its memory, at one of its AWS calls",
    "environment_lost": "an idle execution environment is gone when it is wanted",
    "slow_environment": "everything that an environment computes takes longer, for a noisy neighbour",
}
_OF_ANSWERS = {  # AWS's, to a function's calls
    "throttled": (
        "DynamoDB answers ProvisionedThroughputExceededException, SQS and others "
        "ThrottlingException, S3 503 SlowDown"
    ),
    "internal_error": "the service answers 500 and has done nothing",
    "connection_reset": "the connection ends before the request is done",
    "answer_lost": "the request is done, but the connection ends before the answer comes",
    "stale_read": "a read that is not strongly consistent misses the writes of the last seconds",
    "short_page": "a query's answer ends after one item and says where to go on, as it does after 1 MB",
    "empty_read": "a function's read of a stream answers with no records yet, and where to go on",
    "batch_entry_refused": "SQS takes a batch of messages but for its last entry",
}
_OF_MESSAGES = {
    "duplicate_delivery": "a message that is in flight is delivered to another poller as well",
    "late_delivery": "a message can be received only some seconds after others that were sent later",
    "deletion_lost": "a message that was deleted is delivered once more",
    "message_expires": "a message is gone before anyone receives it, as at the end of its retention",
    "poison_message": "a message that nobody can read comes beside an upload's own",
}
_OF_SOURCES = {
    "delete_fails": "a poller cannot delete what its function has processed",
    "poller_dies_before": "a poller is gone with a batch in hand, before it invokes the function",
    "poller_dies_after": "a poller is gone with a batch in hand, after its function succeeded",
    "stream_redelivery": "a batch of stream records is delivered once more",
    "late_records": "a stream's records come to its function only after some time",
}
_OF_UPLOADS = {  # S3 and its users
    "duplicate_event": "S3 tells twice of an upload",
    "late_event": "S3 tells of an upload only after some time",
    "removal_event": (
        "the queue of an upload's event is told of a delete marker as well, as by another notification"
    ),
    "overwritten": "an upload is put again under the same key while it is being processed",
    "removed": "an upload is removed for good while it is being processed",
}
GROUPS: tuple[dict[str, str], ...] = (_OF_INVOCATIONS, _OF_ANSWERS, _OF_MESSAGES, _OF_SOURCES, _OF_UPLOADS)
"""Faults by what they strike, each with what it does."""

KINDS = {kind: what for group in GROUPS for kind, what in group.items()}
"""Every fault by its name in a scenario. What destroys an input is in `DESTRUCTIVE`."""

OF_CALLS = frozenset(_OF_INVOCATIONS.keys() | _OF_ANSWERS.keys()) - {"environment_lost", "slow_environment"}
"""What strikes at a call that an invocation makes: `where` may name the function, the service, the call."""

OF_QUEUES = frozenset(_OF_MESSAGES)
"""What strikes a queue's messages; `where` may name the queue."""

OF_UPLOADS = frozenset(_OF_UPLOADS)
"""What strikes an upload; `where` may be its key."""

DESTRUCTIVE = frozenset({"message_expires", "removed"})


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one fault strikes.

    rate: probability at each opportunity. seed: of its own dice; the run's when it is not given.
    seconds, repeats, factor: drawn evenly from such a range where the fault has a delay, a number of failures
    in a row, a slowdown.
    only: strikes exactly at these opportunities, counted from 1, whatever the rate.
    where: strikes only what begins with this: a function by its logical id, "AggregatorFunction s3.PutObj",
    a queue, a key. An opportunity elsewhere counts, and nothing strikes there.
    """

    rate: float = 0.0
    seed: int | None = None
    seconds: tuple[float, float] = (1.0, 60.0)
    repeats: tuple[int, int] = (1, 1)
    factor: tuple[float, float] = (2.0, 6.0)
    only: tuple[int, ...] | None = None
    where: str = ""


class Scenario(msgspec.Struct, frozen=True):
    """Faults by kind; a kind that is not in it never strikes."""

    name: str = "calm"
    faults: dict[str, Fault] = {}

    def only(self, strokes: "dict[str, list[int]]") -> "Scenario":
        """The same faults, but only these strokes (opportunities by kind) of them."""
        kept = {
            kind: msgspec.structs.replace(self.faults.get(kind, Fault()), only=tuple(numbers))
            for kind, numbers in strokes.items()
        }
        return Scenario(self.name, kept)

    def toml(self, above: str = "") -> str:
        """The scenario as a file; `above`: what stands before a fault's name where it is part of another."""
        lines = [f"# {self.name}"]
        for kind, fault in self.faults.items():
            lines += ["", f"[{above}{kind}]  # {KINDS[kind]}"]
            for field in msgspec.structs.fields(Fault):
                value = getattr(fault, field.name)
                if value is not None and value != field.default:
                    told = list(value) if isinstance(value, tuple) else value
                    lines.append(f"{field.name} = {json.dumps(told, ensure_ascii=False)}")
        return "\n".join(lines) + "\n"


CALM = Scenario()


def load(name: str) -> Scenario:
    """The preset of this name, else the scenario in this file. Raises `UsageError`."""
    if name in PRESETS:
        return parse(
            resources.files("harness.faults").joinpath(f"{name}.toml").read_text(encoding="utf-8"), name
        )
    path = Path(name)
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise UsageError(
            f"--faults {name} is neither a preset ({', '.join(PRESETS)}) nor a file: {error.strerror}"
        ) from error


def parse(text: str, name: str) -> Scenario:
    """Raises `UsageError`."""
    try:
        faults = msgspec.convert(tomllib.loads(text), dict[str, Fault])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"the scenario {name} is wrong: {error}") from error
    return checked(faults, name)


def checked(faults: dict[str, Fault], name: str) -> Scenario:
    """A scenario of these faults. Raises `UsageError` where one is unknown or a number makes no sense."""
    for kind, fault in faults.items():
        if kind not in KINDS:
            raise UsageError(f"the scenario {name} has a fault {kind}, which is none of {', '.join(KINDS)}")
        ranges = {"seconds": fault.seconds, "repeats": fault.repeats, "factor": fault.factor}
        if not 0 <= fault.rate <= 1:
            raise UsageError(
                f"the scenario {name}: the rate of {kind} is {fault.rate}; it must lie between 0 and 1"
            )
        if wrong := [field for field, (low, high) in ranges.items() if not 0 <= low <= high]:
            raise UsageError(
                f"the scenario {name}: {wrong[0]} of {kind} must be two numbers from 0 up, the lower first"
            )
    return Scenario(name, faults)
