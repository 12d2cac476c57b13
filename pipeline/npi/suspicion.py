"""Where a page may hold more than was found: it is then never taken for clean.

Handwriting, stamps and digits in boxes are what recognition loses first, and forms are filled in by hand. So
a label that names NPI, whose place is filled with ink of which no value came, is a reason to look at the
page; an empty place is none.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache

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
from pipeline.npi.labels import MOST_TEXTS
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
    labelled = table.labels.maybe_in(page.text)
    claimed = claims(page, labelled, table)
    found = findings(page_number, page, claimed)
    taken: dict[int, list[Claim]] = {}
    for claim in claimed:
        taken.setdefault(claim.line, []).append(claim)
    reason = (
        text.doubt
        or _unsure(page, claimed)
        or _unread(text)
        or _in_pieces(page, labelled, taken, table)
        or _unclaimed(page, labelled, taken, table)
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


def _in_pieces(page: Page, labelled: frozenset[int], taken: Mapping[int, list[Claim]], table: Table) -> str:
    """A label of nine digits, and behind it, in its cell, a number of more or fewer."""
    numbers = [number for number in labelled if _is_of_nine(table, number)]
    if not numbers:
        return ""
    for place, line in page.numbered:
        for cell in line.segments:
            match = _PIECES.search(cell.text)
            if not match or not FEWEST_PIECES <= sum(map(str.isdigit, match[1])) <= MOST_PIECES:
                continue
            before = cell.text[: match.start(1)]
            is_taken = any(cell.start <= one.start < cell.end for one in taken.get(place, ()))
            if not is_taken and any(is_right_before(table, number, before) for number in numbers):
                return f"a number that a label names {NINE_DIGITS} was read in part"
    return ""


def _unclaimed(page: Page, labelled: frozenset[int], taken: Mapping[int, list[Claim]], table: Table) -> str:
    """A number right behind a label of NPI, beside it or under it, that is no value of any type."""
    numbers = sorted(labelled & asking(table))
    for place, line in page.numbered if numbers else ():
        for cell in line.segments:
            if not _MAYBE_NUMBER.search(cell.text):
                continue
            start, text = cell.start, _TELEPHONE.sub(lambda number: "_" * len(number[0]), cell.text)
            for match in _NUMBER.finditer(text):
                first, beyond = start + match.start(), start + match.end()
                if sum(map(str.isdigit, match[0])) < FEWEST_UNCLAIMED or _NO_VALUE.match(match[0]):
                    continue
                if any(one.start < beyond and first < one.end for one in taken.get(place, ())):
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
    sure_words = sum([word.confidence >= SURE for word in text.words])
    sure = sure_words + text.left_out
    if sure < FEW_WORDS:
        area = sum((mark[2] - mark[0]) * (mark[3] - mark[1]) for mark in text.marks)
        if area > UNREAD_SHARE * text.width * text.height:
            return f"there is much ink on it and few words were read ({sure})"
        hardly = sum(word.confidence < BY_CHANCE and not _BLANK.fullmatch(word.text) for word in text.words)
        if hardly >= FEW_HARDLY:
            return f"few of its words were surely read ({sure}), others hardly ({hardly})"
    if sure_words < len(text.words) >= FEW_WORDS and text.confidence < LEGIBLE:
        return f"its words could hardly be read (mean confidence {text.confidence:.0f} %)"
    return ""


def _filled_in(
    page: Page, labelled: frozenset[int], text: PageText, found: tuple[Finding, ...], table: Table
) -> str:
    """A label of NPI with ink in its place, and no value."""
    if labelled.isdisjoint(asking(table)):
        return ""
    looks: _Looks | None = None
    for line in page.lines:
        for kind, start, end in _labels(line, table):
            label = enclosing(line.words_at(start, end))
            if any(_belongs(finding.box, label) for finding in found):
                continue
            looks = looks or _Looks(page)
            field = _field(looks.printed, text, label)
            if _has_ink(text, field) or looks.is_filled(field, label) or looks.is_head(label):
                return f"the place of {kind} is filled in, but no value could be read there"
    return ""


@cache
def asking(table: Table) -> frozenset[int]:
    """Places of the detectors whose labels, if a form has them, ask for a value of their own."""
    return frozenset(number for number, one in enumerate(table.detectors) if one.type in FORM_TYPES)


def _labels(line: Line, table: Table) -> Iterator[tuple[str, int, int]]:
    """(type, start, end) of a line's labels, one for a place."""
    for cell in line.segments:
        found = _label(cell.text, table)
        if found and _confidence(line, cell.start, cell.end) >= LABEL_READ:
            kind, start = found
            yield kind, cell.start + start, cell.end


@lru_cache(MOST_TEXTS)
def _label(cell: str, table: Table) -> tuple[str, int] | None:
    """(type, start) of the label that a cell is: one in the middle of a sentence asks for nothing."""
    if len(cell) > LONGEST_LABEL_CELL or not _NAMES.search(cell):
        return None
    for number in sorted(table.labels.maybe_in(cell) & asking(table)):
        match = table.detectors[number].label.search(cell)
        if match and match.end() > match.start() and _is_open(cell[match.end() :]):
            return table.detectors[number].type, match.start()
    return None


