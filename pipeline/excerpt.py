"""What of a page can hold a number, with all that may name it; the rest is left out, and rows without ink are
drawn together, so that recognition has a small image to read.

Which labels can name a value is what `npi.fields` says; here is kept what it looks at, and a little more.
"""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline import ink
from pipeline.components import Boxes
from pipeline.page_text import Box, Word
from pipeline.screened import Screened
from pipeline.text_pieces import Flags, as_boxes, from_boxes, groups, heights, side_by_side

FEW_NUMBERS, READ_SHARE = 3, 0.4
"""Of so many numbers this share is read at least, of fewer each, or recognition failed."""
BEFORE, BEHIND, FURTHER, ALONE = 30, 12, 2, 8
"""Heights that are kept to the left and to the right of a number in its cell; between cells to its left that
are kept; and from it to the next word on its left, where it may have a caption under it.
"""
HEAD, BELOW, ASIDE, MONTH, WHOLE = 3.2, 1.4, 1.8, 10, 10
"""Heights from a number to the head of its column, to a caption under it, to its left, and to the left of the
month before it; and what is kept of a label's cell.
"""
CELL, SOME_LETTER, PROSE = 1.15, 2.5, 45
"""Heights between two pieces of a cell, and positions of the net's answer that are letters in a word, and in
a sentence.
"""
WALL = 1.2
"""Heights from a digit to the walls of its box, at most."""
MARGIN, ROWS_BETWEEN = 0.25, 0.5
"""Heights that are kept around a piece, and left above and below it."""

Gaps = npt.NDArray[np.floating | np.signedinteger]


class Excerpt(msgspec.Struct, frozen=True):
    """An image of the kept rows of a page (None: nothing is kept), and their numbers; left_out: boxes of
    print without a number.
    """

    image: Image.Image | None
    rows: npt.NDArray[np.int64]
    left_out: tuple[Box, ...]

    def on_page(self, words: tuple[Word, ...]) -> tuple[Word, ...]:
        """Words that were read in the excerpt, where they stand on the page."""
        return tuple(
            msgspec.structs.replace(word, box=(left, self._row(top), right, self._row(bottom - 1) + 1))
            for word in words
            for left, top, right, bottom in [word.box]
        )

    def _row(self, down: int) -> int:
        return int(self.rows[min(max(0, down), len(self.rows) - 1)])


def of(page: Screened) -> Excerpt:
    """What of a page can hold a number, or name one."""
    kept = _with_labels(page)
    others = from_boxes(page.tall + page.solid)
    boxes = np.concatenate([page.boxes[kept], page.dashes, _walls(page), others])
    image, rows = _squeezed(page.pixels, boxes, page.ink.paper)
    return Excerpt(image, rows, as_boxes(page.boxes[~kept]))


def parted(words: tuple[Word, ...], page: Screened) -> tuple[Word, ...]:
    """The words, lines that an upright rule parts as lines of their own: the excerpt does not show it."""
    lines: dict[int, list[Word]] = {}
    for word in words:
        lines.setdefault(word.line, []).append(word)
    cells = [cell for line in lines.values() for cell in ink.cells(page.ink, line)]
    of = {id(word): number for number, cell in enumerate(cells) for word in cell}
    return tuple(msgspec.structs.replace(word, line=of[id(word)]) for word in words if id(word) in of)


def are_seen(numbers: Iterable[Box], words: Iterable[Word]) -> bool:
    """Whether anything at all was read in most places that hold a number."""
    return _share(numbers, from_boxes(word.box for word in words)) >= READ_SHARE


def are_read(numbers: Sequence[Box], words: Iterable[Word]) -> bool:
    """Whether digits were read in most places that hold a number, each of two digits' width at least."""
    read = from_boxes(word.box for word in words if any(map(str.isdigit, word.text)))
    least = READ_SHARE if len(_places(numbers)) >= FEW_NUMBERS else 1.0
    return _share(numbers, read) >= least


def _places(numbers: Iterable[Box]) -> Boxes:
    """Those of two digits' width at least."""
    return from_boxes(box for box in numbers if box[2] - box[0] > box[3] - box[1])


def _share(numbers: Iterable[Box], read: Boxes) -> float:
    """How many of the places have one of these boxes in them; all, where there is no place."""
    places = _places(numbers)
    if not len(places):
        return 1.0
    meet = np.all(
        (places[:, None, :2] < read[None, :, 2:]) & (read[None, :, :2] < places[:, None, 2:]), axis=2
    )
    return float(np.mean(np.any(meet, axis=1)))


def _walls(page: Screened) -> Boxes:
    """Digits that stand alone, with the walls of the boxes that they stand in: recognition takes these for
    what they are, and digits without them for one number.
    """
    alone = page.boxes[page.is_number & page.is_alone]
    return np.asarray(alone + np.rint(heights(alone) * WALL)[:, None] * (-1, -1, 1, 1), np.int32)


