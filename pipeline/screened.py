"""A page as the screen sees it before anything is recognised: which way up it stands, its pieces of text, and
which of them are part of a number.
"""

from functools import cached_property

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline import ink as inks
from pipeline import screening, text_pieces
from pipeline.components import Boxes
from pipeline.ink import Ink
from pipeline.page_text import Box
from pipeline.text_pieces import Flags

SOME_DIGIT, SLIM, DENSE, SOLID, FEWEST = 0.5, 0.15, 0.12, 2, 3.4
"""Digits from which on a piece may have one, or be one (a slim digit may be taken for a letter), if there are
so many at a position of the net's answer, or so many in all; and from which on pieces side by side are a
number that is looked for: of four digits at least.
"""
CELL, IN_BOXES, ALONE = 1.15, 5, 1.3
"""Heights between two pieces of a number; between digits in boxes; and how wide one of these is at most."""
DASH = 1.6
"""Heights of a digit between it and a dash of its number, at most."""
STRANGE, CLEAR = 0.3, 0.3
"""Of what is written, that is strange at least, or clear at most, on a page that may lie on its side."""
BETTER = 1.3
"""Times as much must be clear of a page that is turned."""
TOO_STRANGE = 0.35
"""From which on the screen says little about a page."""
FEW_PIECES, PRINTED, SOME_WRITING = 28, 0.88, 2.5
"""A page of fewer pieces, of which less is clear, may be filled in by hand: it is read in full, which takes
little. Positions of the net's answer that are letters, in such a piece.
"""


class Screened(msgspec.Struct, frozen=True, dict=True):
    """A page (mode "L"), turned by `turned` degrees against the clock from how it was, and its ink.

    boxes: the pieces of text; letters: how many positions of the net's answer are letters in each; is_number:
    which are part of a number; dashes: that stand by themselves between two parts of one. tall: what is too
    high to be a line of text; solid: what is black but for some white. strange: the share of the writing that
    is no upright print or hand; clear: the share that surely is, and `count` of its positions; overturned:
    how many times as much were if it stood on its head.
    """

    pixels: Image.Image
    turned: int
    ink: Ink
    boxes: Boxes
    letters: screening.Floats
    is_number: Flags
    dashes: Boxes
    tall: tuple[Box, ...]
    solid: tuple[Box, ...]
    strange: float
    clear: float
    count: float
    overturned: float

    @property
    def dpi(self) -> int:
        return self.ink.dpi

    @cached_property
    def numbers(self) -> tuple[Box, ...]:
        return text_pieces.as_boxes(self.boxes[self.is_number])

    @property
    def is_strange(self) -> bool:
        """Whether the screen says too little about the page to go by it."""
        pieces = int(np.count_nonzero((self.letters >= SOME_WRITING) | self.is_number))
        return self.strange > TOO_STRANGE or (pieces < FEW_PIECES and self.clear < PRINTED)

    @property
    def is_alone(self) -> Flags:
        """Which pieces are no wider than a digit."""
        return _are_alone(self.boxes)

    @property
    def may_lie_on_its_side(self) -> bool:
        return self.strange > STRANGE or self.clear < CLEAR


def upright(pixels: Image.Image, dpi: int) -> Screened:
    """A page that stands upright, turned by quarters where that makes its writing clear."""
    best = _screened(pixels, dpi, 0)
    if best.may_lie_on_its_side:
        turned = _screened(pixels.rotate(90, expand=True), dpi, 90)
        if turned.count > BETTER * best.count:
            best = turned
    if best.overturned > BETTER:
        turn = best.turned + 180
        best = _screened(pixels.rotate(turn, expand=True), dpi, turn)
    return best


def _screened(pixels: Image.Image, dpi: int, turned: int) -> Screened:
    ink = inks.of(pixels, dpi)
    boxes = text_pieces.pieces(ink)
    across, down = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    tall = boxes[down / dpi > screening.HIGHEST]
    dashes = boxes[(down / dpi < screening.LOWEST) & (across > down)]
    boxes = boxes[screening.are_text(boxes, dpi)]
    seen = screening.look(pixels, boxes, ink.paper)
    is_number, is_part = _numbers(boxes, seen.digits, dashes)
    return Screened(
        pixels,
        turned,
        ink,
        boxes,
        seen.letters,
        is_number,
        dashes[is_part],
        text_pieces.as_boxes(tall),
        inks.solid(ink),
        seen.strange,
        seen.clear,
        seen.count,
        seen.overturned,
    )


def _are_alone(boxes: Boxes) -> Flags:
    return np.asarray(boxes[:, 2] - boxes[:, 0] < ALONE * text_pieces.heights(boxes))


def _numbers(boxes: Boxes, digits: screening.Floats, dashes: Boxes) -> tuple[Flags, Flags]:
    """The pieces that are part of a number long enough to be looked for, and the dashes between them."""
    positions = np.minimum(screening.positions(boxes), screening.WINDOW)
    has_digits = (digits >= SOME_DIGIT) & ((digits >= SOLID) | (digits >= DENSE * positions))
    some = np.flatnonzero(has_digits | (_are_alone(boxes) & (digits >= SLIM)))
    parts = boxes[some]
    is_alone = _are_alone(parts)
    in_boxes = text_pieces.side_by_side(parts, parts, IN_BOXES) & is_alone[:, None] & is_alone[None, :]
    near = text_pieces.side_by_side(parts, parts, CELL) | in_boxes
    beside = text_pieces.side_by_side(parts, dashes, DASH)
    first = np.where(parts[:, None, 2] <= dashes[None, :, 2], beside, False)
    second = np.where(parts[:, None, 0] >= dashes[None, :, 0], beside, False)
    over = first.astype(np.int32) @ second.T.astype(np.int32) > 0
    group = text_pieces.groups(near | over | over.T)
    total = np.zeros(len(some), np.float32)
    np.add.at(total, group, digits[some])
    is_long = total[group] >= FEWEST
    found: npt.NDArray[np.bool_] = np.zeros(len(boxes), np.bool_)
    found[some[is_long]] = True
    return found, np.asarray(first[is_long].any(axis=0) & second[is_long].any(axis=0))
