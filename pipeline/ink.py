"""What lies on a page in ink and was not read: handwriting, stamps, pictures, text that recognition missed.

The page is looked at in cells of a millimetre. Ruled lines are taken away, so that the boxes of a form do not
count and digits in boxes can be read without them; ink under words is explained; what is left is gathered
into marks. Nothing is recognised here.
"""

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.page_text import Box, Word

SEEN_DPI = 110
"""Ink is looked at in about this resolution."""
CELLS_AN_INCH = 25
INKED = 0.06
"""Of a cell, from which on there is ink in it; a speck of dust is less."""
RULE_INCHES = 0.16
"""A straight run of ink so long is a ruled line: no stroke of text of usual size is."""
UPRIGHT, FEWEST_BOXES = 0.7, 4
LEAST_CELLS = 3
"""A smaller mark is dirt."""
MOST_MARKS = 400
STRUCK, LINE_INCHES = 0.35, 0.025
"""Of a text's length, from which on a line through it strikes it; and how thick such a line is at most."""
INK_PERCENT, DARKEST = 0.5, 0.35
"""The darkest ink of a place is darker than this part of the way from its blackest to its paper."""

Dark = npt.NDArray[np.bool_]


class Ink(msgspec.Struct, frozen=True):
    """A page's ink without and with its ruled lines, a pixel for `step` x `step` of the page's; `dpi` is the
    page's own.
    """

    text: Dark
    rules: Dark
    dpi: int
    step: int


def of(pixels: Image.Image, dpi: int) -> Ink:
    """pixels: mode "L", dark on light."""
    step = max(2, round(dpi / SEEN_DPI))
    small = np.asarray(pixels.reduce(step))
    dark = small < _threshold(small)
    length = max(8, round(dpi / step * RULE_INCHES))
    upright = _runs(_widened(dark).T, length).T & dark  # a page's skew shifts it by a pixel on its way
    rules = _runs(dark, length) | upright
    return Ink(dark & ~rules, rules, dpi, step)


