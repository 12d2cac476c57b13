"""Where a page may hold more than was found: it is then never taken for clean.

Handwriting, stamps and digits in boxes are what recognition loses first, and forms are filled in by hand. So
a label that names NPI, whose place is filled with ink of which no value came, is a reason to look at the
page; an empty place is none.
"""

import re
from collections.abc import Iterator

from pipeline.npi.detection import (
    LEAST_READ,
    LEAST_READ_UNNAMED,
    Claim,
    as_scanned,
    claims,
    findings,
    is_right_before,
    names_it,
    read_percent,
)
from pipeline.npi.fields import GAP, Line, Page
from pipeline.npi.tables import BUILT_IN, Table
from pipeline.page_text import Box, Finding, PageText, Word, enclosing

FEW_WORDS = 12
"""With fewer words that were surely read, much ink that was not is suspicious."""
SURE, BY_CHANCE, FEW_HARDLY = 60, 40, 4
FIELD_HEIGHT = 0.037
"""Of the page's width: a field is a third of an inch high on a letter."""
COLUMN_HEIGHTS, COLUMN_WORDS = 45, 3
"""How far below its head a column goes, in heights, and words in it that were hardly read."""
UNREAD_SHARE = 0.004
"""Of the page's area, in marks that no word explains."""
LEGIBLE = 40
"""Percent of mean confidence below which a page's words say little."""
LONGEST_IN_BOX, FEWEST_BOXED = 3, 4
"""Characters of a word, and words, by which digits in boxes are known."""
FORM_TYPES = frozenset(
    {
        "SSN",
        "ITIN",
        "BANK_ACCOUNT",
        "ROUTING_NUMBER",
        "DATE_OF_BIRTH",
        "DRIVERS_LICENCE",
        "PASSPORT",
        "MEDICARE",
        "MEMBER_ID",
        "MEDICAL_RECORD",
        "POLICY_NUMBER",
        "ALIEN_NUMBER",
    }
)
"""Types whose fields are looked into."""
LONGEST_LABEL_CELL, LONGEST_REST, LABEL_READ = 60, 24, 75
NINE_DIGITS, FEWEST_PIECES, MOST_PIECES = "SSN", 7, 10
"""A type whose values have nine, and how many digits are a part of one, or one with a stroke too many."""
FEWEST_UNCLAIMED = 6
"""Digits of a number that a label of NPI names and that no type has: fewer are a year, a unit, a page."""
_NUMBER = re.compile(
    r"(?<![\w$.,/(+-])[A-Z]{0,3}-?\d(?:[ OIlSB|°'’`´._,–—~/-]{0,3}\d){5,21}(?![\w%])(?![.,/-]\d)"
)
_MAYBE_NUMBER = re.compile(r"\d(?:\D{0,3}\d){5}")
_NO_VALUE = re.compile(
    r"\d{1,3}(?:[,.' ]\d{3})*[.,]\d\d$|\d{1,3}(?:,\d{3})+$"  # amounts
    r"|\d{5}[- ]\d{4}$|\d\d-\d{7}$"  # ZIP codes, employers
    r"|(?:19|20)\d\d ?[-–/] ?(?:19|20)\d\d$"  # years
)
"""What is filled in beside labels of NPI on clean forms, too."""
_TELEPHONE = re.compile(r"(?<!\d)(?:\(\d{3}\) ?|\d{3}[-. /]{1,2})\d{3}[-. ]\d{4}(?!\d)")
_DATE = re.compile(
    r"(?:\d{1,2} ?[-/. ] ?)?\d{1,2} ?[-/. ] ?(?:\d{4}|\d\d)$|\d{4} ?[-/.] ?\d{1,2} ?[-/.] ?\d{1,2}$"
)
OF_DATES = "DATE_OF_BIRTH"
"""The type in whose place a date that is no value was misread."""
_PIECES = re.compile(r"(?<![\d/.,$])(\d[\d\s-]{5,13}\d)\W*$")
_NAMES = re.compile(r"[A-Za-z]{2}|#|[A-Za-z][./] ?[A-Za-z]\b")
_DIGITS = re.compile(r"\d.*\d")
_PRINTED = re.compile(r"[A-Za-z]{4}")
_LETTERS = re.compile(r"[A-Za-z]{2}")
_BLANK = re.compile(r"[\W_]*")


def examine(page_number: int, text: PageText, table: Table = BUILT_IN) -> tuple[tuple[Finding, ...], str]:
    """What is found on a page, and why more may be on it than that; "" when nothing speaks for it."""
    page = Page(text.words)
    claimed = claims(page, table)
    found = findings(page_number, page, claimed)
    labelled = table.labelled(page.text)
    reason = (
        text.doubt
        or _unsure(page, claimed)
        or _unread(text)
        or _in_pieces(page, labelled, claimed, table)
        or _unclaimed(page, labelled, claimed, table)
        or _filled_in(page, labelled, text, found, table)
    )
    if not reason and text.hidden:
        reason = "a number on it is struck through or stamped over, and could hardly be read"
    return as_scanned(text, found), reason


