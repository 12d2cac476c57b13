"""Runs the detectors over a page and weighs what they find.

A finding's confidence is its detector's strength times how surely OCR read its words. Where two detectors
claim the same characters, the stronger one has them.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

import msgspec

from pipeline.npi.checks import Check, is_toll_free
from pipeline.npi.detectors import HEADS, Detector
from pipeline.npi.expressions import Expression
from pipeline.npi.fields import Line, Page
from pipeline.npi.tables import BUILT_IN, NOWHERE, Table
from pipeline.page_text import Finding, PageText, enclosing

_LETTER = re.compile(r"[A-Za-z]|#")
_WORD = re.compile(r"(?:[A-Za-z][a-z]{2}|[A-Z]{4}).*\s")
_WORDS = re.compile(r"[A-Za-z]{2}")
_PARTS = re.compile(r"[ .–-]+")
_LIST_MARK = re.compile(r"\s*(?:[,;&]|and\b|or\b|to\b|thru\b|through\b)(?:\s*(?:and|or)\b)?\s*$")
"""What parts the values of a list, which one label names."""
_LETTERS, _NUMBERS = re.compile(r"[A-Za-z]"), re.compile(r"\d")
MOST_LISTED = 8
_VALUE = re.compile(r"\d[\d/.-]{3,}\d")
"""Another value: what stands before it names that."""
_NO_NAME = re.compile(
    r"\b(?:numbers?|numb|nos?|num|nbr|nr|ids?|codes?|account|card|is|was)\b|\([^()]*\)", re.IGNORECASE
)
"""What a label may go on with before its value."""
_DIGITS = re.compile(r"\d.*?\d.*?\d")
"""In a line that can hold a value; most lines have none, and need no detector."""
MISREAD = 0.01
BETWEEN = "\0"
"""What no form with digits goes over."""
LONGEST_LABEL = 72
LEAST_READ = 40
LEAST_READ_UNNAMED = 60
"""Percent of OCR's confidence below which a value is only suspected, with a label and without."""
AROUND = ("before", "beside", "above", "column")
"""Where labels are looked for, in this order."""
HEADS_ARE = ("above", "column")
NAMED, UNNAMED, OTHER = "named", "unnamed", "other"


class Claim(msgspec.Struct, frozen=True):
    """Characters of a line that a detector takes for its type."""

    type: str
    strength: float
    line: int
    start: int
    end: int
    is_named: bool
    is_misread: bool = False
    """A label names it, and it fails its check: of little strength, and no finding."""


def detect(page_number: int, text: PageText, table: Table = BUILT_IN) -> tuple[Finding, ...]:
    """All NPI on a page, in reading order."""
    page = Page(text.words)
    return as_scanned(text, findings(page_number, page, claims(page, table)))


