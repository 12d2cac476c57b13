"""What must be true of every run, whatever happened in it. Each invariant has a name; a violation says what
broke it.

Some look at the end of a run, others at every change that the tables' streams told of. A fault that destroys
an input excuses its result; a message that ended in a dead-letter queue excuses a result that says so.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import quote_plus

import msgspec
from boto3.dynamodb.types import TypeDeserializer

from harness.config import ResultFields, StateFields
from harness.recorder import Call, Compute, Invocation, Message, Result, Stroke, Throttle
from harness.runs.emulation import Emulation
from harness.runs.results import Outcome, Results

Item = dict[str, Any]
_plain = TypeDeserializer().deserialize


class Violation(msgspec.Struct, frozen=True):
    """`about`: the upload that it concerns, "" for the whole run."""

    invariant: str
    detail: str
    about: str = ""


class Evidence(msgspec.Struct, frozen=True, dict=True):
    """What the invariants look at. `results`: the decoded results by input key, with how many there are for
    each.

    expected: the results of a calm run by input key, None where there was none to compare with. given_back:
    what was given up was given back; healed: when nothing broke any more.
    """

    emulation: Emulation
    uploads: Sequence[str]
    results: Results
    fields: ResultFields
    state: StateFields | None = None
    expected: Results | None = None
    healed: bool = False
    given_back: bool = False
    has_results: bool = True

    def events(self, kind: type) -> Iterator[Any]:
        return (event for event in self.emulation.recorder.events if isinstance(event, kind))

    def is_gone(self, key: str, action: str) -> bool:
        """Whether a message about an upload left a queue in this way ("redriven", "expired") instead of being
        processed.
        """
        named = (key, quote_plus(key, safe="/"))
        return any(
            one.action == action and any(name in one.body for name in named) for one in self.emulation.gone
        )

    def is_destroyed(self, key: str) -> bool:
        """Whether a fault took the input, or a message about it, out of the world."""
        return key in self.removed or self.is_gone(key, "expired")

    @cached_property
    def versions(self) -> Counter[str]:
        """How often each object was put, by key."""
        puts = ("PutObject", "CompleteMultipartUpload", "CopyObject")
        return Counter(
            call.target.partition("/")[2]
            for call in self.events(Call)
            if call.operation in puts and call.status < 300
        )

    @cached_property
    def cut_short(self) -> Counter[str]:
        """How many recorded calls took as long as they allow themselves, by key of the upload that they were
        about.
        """
        requests = Counter(call.request for call in self.events(Compute) if call.cut_short)
        read = {
            (call.request, call.target.partition("/")[2])
            for call in self.events(Call)
            if call.operation == "GetObject" and call.request in requests
        }
        found: Counter[str] = Counter()
        for request, key in read:
            found[key] += requests[request]
        return found

    @cached_property
    def removed(self) -> frozenset[str]:
        """Keys of the uploads that a fault removed."""
        return frozenset(stroke.where for stroke in self.events(Stroke) if stroke.fault == "removed")

    @cached_property
    def histories(self) -> Mapping[str, Sequence[Item]]:
        """The successive images of each file's item, by its keys."""
        if self.state is None:
            return {}
        found: dict[str, list[Item]] = defaultdict(list)
        for record in self.emulation.changes:
            image = record["dynamodb"].get("NewImage", {})
            if self.state.total in image:
                found[str(record["dynamodb"]["Keys"])].append(
                    {name: _plain(value) for name, value in image.items()}
                )
        return found


def check(evidence: Evidence) -> tuple[list[str], list[Violation]]:
    """(names of the invariants checked, violations)."""
    violations = [
        Violation(name, *found) for name, invariant in _INVARIANTS.items() for found in invariant(evidence)
    ]
    return list(_INVARIANTS), violations


HARMLESS = frozenset(
    {"late_event", "duplicate_event", "late_delivery", "overwritten", "slow_environment", "environment_lost"}
)
"""Faults that no invocation or delivery fails for."""

Found = Iterator[tuple[str, ...]]
"""Violations: what is wrong, and the upload that it is about, if any."""


def _finished(evidence: Evidence) -> Found:
    if not evidence.emulation.finished:
        yield (f"work was left when the run was ended after {evidence.emulation.ended:.0f} virtual seconds",)


def _one_result_each(evidence: Evidence) -> Found:
    for key in evidence.uploads if evidence.has_results else ():
        count, versions = len(evidence.results.get(key, ())), evidence.versions[key] or 1
        if count != versions and not (count < versions and evidence.is_destroyed(key)):
            yield f"{key} was put {versions} times and has {count} results", key


