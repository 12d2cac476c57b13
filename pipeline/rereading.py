"""Second readings of what the first one hardly read, or missed: each of a small part of the page, and only
where there is a sign of it.

A reading is a place on the page and the words that were read there; it replaces what was read before.
"""

import time
from collections.abc import Iterable
from functools import reduce

import msgspec
import numpy as np
from PIL import Image, ImageFilter

from pipeline import ink
from pipeline.engines import SINGLE_BLOCK, SINGLE_LINE, Engine
from pipeline.failures import PageUnreadable
from pipeline.page_text import Box, Word, enclosing
from pipeline.screened import Screened

DOUBTFUL_PERCENT, DOUBTFUL_DIGITS = 50, 4
"""A word with so many digits that was read less surely is read again, its cell alone."""
MOST_CELLS_AGAIN, CELL = 1, 1.15
"""How many are, the least sure first, and heights between two words of one."""
ENLARGED = 2
MOST_ROWS, WIDE_INCHES = 2, 0.7
"""Rows of boxes that are read alone, at most, and how wide one is at least."""
LEGIBLE_IN_BOXES, UNSURE_IN_BOXES = 40, 85
MOST_TROUBLED, HARDLY_READ, LARGEST_TROUBLE, MOST_WORDS_AROUND = 1, 60, 20, 15
"""Places that are read again for what hides in them, at most; the confidence from which on a word counts as
read; the square inches, and the words, that such a place may hold.
"""
SURELY_READ, FEWEST_HIDDEN = 80, 6
"""Mean confidence of words that are taken for new ones there, and digits of a number whose reading stays in
doubt.
"""
LOWEST_LINE, HIGHEST_LINE, REACH = 0.07, 0.4, 0.15
"""Inches: a line's height, and how far apart ink of one place lies."""
AROUND_NUMBER = 0.5, 0.25
"""Inches over and under what may be a number that are read with it."""
SURER = 5
"""Percent of confidence by which the second reading must be better."""

INK, CHANGED = 128, 0.002
"""Grey level below which there is ink, and the share of a place's pixels that a treatment changes at least,
for it to be read as treated.
"""

Reading = tuple[Box, tuple[Word, ...]]


class Reader(msgspec.Struct, frozen=True):
    """Who reads again: on what page, by which engine, until when there is time, and whether only where the
    screen sees a number.
    """

    page: Screened
    engine: Engine
    ends: float
    sparing: bool = True

    def words(self, part: Image.Image, mode: int, enlarged: int = 1) -> tuple[Word, ...]:
        """The words of a part of the page. Raises `PageUnreadable`."""
        return self.engine.words(part, self.page.dpi * enlarged, self.ends - time.perf_counter(), mode)


def doubtful_cells(reader: Reader, words: tuple[Word, ...]) -> tuple[Word, ...]:
    """The words, those of some cells from a second reading: of cells with a number that was hardly read, each
    alone, enlarged and sharpened.
    """
    doubtful = [
        word
        for word in sorted(words, key=lambda word: word.confidence)
        if word.confidence < DOUBTFUL_PERCENT
        and sum(map(str.isdigit, word.text)) >= DOUBTFUL_DIGITS
        and (not reader.sparing or any(_meet(word.box, one) for one in reader.page.numbers))
    ]
    read: list[tuple[Word, ...]] = []
    for word in doubtful:
        if len(read) == MOST_CELLS_AGAIN:
            break
        if any(word in cell for cell in read):
            continue
        first = _cell(word, words)
        read.append(first)
        second = _cell_alone(reader, first)
        if _sureness(second) > _sureness(first) + SURER and _letters(second) >= 0.7 * _letters(first):
            words = tuple(one for one in words if one not in first) + second
    return words


