"""Of the messages and of the time: all work is done, nothing is lost or given up without a cause, and it ends
in time.
"""

import itertools
from collections import Counter, defaultdict
from math import ceil, inf

from harness.cloud.limits import IDLE_LANES, INIT_SECONDS, STREAM_BACKOFF_LIMIT_SECONDS
from harness.recorder import Call, Invocation, LoopStopped, Message, Result, Stroke, Throttle
from harness.runs.invariants.evidence import HARMLESS, Evidence, Found, Invariants


def _finished(evidence: Evidence) -> Found:
    if not evidence.emulation.finished:
        yield (f"work was left when the run was ended after {evidence.emulation.ended:.0f} virtual seconds",)


def _handlers_can_be_imported(evidence: Evidence) -> Found:
    """Each function whose initialisation failed, once, with the error."""
    failed = {event.function: event.error for event in evidence.events(Invocation) if event.init_failed}
    for function, error in failed.items():
        yield (f"the handler of {function} cannot be imported: {error}",)


def _queues_are_empty(evidence: Evidence) -> Found:
    for queue, leftover in evidence.emulation.leftovers.items():
        if leftover.consumed and leftover.messages:
            yield (f"{queue} still holds {leftover.messages} messages",)


def _no_message_lost(evidence: Evidence) -> Found:
    counts: Counter[tuple[str, str]] = Counter(
        (event.queue, event.action) for event in evidence.events(Message)
    )
    for queue, leftover in evidence.emulation.leftovers.items():
        came = counts[queue, "sent"] + counts[queue, "returned"]
        gone = counts[queue, "deleted"] + counts[queue, "redriven"] + counts[queue, "expired"]
        if came != gone + leftover.messages:
            yield (
                f"{queue}: {came} messages came, {gone} were deleted, redriven or expired, "
                f"{leftover.messages} are left",
            )


def _nothing_is_given_up_without_a_cause(evidence: Evidence) -> Found:
    """Poison aside, a message is received too often only when faults struck its queue or who received it, or
    who received it was not let in. That an upload was removed or overwritten meanwhile is no cause: users do.
    """
    system = evidence.emulation.system
    names = {arn: name for name, arn in system.queues.items()}
    receivers = {names[source.queue_arn]: source for source in system.sqs_sources} | {
        source.logical_id: source for source in system.stream_sources
    }
    struck = {
        stroke.where.partition(" ")[0].partition("/")[0]
        for stroke in evidence.events(Stroke)
        if stroke.fault not in HARMLESS or stroke.fault == "duplicate_delivery"
    }
    refused = {event.function for event in (*evidence.events(Throttle), *evidence.events(LoopStopped))}
    for gone in evidence.emulation.gone:
        receiver = receivers.get(gone.queue)
        if gone.action != "redriven" or receiver is None or receiver.function in refused:
            continue
        concerned = {gone.queue, receiver.logical_id, receiver.function}
        if not concerned & struck:
            yield (f"a message of {gone.queue} was given up though nothing struck who received it",)


def _comes_again_for_a_cause_only(evidence: Evidence) -> Found:
    """What was received and processed is received once more only when a fault has it so: a visibility timeout
    that is too short for the work is none.
    """
    system = evidence.emulation.system
    names = {arn: name for name, arn in system.queues.items()}
    sources = {names[source.queue_arn]: source for source in system.sqs_sources}
    received: dict[tuple[str, str], list[float]] = defaultdict(list)
    for event in evidence.events(Message):
        if event.action == "received" and event.queue in sources:
            received[event.queue, event.message].append(event.t)
    again = {one: times for one, times in received.items() if len(times) > 1}
    if not again:
        return
    processed: dict[str, list[Invocation]] = defaultdict(list)
    for event in evidence.events(Invocation):
        if event.outcome == "success" and not event.failed_records:
            for message in event.messages:
                processed[message].append(event)
    refused: dict[str, list[float]] = defaultdict(list)
    for event in evidence.events(Throttle):
        refused[event.function].append(event.t)
    struck: dict[str, list[float]] = defaultdict(list)
    brought_back: set[str] = set()
    for stroke in evidence.events(Stroke):
        if stroke.fault in _OF_MESSAGES:  # however much later it shows
            brought_back.add(stroke.where.rpartition(" ")[2])
        elif stroke.fault in _OF_POLLERS:
            struck[stroke.where].append(stroke.t)
    for (queue, message), times in again.items():
        if message in brought_back:
            continue
        source = sources[queue]
        causes = (*struck[source.logical_id], *refused[source.function])
        for first, second in itertools.pairwise(times):
            done = [one for one in processed[message] if one.function == source.function]
            if any(first <= one.start < second for one in done) and not any(
                first <= cause <= max(second, *(one.t for one in done)) for cause in causes
            ):
                yield (
                    f"message {message} of {queue} was received at {first:.3f} s, and again at "
                    f"{second:.3f} s, though {source.function} processed it",
                )


