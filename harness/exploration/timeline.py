"""A run as a story to read: the faults that struck, and what became of uploads, messages and invocations
because of them.
"""

from collections.abc import Iterator, Sequence

from harness.recorder import AnyEvent, Call, Held, Invocation, Log, Message, Result, Stroke, Upload
from harness.runs.emulation import Emulation
from harness.runs.invariants import Violation

TOLD_ACTIONS = ("redriven", "expired", "returned")


def timeline(emulation: Emulation, violations: Sequence[Violation]) -> list[str]:
    """One line for each thing that matters, in order of virtual time; the violations last."""
    lines = [f"{event.t:12.3f} s  {told}" for event in emulation.recorder.events for told in _tell(event)]
    return [*lines, *(f"    VIOLATED: {violation.invariant}: {violation.detail}" for violation in violations)]


def _tell(event: AnyEvent) -> Iterator[str]:
    match event:
        case Stroke():
            yield f"FAULT     {event.fault} #{event.number}: {event.where}"
        case Held(behind=behind):
            how = (
                f"waited {event.seconds:.3f} s behind {behind}"
                if behind
                else f"preempted for {event.seconds:.3f} s"
            )
            yield f"HELD      {event.where} #{event.number} {how}"
        case Upload():
            yield f"upload    {event.key}"
        case Result():
            yield f"result    {event.key}"
        case Invocation():
            outcome = (
                event.outcome
                if not event.failed_records
                else f"{event.failed_records} of {event.records} records failed"
            )
            reason = f": {event.error}" if event.error else ""
            yield f"invoked   {event.environment} since {event.start:.3f} s, {outcome}{reason}"
        case Message(action=action) if action in TOLD_ACTIONS or event.receives > 1:
            again = f" for the {event.receives}th time" if event.receives > 1 else ""
            yield f"message   {event.message} in {event.queue} {action}{again}"
        case Call() if event.error and event.error != "ConditionalCheckFailedException":
            yield f"refused   {event.caller} {event.service}.{event.operation}: {event.error}"
        case Call(operation="PutItem" | "UpdateItem" | "TransactWriteItems"):
            yield (
                f"write     {event.caller} "
                f"{event.operation}{' did not meet its condition' if event.error else ''}"
            )
        case Log():
            yield f"log       {event.function}: {event.text[:200]}"
        case _:
            return
