"""Runs the detectors over a page and weighs what they find.

A finding's confidence is its detector's strength times how surely OCR read its words. Where two detectors
claim the same characters, the stronger one has them.
"""

import re
from collections.abc import Iterator

import msgspec

from pipeline.npi.detectors import DETECTORS, Detector
from pipeline.npi.lines import Line, Page, enclosing
from pipeline.page_text import Finding, PageText

_LETTER = re.compile(r"[A-Za-z]")


class _Claim(msgspec.Struct, frozen=True):
    type: str
    strength: float
    line: int
    start: int
    end: int


def detect(page_number: int, text: PageText) -> tuple[Finding, ...]:
    """All NPI on a page, in reading order."""
    page = Page(text.words)
    claims = [
        claim
        for number, line in enumerate(page.lines)
        for detector in DETECTORS
        for claim in _claims(detector, page, line, number)
    ]
    return tuple(_finding(page_number, page.lines[claim.line], claim) for claim in _strongest(claims))


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
    while start < end and not _counts(text[start]):
        start += 1
    while start < end and not _counts(text[end - 1]):
        end -= 1
    shorter, _, word = text[start:end].rpartition(" ")
    if shorter and not any(mark.isdigit() for mark in word) and detector.check(shorter):
        return _value(detector, text, start, start + len(shorter))
    return start, end


def _claims(detector: Detector, page: Page, line: Line, number: int) -> Iterator[_Claim]:
    for match in detector.form.finditer(line.text):
        if not detector.check(match.group()):
            continue
        start, end = _value(detector, line.text, match.start(), match.end())
        strength = detector.named if _is_named(detector, page, line, start, end) else detector.alone
        if strength > 0:
            yield _Claim(detector.type, strength, number, start, end)


def _is_named(detector: Detector, page: Page, line: Line, start: int, end: int) -> bool:
    """Whether the nearest label, to the left or else above, names this type and nothing against it."""
    label = page.before(line, start)[-detector.within :]
    if not _LETTER.search(label):  # nothing is written to the left: a form's label stands above
        label = page.above(enclosing(line.words_at(start, end)))
    named = _last(detector.context, label)
    return named >= 0 and (detector.against is None or _last(detector.against, label) < named)


def _last(pattern: re.Pattern[str], text: str) -> int:
    """Where the last match begins; -1 without one. The label nearest to the value is the last."""
    return max((match.start() for match in pattern.finditer(text)), default=-1)


def _strongest(claims: list[_Claim]) -> list[_Claim]:
    kept: list[_Claim] = []
    for claim in sorted(claims, key=lambda claim: (-claim.strength, claim.start - claim.end)):
        if not any(claim.line == k.line and claim.start < k.end and k.start < claim.end for k in kept):
            kept.append(claim)
    return sorted(kept, key=lambda claim: (claim.line, claim.start))


def _finding(page_number: int, line: Line, claim: _Claim) -> Finding:
    words = line.words_at(claim.start, claim.end)
    letters = sum(len(word.text) for word in words)
    read = sum(word.confidence * len(word.text) for word in words) / letters
    value = line.text[claim.start : claim.end]
    return Finding(page_number, claim.type, round(claim.strength * read), enclosing(words), mask(value))
