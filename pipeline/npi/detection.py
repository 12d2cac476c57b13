"""Runs the detectors over a page and weighs what they find.

A finding's confidence is its detector's strength times how surely OCR read its words. Where two detectors
claim the same characters, the stronger one has them.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

import msgspec

from pipeline.npi.checks import Check, is_toll_free
from pipeline.npi.detectors import Detector
from pipeline.npi.expressions import Expression
from pipeline.npi.fields import Line, Page
from pipeline.npi.labels import LETTER, NAMED, NOWHERE, OTHER, UNNAMED
from pipeline.npi.tables import BUILT_IN, Table
from pipeline.page_text import Finding, PageText, Word, enclosing

_WORD = re.compile(r"(?:[A-Za-z][a-z]{2}|[A-Z]{4}).*\s")
_WORDS = re.compile(r"[A-Za-z]{2}")
_PARTS = re.compile(r"[ .–-]+")
_NO_NAME = re.compile(
    r"\b(?:numbers?|numb|nos?|num|nbr|nr|ids?|codes?|account|card|is|was)\b|\([^()]*\)", re.IGNORECASE
)
"""What a label may go on with before its value."""
_MARK = re.compile(r"[^\W_]|[|!]")
"""A character of a value: letters, digits, and what OCR makes of slim digits."""
_NUMBER = re.compile(r"\d")
MISREAD = 0.01
BETWEEN = "\0"
"""What no form with digits goes over."""
LONGEST_LABEL = 72
LEAST_READ = 40
LEAST_READ_UNNAMED = 60
"""Percent of OCR's confidence below which a value is only suspected, with a label and without."""
AROUND = (("before", False), ("beside", False), ("above", True), ("column", True))
"""Where labels are looked for, in this order, and whether they are heads there."""


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
    labelled = table.labels.maybe_in(page.text)
    return as_scanned(text, findings(page_number, page, claims(page, labelled, table)))


