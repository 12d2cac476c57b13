"""Of the calls: none is made in vain, and no invocation fails without a cause."""

from collections import defaultdict
from collections.abc import Iterator

from harness.recorder import Call, Compute, Invocation, Stroke
from harness.runs.invariants.evidence import (
    HARMLESS,
    Evidence,
    Found,
    Invariants,
    each_result,
    has_failed,
    stored,
)
from harness.runs.results import stem

CONDITION_FAILED = "ConditionalCheckFailedException"
MALFORMED = frozenset(
    {
        "InvalidParameterCombination",
        "InvalidParameterValue",
        "InvalidParameterValueException",
        "MalformedXML",
        "MissingParameter",
        "SerializationException",
        "ValidationException",
    }
)
"""Errors of requests that AWS can make nothing of ("Common error types" in its API references)."""
READS = frozenset({"BatchGetItem", "GetItem", "Query", "Scan"})
"""Of items."""


def _conditions_fail_for_a_cause(evidence: Evidence) -> Found:
    """A condition keeps what comes twice from being done twice. Where nothing does, each write that fails by
    it is paid for in vain.
    """
    if not evidence.is_undisturbed:
        return
    for call in evidence.events(Call):
        if call.error == CONDITION_FAILED:
            yield (
                f"{call.caller} {call.operation} of {call.item or call.target} failed its condition at "
                f"{call.t:.3f} s, though nothing came twice and nothing failed",
            )


def _calls_are_well_formed(evidence: Evidence) -> Found:
    """What AWS can make nothing of it will not take the next time either, whatever else breaks."""
    for call in evidence.events(Call):
        if call.request and call.error in MALFORMED:
            what = f"{call.caller} {call.operation} of {call.item or call.target}"
            yield (f"{what} was refused at {call.t:.3f} s: {call.error}",)


def _answers_are_heard(evidence: Evidence) -> Found:
    """Who is told by a condition that fails what stands there does not try the same item again at once: the
    answer has the item, unless somebody changed it in between. A request of the same size is the same again,
    whose answer was lost.
    """
    latest: dict[str, Call] = {}
    written: dict[str, Call] = {}
    for call in evidence.events(Call):
        if call.request and call.error == CONDITION_FAILED:
            before, last = latest.get(call.request), written.get(call.item)
            told = before is not None and (before.item, before.error) == (call.item, CONDITION_FAILED)
            if before and told and before.sent_bytes != call.sent_bytes and not (last and last.t >= before.t):
                yield (
                    f"{call.request} of {call.caller} tried a condition on {call.item} in vain at "
                    f"{call.t:.3f} s, though it had heard at {before.t:.3f} s what stands there",
                )
        elif call.item and call.status < 300 and call.operation not in READS:
            written[call.item] = call
        latest[call.request] = call


def _work_is_given_back_in_time(evidence: Evidence) -> Found:
    """Who sends a message to the queue that its own came from, since its time is short, has little of it
    left, and has begun: else the work goes round and round.
    """
    if not evidence.kept_back:
        return
    system = evidence.emulation.system
    computed = {event.request for event in evidence.events(Compute)}
    for event, made, given_back in _giving_back(evidence):
        until = event.t - event.duration_seconds + system.functions[event.function].timeout_seconds
        left = until - given_back[0].t
        if left >= evidence.kept_back:
            yield (f"{event.request} gave its work back when it had {left:.1f} s left to do it",)
        if event.request not in computed and not any(call.operation == "GetObject" for call in made):
            yield (f"{event.request} gave its work back without having begun it",)


def _giving_back(evidence: Evidence) -> Iterator[tuple[Invocation, list[Call], list[Call]]]:
    """Invocations that send messages to the queue that their own came from, with their calls, and those of
    them that send these.
    """
    sources = evidence.emulation.system.sqs_sources
    feeds = {(source.function, source.queue_arn.rpartition(":")[2]) for source in sources}
    fed = {function for function, _ in feeds}
    calls: dict[str, list[Call]] = defaultdict(list)
    for call in evidence.events(Call):
        if call.request and call.caller in fed:
            calls[call.request].append(call)
    for event in evidence.events(Invocation):
        made = calls[event.request]
        given_back = [
            call for call in made if call.operation == "SendMessage" and (call.caller, call.target) in feeds
        ]
        if given_back:
            yield event, made, given_back


def _work_is_given_back_once(evidence: Evidence) -> Found:
    """Each message that gives work back has said so in the state: of all that are about a part, however often
    it was delivered, one at a time goes on with it. One that is redriven is told by its first name. Of a part
    that is stored nothing is left to give back.
    """
    named = evidence.state.parts if evidence.state else None
    if named is None or not named.handed:
        return
    images = (record["dynamodb"].get("NewImage", {}) for record in evidence.emulation.changes)
    handed = [image for image in images if named.handed in image]
    for image in handed:
        if image.get(named.status) == {"S": named.completed}:
            yield (f"what was left of part {image[named.number]['N']} was given back when it was stored",)
    if evidence.given_back:
        return
    told = {image[named.handed]["S"] for image in handed}
    for event, _, given_back in _giving_back(evidence):
        if not told.intersection(event.messages):
            yield (
                f"{event.request} gave work back at {given_back[0].t:.3f} s, and the state does not say so",
            )


def _no_other_objects_are_stored(evidence: Evidence) -> Found:
    """What functions put are results, what is too long for an item, and kinds of objects that a calm run
    stores as well: nobody looks at any other. An item that would name its object may be missing where
    something failed.
    """
    if evidence.usual is None or not evidence.is_undisturbed:
        return
    content = evidence.state.parts.content if evidence.state and evidence.state.parts else None
    results = {stem(result.stored) for _, result in each_result(evidence)}
    spilled = {part.item.get(content.elsewhere) for part in evidence.part_images} if content else set()
    for key, kind in stored(evidence.emulation).items():
        if kind not in evidence.usual.stored and key not in spilled and stem(key) not in results:
            yield (f"{key} was stored, which a calm run does not",)


def _invocations_fail_for_a_cause(evidence: Evidence) -> Found:
    """Poison aside, an invocation fails, or one of its records does, only where a fault strikes its function:
    what was delivered twice, late or after it is done is none, and that one succeeds the second time does not
    make up for it. A function that fails where nothing breaks at all may do so by design.
    """
    strokes = [stroke for stroke in evidence.events(Stroke) if stroke.fault not in HARMLESS]
    if evidence.usual is None or any(stroke.fault == "poison_message" for stroke in strokes):
        return
    struck = {stroke.where.partition(" ")[0].partition("/")[0] for stroke in strokes}
    for event in evidence.events(Invocation):
        if has_failed(event) and event.function not in evidence.usual.failing | struck:
            what = event.error or f"{event.failed_records} of {event.records} records failed"
            yield (f"{event.request} of {event.function} failed though nothing struck it: {what}",)


INVARIANTS: Invariants = {
    "an invocation fails for a cause only": _invocations_fail_for_a_cause,
    "a condition fails for a cause only": _conditions_fail_for_a_cause,
    "no call is malformed": _calls_are_well_formed,
    "a condition that fails is heard": _answers_are_heard,
    "no other objects are stored than in a calm run": _no_other_objects_are_stored,
    "work is given back when time is short only": _work_is_given_back_in_time,
    "of a part one message at a time gives work back": _work_is_given_back_once,
}
