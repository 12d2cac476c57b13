"""What names a value on a page: the labels around it, as a form's reader looks for them.

Words become lines in which every character knows its word; lines fall into segments where a gap parts the
cells of a form or table. A value's label stands before it in its segment, in the segment to the left, above
it, at the head of its column, behind it, or below. What is itself a value names nothing.
"""

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import accumulate

from pipeline.page_text import Box, Word, enclosing

GAP = 1.15
"""Between words, in heights of a line: a wider one parts two cells."""
BESIDE_HYPHEN = 2.3
"""Where one of them is a hyphen, or ends or begins with one, and the other a part of its number."""
LABEL_LINES_ABOVE = 2.6
"""How far above a value its label may stand, in heights of the value."""
LABEL_LINES_BELOW = 1.3
COLUMN_LINES = 4.5
"""From one cell of a column to the next, at most."""
BESIDE = 3.0
"""Between two parts of one label, in heights."""
HYPHENS = frozenset("-–—~")
OF_NUMBERS = HYPHENS | frozenset("0123456789OlI|")
"""What the parts of a number begin and end with, as OCR reads it."""
_DIGIT, _LETTER = re.compile(r"\d"), re.compile(r"[A-Za-z]")
_DIGITS = re.compile(r"\d[^\d\n]*\d[^\d\n]*\d")
"""In a line that can hold a value; most lines have none, and need no detector."""
_LETTERS = re.compile(r"[A-Za-z]{2}|#|[A-Za-z][./] ?[A-Za-z]\b")

MOST_LISTED = 8
LIST_MARKS = (",", ";", "&", "and", "or", "to", "thru", "through")
"""What parts the values of a list, which one label names."""
_LIST_MARK = re.compile(r"\s*(?:[,;&]|and\b|or\b|to\b|thru\b|through\b)(?:\s*(?:and|or)\b)?\s*$")


class Segment:
    """Words of a line that stand close together: its text[start:end]; and whether they can name something."""

    __slots__ = ("_is_label", "box", "end", "start", "text")

    def __init__(self, line: str, start: int, end: int, box: Box) -> None:
        self.text = line[start:end]
        self.start, self.end, self.box = start, end, box
        self._is_label: bool | None = None

    @property
    def is_label(self) -> bool:
        """A text can name something that has a word, and is not mostly digits but for a field's number."""
        if self._is_label is None:
            self._is_label = bool(_LETTERS.search(self.text)) and not _is_number(self.text)
        return self._is_label


def _is_number(text: str) -> bool:
    count = len(_DIGIT.findall(text))
    return count > 2 and 2 * count >= len(text.replace(" ", ""))


def _shape(text: str) -> str:
    return _LETTER.sub("A", _DIGIT.sub("0", text))