def _with_labels(page: Screened) -> Flags:
    """The pieces that are numbers, or may name one."""
    boxes, number = page.boxes, page.is_number
    kept = number.copy()
    if not number.any():
        return kept
    is_word = (page.letters >= SOME_LETTER)[None, :] & ~number[None, :]
    cell = groups(side_by_side(boxes, boxes, CELL))
    values = boxes[number]
    height = heights(values).astype(np.float32)[:, None]
    left, top, right, bottom = (values[:, None, edge] for edge in range(4))
    box_left, box_top, box_right, box_bottom = (boxes[None, :, edge] for edge in range(4))
    in_row, gap = side_by_side(values, boxes, np.inf), left - box_right
    in_cell = in_row & (cell[number][:, None] == cell[None, :])
    before = in_cell & (gap > -height) & (gap < BEFORE * height)
    is_unnamed = ~(before & is_word).any(axis=1, keepdims=True)
    kept |= (before | (in_cell & is_unnamed & (box_left - right < BEHIND * height))).any(axis=0)
    # the nearest cell to the left, and those that stand close to it
    close = groups(side_by_side(boxes, boxes, FURTHER))
    beside = in_row & ~in_cell & (gap > -height)
    nearest = _nearest(gap, beside, close)
    kept |= (nearest & (gap < _least(gap, nearest) + BEFORE * height)).any(axis=0)
    # and the next one, where that may be a part of the value itself: a month before its day and year
    is_part = _least(gap, nearest) < FURTHER * height
    from_it = np.where(nearest, box_left, np.inf).min(axis=1, keepdims=True) - box_right
    next_one = _nearest(from_it, beside & ~nearest & (from_it > -height) & is_part, close)
    kept |= (next_one & (from_it < _least(from_it, next_one) + BEFORE * height)).any(axis=0)
    beside = nearest
    is_in_prose = (before * page.letters[None, :]).sum(axis=1, keepdims=True) >= PROSE
    # the nearest row of words over it if it is in no sentence, and under it where no word stands beside it
    rise, drop = top - box_bottom, box_top - bottom
    aside = np.where(is_unnamed, ASIDE, MONTH)  # what stands before it may be a part of it
    over = (box_left < right) & (box_right > left - aside * height) & (box_top < top)
    over &= (rise > -0.4 * height) & (rise < HEAD * height)
    nearest_rise = np.where(over & is_word, rise, np.inf).min(axis=1, keepdims=True)
    labels = over & ~is_in_prose & (rise < nearest_rise + 0.5 * height)
    under = (box_left < right) & (box_right > left) & (drop > -0.4 * height) & (drop < BELOW * height)
    is_alone = ~((beside | before) & is_word & (gap < ALONE * height)).any(axis=1, keepdims=True)
    labels |= under & is_alone
    # a label is kept as a whole, though the value stands under a part of it
    named = labels.any(axis=0)
    is_near = side_by_side(boxes[named], boxes, WHOLE).any(axis=0)
    return np.asarray(kept | named | (np.isin(cell, cell[named]) & is_near))


def _nearest(gap: Gaps, candidates: Flags, close: npt.NDArray[np.int64]) -> Flags:
    """(value, piece): of each value's candidates the nearest, and those close to it."""
    nearest = np.where(candidates, gap, np.inf).argmin(axis=1)
    return np.asarray(candidates & (close[nearest][:, None] == close[None, :]))


def _least(gap: Gaps, pieces: Flags) -> npt.NDArray[np.float64]:
    """(value, 1): the least gap to one of its pieces; infinite where there is none."""
    return np.asarray(np.where(pieces, gap, np.inf).min(axis=1, keepdims=True))


def _squeezed(
    pixels: Image.Image, boxes: Boxes, paper: float
) -> tuple[Image.Image | None, npt.NDArray[np.int64]]:
    """The boxes of a page on its paper, without the rows between them; and which of its rows are left."""
    if not len(boxes):
        return None, np.zeros(0, np.int64)
    page = np.asarray(pixels)
    image, rows = np.full_like(page, paper), np.zeros(pixels.height, np.bool_)
    for left, top, right, bottom in boxes.tolist():
        margin = max(3, round((bottom - top) * MARGIN))
        around = slice(max(0, top - margin), bottom + margin), slice(max(0, left - margin), right + margin)
        image[around] = page[around]
        space = max(6, round((bottom - top) * ROWS_BETWEEN))
        rows[max(0, top - space) : bottom + space] = True
    numbers = np.flatnonzero(rows)
    return Image.fromarray(image[numbers]), numbers
