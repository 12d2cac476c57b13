"""What must be true of every run, whatever happened in it. Each invariant has a name; a violation says what broke it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from harness.config import ResultFields
from harness.emulation import Emulation
from harness.recorder import Message


class Violation(msgspec.Struct, frozen=True):
    invariant: str
    detail: str


class Evidence(msgspec.Struct, frozen=True):
    """What the invariants look at. `results`: the decoded results by input key, with how many there are for each."""

    emulation: Emulation
    uploads: Sequence[str]
    results: Mapping[str, Sequence[Mapping[str, Any]]]
    fields: ResultFields


def check(evidence: Evidence) -> tuple[list[str], list[Violation]]:
    """(names of the invariants checked, violations)."""
    violations = [Violation(name, detail) for name, invariant in _INVARIANTS.items() for detail in invariant(evidence)]
    return list(_INVARIANTS), violations


def _finished(evidence: Evidence) -> Iterator[str]:
    if not evidence.emulation.finished:
        yield f"work was left when the run was ended after {evidence.emulation.ended:.0f} virtual seconds"


def _one_result_each(evidence: Evidence) -> Iterator[str]:
    for key in evidence.uploads:
        count = len(evidence.results.get(key, ()))
        if count != 1:
            yield f"{key} has {count} results"


def _queues_are_empty(evidence: Evidence) -> Iterator[str]:
    for queue, leftover in evidence.emulation.leftovers.items():
        if leftover.consumed and leftover.messages:
            yield f"{queue} still holds {leftover.messages} messages"


def _no_message_lost(evidence: Evidence) -> Iterator[str]:
    counts: Counter[tuple[str, str]] = Counter()
    for event in evidence.emulation.recorder.events:
        if isinstance(event, Message):
            counts[event.queue, event.action] += 1
    for queue, leftover in evidence.emulation.leftovers.items():
        gone = counts[queue, "deleted"] + counts[queue, "redriven"]
        if counts[queue, "sent"] != gone + leftover.messages:
            yield f"{queue}: {counts[queue, 'sent']} messages came, {gone} were deleted or redriven, {leftover.messages} are left"


def _pages_in_range(evidence: Evidence) -> Iterator[str]:
    fields = evidence.fields
    for key, result in _single_results(evidence):
        pages = list(result[fields.npi_pages])
        total = result[fields.pages]
        if pages != sorted(set(pages)) or not all(1 <= page <= total for page in pages):
            yield f"{key}: {fields.npi_pages} is {pages} of {total} pages"


def _status_agrees(evidence: Evidence) -> Iterator[str]:
    fields = evidence.fields
    for key, result in _single_results(evidence):
        errors, status = len(result[fields.page_errors]), result[fields.status]
        if status == fields.completed and errors:
            yield f"{key} is {status} with {errors} page errors"
        if status != fields.completed and not result[fields.reason]:
            yield f"{key} is {status} without a reason"


def _single_results(evidence: Evidence) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((key, results[0]) for key, results in evidence.results.items() if len(results) == 1)


_INVARIANTS: dict[str, Callable[[Evidence], Iterator[str]]] = {
    "the run finished": _finished,
    "one result for each upload": _one_result_each,
    "queues are empty": _queues_are_empty,
    "no message is lost": _no_message_lost,
    "NPI pages are sorted, unique and in range": _pages_in_range,
    "status agrees with page errors and reason": _status_agrees,
}