def _cell(word: Word, words: tuple[Word, ...]) -> tuple[Word, ...]:
    """The words that stand close to one, side by side, in its line."""
    line = sorted((one for one in words if one.line == word.line), key=lambda one: one.box[0])
    gap = CELL * max(one.box[3] - one.box[1] for one in line)
    first = beyond = line.index(word)
    while first and line[first].box[0] - line[first - 1].box[2] <= gap:
        first -= 1
    while beyond + 1 < len(line) and line[beyond + 1].box[0] - line[beyond].box[2] <= gap:
        beyond += 1
    return tuple(line[first : beyond + 1])


def boxed_rows(reader: Reader, words: tuple[Word, ...], marks: tuple[Box, ...]) -> list[Reading]:
    """(row, its words) of rows of boxes with ink in them that was not read, or hardly: each row alone,
    without its ruled lines.
    """
    hardly = tuple(
        word.box for word in words if word.confidence < UNSURE_IN_BOXES and any(map(str.isdigit, word.text))
    )
    rows = [
        row for row in _rows_of_marks(marks + hardly, reader.page.dpi) if ink.has_boxes(reader.page.ink, row)
    ]
    read: list[Reading] = []
    for row in rows[:MOST_ROWS]:
        margin = reader.page.dpi // 25
        left, top = max(0, row[0] - margin), max(0, row[1] - margin)
        part = ink.without_rules(
            reader.page.pixels, reader.page.ink, (left, top, row[2] + margin, row[3] + margin)
        )
        large = part.resize((part.width * ENLARGED, part.height * ENLARGED), Image.Resampling.BICUBIC)
        try:
            found = reader.words(large, SINGLE_LINE, ENLARGED)
        except PageUnreadable:  # what was read stays
            break
        found = tuple(
            msgspec.structs.replace(word, box=_placed(word.box, left, top))
            for word in found
            if word.confidence >= LEGIBLE_IN_BOXES
        )
        before = tuple(word for word in words if _covers(row, word.box))
        if _digits(found) >= DOUBTFUL_DIGITS and _sureness(found) > _sureness(before):
            read.append((row, found))
    return read


def hidden_numbers(
    reader: Reader, words: tuple[Word, ...], marks: tuple[Box, ...]
) -> tuple[list[Reading], bool]:
    """(place, its words) of lines with a number that a stamp or a pen's line hid, and whether there is such a
    number that could hardly be read: where ink was not read that may be a number, it is read again, once the
    darkest ink alone and once without straight lines, where that makes a difference.
    """
    found: list[Reading] = []
    for troubled in _troubled(words, marks, reader.page.pixels.size, reader.page.dpi)[:MOST_TROUBLED]:
        box = _with_numbers(reader, troubled, words) if reader.sparing else troubled
        if box is None:
            continue
        is_line = box[3] - box[1] < HIGHEST_LINE * reader.page.dpi
        is_struck = is_line and ink.is_struck(reader.page.ink, box)
        lines: list[Reading] = []
        for part in _treated(reader, box, is_struck):
            try:
                read = reader.words(part, SINGLE_LINE if is_line else SINGLE_BLOCK)
            except PageUnreadable:  # what was read stays
                return found, False
            lines += _cells_in(read, box, reader.page)
        lines.sort(key=lambda one: _sureness(one[1]) * _digits(one[1]), reverse=True)
        for place, line in lines:
            before = tuple(word for word in words if _covers(place, word.box))
            is_surer = _digits(line) >= DOUBTFUL_DIGITS and _sureness(line) > _sureness(before) + SURER
            is_new = not before and _mean(line) > SURELY_READ  # a label may be among what was lost
            if (is_surer or is_new) and not any(_meet(place, one) for one, _ in found):
                found.append((place, line))
        most = max((_digits(line) for _, line in lines), default=0)
        if is_struck and most >= FEWEST_HIDDEN:
            whole = [line for _, line in lines if _digits(line) == most]
            return found, max(map(_sureness, whole)) < HARDLY_READ
    return found, False


