"""Recall and precision of what a system marks, against what is known of its inputs.

Units (pages, lines of text) are judged: whether one that should be marked is, and whether what is found on it
is of the right types. A unit that was not marked but named as in doubt, or as unread, is not missed in
silence: recall is told by mark alone, and by mark or doubt. Values are never kept: what was missed is told by
its masked text.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from harness.config import ResultFields
from harness.errors import UsageError

Z_95 = 1.959963984540054
"""Of the normal distribution: 95 % lie within so many standard deviations."""
MOST_EXAMPLES = 200
SHOWN = 2
"""Characters of a value that its mask shows."""


class Truth(msgspec.Struct, frozen=True):
    """A thing that stands on a unit; `text` is what stands there with it."""

    type: str
    value: str = ""
    text: str = ""


class UnitTruth(msgspec.Struct, frozen=True):
    """What is known of a unit. kind: how it was made; things: all that should be found."""

    kind: str = ""
    things: tuple[Truth, ...] = ()


class Unit(msgspec.Struct, frozen=True):
    """A unit with its truth and what the system says of it. doubt: why it is not sure, or could not read
    it.
    """

    place: str
    kind: str
    wanted: tuple[Truth, ...]
    found: tuple[tuple[str, str], ...]
    """(type, masked value)."""
    doubt: str = ""


class Share(msgspec.Struct, frozen=True):
    """`part` of `whole`, with Wilson's interval of 95 %; None of nothing."""

    part: int
    whole: int
    share: float | None
    low: float | None
    high: float | None


def share(part: int, whole: int, z: float = Z_95) -> Share:
    """Wilson's score interval (E. B. Wilson 1927; recommended by R. G. Newcombe 1998, method 3); z: the
    normal distribution's, of 95 % where nothing is said.
    """
    if not whole:
        return Share(0, 0, None, None, None)
    p, z2 = part / whole, z**2
    middle = (p + z2 / (2 * whole)) / (1 + z2 / whole)
    half = z * math.sqrt(p * (1 - p) / whole + z2 / (4 * whole**2)) / (1 + z2 / whole)
    return Share(part, whole, p, max(0.0, middle - half), min(1.0, middle + half))


def truths(known: object, key: str, source: str) -> dict[str, list[UnitTruth]]:
    """truth.json: {input: [{"kind": ..., `key`: [{"type", "value", "text"}, ...]}, ...]}, a unit each. Raises
    `UsageError`.
    """
    try:
        files = msgspec.convert(known, dict[str, list[dict[str, Any]]])
        return {
            name: [
                UnitTruth(
                    str(unit.get("kind") or name), msgspec.convert(unit[key], tuple[Truth, ...], strict=False)
                )
                for unit in units
            ]
            for name, units in files.items()
        }
    except (msgspec.ValidationError, KeyError) as error:
        raise UsageError(
            f'{source} is no truth: {{input: [{{"kind": ..., "{key}": [{{"type": ..., "value": ...}}]}}, '
            f"...]}} is expected ({error})"
        ) from error


def of_result(
    name: str, known: Sequence[UnitTruth], result: Mapping[str, Any], names: ResultFields
) -> list[Unit]:
    """The units of an input, by its result. Units that a result does not count are in doubt."""
    number = names.error_unit
    doubts = {entry[number]: entry.get(names.reason, "") for entry in result.get(names.suspects) or ()}
    doubts |= {
        entry[number]: entry.get(names.reason, "") or "not read" for entry in result.get(names.errors) or ()
    }
    failed = result.get(names.reason) or "failed" if result.get(names.status) == names.failed else ""
    found: dict[int, list[tuple[str, str]]] = {}
    for finding in result.get(names.findings) or ():
        found.setdefault(finding[number], []).append(
            (finding[names.finding_type], str(finding.get("masked", "")))
        )
    counted = int(result.get(names.units) or 0)
    return [
        Unit(
            f"{name} {number} {place}",
            unit.kind,
            unit.things,
            tuple(found.get(place, ())),
            doubts.get(place) or failed or ("" if place <= counted else "the result does not count it"),
        )
        for place, unit in enumerate(known, 1)
    ]