def _results_have_their_fields(evidence: Evidence) -> Found:
    """Each field that some results lack, once, with how many lack it."""
    lacking = Counter(name for _, result in _each_result(evidence) for name in result.missing)
    for name, count in sorted(lacking.items()):
        key, example = next((key, result) for key, result in _each_result(evidence) if name in result.missing)
        yield (
            f"{count} results have no field {name} of its kind, {example.stored} first: correct "
            f"[tool.harness.result] or the system",
            key,
        )


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


def _marked_in_range(evidence: Evidence) -> Found:
    fields = evidence.fields
    if not (fields.units and fields.marked):
        return
    for key, result in _each_result(evidence):
        marked = list(result.marked)
        total = result.units
        if marked != sorted(set(marked)) or not all(1 <= number <= total for number in marked):
            yield f"{key}: {fields.marked} is {marked} of {total}", key


def _status_agrees(evidence: Evidence) -> Found:
    fields = evidence.fields
    for key, result in _each_result(evidence):
        errors, status = len(result.errors), result.status
        if status == fields.completed and errors:
            yield f"{key} is {status} with {errors} errors", key
        if fields.reason and fields.status and status != fields.completed and not result.reason:
            yield f"{key} is {status} without a reason", key


def _batches_add_up(evidence: Evidence) -> Found:
    state = evidence.state
    for history in evidence.histories.values():
        assert state is not None
        for image in history:
            counted = [int(image[name]) for name in state.counted]
            total, left = int(image[state.total]), int(image[state.remaining])
            if min(*counted, left) < 0 or sum(counted) + left != total:
                yield (
                    f"{image[state.file]}: of {total} batches {counted} are counted and {left} are left",
                    image[state.file],
                )
                break


def _terminal_states_stay(evidence: Evidence) -> Found:
    state, completed = evidence.state, evidence.fields.completed
    for history in evidence.histories.values():
        assert state is not None
        for before, after in itertools.pairwise(history):
            was, became, key = before[state.status], after[state.status], after[state.file]
            moved = evidence.given_back or any(
                before[name] != after[name] for name in (state.total, *state.counted)
            )
            if (
                was != state.processing
                and became != was
                and not (was != completed and became == state.processing and moved)
            ):
                yield f"{key} was {was} and became {became}", key


def _files_are_closed(evidence: Evidence) -> Found:
    state = evidence.state
    for history in evidence.histories.values():
        assert state is not None
        last = history[-1]
        key = str(last[state.file])
        if last[state.status] == state.processing and not evidence.is_destroyed(key):
            yield (
                f"{key} was left {state.processing}, with {last[state.remaining]} of {last[state.total]} "
                f"batches to come",
                key,
            )


def _table_and_results_agree(evidence: Evidence) -> Found:
    state, fields = evidence.state, evidence.fields
    closed: dict[str, list[Any]] = defaultdict(list)
    for history in evidence.histories.values():
        assert state is not None
        last = history[-1]
        if last[state.status] != state.processing:
            closed[last[state.file]].append(
                (last[state.status], [int(number) for number in last.get(fields.marked, ())])
            )
    for key in evidence.uploads if state else ():
        told = sorted((result.status, list(result.marked)) for result in evidence.results.get(key, ()))
        if told != sorted(closed[key]):
            yield f"{key}: the table says {sorted(closed[key])}, the results {told}", key


def _results_are_those_of_a_calm_run(evidence: Evidence) -> Found:
    for key, wanted in (evidence.expected or {}).items():
        yield from _said_of_another_version(evidence, key, wanted)
        for result in evidence.results.get(key, ()):
            if any(_essence(result) == _essence(one) for one in wanted):
                continue
            differences = [_difference(result, one, evidence.fields) for one in wanted]
            if all(differences):
                yield f"{key}: {differences[0]}", key
            elif _only_lacks_what_was_cut_short(evidence, key, result, wanted):
                continue
            elif not evidence.is_destroyed(key) and (
                evidence.healed or not evidence.is_gone(key, "redriven")
            ):
                yield (
                    f"{key} is {result.status}, but nothing about it was given up: {result.reason}",
                    key,
                )


def _said_of_another_version(evidence: Evidence, key: str, wanted: Sequence[Outcome]) -> Found:
    """Of versions with different contents, each result may be there as often as its content was put."""
    if len({str(_essence(one)) for one in wanted}) < 2:
        return
    extra = sum(stroke.where == key and stroke.fault == "overwritten" for stroke in evidence.events(Stroke))
    right = Counter(str(_essence(one)) for one in wanted)
    told = Counter(str(_essence(one)) for one in evidence.results.get(key, ()))
    for essence, count in told.items():
        if essence in right and count > right[essence] + extra:
            yield f"{key}: {count} results say {essence}, which {right[essence]} of its versions are", key