def _with_numbers(reader: Reader, box: Box, words: tuple[Word, ...]) -> Box | None:
    """The rows of a place around what may be a number and was not read surely; None where nothing is."""
    sure = [one.box for one in words if one.confidence >= HARDLY_READ and any(map(str.isdigit, one.text))]
    page = reader.page
    may_hold = [one for one in page.numbers if _meet(box, one) and not any(_meet(one, read) for read in sure)]
    if not may_hold:
        if box[3] - box[1] < HIGHEST_LINE * page.dpi and ink.is_struck(page.ink, box):
            return box
        part = page.pixels.crop(box)
        is_stamped = any(_meet(box, one) for one in page.tall) and _differ(part, ink.darkest(part))
        return box if is_stamped else None
    over, under = (round(inches * page.dpi) for inches in AROUND_NUMBER)
    _, top, _, bottom = reduce(_around, may_hold)
    return box[0], max(box[1], top - over), box[2], min(box[3], bottom + under)


def _treated(reader: Reader, box: Box, is_struck: bool) -> list[Image.Image]:
    """A place as it is to be read again."""
    part = reader.page.pixels.crop(box)
    dark, ruled = ink.darkest(part), (ink.unstruck if is_struck else ink.without_rules)
    unruled = ruled(reader.page.pixels, reader.page.ink, box)
    is_overprinted, is_ruled = (_differ(part, treated) for treated in (dark, unruled))
    if not reader.sparing:
        return [dark, unruled]
    if is_overprinted or not is_ruled:
        return [dark, unruled] if is_ruled else [dark]
    return [unruled]


def _differ(one: Image.Image, other: Image.Image) -> bool:
    """Whether two images of a place differ in what is ink."""
    dark, other_dark = (np.asarray(image) < INK for image in (one, other))
    return float(np.mean(dark != other_dark)) > CHANGED


def _troubled(words: tuple[Word, ...], marks: tuple[Box, ...], size: tuple[int, int], dpi: int) -> list[Box]:
    """Places wide enough for a number, and not too large, in which ink was not read or hardly; the largest
    first.
    """
    hardly = [word.box for word in words if word.confidence < HARDLY_READ]
    boxes = [box for box in (*marks, *hardly) if box[3] - box[1] > LOWEST_LINE * dpi]
    reach = round(REACH * dpi)
    places: list[Box] = []
    for box in boxes:
        wide = box[0] - reach, box[1] - reach // 2, box[2] + reach, box[3] + reach // 2
        apart = []
        for place in places:
            if _meet(place, wide):
                wide = _around(place, wide)
            else:
                apart.append(place)
        places = [*apart, wide]
    low, high = dpi * WIDE_INCHES, LARGEST_TROUBLE * dpi * dpi
    fit = [
        _with_whole_words(
            (max(0, left - 3 * reach), max(0, top), min(right + 3 * reach, size[0]), min(bottom, size[1])),
            words,
        )
        for left, top, right, bottom in places
        if right - left > low and (right - left) * (bottom - top) < high
    ]
    return sorted(
        (box for box in fit if sum(_covers(box, word.box) for word in words) <= MOST_WORDS_AROUND),
        key=lambda box: (box[2] - box[0]) * (box[3] - box[1]),
        reverse=True,
    )


def _with_whole_words(box: Box, words: tuple[Word, ...]) -> Box:
    """A place, wider by what its left and right edge would cut off words in it."""
    left, top, right, bottom = box
    across = [word.box for word in words if top < (word.box[1] + word.box[3]) / 2 < bottom]
    return (
        min([left, *(one[0] - 2 for one in across if one[0] < left < one[2])]),
        top,
        max([right, *(one[2] + 2 for one in across if one[0] < right < one[2])]),
        bottom,
    )