def _nothing_fails_for_ever(evidence: Evidence) -> Found:
    """A message that always fails, and that nothing catches, is tried until its queue forgets it."""
    struck = any(stroke.fault not in HARMLESS for stroke in evidence.events(Stroke))
    expired = {
        (event.queue, event.message) for event in evidence.events(Message) if event.action == "expired"
    }
    if struck or not expired:
        return
    received = Counter(
        (event.queue, event.message) for event in evidence.events(Message) if event.action == "received"
    )
    for queue, message in sorted(expired):
        if times := received[queue, message]:
            yield (
                f"message {message} of {queue} was received {times:,} times, never succeeded and expired: "
                f"no dead-letter queue "
                f"catches it (give {queue} a RedrivePolicy)",
            )


def _ends_in_time(evidence: Evidence) -> Found:
    """When the last cause from outside has come, the rest takes no longer than `longest_seconds`."""
    emulation = evidence.emulation
    done = (
        event.t
        for event in emulation.recorder.events
        if isinstance(event, Invocation | Result)
        or (isinstance(event, Message) and event.action != "expired")
    )
    took, bound = max(done, default=0.0) - emulation.rested, longest_seconds(evidence)
    if emulation.finished and took > bound:
        yield (
            f"work went on for {took:,.0f} s after the last upload, redrive and fault; what the queues' and "
            f"functions' timeouts allow is {bound:,.0f} s",
        )


def longest_seconds(evidence: Evidence) -> float:
    """How long a system may work when nothing from outside comes or breaks any more: infinite, where a queue
    without a RedrivePolicy keeps a message until its retention ends.

    A message goes through every queue once: it is received as often as its RedrivePolicy allows, each time
    hidden for the visibility timeout and invoked for no longer than an init and the function's timeout, after
    those before it; out of a dead-letter queue it is taken at the first try that nothing breaks. A stream's
    batch is invoked again after its longest pause, for each of its records alone if need be, and twice: to
    say that it was given up is a change of the table too. A function that sends to its own queue goes round
    for each of its units, at most.
    """
    system, total = evidence.emulation.system, 0.0
    came = Counter(event.queue for event in evidence.events(Message) if event.action in ("sent", "returned"))
    names = {arn: logical_id for logical_id, arn in system.queues.items()}
    sends = Counter(
        (call.caller, call.target)
        for call in evidence.events(Call)
        if call.service == "sqs" and call.operation.startswith("SendMessage")
    )
    units = sum(result.units for results in evidence.results.values() for result in results)
    for source in system.sqs_sources:
        redelivery = system.redelivery[source.queue_arn]
        is_last = source.queue_arn in system.dead_letters
        if not redelivery.receives and not is_last:
            return inf
        timeout = INIT_SECONDS + system.functions[source.function].timeout_seconds + source.window_seconds
        lanes = min(IDLE_LANES, source.maximum_concurrency or IDLE_LANES)
        turns = ceil(came[names[source.queue_arn]] / (lanes * source.batch_size)) or 1
        rounds = 1 + min(units, sends[source.function, source.queue_arn.rpartition(":")[2]])
        receives = 1 if is_last else redelivery.receives
        total += rounds * receives * (redelivery.visibility_seconds + turns * timeout)
    for stream in system.stream_sources:
        timeout = INIT_SECONDS + system.functions[stream.function].timeout_seconds + stream.window_seconds
        records = len(evidence.emulation.changes)
        total += 2 * (records + 1) * timeout + STREAM_BACKOFF_LIMIT_SECONDS
    return total


_OF_MESSAGES = frozenset({"duplicate_delivery", "deletion_lost"})
_OF_POLLERS = frozenset({"delete_fails", "poller_dies_before", "poller_dies_after"})
"""Faults that show a message again that nobody failed to process."""

INVARIANTS: Invariants = {
    "the run finished": _finished,
    "every handler can be imported": _handlers_can_be_imported,
    "queues are empty": _queues_are_empty,
    "no message is lost": _no_message_lost,
    "nothing is given up without a cause": _nothing_is_given_up_without_a_cause,
    "a message comes again for a cause only": _comes_again_for_a_cause_only,
    "no message fails until its queue forgets it": _nothing_fails_for_ever,
    "when faults rest it ends in time": _ends_in_time,
}
