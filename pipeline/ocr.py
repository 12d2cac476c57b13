"""A page's pixels become words with boxes and confidences.

`read_page` is the one expensive function of the system, and a pure one: the same page and options give the
same words. The page is decoded and made fit for recognition by `page_image`; an `Engine` recognises it. Boxes
are in pixels of the page as scanned, upright.
"""

import time
from collections.abc import Iterable

import msgspec
from PIL import Image, ImageFilter

from pipeline import engines, ink, page_image
from pipeline.documents import PageFile
from pipeline.engines import SINGLE_BLOCK, SINGLE_LINE, Engine
from pipeline.failures import PageUnreadable
from pipeline.ocr_options import OcrOptions
from pipeline.page_text import Box, PageText, Word, enclosing

LEGIBLE_PERCENT = 55
"""A page whose words' mean confidence is below this may lie on its side or stand on its head: other turns are
tried.
"""
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


def read_page(page: PageFile, options: OcrOptions) -> PageText:
    """The words of one page. Raises `PageUnreadable` with the reason when the page cannot be decoded or read.

    Where the page stands on its head or lies on its side, the turns that are tried share the time that is
    left of the page's own.
    """
    ends = time.perf_counter() + options.page_timeout
    image = page_image.load(page, options.max_pixels, options.mending.split(","))
    width, height = image.upright_size
    if page_image.is_blank(image.pixels):
        return PageText(width, height, doubt=image.doubt or page_image.blackness(image.pixels))
    engine = engines.engine(options)
    best = PageText(width, height, engine.words(image.pixels, image.dpi, ends - time.perf_counter()))
    if best.words and (best.confidence < LEGIBLE_PERCENT or _lies_on_its_side(best.words)):
        for degrees in (180, 90, 270):
            try:
                words = engine.words(
                    image.pixels.rotate(degrees, expand=True), image.dpi, ends - time.perf_counter()
                )
            except PageUnreadable:  # what was read stays
                break
            turned = PageText(*((width, height) if degrees == 180 else (height, width)), words, degrees)
            if _is_better(turned, best):
                best = turned
            if best.confidence >= 1.3 * LEGIBLE_PERCENT and not _lies_on_its_side(best.words):
                break
    upright = image.pixels.rotate(best.turned, expand=True) if best.turned else image.pixels
    best = msgspec.structs.replace(best, words=_read_again(engine, upright, image.dpi, best.words, ends))
    seen = ink.of(upright, image.dpi)
    marks = ink.marks(seen, best.words)
    if boxed := _read_boxed(engine, upright, seen, best.words, marks, ends):
        best = msgspec.structs.replace(best, words=_with(best.words, boxed))
        marks = ink.marks(seen, best.words)
    hidden, is_hidden = _read_hidden(engine, upright, seen, best.words, marks, ends)
    if hidden:
        best = msgspec.structs.replace(best, words=_with(best.words, hidden))
        marks = ink.marks(seen, best.words)
    scale = image.scale[::-1] if best.turned in (90, 270) else image.scale
    return msgspec.structs.replace(
        best,
        words=tuple(msgspec.structs.replace(word, box=_unscaled(word.box, *scale)) for word in best.words),
        marks=tuple(_unscaled(box, *scale) for box in marks),
        skew=image.skew,
        hidden=is_hidden,
        doubt=image.doubt,
    )


def _read_again(
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


def _read_boxed(
    engine: Engine,
    image: Image.Image,
    seen: ink.Ink,
    words: tuple[Word, ...],
    marks: tuple[Box, ...],
    ends: float,
) -> list[tuple[Box, tuple[Word, ...]]]:
    """(row, its words) of rows of boxes with ink in them that was not read, or hardly: each row alone,
    without its ruled lines.
    """
    hardly = tuple(
        word.box for word in words if word.confidence < UNSURE_IN_BOXES and any(map(str.isdigit, word.text))
    )
    rows = [row for row in _rows_of_marks(marks + hardly, seen.dpi) if ink.has_boxes(seen, row)]
    read: list[tuple[Box, tuple[Word, ...]]] = []
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


def _read_hidden(
    engine: Engine,
    image: Image.Image,
    seen: ink.Ink,
    words: tuple[Word, ...],
    marks: tuple[Box, ...],
    ends: float,
) -> tuple[list[tuple[Box, tuple[Word, ...]]], bool]:
    """(place, its words) of lines with a number that a stamp or a pen's line hid, and whether there is such a
    number that could hardly be read: where ink was not read it is read again, once the darkest ink alone and
    once without straight lines.
    """
    found: list[tuple[Box, tuple[Word, ...]]] = []
    for box in _troubled(words, marks, image.size, seen.dpi)[:MOST_TROUBLED]:
        is_line = box[3] - box[1] < HIGHEST_LINE * seen.dpi
        is_struck = is_line and ink.is_struck(seen, box)
        unruled = ink.unstruck(image, seen, box) if is_struck else ink.without_rules(image, seen, box)
        lines: list[tuple[Box, tuple[Word, ...]]] = []
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
                wide = (
                    min(place[0], wide[0]),
                    min(place[1], wide[1]),
                    max(place[2], wide[2]),
                    max(place[3], wide[3]),
                )
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


def _lines_in(words: tuple[Word, ...], box: Box, page_width: int) -> list[tuple[Box, tuple[Word, ...]]]:
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


def _with(words: tuple[Word, ...], boxed: list[tuple[Box, tuple[Word, ...]]]) -> tuple[Word, ...]:
    """The words, those of each row in place of what was read there, as a line of their own."""
    for row, found in boxed:
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


def _is_better(turned: PageText, best: PageText) -> bool:
    """Whether a turned page is the right way up. Tesseract reads some lines that run upwards, too."""
    needed = 0.7 if _lies_on_its_side(best.words) and not _lies_on_its_side(turned.words) else 1.5
    return _legibility(turned) > needed * _legibility(best)


def _lies_on_its_side(words: Iterable[Word]) -> bool:
    """Whether most words of three letters or more run up or down."""
    long = [word.box for word in words if len(word.text) >= 3]
    return 2 * sum(box[3] - box[1] > box[2] - box[0] for box in long) > len(long)


def _legibility(text: PageText) -> float:
    """How much was read and how surely: letters of words that count as read, weighted by confidence."""
    return sum(len(word.text) * word.confidence for word in text.words if word.confidence >= LEGIBLE_PERCENT)


def _unscaled(box: Box, across: float, down: float) -> Box:
    if across == down == 1:
        return box
    return int(box[0] / across), int(box[1] / down), int(box[2] / across), int(box[3] / down)