def marks(ink: Ink, words: tuple[Word, ...]) -> tuple[Box, ...]:
    """Boxes, in pixels of the page, of what no word explains; the largest first."""
    size = max(1, round(ink.dpi / ink.step / CELLS_AN_INCH))
    rows, columns = (side // size for side in ink.text.shape)
    share = ink.text[: rows * size, : columns * size].reshape(rows, size, columns, size).mean(axis=(1, 3))
    cells = share > INKED
    full = size * ink.step
    for word in words:
        left, top, right, bottom = (value // full for value in word.box)
        cells[max(0, top - 1) : bottom + 2, max(0, left - 1) : right + 2] = False
    found = [box for box, count in _groups(cells) if count >= LEAST_CELLS]
    found.sort(key=lambda box: (box[0] - box[2]) * (box[3] - box[1]))
    return tuple(
        (left * full, top * full, (right + 1) * full, (bottom + 1) * full)
        for left, top, right, bottom in found[:MOST_MARKS]
    )


def has_boxes(ink: Ink, box: Box) -> bool:
    """Whether upright rules part a row into boxes, as digits are written in."""
    left, top, right, bottom = (value // ink.step for value in box)
    upright = ink.rules[top : bottom + 1, max(0, left - 2) : right + 3].mean(axis=0) > UPRIGHT
    return int(np.count_nonzero(np.diff(upright.astype(np.int8)) == 1)) >= FEWEST_BOXES


def without_rules(pixels: Image.Image, ink: Ink, box: Box) -> Image.Image:
    """A part of the page, its ruled lines painted white."""
    part = np.array(pixels.crop(box))
    rules = _widened(_widened(_rules_in(ink, box)).T).T  # and their grey edges
    part[_pixels_of(rules, ink, box, part)] = 255
    return Image.fromarray(part)


def is_struck(ink: Ink, box: Box) -> bool:
    """Whether a straight line runs through the middle of a line of text."""
    left, top, right, bottom = (value // ink.step for value in box)
    quarter = (bottom - top) // 4
    middle = ink.rules[top + quarter : bottom - quarter, left:right]
    return bool(middle.size) and float(middle.any(axis=0).mean()) > STRUCK


def unstruck(pixels: Image.Image, ink: Ink, box: Box) -> Image.Image:
    """A part of the page without the straight lines through its text: of a line's columns those are kept in
    which a letter's stroke goes up or down from it.
    """
    part = np.array(pixels.crop(box))
    dark = part < _threshold(part)
    thin = dark & ~_runs(dark.T, max(2, round(ink.dpi * LINE_INCHES)) + 1).T
    near = _widened(_widened(_rules_in(ink, box).T)).T
    part[_pixels_of(near, ink, box, part) & thin] = 255
    return Image.fromarray(part)


def _rules_in(ink: Ink, box: Box) -> Dark:
    left, top, right, bottom = (value // ink.step for value in box)
    return ink.rules[top : bottom + 1, left : right + 1]


def _pixels_of(seen: Dark, ink: Ink, box: Box, part: npt.NDArray[np.uint8]) -> Dark:
    """What was seen in a part of the page, for each of its pixels."""
    left, top = box[0] % ink.step, box[1] % ink.step
    large = np.repeat(np.repeat(seen, ink.step, axis=0), ink.step, axis=1)
    large = large[top : top + part.shape[0], left : left + part.shape[1]]
    mask = np.zeros(part.shape, dtype=np.bool_)
    mask[: large.shape[0], : large.shape[1]] = large
    return mask


def darkest(pixels: Image.Image) -> Image.Image:
    """A part of a page, only its darkest ink: print under a stamp in paler ink."""
    dark = np.asarray(pixels)
    ink = float(np.percentile(dark, INK_PERCENT))
    paper = float(np.median(dark))
    return Image.fromarray(np.where(dark < ink + (paper - ink) * DARKEST, 0, 255).astype(np.uint8))


def _threshold(grey: npt.NDArray[np.uint8]) -> float:
    """Between ink and paper: the grey level that parts the histogram best (Otsu 1979)."""
    counts = np.bincount(grey.ravel(), minlength=256).astype(float)
    below, levels = np.cumsum(counts), np.arange(256)
    mass, total = np.cumsum(counts * levels), counts.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        means = mass / below, (mass[-1] - mass) / (total - below)
        between = below * (total - below) * (means[0] - means[1]) ** 2
    return float(np.nanargmax(between)) + 1


def _widened(dark: Dark) -> Dark:
    """By one pixel to the left and right."""
    wide = dark.copy()
    wide[:, 1:] |= dark[:, :-1]
    wide[:, :-1] |= dark[:, 1:]
    return wide


def _runs(dark: Dark, length: int) -> Dark:
    """Pixels of runs across that are so long at least."""
    found = np.zeros_like(dark)
    if dark.shape[1] <= length:
        return found
    sums = np.cumsum(dark, axis=1, dtype=np.int32)
    full = sums[:, length - 1 :].copy()
    full[:, 1:] -= sums[:, :-length]
    starts = full == length
    counts = np.cumsum(starts, axis=1, dtype=np.int32)
    covered = np.zeros(dark.shape, dtype=np.int32)
    covered[:, : counts.shape[1]] = counts
    covered[:, counts.shape[1] :] = counts[:, -1:]
    covered[:, length:] -= counts[:, : dark.shape[1] - length]
    return np.asarray(covered > 0)


def _groups(cells: Dark) -> list[tuple[Box, int]]:
    """(box in cells, cells in it) of what hangs together, over gaps of one cell."""
    left = set(zip(*map(list, np.nonzero(cells)), strict=True))
    found = []
    while left:
        reached = [left.pop()]
        row, column = reached[0]
        box, count = [column, row, column, row], 0
        while reached:
            row, column = reached.pop()
            count += 1
            box = [min(box[0], column), min(box[1], row), max(box[2], column), max(box[3], row)]
            for near in range(row - 2, row + 3):
                for beside in range(column - 2, column + 3):
                    if (near, beside) in left:
                        left.discard((near, beside))
                        reached.append((near, beside))
        found.append(((int(box[0]), int(box[1]), int(box[2]), int(box[3])), count))
    return found