def as_scanned(text: PageText, found: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The findings of a page, where they stand on it as it was scanned."""
    return tuple(msgspec.structs.replace(one, box=text.as_scanned(one.box)) for one in found)


def findings(page_number: int, page: Page, claimed: list[Claim]) -> tuple[Finding, ...]:
    """Of what is taken for NPI, what was read surely enough; on the page as it was straightened."""
    return tuple(
        _finding(page_number, page.lines[claim.line], claim)
        for claim in claimed
        if not claim.is_misread
        and read_percent(page, claim) >= (LEAST_READ if claim.is_named else LEAST_READ_UNNAMED)
    )


def claims(page: Page, table: Table = BUILT_IN) -> list[Claim]:
    """What is taken for NPI on a page, in reading order."""
    at_work = table.at_work(page.text)
    if not at_work:
        return []
    numbered = _Lines([(place, line.text) for place, line in enumerate(page.lines) if _has_digits(line)])
    found: list[Claim] = []
    for number in at_work:
        detector = table.detectors[number]
        matches = numbered.matches(detector.form) if detector.digits else _in_each(page, detector)
        for place, start, end in matches:
            whole = [*_claims(table, number, page, place, start, end)]
            found += whole or _in_cells(table, number, page, place, start, end)
            found += _misread(table, number, page, place, start, end)
    return _strongest(found)


class _Lines:
    """Some lines of a page as one text, so that a form is looked for once, and only once however many
    detectors have it.
    """

    def __init__(self, lines: list[tuple[int, str]]) -> None:
        self._places = [place for place, _ in lines]
        self._starts = [0, *accumulate(len(text) + 1 for _, text in lines)][:-1]
        self._text = BETWEEN.join([text for _, text in lines])
        self._found: dict[str, list[tuple[int, int, int]]] = {}

    def matches(self, form: Expression) -> list[tuple[int, int, int]]:
        """(line, start, end) of each match."""
        if form.pattern not in self._found:
            found = []
            for match in form.finditer(self._text):
                start, end = match.span()
                at = bisect_right(self._starts, start) - 1
                found.append((self._places[at], start - self._starts[at], end - self._starts[at]))
            self._found[form.pattern] = found
        return self._found[form.pattern]


def _in_each(page: Page, detector: Detector) -> Iterator[tuple[int, int, int]]:
    """(line, start, end) of each match of a form that might go over the end of a line."""
    for place, line in enumerate(page.lines):
        for match in detector.form.finditer(line.text):
            yield place, match.start(), match.end()


def _has_digits(line: Line) -> bool:
    return bool(_DIGITS.search(line.text))


def read_percent(page: Page, claim: Claim) -> float:
    """How surely OCR read a claim's words."""
    words = page.lines[claim.line].words_at(claim.start, claim.end)
    return sum(word.confidence * len(word.text) for word in words) / sum(len(word.text) for word in words)


def page_confidence(text: PageText, findings: tuple[Finding, ...]) -> int:
    """How sure the verdict on a page is, in percent.

    For a page with NPI: that at least one finding is right. For a page without: how surely its words were
    read, since what was misread may have been missed.
    """
    if not findings:
        return round(text.confidence)
    doubt = 1.0
    for finding in findings:
        doubt *= 1 - finding.confidence / 100
    return round(100 * (1 - doubt))


def mask(value: str) -> str:
    """Letters and digits become asterisks, all but the last two."""
    marks = [index for index, mark in enumerate(value) if _counts(mark)]
    shown = set(marks[-2:]) if len(marks) > 4 else set()
    return "".join(mark if index in shown or not _counts(mark) else "*" for index, mark in enumerate(value))


def _counts(mark: str) -> bool:
    """Whether a character is part of a value: letters, digits, and what OCR makes of slim digits."""
    return mark.isalnum() or mark in "|!"


def _value(detector: Detector, text: str, start: int, end: int) -> tuple[int, int]:
    """Where a value begins and ends: without spaces and separators at its edges, and without a last word that
    holds no digit.
    """
    while start < end and not text[start].isalnum() and text[start] != "!":
        start += 1
    while start < end and not text[end - 1].isalnum() and text[end - 1] != "!":
        end -= 1
    shorter, _, word = text[start:end].rpartition(" ")
    if shorter and not any(mark.isdigit() for mark in word) and detector.check(shorter):
        return _value(detector, text, start, start + len(shorter))
    return start, end


def _spans(check: Check, has_parts: bool, text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The whole match where it passes a check, else the longest parts of it that do."""
    if check(text[start:end]):
        yield start, end
        return
    if not has_parts:
        return
    starts = [start, *(start + gap.end() for gap in _PARTS.finditer(text[start:end]))]
    ends = [*(start + gap.start() for gap in _PARTS.finditer(text[start:end])), end]
    taken = start
    for first, low in enumerate(starts):
        if low < taken:
            continue
        for high in reversed(ends[first:]):
            if check(text[low:high]):
                yield low, high
                taken = high
                break


def _claims(table: Table, number: int, page: Page, place: int, start: int, end: int) -> Iterator[Claim]:
    detector, line = table.detectors[number], page.lines[place]
    if detector.loose and is_toll_free(line.text[start:end]):
        return
    for low, high in _spans(detector.check, detector.parts, line.text, start, end):
        start, end = _value(detector, line.text, low, high)
        if start >= end:
            continue
        standing = named_by(table, number, page, line, start, end)
        strength = {NAMED: detector.named, UNNAMED: detector.alone, OTHER: 0.0}[standing]
        if strength > 0:
            yield Claim(detector.type, strength, place, start, end, standing == NAMED)


def _in_cells(table: Table, number: int, page: Page, place: int, start: int, end: int) -> Iterator[Claim]:
    """Values in the cells that a match goes over, which was none as a whole: an amount follows an account."""
    line, form = page.lines[place], table.detectors[number].form
    if len(line.cells) < 2:
        return
    touched = [cut for cut in line.cuts if cut[0] < end and cut[1] > start]
    for low, high in touched if len(touched) > 1 else ():
        for match in form.finditer(line.text[low:high]):
            first, beyond = low + match.start(), low + match.end()
            if first < end and beyond > start:
                yield from _claims(table, number, page, place, first, beyond)


def _misread(table: Table, number: int, page: Page, place: int, start: int, end: int) -> Iterator[Claim]:
    """A value that would be one but for its check, and that the nearest label names."""
    detector, line = table.detectors[number], page.lines[place]
    if detector.looks is None:
        return
    for low, high in _spans(detector.looks, detector.parts, line.text, start, end):
        if not detector.check(line.text[low:high]) and names_it(table, number, page, line, low, high):
            yield Claim(detector.type, MISREAD, place, low, high, True, is_misread=True)


def names_it(table: Table, number: int, page: Page, line: Line, start: int, end: int) -> bool:
    """Whether the nearest label of a value, with nothing between them, names a detector's type."""
    around = page.around(line, start, end)
    for where in AROUND:
        text = getattr(around, where)
        standing = _standing(table, number, text, where in HEADS_ARE)
        if standing != UNNAMED or (where == "before" and _LETTER.search(text)):
            return standing == NAMED and is_right_before(table, number, text)
    return False


def is_right_before(table: Table, number: int, text: str) -> bool:
    """Whether a text ends with a detector's label, but for what parts it from its value."""
    end = table.labels_in(text).get(number, NOWHERE)[1]
    return end >= 0 and not _WORDS.search(_NO_NAME.sub("", text[end:]))


def named_by(table: Table, number: int, page: Page, line: Line, start: int, end: int) -> str:
    """Whether the labels around a value name a detector's type, something else, or nothing."""
    around = page.around(line, start, end)
    for where in AROUND:
        is_head = where in HEADS_ARE
        if is_head and table.detectors[number].loose and _WORD.search(around.before):
            break
        text = getattr(around, where)
        if where == "before":
            text = _of_list(text, line.text[start:end])
        standing = _standing(table, number, text, is_head)
        if standing != UNNAMED:
            return standing
    if not _LETTER.search(around.before):
        after = re.split(r"\d", around.after, maxsplit=1)[0][:24]
        if any(number in table.labels_in(text) for text in (after, around.below)):
            return NAMED
    return UNNAMED


def _of_list(before: str, value: str) -> str:
    """The text before a list, of which a value is a later member: those before it look like it, digit by
    digit, and commas part them.
    """
    shape = _shape(value)
    for _ in range(MOST_LISTED):
        mark = _LIST_MARK.search(before)
        if not mark or not mark.start() or _shape(before[: mark.start()][-len(value) :]) != shape:
            break
        before = before[: mark.start() - len(value)]
    return before


def _shape(text: str) -> str:
    return _LETTERS.sub("A", _NUMBERS.sub("0", text))


def _standing(table: Table, number: int, text: str, is_head: bool) -> str:
    """What a text says of a value that it stands before, or over. Behind another value it speaks of this one
    only.
    """
    if not is_head:
        text = text[-LONGEST_LABEL:]
    if not _LETTER.search(text):
        return UNNAMED
    detector, labels = table.detectors[number], table.labels_in(text)
    since = 0 if is_head else max((match.end() for match in _VALUE.finditer(text)), default=0)
    own = labels.get(number, NOWHERE)
    if own[1] >= 0 and not is_head and len(text) - own[1] > detector.near:
        own = NOWHERE
    others = [
        span for other, span in labels.items() if span[0] >= since and not table.is_alike(detector, other)
    ]
    if own == NOWHERE:
        return OTHER if others or (is_head and HEADS.search(text)) else UNNAMED
    for start, end in others:
        holds = start <= own[0] and end >= own[1] and end - start > own[1] - own[0]
        if holds or start >= own[1]:
            return OTHER
    return NAMED


def _strongest(found: list[Claim]) -> list[Claim]:
    kept: list[Claim] = []
    for claim in sorted(found, key=lambda claim: (-claim.strength, claim.start - claim.end)):
        if not any(claim.line == k.line and claim.start < k.end and k.start < claim.end for k in kept):
            kept.append(claim)
    return sorted(kept, key=lambda claim: (claim.line, claim.start))


def _finding(page_number: int, line: Line, claim: Claim) -> Finding:
    words = line.words_at(claim.start, claim.end)
    read = sum(word.confidence * len(word.text) for word in words) / sum(len(word.text) for word in words)
    value = line.text[claim.start : claim.end]
    return Finding(page_number, claim.type, round(claim.strength * read), enclosing(words), mask(value))
