"""Words become lines of text in which every character knows its word, and every line what stands around it.

Context is what tells a passport number from a part number: `before` gives the text to the left of a place,
over the gaps of a form; `above` the label over it.
"""

from collections.abc import Iterable

import msgspec

from pipeline.page_text import Box, Word

LABEL_LINES_ABOVE = 2.2
"""How far above a value its label may stand, in heights of the value."""


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

    @property
    def box(self) -> Box:
        return enclosing(self.words)


class Page:
    """The lines of a page, and what stands to the left of and above a place."""

    def __init__(self, words: Iterable[Word]) -> None:
        by_line: dict[int, list[Word]] = {}
        for word in words:
            by_line.setdefault(word.line, []).append(word)
        self.lines = tuple(
            _line(tuple(sorted(group, key=lambda word: word.box[0]))) for group in by_line.values()
        )

    def before(self, line: Line, start: int) -> str:
        """What stands to the left of text[start]: in its own line, and in lines that end beside it."""
        box = enclosing(line.words_at(start, start + 1) or line.words)
        left = [
            other
            for other in self.lines
            if other is not line
            and other.box[2] <= line.box[0]
            and _overlap(other.words[-1].box, box, 1) > 0.5
        ]
        nearest = max(left, key=lambda other: other.box[2], default=None)
        return f"{nearest.text} {line.text[:start]}" if nearest else line.text[:start]

    def above(self, box: Box) -> str:
        """The words of labels above `box`: close by, and over it."""
        height = box[3] - box[1]
        return " ".join(
            word.text
            for line in self.lines
            for word in line.words
            if word.box[3] <= box[1] + height * 0.3
            and box[1] - word.box[3] < LABEL_LINES_ABOVE * height
            and word.box[0] < box[2]
            and word.box[2] > box[0] - 2 * height
        )


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
