"""What lies on a page in ink and was not read: handwriting, stamps, pictures, text that recognition missed.

The page is looked at in cells of a millimetre. Ruled lines are taken away, so that the boxes of a form do not
count and digits in boxes can be read without them; ink under words is explained; what is left is gathered
into marks. Nothing is recognised here.
"""

from collections.abc import Iterable

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.components import Boxes, components
from pipeline.page_text import Box, Word

SEEN_DPI = 110
"""Ink is looked at in about this resolution."""
CELLS_AN_INCH = 25
INKED = 0.06
"""Of a cell, from which on there is ink in it; a speck of dust is less."""
RULE_INCHES = 0.16
"""A straight run of ink so long is a ruled line: no stroke of text of usual size is."""
LONGEST_STEM, RULE_REACH = 0.36, 0.03
"""Inches: how long an upright stroke of a letter is at most, and how close to a rule what ends at it."""
UPRIGHT, FEWEST_BOXES = 0.7, 4
WALL = "|"
"""What an upright rule is read as."""
BLACK, SOLID, LEAST_SOLID = 0.8, 0.4, (0.5, 0.1)
"""Of a cell, from which on it is black, and of the cells of a bar with white print; inches across and down of
the smallest one.
"""
NEAR_CELLS = 1, 2, 2
"""Gaps over which cells hang together: in a row, between rows, and aslant (`components`)."""
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
    page's own, `paper` how light its paper is.
    """

    text: Dark
    rules: Dark
    dpi: int
    step: int
    paper: float


def of(pixels: Image.Image, dpi: int) -> Ink:
    """pixels: mode "L", dark on light."""
    step = max(2, round(dpi / SEEN_DPI))
    small = np.asarray(pixels.reduce(step))
    dark = small < _threshold(small)
    length = max(8, round(dpi / step * RULE_INCHES))
    upright = _runs(_widened(dark).T, length).T & dark  # a page's skew shifts it by a pixel on its way
    across = _runs(dark, length)
    rules = across | (upright & ~_stems(upright, across, dpi / step))
    return Ink(dark & ~rules, rules, dpi, step, float(np.median(small[::2, ::2])))


def _stems(upright: Dark, across: Dark, dpi: float) -> Dark:
    """Of upright runs those that are strokes of large letters: they are not too long and end at no rule."""
    stems = np.zeros_like(upright)
    boxes, _ = components(upright, 0, 1, 1)
    reach = max(1, round(dpi * RULE_REACH))
    for left, top, right, bottom in boxes[boxes[:, 3] - boxes[:, 1] < dpi * LONGEST_STEM].tolist():
        ends = (
            across[max(0, end - reach) : end + reach, max(0, left - reach) : right + reach]
            for end in (top, bottom)
        )
        if not any(end.any() for end in ends):
            stems[top:bottom, left:right] = upright[top:bottom, left:right]
    return stems


def marks(ink: Ink, explained: Iterable[Box]) -> tuple[Box, ...]:
    """Boxes, in pixels of the page, of ink outside of the boxes that are explained; the largest first."""
    full = _cell(ink)
    cells = _shares(ink.text, full // ink.step) > INKED
    for box in explained:
        left, top, right, bottom = (value // full for value in box)
        cells[max(0, top - 1) : bottom + 2, max(0, left - 1) : right + 2] = False
    boxes, counts = components(cells, *NEAR_CELLS)
    boxes = boxes[counts >= LEAST_CELLS]
    order = np.argsort((boxes[:, 0] - boxes[:, 2]) * (boxes[:, 3] - boxes[:, 1]), kind="stable")
    return _on_page(boxes[order][:MOST_MARKS], full)


def solid(ink: Ink) -> tuple[Box, ...]:
    """Boxes, in pixels of the page, of what is black but for some white: there print may be white."""
    full, (wide, high) = _cell(ink), (round(inches * CELLS_AN_INCH) for inches in LEAST_SOLID)
    cells = _shares(ink.text | ink.rules, full // ink.step) > BLACK
    boxes, counts = components(cells, *NEAR_CELLS)
    across, down = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    is_bar = (across > wide) & (down > high) & (counts >= np.maximum(wide * high, SOLID * across * down))
    return _on_page(boxes[is_bar], full)


def _cell(ink: Ink) -> int:
    """The side of a cell in pixels of the page."""
    return max(1, round(ink.dpi / ink.step / CELLS_AN_INCH)) * ink.step


def _shares(dark: Dark, size: int) -> npt.NDArray[np.float32]:
    """How much of each cell is dark."""
    rows, columns = (side // size for side in dark.shape)
    cells = Image.fromarray(dark[: rows * size, : columns * size].view(np.uint8) * np.uint8(255)).reduce(size)
    return np.asarray(cells, np.float32) / np.float32(255)


def _on_page(boxes: Boxes, full: int) -> tuple[Box, ...]:
    return tuple((left, top, right, bottom) for left, top, right, bottom in (boxes * full).tolist())


def has_boxes(ink: Ink, box: Box) -> bool:
    """Whether upright rules part a row into boxes, as digits are written in."""
    left, top, right, bottom = (value // ink.step for value in box)
    upright = ink.rules[top : bottom + 1, max(0, left - 2) : right + 3].mean(axis=0) > UPRIGHT
    return int(np.count_nonzero(np.diff(upright.astype(np.int8)) == 1)) >= FEWEST_BOXES


def is_parted(ink: Ink, one: Box, other: Box) -> bool:
    """Whether an upright rule stands between two words of a line, the first of them on the left."""
    left, right = one[2] // ink.step, other[0] // ink.step + 1
    top, bottom = max(one[1], other[1]) // ink.step, min(one[3], other[3]) // ink.step
    between = ink.rules[top:bottom, left:right]
    return between.size > 0 and bool((between.mean(axis=0) > UPRIGHT).any())


def cells(ink: Ink, line: Iterable[Word]) -> list[list[Word]]:
    """The words of a line, from left to right, as upright rules part them; a rule is no word, though it was
    read as one.
    """
    parted: list[list[Word]] = []
    end: Box | None = None
    for word in sorted(line, key=lambda word: word.box[0]):
        left, top, right, bottom = word.box
        if word.text == WALL and is_parted(ink, (left, top, left, bottom), (right, top, right, bottom)):
            end = None
            continue
        if end is None or is_parted(ink, end, word.box):
            parted.append([])
        parted[-1].append(word)
        end = word.box
    return parted


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
    counts = np.array(Image.fromarray(grey).histogram(), dtype=float)
    below, levels = np.cumsum(counts), np.arange(256)
    mass, total = np.cumsum(counts * levels), counts.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        means = mass / below, (mass[-1] - mass) / (total - below)
        between = below * (total - below) * (means[0] - means[1]) ** 2
    return float(np.argmax(np.nan_to_num(between))) + 1


def _widened(dark: Dark) -> Dark:
    """By one pixel to the left and right."""
    wide = dark.copy()
    wide[:, 1:] |= dark[:, :-1]
    wide[:, :-1] |= dark[:, 1:]
    return wide


def _runs(dark: Dark, length: int) -> Dark:
    """Pixels of runs across that are so long at least."""
    if dark.shape[1] <= length:
        return np.zeros_like(dark)
    whole, reached = dark, 1
    while reached < length:  # whether a run of `reached` pixels begins here
        step = min(reached, length - reached)
        longer = np.zeros_like(whole)
        longer[:, : dark.shape[1] - step] = whole[:, : dark.shape[1] - step] & whole[:, step:]
        whole, reached = longer, reached + step
    covered, reached = whole.copy(), 1
    while reached < length:
        step = min(reached, length - reached)
        wider = covered.copy()
        wider[:, step:] |= covered[:, : dark.shape[1] - step]
        covered, reached = wider, reached + step
    return covered