def _unsure(page: Page, claimed: list[Claim]) -> str:
    """Values that were read with next to no confidence."""
    for claim in claimed:
        if claim.is_misread:
            return f"a number that a label names {claim.type} fails its check: a digit may be misread"
        percent = read_percent(page, claim)
        if percent < (LEAST_READ if claim.is_named else LEAST_READ_UNNAMED):
            return f"what may be a value of {claim.type} was read with {percent:.0f} % confidence"
    return ""


def _in_pieces(page: Page, labelled: frozenset[int], claimed: list[Claim], table: Table) -> str:
    """A label of nine digits, and behind it, in its cell, a number of more or fewer."""
    numbers = [number for number in labelled if _is_of_nine(table, number)]
    if not numbers:
        return ""
    for place, line in enumerate(page.lines):
        for start, end in line.cuts:
            match = _PIECES.search(line.text[start:end])
            if not match or not FEWEST_PIECES <= sum(map(str.isdigit, match[1])) <= MOST_PIECES:
                continue
            before = line.text[start : start + match.start(1)]
            is_taken = any(one.line == place and start <= one.start < end for one in claimed)
            if not is_taken and any(is_right_before(table, number, before) for number in numbers):
                return f"a number that a label names {NINE_DIGITS} was read in part"
    return ""


def _unclaimed(page: Page, labelled: frozenset[int], claimed: list[Claim], table: Table) -> str:
    """A number right behind a label of NPI, beside it or under it, that is no value of any type."""
    numbers = [number for number in sorted(labelled) if _asks(table, number)]
    for place, line in enumerate(page.lines if numbers else ()):
        if not _MAYBE_NUMBER.search(line.text):
            continue
        for start, end in line.cuts:
            cell = _TELEPHONE.sub(lambda number: "_" * len(number[0]), line.text[start:end])
            for match in _NUMBER.finditer(cell):
                first, beyond = start + match.start(), start + match.end()
                if sum(map(str.isdigit, match[0])) < FEWEST_UNCLAIMED or _NO_VALUE.match(match[0]):
                    continue
                if any(one.line == place and one.start < beyond and first < one.end for one in claimed):
                    continue
                if _confidence(line, first, beyond) < SURE or (
                    first > start and _confidence(line, start, first) < LABEL_READ
                ):
                    continue  # scrawl, that only looks like a label or a number
                is_date = bool(_DATE.match(match[0]))
                for number in numbers:
                    kind = table.detectors[number].type
                    if is_date and kind != OF_DATES:
                        continue
                    if names_it(table, number, page, line, first, beyond):
                        return f"the place of {kind} is filled in, but no value could be read there"
    return ""


def _is_of_nine(table: Table, number: int) -> bool:
    return number < len(table.detectors) and table.detectors[number].type == NINE_DIGITS


def _unread(text: PageText) -> str:
    sure = sum(word.confidence >= SURE for word in text.words) + text.left_out
    area = sum((mark[2] - mark[0]) * (mark[3] - mark[1]) for mark in text.marks)
    if sure < FEW_WORDS and area > UNREAD_SHARE * text.width * text.height:
        return f"there is much ink on it and few words were read ({sure})"
    hardly = sum(word.confidence < BY_CHANCE and not _BLANK.fullmatch(word.text) for word in text.words)
    if sure < FEW_WORDS and hardly >= FEW_HARDLY:
        return f"few of its words were surely read ({sure}), others hardly ({hardly})"
    if len(text.words) >= FEW_WORDS and text.confidence < LEGIBLE:
        return f"its words could hardly be read (mean confidence {text.confidence:.0f} %)"
    return ""


def _filled_in(
    page: Page, labelled: frozenset[int], text: PageText, found: tuple[Finding, ...], table: Table
) -> str:
    """A label of NPI with ink in its place, and no value."""
    if not any(_asks(table, number) for number in labelled):
        return ""
    for line in page.lines:
        for kind, start, end in _labels(line, table):
            label = enclosing(line.words_at(start, end))
            if any(_belongs(finding.box, label) for finding in found):
                continue
            field = _field(page, text, label)
            if _has_ink(text, field) or _has_scrawl(page, field, label) or _heads_scrawl(page, label):
                return f"the place of {kind} is filled in, but no value could be read there"
    return ""


def _asks(table: Table, number: int) -> bool:
    """Whether a detector's label, if a form has it, asks for a value of its own."""
    return number < len(table.detectors) and table.detectors[number].type in FORM_TYPES


def _labels(line: Line, table: Table) -> Iterator[tuple[str, int, int]]:
    """(type, start, end) of a line's labels, one for a place: a label in the middle of a sentence asks for
    nothing.
    """
    taken = 0
    for start, end in line.cuts:
        cell = line.text[start:end]
        if len(cell) > LONGEST_LABEL_CELL or not _NAMES.search(cell):
            continue
        numbers = sorted(number for number in table.labelled(cell) if _asks(table, number))
        if not numbers or _confidence(line, start, end) < LABEL_READ:
            continue
        for number in numbers:
            match = table.detectors[number].label.search(cell)
            if match and match.end() > match.start() and _is_open(cell[match.end() :]) and end > taken:
                taken = end
                yield table.detectors[number].type, start + match.start(), end
                break