def _confidence(line: Line, start: int, end: int) -> float:
    words = line.words_at(start, end)
    return sum([word.confidence for word in words]) / max(1, len(words))


def _is_open(rest: str) -> bool:
    """Whether a cell says no more after its label than a form does: "(if any)", "of applicant"."""
    return len(rest) <= LONGEST_REST and not _DIGITS.search(rest)


def _belongs(found: Box, label: Box) -> bool:
    """Whether a value stands in the row of a label, or under it."""
    height = max(1, label[3] - label[1])
    in_row = found[1] < label[3] + height and found[3] > label[1] - height
    below = label[3] - height <= found[1] <= label[3] + 4 * height and found[0] < label[2] + 6 * height
    return in_row or below


def _field(printed: list[Box], text: PageText, label: Box) -> tuple[Box, Box]:
    """Where a label's value would stand: to its right up to the next words, and right below it."""
    height = max(8, label[3] - label[1])
    right = min(text.width, label[2] + 22 * height)
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


class _Looks:
    """Which words of a page look printed, and which do not, looked through once for all of its labels."""

    def __init__(self, page: Page) -> None:
        self.printed: list[Box] = []
        """Boxes of words that were surely read."""
        self._scrawl: list[tuple[Box, int, bool]] = []
        """Boxes of words, how many of their characters are by hand, and whether they may stand in boxes."""
        self._hardly: list[Box] = []
        """Boxes of long words that were hardly read."""
        for line in page.lines:
            for number, word in enumerate(line.words, 1):
                self._add(word, line.words[number : number + 1])

    def _add(self, word: Word, following: tuple[Word, ...]) -> None:
        is_sure = word.confidence >= SURE
        if is_sure and _LETTERS.search(word.text):
            self.printed.append(word.box)
        by_hand, digits = 0, sum(map(str.isdigit, word.text))
        if not is_sure and not _BLANK.fullmatch(word.text) and not _is_printed(word):
            by_hand = len(word.text)
        elif digits >= 2 and word.confidence < 85:
            by_hand = digits
        is_boxed = digits > 0 and len(word.text) <= LONGEST_IN_BOX
        if (by_hand or is_boxed) and not _leads(word, following):
            self._scrawl.append((word.box, by_hand, is_boxed))
        if word.confidence < LEAST_READ and len(word.text) >= COLUMN_WORDS and not _is_printed(word):
            self._hardly.append(word.box)

    def is_filled(self, field: tuple[Box, Box], label: Box) -> bool:
        """Whether there are words in a place that are no printed text: read without confidence, with digits,
        or some digits of a number.
        """
        for box in field:
            marks, boxed = 0, 0
            for (left, top, right, bottom), by_hand, is_boxed in self._scrawl:
                middle = (top + bottom) / 2
                if not (left < box[2] and right > box[0] and box[1] <= middle <= box[3]):
                    continue
                if right <= label[2] and middle < label[3]:
                    continue
                marks += by_hand
                boxed += is_boxed
            if marks >= 4 or boxed >= FEWEST_BOXED:
                return True
        return False

    def is_head(self, label: Box) -> bool:
        """Whether a label is the head of a column in which numbers were hardly read."""
        height = max(1, label[3] - label[1])
        below = [
            box
            for box in self._hardly
            if label[3] < box[1] < label[3] + COLUMN_HEIGHTS * height
            and label[0] - 2 * height <= (box[0] + box[2]) / 2 <= label[2] + 6 * height
        ]
        return len(below) >= COLUMN_WORDS


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


class _Scrawl:
    """Words of a page that are no printed text, looked through once for all of its labels."""

    def __init__(self, page: Page) -> None:
        self.printed: list[Box] = []
        """Boxes of the others: with letters, and surely read."""
        self._written: list[tuple[Word, int, bool]] = []
        """Words, how many marks of theirs are by hand, and whether they are some digits of a number."""
        self._hardly: list[Box] = []
        for line in page.lines:
            for number, word in enumerate(line.words):
                if word.confidence >= SURE and _LETTERS.search(word.text):
                    self.printed.append(word.box)
                self._add(word, line.words[number + 1 : number + 2])

    def _add(self, word: Word, following: tuple[Word, ...]) -> None:
        digits, marks = sum(map(str.isdigit, word.text)), 0
        if word.confidence < SURE and not _BLANK.fullmatch(word.text) and not _is_printed(word):
            marks = len(word.text)
            if word.confidence < LEAST_READ and len(word.text) >= COLUMN_WORDS:
                self._hardly.append(word.box)
        elif digits >= 2 and word.confidence < 85:
            marks = digits
        is_boxed = digits > 0 and len(word.text) <= LONGEST_IN_BOX
        if (marks or is_boxed) and not _leads(word, following):
            self._written.append((word, marks, is_boxed))
