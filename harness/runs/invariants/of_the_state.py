"""Of the table, at every change that its stream told of: counters and sets are those of the batches that are
counted by then, and nothing is taken back.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping

from harness.config import PartFields
from harness.recorder import Call, Message
from harness.runs.invariants.evidence import Evidence, Found, Invariants, Item, Part, Step

DAY_SECONDS = 86_400


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
    """What failed may be in work again when more of it was counted, when it was given back, or when it was
    given up before it was opened and another message tells of it.
    """
    state, completed = evidence.state, evidence.fields.completed
    for history in evidence.histories.values():
        assert state is not None
        for before, after in itertools.pairwise(history):
            was, became, key = before[state.status], after[state.status], after[state.file]
            moved = (
                evidence.given_back
                or any(before[name] != after[name] for name in (state.total, *state.counted))
                or (not before[state.total] and evidence.is_gone(str(key), "redriven"))
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
        if (evidence.is_abandoned(last) and not evidence.healed) or evidence.is_given_up_twice(key):
            continue
        if last[state.status] == state.processing and not evidence.is_destroyed(key):
            yield (
                f"{key} was left {state.processing}, with {last[state.remaining]} of {last[state.total]} "
                f"batches to come",
                key,
            )


def _counters_are_those_of_the_sets(evidence: Evidence) -> Found:
    state = evidence.state
    for named, step in _changes(evidence):
        assert state is not None
        counted, failed = _numbers(step.after, named.counted), _numbers(step.after, named.failed)
        total, key = int(step.after[state.total]), str(step.after[state.file])
        done, *others = (int(step.after[name]) for name in state.counted)
        agree = (done, sum(others)) == (len(counted) - len(failed), len(failed))
        if not agree or not failed <= counted or not counted <= set(range(1, total + 1)):
            yield (
                f"{key}: {done} of {total} are counted as done and {sum(others)} as failed, though the sets "
                f"say {sorted(counted)}, and of those {sorted(failed)} failed",
                key,
            )


def _counted_parts_are_stored(evidence: Evidence) -> Found:
    for named, step in _changes(evidence):
        for number in _done(step.after, named) - _done(step.before, named):
            if not _stored(step.parts, number, named):
                key = _file(evidence, step)
                yield f"{key}: {number} was counted as done before it was stored", key
        for number in _numbers(step.after, named.failed) - _numbers(step.before or {}, named.failed):
            if not any(not _is_stored(part, named) for part in step.parts.get(number, ())):
                key = _file(evidence, step)
                yield f"{key}: {number} was counted as failed before it was stored why", key


def _parts_fail_with_their_messages(evidence: Evidence) -> Found:
    """A batch is counted as failed only when a message about it was given up, or the one that its file was
    opened for: that another one, which told of the same upload, was given up is no reason.
    """
    state = evidence.state
    if state is None or not state.opener or evidence.given_back:
        return
    system = evidence.emulation.system
    told = {one.queue_arn for one in system.notifications}
    of_uploads = {name for name, arn in system.queues.items() if arn in told}
    given_up = {event.message for event in evidence.events(Message) if event.action == "redriven"}
    for named, step in _changes(evidence):
        failed = _numbers(step.after, named.failed) - _numbers(step.before or {}, named.failed)
        key = _file(evidence, step)
        if (
            failed
            and step.after.get(state.opener) not in given_up
            and not evidence.is_gone(key, "redriven", elsewhere_than=of_uploads)
        ):
            yield (
                f"{key}: {sorted(failed)} were counted as failed, though no message of theirs was given up",
                key,
            )


def _marked_are_those_of_the_counted(evidence: Evidence) -> Found:
    """What a change adds to the marked units is what the batches have marked that it counts, no more and no
    less. Of a batch that two workers stored, either may have been counted.
    """
    for named, step in _changes(evidence):
        if not named.marked or evidence.is_closing(step):
            continue
        before, after = _marked(step.before, named), _marked(step.after, named)
        joined = sorted(_done(step.after, named) - _done(step.before, named))
        choices = [
            [_marked(part.item, named) for part in _stored(step.parts, number, named)] for number in joined
        ]
        if not all(choices):
            continue  # counted before it was stored, which is said elsewhere
        if not any(before + sum(chosen, Counter()) == after for chosen in itertools.product(*choices)):
            key = _file(evidence, step)
            yield (
                f"{key}: {named.marked} became {sorted(after.elements())} of {sorted(before.elements())} "
                f"when {joined or 'nothing'} was counted",
                key,
            )


def _closed_with_all_that_is_stored(evidence: Evidence) -> Found:
    """A file that is closed, and not for good (FAILED), marks what its batches have marked; and a batch that
    was stored before the change that let the file be closed does not stand as failed.
    """
    for way in evidence.ways:
        for earlier, step in itertools.pairwise(way):
            named = _named(evidence)
            if named is None or not evidence.is_closing(step) or _is_failed(evidence, step):
                continue
            key = _file(evidence, step)
            failed = _numbers(step.after, named.failed)
            if missed := sorted(number for number in failed if _stored(earlier.parts, number, named)):
                yield f"{key} was closed with {missed} as failed, though they were stored before", key
            certain, possible = set[int](), set[int]()
            for number, images in step.parts.items():
                marks = [set(_marked(part.item, named)) for part in images if _is_stored(part, named)]
                if marks and number not in failed:
                    certain |= set.intersection(*marks)
                possible |= set[int]().union(*marks)
            marked = _marked(step.after, named)
            if named.marked and not certain <= set(marked) <= possible:
                yield (
                    f"{key} was closed with {named.marked} {sorted(marked)}, though its batches have "
                    f"{sorted(certain)}",
                    key,
                )


def _closed_when_all_is_counted(evidence: Evidence) -> Found:
    """A file is closed when nothing of it is to come, and then left alone until it is in work again."""
    state = evidence.state
    for step in (step for way in evidence.ways for step in way):
        assert state is not None
        key = _file(evidence, step)
        status, left = step.after[state.status], int(step.after[state.remaining])
        if evidence.is_closing(step) and left:
            yield f"{key} was closed as {status} with {left} batches to come", key
        elif step.before is not None and step.before[state.status] == status != state.processing:
            yield f"{key} was written to though it was closed as {status}", key


def _nothing_is_taken_back(evidence: Evidence) -> Found:
    """Sets and counters grow: what failed may be done after all, but nothing else is taken back; a batch that
    is stored stays so. Only an item without batches gives way to another.
    """
    state = evidence.state
    for named, step in _changes(evidence):
        assert state is not None
        key = _file(evidence, step)
        for number, images in step.parts.items():
            kept = [_is_stored(part, named) for part in images]
            if any(was and not remains for was, remains in itertools.pairwise(kept)):
                yield f"{key}: {number} was stored, and is so no more", key
        if step.before is None or not int(step.before[state.total]):
            continue
        before, after = step.before, step.after
        lost = {
            name: (sorted(_numbers(before, name)), sorted(_numbers(after, name)))
            for name in (named.counted,)
            if not _numbers(before, name) <= _numbers(after, name)
        }
        if before[state.total] != after[state.total]:
            lost[state.total] = ([int(before[state.total])], [int(after[state.total])])
        if not _done(before, named) <= _done(after, named):
            lost[state.counted[0]] = (sorted(_done(before, named)), sorted(_done(after, named)))
        for name, (was, became) in lost.items():
            yield f"{key}: {name} was {was} and became {became}", key


def _only_what_is_to_be_closed_is_given_up(evidence: Evidence) -> Found:
    """Only a file that could be closed and is not can be given up for that, and only so often."""
    state = evidence.state
    if state is None or state.abandoned is None:
        return
    name, most = state.abandoned
    for step in (step for way in evidence.ways for step in way):
        before, after = int((step.before or {}).get(name, 0)), int(step.after.get(name, 0))
        is_due = step.after[state.status] == state.processing and not int(step.after[state.remaining])
        if after > before and (not is_due or after > most):
            key = _file(evidence, step)
            yield (
                f"{key} was given up {after} times, the last time as {step.after[state.status]} with "
                f"{step.after[state.remaining]} batches to come",
                key,
            )


def _units_are_shared_out(evidence: Evidence) -> Found:
    """Each batch always says the same units, no unit is in two, and all batches together have those of the
    result; where an upload has several versions, it is not known of which of them that is.
    """
    state, named = evidence.state, _named(evidence)
    if state is None or named is None or not named.units:
        return
    versions = Counter(_file(evidence, way[-1]) for way in evidence.ways)
    for step in (way[-1] for way in evidence.ways):
        key = _file(evidence, step)
        said = {
            number: {str(part.item.get(named.units, "")) for part in images}
            for number, images in step.parts.items()
        }
        ranges = sorted(_range(one) for each in said.values() for one in each)
        units = [unit for first, last in ranges for unit in range(first, last + 1)]
        results = evidence.results.get(key, ())
        is_known = versions[key] == len(results) == 1 and len(said) == int(step.after[state.total])
        whole = sum(result.units for result in results) if is_known else 0
        if (whole and units != list(range(1, whole + 1))) or len(set(units)) < len(units):
            yield f"{key}: its batches have the units {said}", key


def _range(units: str) -> tuple[int, int]:
    """(first, last) of "1-10"; none for what is no range."""
    first, _, last = units.partition("-")
    return (int(first), int(last)) if first.isdigit() and last.isdigit() else (1, 0)


def _named(evidence: Evidence) -> PartFields | None:
    return evidence.state.parts if evidence.state is not None else None


def _changes(evidence: Evidence) -> Iterable[tuple[PartFields, Step]]:
    """Every change of every file's item, where the names of its batches' attributes are known."""
    named = _named(evidence)
    return ((named, step) for way in evidence.ways for step in way) if named is not None else ()


def _items_live_as_long_as_said(evidence: Evidence) -> Found:
    life = evidence.state.life if evidence.state else None
    if life is None or evidence.life_days is None:
        return
    files = ((step.after, _file(evidence, step)) for way in evidence.ways for step in way)
    for item, key in (*files, *((part.item, "") for part in evidence.part_images)):
        since = next((int(item[name]) for name in life.since if name in item), None)
        if since is None or int(item.get(life.attribute, 0)) != since + evidence.life_days * DAY_SECONDS:
            yield (
                f"an item that was written at {since} expires at {item.get(life.attribute)}, which is not "
                f"{evidence.life_days:g} days later",
                key,
            )


def _contents_lie_where_they_should(evidence: Evidence) -> Found:
    """What a stored part holds is in its item if that is short, and only then; else in an object."""
    named = evidence.state.parts if evidence.state else None
    content = named.content if named else None
    if named is None or content is None or content.most not in evidence.parameters:
        return
    most = int(evidence.parameters[content.most])
    put = {
        call.target.partition("/")[2]: call.sent_bytes
        for call in evidence.events(Call)
        if call.operation == "PutObject"
    }
    for part in evidence.part_images:
        if not _is_stored(part, named):
            continue
        held, key = part.item.get(content.attribute), part.item.get(content.elsewhere, "")
        if (held is None) != bool(key):
            yield (f"{part.key} has what it holds in two places, or in none",)
        elif held is not None and len(held.encode()) > most:
            yield (f"{part.key} holds {len(held.encode())} bytes, where {most} are the most",)
        elif key and put.get(key, 0) <= most:
            yield (f"{part.key} has {put.get(key, 0)} bytes elsewhere, though it may hold {most}",)


def _file(evidence: Evidence, step: Step) -> str:
    assert evidence.state is not None
    return str(step.after[evidence.state.file])


def _numbers(item: Item, name: str) -> set[int]:
    return set(map(int, item.get(name, ())))


def _done(item: Item | None, named: PartFields) -> set[int]:
    """Numbers of the batches that are counted, and not as failed."""
    return _numbers(item, named.counted) - _numbers(item, named.failed) if item is not None else set()


def _marked(item: Item | None, named: PartFields) -> Counter[int]:
    return Counter(map(int, item.get(named.marked, ()))) if item is not None else Counter()


def _is_stored(part: Part, named: PartFields) -> bool:
    return bool(part.item.get(named.status) == named.completed)


def _stored(parts: Mapping[int, tuple[Part, ...]], number: int, named: PartFields) -> list[Part]:
    return [part for part in parts.get(number, ()) if _is_stored(part, named)]


def _is_failed(evidence: Evidence, step: Step) -> bool:
    assert evidence.state is not None
    return bool(step.after[evidence.state.status] == evidence.fields.failed)


INVARIANTS: Invariants = {
    "batches are counted once": _batches_add_up,
    "a terminal state stays, but for healing": _terminal_states_stay,
    "every file is closed": _files_are_closed,
    "counters are those of the batches in the sets": _counters_are_those_of_the_sets,
    "a batch is stored before it is counted": _counted_parts_are_stored,
    "a batch fails when its own message is given up": _parts_fail_with_their_messages,
    "marked units are those of the counted batches": _marked_are_those_of_the_counted,
    "a file is closed with all that is stored of it": _closed_with_all_that_is_stored,
    "a file is closed once, when all of it is counted": _closed_when_all_is_counted,
    "nothing that was counted is taken back": _nothing_is_taken_back,
    "only a file that is to be closed is given up": _only_what_is_to_be_closed_is_given_up,
    "what a batch holds is in its item if it is short": _contents_lie_where_they_should,
    "items live as long as the template says": _items_live_as_long_as_said,
    "batches share out the units of their file": _units_are_shared_out,
}