def as_scanned(text: PageText, found: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The findings of a page, where they stand on it as it was scanned."""
    if not text.skew:
        return found
    return tuple(msgspec.structs.replace(one, box=text.as_scanned(one.box)) for one in found)


def findings(page_number: int, page: Page, claimed: list[Claim]) -> tuple[Finding, ...]:
    """Of what is taken for NPI, what was read surely enough; on the page as it was straightened."""
    found = []
    for claim in claimed:
        if claim.is_misread:
            continue
        line = page.lines[claim.line]
        words = line.words_at(claim.start, claim.end)
        read = _read_percent(words)
        if read >= (LEAST_READ if claim.is_named else LEAST_READ_UNNAMED):
            masked = mask(line.text[claim.start : claim.end])
            confidence = round(claim.strength * read)
            found.append(Finding(page_number, claim.type, confidence, enclosing(words), masked))
    return tuple(found)


def claims(page: Page, labelled: frozenset[int], table: Table) -> list[Claim]:
    """What is taken for NPI on a page, in reading order; labelled: places of the labels that may be on it."""
    numbered = _Lines([(place, line.text) for place, line in page.numbered])
    found: list[Claim] = []
    for number in table.at_work(numbered.text if table.has_digits else page.text, labelled):
        detector = table.detectors[number]
        matches = numbered.matches(detector.form) if detector.digits else _in_each(page, detector)
        for place, start, end in matches:
            whole = _claims(table, number, page, place, start, end)
            found += whole or _in_cells(table, number, page, place, start, end)
            if detector.looks is not None:
                found += _misread(table, number, detector.looks, page, place, start, end)
    return _strongest(found)


class _Lines:
    """Some lines of a page as one text, so that a form is looked for once, and only once however many
    detectors have it.
    """

    def __init__(self, lines: list[tuple[int, str]]) -> None:
        self._places = [place for place, _ in lines]
        self._starts = [0, *accumulate(len(text) + 1 for _, text in lines)][:-1]
        self.text = BETWEEN.join([text for _, text in lines])
        self._found: dict[str, list[tuple[int, int, int]]] = {}

    def matches(self, form: Expression) -> list[tuple[int, int, int]]:
        """(line, start, end) of each match."""
        if form.pattern not in self._found:
            found = []
            for match in form.finditer(self.text):
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


def read_percent(page: Page, claim: Claim) -> float:
    """How surely OCR read a claim's words."""
    return _read_percent(page.lines[claim.line].words_at(claim.start, claim.end))


def _read_percent(words: Sequence[Word]) -> float:
    letters = [len(word.text) for word in words]
    return sum([word.confidence * count for word, count in zip(words, letters, strict=True)]) / sum(letters)


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
    marks = [mark.start() for mark in _MARK.finditer(value)]
    shown = marks[-2] if len(marks) > 4 else len(value)
    return _MARK.sub("*", value[:shown]) + value[shown:]


def _value(detector: Detector, text: str, start: int, end: int) -> tuple[int, int]:
    """Where a value begins and ends: without spaces and separators at its edges, and without a last word that
    holds no digit.
    """
    while start < end and not text[start].isalnum() and text[start] != "!":
        start += 1
    while start < end and not text[end - 1].isalnum() and text[end - 1] != "!":
        end -= 1
    shorter, _, word = text[start:end].rpartition(" ")
    if shorter and not any(map(str.isdigit, word)) and detector.check(shorter):
        return _value(detector, text, start, start + len(shorter))
    return start, end


def _spans(detector: Detector, check: Check, text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The whole match where it passes a check, else the longest parts of it that do."""
    if check(text[start:end]):
        return [(start, end)]
    gaps = [gap.span() for gap in _PARTS.finditer(text, start, end)] if detector.parts else []
    if not gaps:
        return []
    starts, ends = [start, *(gap[1] for gap in gaps)], [*(gap[0] for gap in gaps), end]
    found, taken = [], start
    for first, low in enumerate(starts):
        if low < taken:
            continue
        for high in reversed(ends[first:]):
            if high - low < detector.shortest:
                break
            if check(text[low:high]):
                found.append((low, high))
                taken = high
                break
    return found


def _claims(table: Table, number: int, page: Page, place: int, start: int, end: int) -> list[Claim]:
    detector, line = table.detectors[number], page.lines[place]
    if detector.loose and is_toll_free(line.text[start:end]):
        return []
    found = []
    for low, high in _spans(detector, detector.check, line.text, start, end):
        start, end = _value(detector, line.text, low, high)
        if start >= end:
            continue
        standing = named_by(table, number, page, line, start, end)
        strength = {NAMED: detector.named, UNNAMED: detector.alone, OTHER: 0.0}[standing]
        if strength > 0:
            found.append(Claim(detector.type, strength, place, start, end, standing == NAMED))
    return found


def _in_cells(table: Table, number: int, page: Page, place: int, start: int, end: int) -> list[Claim]:
    """Values in the cells that a match goes over, which was none as a whole: an amount follows an account."""
    line, form = page.lines[place], table.detectors[number].form
    if len(line.segments) < 2:
        return []
    touched = [one for one in line.segments if one.start < end and one.end > start]
    found = []
    for cell in touched if len(touched) > 1 else ():
        for match in form.finditer(cell.text):
            first, beyond = cell.start + match.start(), cell.start + match.end()
            if first < end and beyond > start:
                found += _claims(table, number, page, place, first, beyond)
    return found


def _misread(
    table: Table, number: int, looks: Check, page: Page, place: int, start: int, end: int
) -> Iterator[Claim]:
    """A value that would be one but for its check, and that the nearest label names."""
    detector, line = table.detectors[number], page.lines[place]
    for low, high in _spans(detector, looks, line.text, start, end):
        if not detector.check(line.text[low:high]) and names_it(table, number, page, line, low, high):
            yield Claim(detector.type, MISREAD, place, low, high, True, is_misread=True)


def names_it(table: Table, number: int, page: Page, line: Line, start: int, end: int) -> bool:
    """Whether the nearest label of a value, with nothing between them, names a detector's type."""
    around = page.around(line, start, end)
    for where, is_head in AROUND:
        text = getattr(around, where)
        standing = _standing(table, number, text, is_head)
        if standing != UNNAMED or (where == "before" and LETTER.search(text)):
            return standing == NAMED and is_right_before(table, number, text)
    return False


def is_right_before(table: Table, number: int, text: str) -> bool:
    """Whether a text ends with a detector's label, but for what parts it from its value."""
    end = table.labels.last_in(text).get(number, NOWHERE)[1]
    return end >= 0 and not _WORDS.search(_NO_NAME.sub("", text[end:]))


def named_by(table: Table, number: int, page: Page, line: Line, start: int, end: int) -> str:
    """Whether the labels around a value name a detector's type, something else, or nothing."""
    around = page.around(line, start, end)
    for where, is_head in AROUND:
        if is_head and table.detectors[number].loose and _WORD.search(around.before):
            break
        text = around.before_list if where == "before" else getattr(around, where)
        standing = _standing(table, number, text, is_head)
        if standing != UNNAMED:
            return standing
    if not LETTER.search(around.before):
        after = _NUMBER.split(around.after, maxsplit=1)[0][:24]
        if any(number in table.labels.last_in(text) for text in (after, around.below)):
            return NAMED
    return UNNAMED


def _standing(table: Table, number: int, text: str, is_head: bool) -> str:
    if not text:
        return UNNAMED
    return table.labels.standing(number, text if is_head else text[-LONGEST_LABEL:], is_head)


def _strongest(found: list[Claim]) -> list[Claim]:
    kept: dict[int, list[Claim]] = {}
    for claim in sorted(found, key=lambda claim: (-claim.strength, claim.start - claim.end)):
        others = kept.setdefault(claim.line, [])
        if not any(claim.start < other.end and other.start < claim.end for other in others):
            others.append(claim)
    return [claim for line in sorted(kept) for claim in sorted(kept[line], key=lambda claim: claim.start)]
