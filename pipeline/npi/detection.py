"""Runs the detectors over a page and weighs what they find.

A finding's confidence is its detector's strength times how surely OCR read its words. Where two detectors
claim the same characters, the stronger one has them.
"""

import re
from collections.abc import Iterator

import msgspec

from pipeline.npi.detectors import HEADS, Detector
from pipeline.npi.fields import Line, Page, enclosing
from pipeline.npi.tables import BUILT_IN, NOWHERE, Table, last
from pipeline.page_text import Finding, PageText

_LETTER = re.compile(r"[A-Za-z]|#")
_PARTS = re.compile(r"[ .-]+")
_VALUE = re.compile(r"\d[\d/.-]{3,}\d")
"""Another value: what stands before it names that."""
_DIGIT = re.compile(r"\d")
FEWEST_DIGITS = 3
"""Of a line that can hold a value; most lines have none, and need no detector."""
LONGEST_LABEL = 72
LEAST_READ = 40
LEAST_READ_UNNAMED = 60
"""Percent of OCR's confidence below which a value is only suspected, with a label and without."""
NAMED, UNNAMED, OTHER = "named", "unnamed", "other"


class Claim(msgspec.Struct, frozen=True):
    """Characters of a line that a detector takes for its type."""

    type: str
    strength: float
    line: int
    start: int
    end: int
    is_named: bool


def detect(page_number: int, text: PageText, table: Table = BUILT_IN) -> tuple[Finding, ...]:
    """All NPI on a page, in reading order."""
    page = Page(text.words)
    return tuple(
        _finding(page_number, page.lines[claim.line], claim)
        for claim in claims(page, table)
        if read_percent(page, claim) >= (LEAST_READ if claim.is_named else LEAST_READ_UNNAMED)
    )


def claims(page: Page, table: Table = BUILT_IN) -> list[Claim]:
    """What is taken for NPI on a page, in reading order."""
    found = [
        claim
        for place, line in enumerate(page.lines)
        for detector in (table.detectors if _has_digits(line) else table.wordy)
        for claim in _claims(table, detector, page, line, place)
    ]
    return _strongest(found)


def _has_digits(line: Line) -> bool:
    return len(_DIGIT.findall(line.text)) >= FEWEST_DIGITS


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


def _spans(detector: Detector, text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The whole match where it passes the check, else the longest parts of it that do."""
    if detector.check(text[start:end]):
        yield start, end
        return
    if not detector.parts:
        return
    starts = [start, *(start + gap.end() for gap in _PARTS.finditer(text[start:end]))]
    ends = [*(start + gap.start() for gap in _PARTS.finditer(text[start:end])), end]
    taken = start
    for first, low in enumerate(starts):
        if low < taken:
            continue
        for high in reversed(ends[first:]):
            if detector.check(text[low:high]):
                yield low, high
                taken = high
                break


def _claims(table: Table, detector: Detector, page: Page, line: Line, place: int) -> Iterator[Claim]:
    for match in detector.form.finditer(line.text):
        for low, high in _spans(detector, line.text, match.start(), match.end()):
            start, end = _value(detector, line.text, low, high)
            if start >= end:
                continue
            standing = named_by(table, detector, page, line, start, end)
            strength = {NAMED: detector.named, UNNAMED: detector.alone, OTHER: 0.0}[standing]
            if strength > 0:
                yield Claim(detector.type, strength, place, start, end, standing == NAMED)


def named_by(table: Table, detector: Detector, page: Page, line: Line, start: int, end: int) -> str:
    """Whether the labels around a value name this type, something else, or nothing."""
    around = page.around(line, start, end)
    for text, is_head in (
        (around.before, False),
        (around.beside, False),
        (around.above, True),
        (around.column, True),
    ):
        standing = _standing(table, detector, text, is_head)
        if standing != UNNAMED:
            return standing
    if not _LETTER.search(around.before):
        after = re.split(r"\d", around.after, maxsplit=1)[0][:24]
        if any(detector.label.search(text) for text in (after, around.below)):
            return NAMED
    return UNNAMED


def _standing(table: Table, detector: Detector, text: str, is_head: bool) -> str:
    """What a text says of a value that it stands before, or over. Behind another value it speaks of this one
    only.
    """
    if not is_head:
        text = text[-LONGEST_LABEL:]
    if not _LETTER.search(text):
        return UNNAMED
    since = 0 if is_head else max((match.end() for match in _VALUE.finditer(text)), default=0)
    own = last(detector.label, text)
    if own[1] >= 0 and not is_head and len(text) - own[1] > detector.near:
        own = NOWHERE
    named = [
        span
        for kind, span in table.labels_in(text)
        if kind != detector.type and kind not in detector.alike and span[0] >= since
    ]
    if own == NOWHERE:
        return OTHER if named or (is_head and HEADS.search(text)) else UNNAMED
    for start, end in named:
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
