"""Of the results: there is one for each upload, it agrees with itself, with the table and with a calm run."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from harness.config import ResultFields
from harness.recorder import Call, Compute, Stroke
from harness.runs.invariants.evidence import Evidence, Found, Invariants, each_result
from harness.runs.results import Outcome


def _one_result_each(evidence: Evidence) -> Found:
    for key in evidence.uploads if evidence.has_results else ():
        count, versions = len(evidence.results.get(key, ())), evidence.versions[key] or 1
        excused = evidence.is_destroyed(key) or evidence.is_given_up_twice(key)
        excused = excused or count + evidence.abandoned[key] >= versions
        if count != versions and not (count < versions and excused):
            yield f"{key} was put {versions} times and has {count} results", key


def _results_have_their_fields(evidence: Evidence) -> Found:
    """Each field that some results lack, once, with how many lack it."""
    lacking = Counter(name for _, result in each_result(evidence) for name in result.missing)
    for name, count in sorted(lacking.items()):
        key, example = next((key, result) for key, result in each_result(evidence) if name in result.missing)
        yield (
            f"{count} results have no field {name} of its kind, {example.stored} first: correct "
            f"[tool.harness.result] or the system",
            key,
        )


def _marked_in_range(evidence: Evidence) -> Found:
    fields = evidence.fields
    if not (fields.units and fields.marked):
        return
    for key, result in each_result(evidence):
        marked = list(result.marked)
        total = result.units
        if marked != sorted(set(marked)) or not all(1 <= number <= total for number in marked):
            yield f"{key}: {fields.marked} is {marked} of {total}", key


def _status_agrees(evidence: Evidence) -> Found:
    fields = evidence.fields
    for key, result in each_result(evidence):
        errors, status = len(result.errors), result.status
        if status == fields.completed and errors:
            yield f"{key} is {status} with {errors} errors", key
        if fields.reason and fields.status and status != fields.completed and not result.reason:
            yield f"{key} is {status} without a reason", key


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
        if evidence.abandoned[key] and Counter(map(str, closed[key])) <= Counter(map(str, told)):
            continue  # one whose result was written all the same, but never its item, says no more than that
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


def _nothing_else_is_said(evidence: Evidence) -> Found:
    """A result that is the calm run's says the same of what is in doubt, too, and in all fields that do not
    depend on how it came about.
    """
    names = [name for name in (evidence.fields.suspects, *evidence.fields.same) if name]
    for key, wanted in (evidence.expected or {}).items():
        for result in evidence.results.get(key, ()):
            alike = [one for one in wanted if _essence(result) == _essence(one)]
            for name in names:
                if alike and all(result.whole.get(name) != one.whole.get(name) for one in alike):
                    said, calm = result.whole.get(name), alike[0].whole.get(name)
                    yield f"{key}: {name} is {said} instead of {calm}", key


def _what_lies_beside_is_the_same(evidence: Evidence) -> Found:
    """Beside a result that is the calm run's lies what lay beside that one; or nothing, where the result says
    something that the calm one did not.
    """
    for key, wanted in (evidence.expected or {}).items():
        for result in evidence.results.get(key, ()):
            alike = [one for one in wanted if _essence(result) == _essence(one)]
            if not alike or any(result.beside == one.beside or _says_why(result, one) for one in alike):
                continue
            suffixes = sorted(result.beside.keys() | alike[0].beside.keys())
            yield f"{key}: beside its result lies another {', '.join(suffixes)} than in the calm run", key


def _says_why(result: Outcome, calm: Outcome) -> bool:
    """Whether a result without what lay beside the calm one has a text that that one did not need."""
    return not result.beside and any(
        isinstance(value, str) and value and calm.whole.get(name) == ""
        for name, value in result.whole.items()
    )


def _said_of_another_version(evidence: Evidence, key: str, wanted: Sequence[Outcome]) -> Found:
    """Of versions with different contents, each result may be there as often as its content was put. One that
    was removed or given up says that it failed, as that of another content may.
    """
    if len({str(_essence(one)) for one in wanted}) < 2:
        return
    extra = sum(stroke.where == key and stroke.fault == "overwritten" for stroke in evidence.events(Stroke))
    right = Counter(str(_essence(one)) for one in wanted)
    results = evidence.results.get(key, ())
    if evidence.is_destroyed(key) or evidence.is_gone(key, "redriven"):
        results = [one for one in results if one.status != evidence.fields.failed]
    for essence, count in Counter(str(_essence(one)) for one in results).items():
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


def _a_bad_unit_costs_only_itself(evidence: Evidence) -> Found:
    """What a result that is not whole says of a unit outside of the parts that were given up is what the calm
    run's says: its error or none, its marks, its findings.

    A unit that took too long (a recorded call that failed where the calm run's did not) may be in error too,
    and one that is in error in the calm run as well may say that it took too long.
    """
    fields, state = evidence.fields, evidence.state
    if state is None or state.parts is None or not (fields.units and fields.errors and fields.error_unit):
        return
    lost = _given_up_units(evidence)
    reads = {
        (call.target.partition("/")[2], call.request)
        for call in evidence.events(Call)
        if call.operation == "GetObject"
    }
    failed = {event.request for event in evidence.events(Compute) if event.error}
    slow = {key for key, request in reads if request in failed}
    for key, (wanted, *_) in (evidence.expected or {}).items():
        results = evidence.results.get(key, ())
        if len(results) != 1 or results[0].status != fields.partial or key in evidence.removed:
            continue
        found = results[0]
        if key not in lost or found.units != wanted.units:
            continue
        is_, was = _by_unit(found, fields), _by_unit(wanted, fields)
        for unit in range(1, found.units + 1):
            may_be_slow = is_[unit][0] and (evidence.cut_short[key] if was[unit][0] else key in slow)
            if unit not in lost[key] and is_[unit] != was[unit] and not may_be_slow:
                yield (
                    f"{key}: of {unit}, which was not given up, the result says {is_[unit]}, that of a calm "
                    f"run {was[unit]}",
                    key,
                )
                break


def _given_up_units(evidence: Evidence) -> dict[str, set[int]]:
    """The units of the parts that are counted as failed, by upload; an upload is left out where that is not
    known: it has several versions, or a part left no item that says its units.
    """
    assert evidence.state is not None
    assert evidence.state.parts is not None
    state, named = evidence.state, evidence.state.parts
    lasts = [way[-1] for way in evidence.ways]
    times = Counter(step.after[state.file] for step in lasts)
    found: dict[str, set[int]] = {}
    for step in lasts:
        units: set[int] = set()
        for number in map(int, step.after.get(named.failed, ())):
            ranges = [part.item.get(named.units, "") for part in step.parts.get(number, ())]
            if not ranges or "-" not in ranges[-1]:
                break
            first, last = map(int, ranges[-1].split("-"))
            units.update(range(first, last + 1))
        else:
            if times[step.after[state.file]] == 1:
                found[step.after[state.file]] = units
    return found


def _by_unit(result: Outcome, fields: ResultFields) -> dict[int, tuple[object, ...]]:
    """(error, whether it is marked, findings) of each unit of a result."""
    errors = {int(error[fields.error_unit]): error for error in result.errors}
    return {
        unit: (
            errors.get(unit),
            unit in result.marked,
            [one for one in result.findings if one.get(fields.error_unit) == unit],
        )
        for unit in range(1, result.units + 1)
    }


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


INVARIANTS: Invariants = {
    "one result for each version of an upload": _one_result_each,
    "results have the fields that [tool.harness.result] names": _results_have_their_fields,
    "marked units are sorted, unique and in range": _marked_in_range,
    "status agrees with errors and reason": _status_agrees,
    "table and results agree": _table_and_results_agree,
    "results are those of a calm run": _results_are_those_of_a_calm_run,
    "a result says all that one of a calm run says": _nothing_else_is_said,
    "beside a result lies what lay there in a calm run": _what_lies_beside_is_the_same,
    "a unit that cannot be read costs nothing but itself": _a_bad_unit_costs_only_itself,
}
