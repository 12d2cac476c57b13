"""What OCR reads on a page, and what is found there, as plain data that every function of the system may
handle.
"""

import cmath
import math
from collections.abc import Sequence

import msgspec

Box = tuple[int, int, int, int]
"""left, top, right, bottom in pixels."""

DAMAGED = "the image data is damaged"
"""How the doubt about a page begins that may be whole when more of its file is fetched."""


class Word(msgspec.Struct, frozen=True, array_like=True):
    """One recognised word; `confidence` in percent; `line` numbers the engine's text lines in reading
    order.
    """

    text: str
    box: Box
    confidence: float
    line: int


def enclosing(words: Sequence[Word]) -> Box:
    """The box around all words."""
    boxes = [word.box for word in words]
    if len(boxes) == 1:
        return boxes[0]
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


class PageText(msgspec.Struct, frozen=True):
    """What stands on a page: its size in pixels, its words, and by how many degrees it was turned to be
    read. marks: boxes of ink that no word explains; skew: degrees by which the upright page was straightened
    for that, against the clock: boxes are those of the straight one; hidden: whether ink over a number hides
    it; left_out: pieces of print that were not read since they hold no number; doubt: why the pixels may not
    be what the page shows; pixel_height: how many times as high as wide its pixels are, in the direction it
    was read in: it was straightened with square ones.
    """

    width: int = 0
    height: int = 0
    words: tuple[Word, ...] = ()
    turned: int = 0
    marks: tuple[Box, ...] = ()
    skew: float = 0.0
    hidden: bool = False
    left_out: int = 0
    doubt: str = ""
    pixel_height: float = 1.0

    def unskewed(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the straightened page lies on it as it was before."""
        if not self.skew:
            return x, y
        middle = complex(self.width / 2, self.height / 2 * self.pixel_height)
        turned = (complex(x, y * self.pixel_height) - middle) * cmath.exp(
            1j * math.radians(self.skew)
        ) + middle
        return turned.real, turned.imag / self.pixel_height

    def as_scanned(self, box: Box) -> Box:
        """The box on the upright page, before it was straightened, around a box."""
        if not self.skew:
            return box
        corners = [self.unskewed(x, y) for x in box[::2] for y in box[1::2]]
        across = [min(max(0, round(x)), self.width) for x, _ in corners]
        down = [min(max(0, round(y)), self.height) for _, y in corners]
        return min(across), min(down), max(across), max(down)

    @property
    def confidence(self) -> float:
        """Mean confidence of the words, weighted by their length, in percent; 100 for a page without
        words.
        """
        letters = sum([len(word.text) for word in self.words])
        if not letters:
            return 100.0
        return sum([word.confidence * len(word.text) for word in self.words]) / letters


class Finding(msgspec.Struct, frozen=True):
    """One piece of NPI on a page: where it stands and how sure that is (percent), its value masked.

    `box` is left, top, right, bottom in pixels of the upright page.
    """

    page: int
    type: str
    confidence: int
    box: Box
    masked: str