class Line:
    """A line of words, joined by single spaces to `text`."""

    __slots__ = ("_segments", "_starts", "text", "words")

    def __init__(self, words: tuple[Word, ...]) -> None:
        self.words = words
        self.text = " ".join([word.text for word in words])
        self._starts: Sequence[int] = ()
        self._segments: Sequence[Segment] = ()

    @property
    def starts(self) -> Sequence[int]:
        """Where in `text` each word begins."""
        if not self._starts:
            ends = accumulate([len(word.text) + 1 for word in self.words])
            self._starts = [0, *ends][:-1]
        return self._starts

    def words_at(self, start: int, end: int) -> tuple[Word, ...]:
        """The words that text[start:end] touches."""
        first = max(0, bisect_right(self.starts, start) - 1)
        if self.starts[first] + len(self.words[first].text) <= start:
            first += 1
        return self.words[first : bisect_left(self.starts, end)]

    @property
    def segments(self) -> Sequence[Segment]:
        if not self._segments:
            self._segments = self._parted()
        return self._segments

    def _parted(self) -> list[Segment]:
        """In one go over the words: every page with a number on it is parted."""
        heights = sorted([word.box[3] - word.box[1] for word in self.words])
        height = max(1, heights[len(heights) * 4 // 5])
        least, surely = height * GAP, height * BESIDE_HYPHEN
        segments: list[Segment] = []
        one = self.words[0]
        left, top, right, bottom = one.box
        start, end = 0, len(one.text)
        for following in self.words[1:]:
            box = following.box
            gap = box[0] - one.box[2]
            if gap > least and (gap > surely or HYPHENS.isdisjoint((one.text, following.text))):
                segments.append(Segment(self.text, start, end, (left, top, right, bottom)))
                left, top, right, bottom = box
                start = end + 1
            else:
                left, top = min(left, box[0]), min(top, box[1])
                right, bottom = max(right, box[2]), max(bottom, box[3])
            end += 1 + len(following.text)
            one = following
        segments.append(Segment(self.text, start, end, (left, top, right, bottom)))
        return segments


class Around:
    """Texts around a value, each looked for when it is asked for: its label is often the first of them."""

    def __init__(self, page: "Page", line: Line, start: int, end: int) -> None:
        self._page, self._line, self._start, self._end = page, line, start, end
        cell = (0, len(line.text))
        for one in line.segments:
            if one.start <= start < one.end:
                cell = (one.start, one.end)
                break
        self.before = line.text[cell[0] : start]
        """Up to the value, from the start of its segment."""
        self.after = line.text[end : max(cell[1], end)]
        """Behind it, up to the end of its segment."""

    @cached_property
    def _box(self) -> Box:
        return enclosing(self._line.words_at(self._start, self._end))

    @cached_property
    def before_list(self) -> str:
        """Up to the list that the value is a later member of: those before it look like it, digit by digit,
        and commas part them.
        """
        before, value = self.before, self._line.text[self._start : self._end]
        for _ in range(MOST_LISTED):
            mark = _LIST_MARK.search(before) if before.rstrip().endswith(LIST_MARKS) else None
            if not mark or not mark.start():
                break
            if _shape(before[: mark.start()][-len(value) :]) != _shape(value):
                break
            before = before[: mark.start() - len(value)]
        return before

    @cached_property
    def beside(self) -> str:
        return self._page.beside(self._box, self._line)

    @cached_property
    def above(self) -> str:
        return self._page.above(self._box)

    @cached_property
    def column(self) -> str:
        return self._page.column(self._box)

    @cached_property
    def below(self) -> str:
        return self._page.below(self._box)


class Page:
    """The lines of a page, and what stands around a place on it."""

    def __init__(self, words: Iterable[Word]) -> None:
        self._around: dict[tuple[int, int, int], Around] = {}
        self._heads: dict[Box, str] = {}
        by_line: dict[int, list[Word]] = {}
        number, group = None, []
        for word in words:
            if word.line != number:
                number = word.line
                group = by_line.setdefault(number, [])
            group.append(word)
        lines = [Line(_from_left(group)) for group in by_line.values()]
        self.lines = tuple(_joined(lines) if any(map(_is_cut_off, lines)) else lines)

    @cached_property
    def text(self) -> str:
        """All lines twice: as they were read, and row by row, so that parts of one label that stand side by
        side follow each other in one of them.
        """
        rows: list[list[tuple[int, str]]] = []
        beyond = -math.inf
        for line in sorted(self.lines, key=lambda line: line.words[0].box[1]):
            left, top, _, bottom = line.words[0].box
            if top > beyond:
                rows.append([])
                beyond = (top + bottom) // 2
            rows[-1].append((left, line.text))
        texts = [line.text for line in self.lines]
        return " ".join(texts + [text for row in rows for _, text in sorted(row)])

    @cached_property
    def numbered(self) -> list[tuple[int, Line]]:
        """The lines that can hold a value, and their places."""
        return [(place, line) for place, line in enumerate(self.lines) if _DIGITS.search(line.text)]

    @cached_property
    def _by_bottom(self) -> "_Sorted":
        return _Sorted([segment for line in self.lines for segment in line.segments], 3)

    @cached_property
    def _by_top(self) -> "_Sorted":
        return _Sorted(self._by_bottom.segments, 1)

    @cached_property
    def _highest(self) -> int:
        return max([one.box[3] - one.box[1] for one in self._by_bottom.segments], default=0)

    def around(self, line: Line, start: int, end: int) -> Around:
        """What stands around text[start:end] of a line."""
        key = id(line), start, end
        if key not in self._around:
            self._around[key] = Around(self, line, start, end)
        return self._around[key]

    def beside(self, box: Box, line: Line) -> str:
        """What can be a label to the left, up to what cannot: a value, or an edge that is far away.

        A value by hand stands higher than its printed label, or lower: what recognition put into its own line
        is beside it, however little of their heights they share.
        """
        own: Sequence[Segment] = line.segments if len(line.segments) > 1 else ()
        height = box[3] - box[1]
        right = box[0] + height // 2
        left = [
            one
            for one in self._by_bottom.between(box[1] - height, box[3] + self._highest)
            if one.box[2] <= right and (_overlap(one.box, box, 1) > 0.5 or one in own)
        ]
        texts: list[str] = []
        for one in sorted(left, key=lambda one: -one.box[2]):
            if not one.is_label or (texts and box[0] - one.box[2] > BESIDE * (box[3] - box[1])):
                break
            texts.append(one.text)
            box = one.box
        return " ".join(reversed(texts))

    def above(self, box: Box) -> str:
        """Labels close above, over the value: the nearest line of them."""
        near = [one for one in self._over(box, LABEL_LINES_ABOVE) if one.is_label]
        if not near:
            return ""
        nearest = max(near, key=_bottom)
        same = [one for one in near if _overlap(one.box, nearest.box, 1) > 0.5]
        return " ".join(one.text for one in sorted(same, key=_left))

    def column(self, box: Box) -> str:
        """The head of a value's column: the first label above cells of values."""
        cells = []
        while box not in self._heads:
            cells.append(box)
            over = self._over(box, COLUMN_LINES)
            nearest = max(over, key=_bottom, default=None)
            if nearest is None or nearest.is_label or nearest.box[1] >= box[1]:
                self._heads[box] = nearest.text if nearest and nearest.is_label else ""
            else:
                box = nearest.box
        for cell in cells:
            self._heads[cell] = self._heads[box]
        return self._heads[box]

    def below(self, box: Box) -> str:
        """The nearest label close below."""
        height = box[3] - box[1]
        low, high = box[3] - height * 0.3, box[3] + LABEL_LINES_BELOW * height
        near = (
            one
            for one in self._by_top.between(low, high)
            if one.is_label and one.box[1] < high and one.box[0] < box[2] and one.box[2] > box[0]
        )
        nearest = min(near, key=lambda one: one.box[1], default=None)
        return nearest.text if nearest else ""

    def _over(self, box: Box, lines: float) -> list[Segment]:
        """Segments that stand over a box, and no more than so many of its heights above it."""
        height = box[3] - box[1]
        low, high = box[1] - lines * height, box[1] + height * 0.3
        left, right = box[0] - 2 * height, box[2]
        return [
            one
            for one in self._by_bottom.between(low, high)
            if one.box[3] > low and one.box[0] < right and one.box[2] > left
        ]


def _from_left(words: list[Word]) -> tuple[Word, ...]:
    """Words from left to right, as nearly all of them come."""
    lefts = [word.box[0] for word in words]
    return tuple(words if lefts == sorted(lefts) else sorted(words, key=_left))


def _is_cut_off(line: Line) -> bool:
    """Whether a line begins or ends with the hyphen of a number: recognition takes its groups for columns."""
    text = line.text
    return text[-1] in HYPHENS or text[0] in HYPHENS


def _joined(lines: list[Line]) -> list[Line]:
    """The lines, parts of one number that stand side by side as one."""
    joined: list[Line] = []
    for line in sorted(lines, key=lambda line: line.words[0].box[0]):
        first = line.words[0].box
        for number, left in enumerate(joined if line.text[0] in OF_NUMBERS else ()):
            last = left.words[-1].box
            gap = first[0] - last[2]
            if (
                left.text[-1] in OF_NUMBERS
                and HYPHENS & {left.text[-1], line.text[0]}
                and -0.5 < gap / max(1, first[3] - first[1]) < BESIDE_HYPHEN
                and _overlap(last, first, 1) > 0.5
            ):
                joined[number] = Line(left.words + line.words)
                break
        else:
            joined.append(line)
    return sorted(joined, key=lambda line: line.words[0].box[1])


class _Sorted:
    """Segments by one edge of their boxes."""

    def __init__(self, segments: Sequence[Segment], edge: int) -> None:
        edges = [one.box[edge] for one in segments]
        self.segments = [segments[place] for place in sorted(range(len(edges)), key=edges.__getitem__)]
        self._edges = sorted(edges)

    def between(self, low: float, high: float) -> list[Segment]:
        """Those whose edge is not less than `low` and not more than `high`."""
        return self.segments[bisect_left(self._edges, low) : bisect_right(self._edges, high)]


def _left(one: Word | Segment) -> int:
    return one.box[0]


def _bottom(one: Segment) -> int:
    return one.box[3]


def _overlap(a: Box, b: Box, axis: int) -> float:
    """Shared extent of two boxes along an axis (0: across, 1: down), as a part of the smaller one's."""
    shared = min(a[axis + 2], b[axis + 2]) - max(a[axis], b[axis])
    if shared <= 0:
        return 0.0
    return shared / max(1, min(a[axis + 2] - a[axis], b[axis + 2] - b[axis]))