def measure(units: Sequence[Unit]) -> dict[str, Any]:
    """The tables: in all, by kind, by type, and what was missed or found in error."""
    kinds = list(dict.fromkeys(unit.kind for unit in units))
    types = sorted(
        {one.type for unit in units for one in unit.wanted} | {t for u in units for t, _ in u.found}
    )
    examples = [example for unit in units for example in _examples(unit)]
    return {
        "all": msgspec.to_builtins(verdicts(units)),
        "kinds": {
            kind: msgspec.to_builtins(verdicts([unit for unit in units if unit.kind == kind]))
            for kind in kinds
        },
        "types": {kind: msgspec.to_builtins(_by_type(units, kind)) for kind in types},
        "examples": examples[:MOST_EXAMPLES],
        "examplesLeftOut": max(0, len(examples) - MOST_EXAMPLES),
    }


def verdicts(units: Iterable[Unit]) -> dict[str, Any]:
    """Of units with something to find: how many were marked, and of clean ones: how many were accused."""
    count: Counter[str] = Counter()
    for unit in units:
        holds, marked = bool(unit.wanted), bool(unit.found)
        count["wanted" if holds else "clean"] += 1
        count["right"] += holds and marked
        count["said"] += holds and (marked or bool(unit.doubt))
        count["accused"] += not holds and marked
        count["doubted"] += not holds and not marked and bool(unit.doubt)
        count["all types"] += holds and {one.type for one in unit.wanted} <= {kind for kind, _ in unit.found}
    recall = share(count["right"], count["wanted"])
    precision = share(count["right"], count["right"] + count["accused"])
    return {
        "units": count["wanted"] + count["clean"],
        "recall": recall,
        "recallOrDoubt": share(count["said"], count["wanted"]),
        "allTypes": share(count["all types"], count["wanted"]),
        "precision": precision,
        "f1": _f1(recall, precision),
        "accused": share(count["accused"], count["clean"]),
        "doubted": share(count["doubted"], count["clean"]),
    }


def _by_type(units: Iterable[Unit], kind: str) -> dict[str, Any]:
    """A type counts once a unit; values are counted by how many of a unit were found, at most those there."""
    right = said = wanted = found = values = there = 0
    for unit in units:
        in_truth = sum(one.type == kind for one in unit.wanted)
        in_found = sum(one == kind for one, _ in unit.found)
        right += bool(in_truth and in_found)
        said += bool(in_truth and (in_found or unit.doubt))
        wanted += bool(in_truth)
        found += bool(in_found)
        values += min(in_truth, in_found)
        there += in_truth
    recall, precision = share(right, wanted), share(right, found)
    return {
        "recall": recall,
        "recallOrDoubt": share(said, wanted),
        "precision": precision,
        "f1": _f1(recall, precision),
        "values": share(values, there),
    }


def _f1(recall: Share, precision: Share) -> float | None:
    if recall.share is None or precision.share is None or not recall.share + precision.share:
        return None
    return 2 * recall.share * precision.share / (recall.share + precision.share)


def _examples(unit: Unit) -> list[dict[str, str]]:
    """What a unit was missed or accused for."""
    types, found = {one.type for one in unit.wanted}, {kind for kind, _ in unit.found}
    base = {"place": unit.place, "kind": unit.kind, "doubt": unit.doubt}
    instead = ", ".join(sorted(found - types))
    lost = [
        {
            **base,
            "what": "missed",
            "type": one.type,
            "text": masked(one.text or one.value, one.value),
            "instead": instead,
        }
        for one in {one.type: one for one in unit.wanted}.values()
        if one.type not in found
    ]
    more = [
        {**base, "what": "found in error", "type": kind, "text": shown, "instead": ""}
        for kind, shown in unit.found
        if kind not in types
    ]
    return lost + more


def masked(text: str, value: str = "") -> str:
    """A text in which no value can be read: digits, and the value's letters, become asterisks, all but the
    value's last two.
    """
    at = text.find(value) if value else -1
    if at < 0:
        return _starred(text, shown=0, letters=False)
    before, after = text[:at], text[at + len(value) :]
    return _starred(before, 0, False) + _starred(value, SHOWN, True) + _starred(after, 0, False)


def _starred(text: str, shown: int, letters: bool) -> str:
    marks = [place for place, mark in enumerate(text) if mark.isdigit() or (letters and mark.isalpha())]
    hidden = set(marks[: len(marks) - shown] if len(marks) > 2 * shown else marks)
    return "".join("*" if place in hidden else mark for place, mark in enumerate(text))