def _only_lacks_what_was_cut_short(
    evidence: Evidence, key: str, result: Outcome, wanted: Sequence[Outcome]
) -> bool:
    """Whether a result has no more errors of its own than calls about it ran out of the time that they allow
    themselves; one that would have failed all the same fails for another reason then.
    """
    return any(
        result.units == one.units
        and 0 < sum(error not in one.errors for error in result.errors) <= evidence.cut_short[key]
        for one in wanted
    )


def _nothing_is_given_up_without_a_cause(evidence: Evidence) -> Found:
    """Poison aside, a message is received too often only when faults struck who received it, or who received
    it was not let in.
    """
    struck = any(stroke.fault not in HARMLESS for stroke in evidence.events(Stroke))
    if not struck and not any(evidence.events(Throttle)):
        for gone in evidence.emulation.gone:
            if gone.action == "redriven":
                yield (f"a message of {gone.queue} was given up though nothing struck who received it",)


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


def _work_is_not_repeated(evidence: Evidence) -> Found:
    if not evidence.fields.units:
        return
    units = sum(result.units for _, result in _each_result(evidence))
    done = sum(1 for _ in evidence.events(Compute))
    received = [event for event in evidence.events(Message) if event.action == "received"]
    again = len(received) - len({(event.queue, event.message) for event in received})
    failed = sum(
        event.outcome != "success" or event.failed_records > 0 for event in evidence.events(Invocation)
    )
    lost = sum(evidence.is_gone(key, "expired") for key in evidence.uploads)
    resent = sum(
        stroke.fault == "answer_lost" and " sqs.Send" in stroke.where for stroke in evidence.events(Stroke)
    )
    if not again and not failed and not lost and not resent and done > units:
        yield (
            f"{done} recorded calls were made, though {units} would have done and nothing was delivered "
            f"twice",
        )


def _completed_files_are_not_read(evidence: Evidence) -> Found:
    """What is completed is not computed again: whatever is delivered later finds that it is done. A redrive
    may read again.
    """
    fields = evidence.fields
    if evidence.given_back:
        return
    stored = {event.key: event.t for event in evidence.events(Result)}
    completed = {
        key: stored[results[0].stored]
        for key, results in evidence.results.items()
        if len(results) == 1 and evidence.versions[key] <= 1 and results[0].status == fields.completed
    }
    began = {event.request: event.start for event in evidence.events(Invocation)}
    computing = {event.request for event in evidence.events(Compute)}
    reads = (
        call for call in evidence.events(Call) if call.operation == "GetObject" and call.request in computing
    )
    for call in reads:
        key = call.target.partition("/")[2]
        if key in completed and began[call.request] > completed[key]:
            yield (
                f"{key} was completed at {completed[key]:.3f} s and read once more by an invocation of "
                f"{began[call.request]:.3f} s",
                key,
            )


def _essence(result: Outcome) -> tuple[object, ...]:
    return result.status, result.units, result.marked, result.errors, result.findings


def _difference(found: Outcome, wanted: Outcome, fields: ResultFields) -> str:
    """What of a result that is not whole contradicts the calm one; "" when it only lacks something."""
    if found.status == fields.completed or found.units not in (0, wanted.units):
        return f"{_essence(found)} instead of {_essence(wanted)}"
    if not found.units:
        return ""
    failed = {error.get(fields.error_unit) for error in found.errors}
    for unit in range(1, found.units + 1):
        if unit not in failed and (unit in found.marked) != (unit in wanted.marked):
            return f"{unit} is judged otherwise than in the calm run"
    return ""


def _each_result(evidence: Evidence) -> Iterator[tuple[str, Outcome]]:
    return ((key, result) for key, results in evidence.results.items() for result in results)


_INVARIANTS: dict[str, Callable[[Evidence], Found]] = {
    "the run finished": _finished,
    "one result for each version of an upload": _one_result_each,
    "results have the fields that [tool.harness.result] names": _results_have_their_fields,
    "every handler can be imported": _handlers_can_be_imported,
    "queues are empty": _queues_are_empty,
    "no message is lost": _no_message_lost,
    "marked units are sorted, unique and in range": _marked_in_range,
    "status agrees with errors and reason": _status_agrees,
    "batches are counted once": _batches_add_up,
    "a terminal state stays, but for healing": _terminal_states_stay,
    "every file is closed": _files_are_closed,
    "table and results agree": _table_and_results_agree,
    "results are those of a calm run": _results_are_those_of_a_calm_run,
    "nothing is given up without a cause": _nothing_is_given_up_without_a_cause,
    "no message fails until its queue forgets it": _nothing_fails_for_ever,
    "no work is done twice without a cause": _work_is_not_repeated,
    "a completed file is not read again": _completed_files_are_not_read,
}