def _confidence(line: Line, start: int, end: int) -> float:
    words = line.words_at(start, end)
    return sum(word.confidence for word in words) / max(1, len(words))


def _is_open(rest: str) -> bool:
    """Whether a cell says no more after its label than a form does: "(if any)", "of applicant"."""
    return len(rest) <= LONGEST_REST and not _DIGITS.search(rest)


def _belongs(found: Box, label: Box) -> bool:
    """Whether a value stands in the row of a label, or under it."""
    height = max(1, label[3] - label[1])
    in_row = found[1] < label[3] + height and found[3] > label[1] - height
    below = label[3] - height <= found[1] <= label[3] + 4 * height and found[0] < label[2] + 6 * height
    return in_row or below


def _field(page: Page, text: PageText, label: Box) -> tuple[Box, Box]:
    """Where a label's value would stand: to its right up to the next words, and right below it."""
    height = max(8, label[3] - label[1])
    right = min(text.width, label[2] + 22 * height)
    printed = [
        word.box
        for line in page.lines
        for word in line.words
        if word.confidence >= SURE and _LETTERS.search(word.text)
    ]
    right = min(
        (box[0] for box in printed if label[2] < box[0] < right and box[1] < label[3] and box[3] > label[1]),
        default=right,
    )
    beside = (label[2] + height // 3, label[1] - height // 2, right, label[3] + height // 2)
    floor = label[3] + max(int(2.4 * height), int(text.width * FIELD_HEIGHT))
    floor = min(
        (box[1] for box in printed if label[3] <= box[1] < floor and box[0] < label[2] and box[2] > label[0]),
        default=floor,
    )
    below = (label[0] - height, label[3] + height // 4, max(label[2], label[0] + 14 * height), floor)
    return beside, below


def _has_ink(text: PageText, field: tuple[Box, Box]) -> bool:
    """Whether marks that no word explains fill a place: as high as writing, and some characters long."""
    for box in field:
        high = max(1, box[3] - box[1])
        inside = [
            mark
            for mark in text.marks
            if mark[0] < box[2]
            and mark[2] > box[0]
            and mark[1] < box[3]
            and mark[3] > box[1]
            and _within(mark, box) > 0.6
            and mark[3] - mark[1] > high * 0.25
        ]
        if inside:
            left, right = min(mark[0] for mark in inside), max(mark[2] for mark in inside)
            if right - left > 2 * high or sum(mark[2] - mark[0] for mark in inside) > 1.5 * high:
                return True
    return False


def _within(mark: Box, box: Box) -> float:
    """The part of a mark that lies in a box."""
    across = min(mark[2], box[2]) - max(mark[0], box[0])
    down = min(mark[3], box[3]) - max(mark[1], box[1])
    return across * down / max(1, (mark[2] - mark[0]) * (mark[3] - mark[1]))


def _has_scrawl(page: Page, field: tuple[Box, Box], label: Box) -> bool:
    """Whether there are words in a place that are no printed text: read without confidence, with digits, or
    some digits of a number.
    """
    for box in field:
        marks, boxed = 0, 0
        for line in page.lines:
            for number, word in enumerate(line.words):
                middle = (word.box[1] + word.box[3]) / 2
                if not (word.box[0] < box[2] and word.box[2] > box[0] and box[1] <= middle <= box[3]):
                    continue
                if _leads(word, line.words[number + 1 : number + 2]):
                    continue
                if word.box[2] <= label[2] and middle < label[3]:
                    continue
                digits = sum(mark.isdigit() for mark in word.text)
                if word.confidence < SURE and not _BLANK.fullmatch(word.text) and not _is_printed(word):
                    marks += len(word.text)
                elif digits >= 2 and word.confidence < 85:
                    marks += digits
                boxed += digits > 0 and len(word.text) <= LONGEST_IN_BOX
        if marks >= 4 or boxed >= FEWEST_BOXED:
            return True
    return False


def _leads(word: Word, following: tuple[Word, ...]) -> bool:
    """Whether printed text goes on behind a word: then it is of another label, badly read."""
    return any(
        one.confidence >= LABEL_READ
        and bool(_LETTERS.search(one.text))
        and one.box[0] - word.box[2] < GAP * (one.box[3] - one.box[1])
        for one in following
    )


def _is_printed(word: Word) -> bool:
    """Whether it looks like a printed word, and was not read by chance."""
    return word.confidence >= BY_CHANCE and bool(_PRINTED.search(word.text))


def _heads_scrawl(page: Page, label: Box) -> bool:
    """Whether a label is the head of a column in which numbers were hardly read."""
    height = max(1, label[3] - label[1])
    hardly = 0
    for line in page.lines:
        for word in line.words:
            middle = (word.box[0] + word.box[2]) / 2
            if (
                label[3] < word.box[1] < label[3] + COLUMN_HEIGHTS * height
                and label[0] - 2 * height <= middle <= label[2] + 6 * height
                and word.confidence < LEAST_READ
                and len(word.text) >= COLUMN_WORDS
                and not _is_printed(word)
            ):
                hardly += 1
    return hardly >= COLUMN_WORDS
