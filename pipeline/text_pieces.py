"""Where text stands on a page: pieces of lines, found by their ink alone and before anything is recognised.

A piece is ink that hangs together over the gaps between letters and words; cells of a table are pieces of
their own. Ruled lines are taken out before (`ink`).
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from pipeline.components import Boxes, components, joined
from pipeline.ink import Ink
from pipeline.page_text import Box

GAP_INCHES = 0.085
"""Between letters and words of a piece: the space of 12 point text is half of it."""
DOWN = 2
"""Rows of seen pixels that parts of a letter lie apart, as in faint or dotted print."""
ROW = 0.5
"""Two pieces stand in a row when they share so much of the lower one's height."""
Flags = npt.NDArray[np.bool_]


def pieces(ink: Ink) -> Boxes:
    """The pieces of a page, from top to bottom."""
    gap = max(2, round(GAP_INCHES * ink.dpi / ink.step))
    return components(ink.text, gap, DOWN)[0] * ink.step


def as_boxes(boxes: Boxes) -> tuple[Box, ...]:
    return tuple((left, top, right, bottom) for left, top, right, bottom in boxes.tolist())


def from_boxes(boxes: Iterable[Box]) -> Boxes:
    return np.array(list(boxes), np.int32).reshape(-1, 4)


def side_by_side(ones: Boxes, others: Boxes, gap_heights: float) -> Flags:
    """(one, other): whether two stand in a row, no further apart than so many of the higher one's heights."""
    high, other_high = heights(ones)[:, None], heights(others)[None, :]
    ones, others = ones[:, None], others[None]
    shared = np.minimum(ones[..., 3], others[..., 3]) - np.maximum(ones[..., 1], others[..., 1])
    gap = np.maximum(ones[..., 0], others[..., 0]) - np.minimum(ones[..., 2], others[..., 2])
    lower, higher = np.minimum(high, other_high), np.maximum(high, other_high)
    return np.asarray((shared > ROW * lower) & (gap < gap_heights * higher))


def heights(boxes: Boxes) -> npt.NDArray[np.int32]:
    """Of each piece, in pixels; one at least."""
    return np.asarray(np.maximum(1, boxes[:, 3] - boxes[:, 1]))


def groups(near: Flags) -> npt.NDArray[np.int64]:
    """For each one the number of the first that it hangs together with."""
    one, other = np.nonzero(near)
    return joined(one, other, len(near))
