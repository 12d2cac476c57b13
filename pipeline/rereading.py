"""Second readings of what the first one hardly read, or missed: each of a small part of the page, and only
where there is a sign of it.

A reading is a place on the page and the words that were read there; it replaces what was read before.
"""

import time
from collections.abc import Iterable

import msgspec
from PIL import Image, ImageFilter

from pipeline import ink
from pipeline.engines import SINGLE_BLOCK, SINGLE_LINE, Engine
from pipeline.failures import PageUnreadable
from pipeline.page_text import Box, Word, enclosing

DOUBTFUL_PERCENT, DOUBTFUL_DIGITS = 50, 4
"""A word with so many digits that was read less surely is read again, its line alone."""
MOST_LINES_AGAIN = 2
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
SURER = 5
"""Percent of confidence by which the second reading must be better."""

Reading = tuple[Box, tuple[Word, ...]]


def doubtful_lines(
    engine: Engine, image: Image.Image, dpi: int, words: tuple[Word, ...], ends: float
) -> tuple[Word, ...]:
    """The words, those of some lines from a second reading: of lines with a number that was hardly read, each
    alone, enlarged and sharpened.
    """
    doubtful = dict.fromkeys(
        word.line
        for word in sorted(words, key=lambda word: word.confidence)
        if word.confidence < DOUBTFUL_PERCENT and sum(map(str.isdigit, word.text)) >= DOUBTFUL_DIGITS
    )
    for number in list(doubtful)[:MOST_LINES_AGAIN]:
        first = tuple(word for word in words if word.line == number)
        second = _line_alone(engine, image, dpi, first, ends)
        if _sureness(second) > _sureness(first) + SURER and _letters(second) >= 0.7 * _letters(first):
            words = tuple(word for word in words if word.line != number) + second
    return words


def boxed_rows(
    engine: Engine,
    image: Image.Image,
    seen: ink.Ink,
    words: tuple[Word, ...],
    marks: tuple[Box, ...],
    ends: float,
) -> list[Reading]:
    """(row, its words) of rows of boxes with ink in them that was not read, or hardly: each row alone,
    without its ruled lines.
    """
    hardly = tuple(
        word.box for word in words if word.confidence < UNSURE_IN_BOXES and any(map(str.isdigit, word.text))
    )
    rows = [row for row in _rows_of_marks(marks + hardly, seen.dpi) if ink.has_boxes(seen, row)]
    read: list[Reading] = []
    for row in rows[:MOST_ROWS]:
        margin = seen.dpi // 25
        left, top = max(0, row[0] - margin), max(0, row[1] - margin)
        part = ink.without_rules(image, seen, (left, top, row[2] + margin, row[3] + margin))
        large = part.resize((part.width * ENLARGED, part.height * ENLARGED), Image.Resampling.BICUBIC)
        try:
            found = engine.words(large, seen.dpi * ENLARGED, ends - time.perf_counter(), SINGLE_LINE)
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
    engine: Engine,
    image: Image.Image,
    seen: ink.Ink,
    words: tuple[Word, ...],
    marks: tuple[Box, ...],
    ends: float,
) -> tuple[list[Reading], bool]:
    """(place, its words) of lines with a number that a stamp or a pen's line hid, and whether there is such a
    number that could hardly be read: where ink was not read it is read again, once the darkest ink alone and
    once without straight lines.
    """
    found: list[Reading] = []
    for box in _troubled(words, marks, image.size, seen.dpi)[:MOST_TROUBLED]:
        is_line = box[3] - box[1] < HIGHEST_LINE * seen.dpi
        is_struck = is_line and ink.is_struck(seen, box)
        unruled = ink.unstruck(image, seen, box) if is_struck else ink.without_rules(image, seen, box)
        lines: list[Reading] = []
        for part in (ink.darkest(image.crop(box)), unruled):
            try:
                left = ends - time.perf_counter()
                read = engine.words(part, seen.dpi, left, SINGLE_LINE if is_line else SINGLE_BLOCK)
            except PageUnreadable:  # what was read stays
                return found, False
            lines += _lines_in(read, box, image.width)
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


def _lines_in(words: tuple[Word, ...], box: Box, page_width: int) -> list[Reading]:
    """(place, its words) of the lines that were read in a part of a page; what its edges cut apart is left
    out.
    """
    lines: dict[int, list[Word]] = {}
    for word in words:
        left, top, right, bottom = word.box
        if (left > 1 or not box[0]) and (right < box[2] - box[0] - 1 or box[2] == page_width):
            moved = left + box[0], top + box[1], right + box[0], bottom + box[1]
            lines.setdefault(word.line, []).append(msgspec.structs.replace(word, box=moved))
    return [(enclosing(line), tuple(line)) for line in lines.values()]


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


def _line_alone(
    engine: Engine, image: Image.Image, dpi: int, line: tuple[Word, ...], ends: float
) -> tuple[Word, ...]:
    lefts, tops, rights, bottoms = zip(*(word.box for word in line), strict=True)
    margin = max(4, (max(bottoms) - min(tops)) // 3)
    left, top = max(0, min(lefts) - margin), max(0, min(tops) - margin)
    cut = image.crop((left, top, min(image.width, max(rights) + margin), max(bottoms) + margin))
    large = cut.resize((cut.width * ENLARGED, cut.height * ENLARGED), Image.Resampling.BICUBIC)
    sharp = large.filter(ImageFilter.UnsharpMask(radius=2, percent=150, threshold=2))
    try:
        found = engine.words(sharp, dpi * ENLARGED, ends - time.perf_counter(), SINGLE_LINE)
    except PageUnreadable:  # what was read stays
        return ()
    return tuple(
        msgspec.structs.replace(
            word,
            box=_placed(word.box, left, top),
            line=line[0].line,
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