def _cells_in(words: tuple[Word, ...], box: Box, page: Screened) -> list[Reading]:
    """(place, its words) of the lines that were read in a part of a page, parted where upright rules part
    them; what its edges cut apart is left out.
    """
    lines: dict[int, list[Word]] = {}
    for word in words:
        left, top, right, bottom = word.box
        if (left > 1 or not box[0]) and (right < box[2] - box[0] - 1 or box[2] == page.pixels.width):
            moved = left + box[0], top + box[1], right + box[0], bottom + box[1]
            lines.setdefault(word.line, []).append(msgspec.structs.replace(word, box=moved))
    cells = [cell for line in lines.values() for cell in ink.cells(page.ink, line)]
    return [(enclosing(cell), tuple(cell)) for cell in cells]


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _around(one: Box, other: Box) -> Box:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def with_readings(words: tuple[Word, ...], readings: list[Reading]) -> tuple[Word, ...]:
    """The words, those of each row in place of what was read there, as a line of their own."""
    for row, found in readings:
        line = max((word.line for word in words), default=-1) + 1
        words = tuple(word for word in words if not _covers(row, word.box))
        words += tuple(msgspec.structs.replace(word, line=line) for word in found)
    return words


def _rows_of_marks(marks: tuple[Box, ...], dpi: int) -> list[Box]:
    """Rows of marks of the height of writing, side by side and together some characters wide."""
    low, high, gap = dpi * 0.07, dpi * 0.4, dpi * 0.35
    rows: list[Box] = []
    for mark in sorted(marks):
        if not low <= mark[3] - mark[1] <= high:
            continue
        for number, row in enumerate(rows):
            middle = (mark[1] + mark[3]) / 2
            if row[1] <= middle <= row[3] and mark[0] - row[2] <= gap:
                rows[number] = (row[0], min(row[1], mark[1]), max(row[2], mark[2]), max(row[3], mark[3]))
                break
        else:
            rows.append(mark)
    wide = [row for row in rows if row[2] - row[0] >= dpi * WIDE_INCHES and row[3] - row[1] <= high]
    return sorted(wide, key=lambda row: row[0] - row[2])


def _covers(row: Box, box: Box) -> bool:
    across, down = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return row[0] <= across <= row[2] and row[1] <= down <= row[3]


def _cell_alone(reader: Reader, cell: tuple[Word, ...]) -> tuple[Word, ...]:
    lefts, tops, rights, bottoms = zip(*(word.box for word in cell), strict=True)
    margin = max(4, (max(bottoms) - min(tops)) // 3)
    left, top = max(0, min(lefts) - margin), max(0, min(tops) - margin)
    cut = reader.page.pixels.crop(
        (left, top, min(reader.page.pixels.width, max(rights) + margin), max(bottoms) + margin)
    )
    large = cut.resize((cut.width * ENLARGED, cut.height * ENLARGED), Image.Resampling.BICUBIC)
    sharp = large.filter(ImageFilter.UnsharpMask(radius=2, percent=150, threshold=2))
    try:
        found = reader.words(sharp, SINGLE_LINE, ENLARGED)
    except PageUnreadable:  # what was read stays
        return ()
    return tuple(
        msgspec.structs.replace(
            word,
            box=_placed(word.box, left, top),
            line=cell[0].line,
        )
        for word in found
    )


def _placed(box: Box, left: int, top: int) -> Box:
    """A box in a part that was enlarged, in pixels of the page; the part begins at (left, top)."""
    across, down, right, bottom = (value // ENLARGED for value in box)
    return left + across, top + down, left + right, top + bottom


def _digits(words: Iterable[Word]) -> int:
    return sum(mark.isdigit() for word in words for mark in word.text)


def _letters(words: tuple[Word, ...]) -> int:
    return sum(len(word.text) for word in words)


def _mean(words: tuple[Word, ...]) -> float:
    return sum(word.confidence for word in words) / max(1, len(words))


def _sureness(words: tuple[Word, ...]) -> float:
    """Mean confidence of those with digits, by their length."""
    numbers = tuple(word for word in words if any(map(str.isdigit, word.text)))
    letters = _letters(numbers)
    return sum(word.confidence * len(word.text) for word in numbers) / letters if letters else 0.0
