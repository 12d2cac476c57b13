"""What names a value on a page: the labels around it, as a form's reader looks for them.

Words become lines in which every character knows its word; lines fall into segments where a gap parts the
cells of a form or table. A value's label stands before it in its segment, in the segment to the left, above
it, at the head of its column, behind it, or below. What is itself a value names nothing.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cached_property

import msgspec

from pipeline.page_text import Box, Word

GAP = 1.15
"""Between words, in heights of a line: a wider one parts two cells."""
LABEL_LINES_ABOVE = 2.6
"""How far above a value its label may stand, in heights of the value."""
LABEL_LINES_BELOW = 1.3
COLUMN_LINES = 4.5
"""From one cell of a column to the next, at most."""
BESIDE = 3.0
"""Between two parts of one label, in heights."""
LONGEST_COLUMN = 60
_DIGIT = re.compile(r"\d")
_LETTERS = re.compile(r"[A-Za-z]{2}|#")


class Segment(msgspec.Struct, frozen=True):
    """Words of a line that stand close together, and whether they can name something."""

    text: str
    box: Box
    is_label: bool


def _is_label(text: str) -> bool:
    """Whether a text can name something: it has a word, and is not mostly digits but for a field's number."""
    count = len(_DIGIT.findall(text))
    return bool(_LETTERS.search(text)) and (count <= 2 or 2 * count < len(text.replace(" ", "")))


class Line(msgspec.Struct, frozen=True):
    """A line of words; `starts[i]` is where word i begins in `text`, words being joined by single spaces."""

    words: tuple[Word, ...]
    text: str
    starts: tuple[int, ...]

    def words_at(self, start: int, end: int) -> tuple[Word, ...]:
        """The words that text[start:end] touches."""
        return tuple(
            word
            for word, at in zip(self.words, self.starts, strict=True)
            if at < end and at + len(word.text) > start
        )

    def cuts(self) -> Iterator[tuple[int, int]]:
        """(start, end) in `text` of each segment."""
        heights = sorted(word.box[3] - word.box[1] for word in self.words)
        gap, first = GAP * max(1, heights[len(heights) * 4 // 5]), 0
        for number, word in enumerate(self.words):
            following = self.words[number + 1] if number + 1 < len(self.words) else None
            if following is None or following.box[0] - word.box[2] > gap:
                yield self.starts[first], self.starts[number] + len(word.text)
                first = number + 1


class Around(msgspec.Struct, frozen=True):
    """Texts around a value, the likeliest to name it first. before: up to the value, from the start of its
    segment; after: behind it.
    """

    before: str
    beside: str
    above: str
    column: str
    after: str
    below: str


class Page:
    """The lines of a page, and what stands around a place on it."""

    def __init__(self, words: Iterable[Word]) -> None:
        self._around: dict[tuple[int, int, int], Around] = {}
        by_line: dict[int, list[Word]] = {}
        for word in words:
            by_line.setdefault(word.line, []).append(word)
        self.lines = tuple(
            _line(tuple(sorted(group, key=lambda word: word.box[0]))) for group in by_line.values()
        )

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        return tuple(
            Segment(
                line.text[start:end], enclosing(line.words_at(start, end)), _is_label(line.text[start:end])
            )
            for line in self.lines
            for start, end in line.cuts()
        )

    def around(self, line: Line, start: int, end: int) -> Around:
        """What stands around text[start:end] of a line."""
        key = id(line), start, end
        if key not in self._around:
            self._around[key] = self._look_around(line, start, end)
        return self._around[key]

    def _look_around(self, line: Line, start: int, end: int) -> Around:
        box = enclosing(line.words_at(start, end))
        low, high = next(
            ((low, high) for low, high in line.cuts() if low <= start < high), (0, len(line.text))
        )
        return Around(
            before=line.text[low:start],
            beside=self._beside(box),
            above=self._above(box),
            column=self._column(box),
            after=line.text[end : max(high, end)],
            below=self._below(box),
        )

    def _beside(self, box: Box) -> str:
        """What can be a label to the left, up to what cannot: a value, or an edge that is far away."""
        left = [
            one
            for one in self.segments
            if one.box[2] <= box[0] + (box[3] - box[1]) // 2 and _overlap(one.box, box, 1) > 0.5
        ]
        texts: list[str] = []
        for one in sorted(left, key=lambda one: -one.box[2]):
            if not one.is_label or (texts and box[0] - one.box[2] > BESIDE * (box[3] - box[1])):
                break
            texts.append(one.text)
            box = one.box
        return " ".join(reversed(texts))

    def _above(self, box: Box) -> str:
        """Labels close above, over the value: the nearest line of them."""
        height = box[3] - box[1]
        near = [
            one
            for one in self._over(box)
            if one.is_label and box[1] - one.box[3] < LABEL_LINES_ABOVE * height
        ]
        nearest = max(near, key=lambda one: one.box[3], default=None)
        if nearest is None:
            return ""
        same = [one for one in near if _overlap(one.box, nearest.box, 1) > 0.5]
        return " ".join(one.text for one in sorted(same, key=lambda one: one.box[0]))

    def _column(self, box: Box) -> str:
        """The head of the value's column: the first label above cells of values."""
        cell = box
        for _ in range(LONGEST_COLUMN):
            height = cell[3] - cell[1]
            over = [one for one in self._over(cell) if cell[1] - one.box[3] < COLUMN_LINES * height]
            nearest = max(over, key=lambda one: one.box[3], default=None)
            if nearest is None:
                return ""
            if nearest.is_label:
                return nearest.text
            cell = nearest.box
        return ""

    def _below(self, box: Box) -> str:
        height = box[3] - box[1]
        near = [
            one
            for one in self.segments
            if one.is_label
            and one.box[1] >= box[3] - height * 0.3
            and one.box[1] - box[3] < LABEL_LINES_BELOW * height
            and one.box[0] < box[2]
            and one.box[2] > box[0]
        ]
        nearest = min(near, key=lambda one: one.box[1], default=None)
        return nearest.text if nearest else ""

    def _over(self, box: Box) -> list[Segment]:
        """Segments above that stand over a box."""
        height = box[3] - box[1]
        return [
            one
            for one in self.segments
            if one.box[3] <= box[1] + height * 0.3
            and one.box[0] < box[2]
            and one.box[2] > box[0] - 2 * height
        ]


def enclosing(words: Iterable[Word]) -> Box:
    """The box around all words."""
    lefts, tops, rights, bottoms = zip(*(word.box for word in words), strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _line(words: tuple[Word, ...]) -> Line:
    starts, at = [], 0
    for word in words:
        starts.append(at)
        at += len(word.text) + 1
    return Line(words, " ".join(word.text for word in words), tuple(starts))


def _overlap(a: Box, b: Box, axis: int) -> float:
    """Shared extent of two boxes along an axis (0: across, 1: down), as a part of the smaller one's."""
    shared = min(a[axis + 2], b[axis + 2]) - max(a[axis], b[axis])
    return shared / max(1, min(a[axis + 2] - a[axis], b[axis + 2] - b[axis]))
