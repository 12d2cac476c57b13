"""Tells where digits stand before anything is recognised: a small convolutional net looks along the pieces of
text and says of every few pixels whether they belong to a digit.

Its weights are trained by benchmarks/screen.py on the specimens of fixtures/ (`make screen`).
"""

import hashlib
import io
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.components import Boxes

WEIGHTS = Path(__file__).with_name("screen.npz")
DIGEST = "f2f15ac03584231e965568d37a86986e1920ffef"
"""Of that file, by BLAKE2b."""
HIGH, MARGIN = 20, 2
INNER = HIGH - 2 * MARGIN
"""Rows of a strip, and how many of them are around the ink."""
BETWEEN, LEAST_COLUMNS = 8, 64
"""Columns without ink between two strips, and behind the last: fewer the layers cannot look at."""
EDGE, STRIDE = 4, 2
"""Of the first two layers: pixels of a window, and from one to the next."""
REACH = 3
"""Positions to the left and right that the third layer sees."""
COLUMNS = STRIDE * STRIDE
"""Of a strip, for each position of the net's answer."""
LOWEST, HIGHEST = 0.04, 0.5
"""Inches: how high a line of text is. Lower ones are parts of rules and dirt."""
LEAST_CONTRAST = 48
LONGEST = 120
"""A piece is looked at up to so many times its height: longer ones are lines."""
WINDOW, STRANGE_DIGITS = 32, 0.25
"""Positions in which a number has all digits that it needs, and digits that a strange one may be part of."""
OVERTURNED = 24
"""So many pieces tell whether the page stands on its head."""
SURE = 0.9
"""Of a position that is clear."""
NOTHING, LETTER, DIGIT, STRANGE, COUNT = range(5)
"""What the net tells apart; strange: writing that does not stand upright, scribbles, pictures. COUNT: what
part of a digit a position is, so that their sum counts digits.
"""

Floats = npt.NDArray[np.float32]


class Strips(msgspec.Struct, frozen=True):
    """Pieces of text side by side, each as high as the others: `ink` (HIGH, columns) from 0 to 1; where each
    begins and how many columns it has.
    """

    ink: Floats
    starts: npt.NDArray[np.int64]
    widths: npt.NDArray[np.int64]


def are_text(boxes: Boxes, dpi: float) -> npt.NDArray[np.bool_]:
    """Which pieces are as high as a line of text can be."""
    heights = (boxes[:, 3] - boxes[:, 1]) / dpi
    return np.asarray((heights >= LOWEST) & (heights <= HIGHEST))


def positions(boxes: Boxes) -> Floats:
    """How many positions of the net's answer speak of each piece."""
    return np.asarray(
        (boxes[:, 2] - boxes[:, 0]) * INNER / COLUMNS / np.maximum(1, boxes[:, 3] - boxes[:, 1])
    )


def strips(pixels: Image.Image, boxes: Boxes, paper: float) -> Strips:
    """The pieces in `boxes` of a page (mode "L"); `paper`: how light its paper is."""
    heights = np.maximum(1, boxes[:, 3] - boxes[:, 1])
    lengths = np.minimum(boxes[:, 2] - boxes[:, 0], heights * LONGEST)
    widths = np.maximum(COLUMNS, np.rint(lengths * INNER / heights).astype(np.int64) + 2 * MARGIN)
    starts = BETWEEN + np.cumsum(widths + BETWEEN) - widths - BETWEEN
    side_by_side = Image.new("L", (int((starts + widths).max(initial=0)) + LEAST_COLUMNS, HIGH), round(paper))
    for box, start, width, height, length in zip(
        boxes.tolist(), starts.tolist(), widths.tolist(), heights.tolist(), lengths.tolist(), strict=True
    ):
        around = height * MARGIN / INNER
        part = (
            max(0.0, box[0] - around),
            max(0.0, box[1] - around),
            min(float(pixels.width), box[0] + length + around),
            min(float(pixels.height), box[3] + around),
        )
        side_by_side.paste(pixels.resize((width, HIGH), Image.Resampling.BOX, part), (start, 0))
    seen = np.asarray(side_by_side, np.float32)
    contrast = np.full(seen.shape[1], LEAST_CONTRAST, np.float32)
    if len(boxes):
        darkest = np.minimum.reduceat(seen.min(axis=0), starts)  # up to the next one, paper between them
        contrast[starts[0] :] = np.maximum(LEAST_CONTRAST, paper - darkest).repeat(
            np.diff(starts, append=seen.shape[1])
        )
    return Strips(np.clip((paper - seen) / contrast, 0, 1), starts, widths)


def layers(ink: Floats, weights: Mapping[str, Floats]) -> tuple[Floats, ...]:
    """What each layer of the net makes of strips; the last is (positions, 5), before the softmax."""
    rows = (HIGH - EDGE) // STRIDE + 1
    across = (ink.shape[1] - EDGE) // STRIDE + 1
    windows = np.lib.stride_tricks.sliding_window_view(ink, (EDGE, EDGE))[::STRIDE, ::STRIDE]
    patches = windows.transpose(1, 0, 2, 3).reshape(across * rows, EDGE * EDGE)
    first = np.maximum(patches @ weights["patch"] + weights["patch_bias"], 0).reshape(across, -1)
    second = np.maximum(taps(first, weights["column"], STRIDE) + weights["column_bias"], 0)
    third = np.maximum(taps(second, weights["line"], 1) + weights["line_bias"], 0)
    return patches, first, second, third, third @ weights["kind"] + weights["kind_bias"]


def taps(values: Floats, kernel: Floats, stride: int) -> Floats:
    """A convolution along the first axis: values (n, in), kernel (taps, in, out)."""
    count = (len(values) - len(kernel)) // stride + 1
    total = values[: (count - 1) * stride + 1 : stride] @ kernel[0]
    for place in range(1, len(kernel)):
        total += values[place : place + (count - 1) * stride + 1 : stride] @ kernel[place]
    return np.asarray(total)


def middle(position: int | npt.NDArray[np.int64]) -> int | npt.NDArray[np.int64]:
    """The column of the strips that a position of the answer speaks of."""
    return position * COLUMNS + (EDGE + (EDGE - 1) * STRIDE) // 2 + REACH * COLUMNS


def shares(answer: Floats) -> Floats:
    """The net's answer as probabilities of what it tells apart."""
    kinds = answer[:, :COUNT]
    grown = np.exp(kinds - kinds.max(axis=1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=1, keepdims=True), np.float32)


@cache
def weights() -> dict[str, Floats]:
    """Those that come with the package. Raises `RuntimeError` when they are others than this code is for."""
    data = WEIGHTS.read_bytes()
    if (found := digest(data)) != DIGEST:
        raise RuntimeError(f"{WEIGHTS.name} has the digest {found}, not {DIGEST}: `make screen` writes both")
    with np.load(io.BytesIO(data)) as kept:
        return {name: kept[name].astype(np.float32) for name in kept.files}


def digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=20).hexdigest()


class Seen(msgspec.Struct, frozen=True):
    """For each piece, how many positions of the answer are letters, and how many digits it has, or what is
    strange may have, where it has most of them. Of all positions with writing: the shares that are strange,
    and that are clear, and how many are clear; overturned: how many times as many were clear if the page
    stood on its head.
    """

    letters: Floats
    digits: Floats
    strange: float = 0.0
    clear: float = 0.0
    count: float = 0.0
    overturned: float = 0.0


def look(pixels: Image.Image, boxes: Boxes, paper: float) -> Seen:
    """What the net sees in the pieces of a page (mode "L"), whose paper is so light."""
    letters, digits = np.zeros((2, len(boxes)), np.float32)
    if not len(boxes):
        return Seen(letters, digits)
    made = strips(pixels, boxes, paper)
    answer = layers(made.ink, weights())[-1]
    share = shares(answer)
    columns = middle(np.arange(len(share)))
    piece = np.maximum(np.searchsorted(made.starts, columns, "right") - 1, 0)
    np.add.at(letters, piece, share[:, LETTER])
    ends = np.searchsorted(columns, made.starts + made.widths)
    parts = np.clip(answer[:, COUNT], 0, 1) * share[:, DIGIT] + STRANGE_DIGITS * share[:, STRANGE] ** 2
    evidence = np.concatenate([np.zeros(1), np.cumsum(parts)])
    first = np.arange(len(share))
    beyond = np.clip(first + WINDOW, first, np.maximum(ends[piece], first))
    np.maximum.at(digits, piece, (evidence[beyond] - evidence[first]).astype(np.float32))
    written = max(1.0, float(np.count_nonzero(share[:, NOTHING] < 0.5)))
    count = _clear(share)
    strange = float(share[:, STRANGE].sum()) / max(1.0, float(share[:, LETTER:].sum()))
    return Seen(letters, digits, strange, count / written, count, _overturned(made, share))


def _clear(share: Floats) -> float:
    """How many positions are surely letters or digits."""
    return float(np.count_nonzero(share[:, LETTER : DIGIT + 1].max(axis=1) > SURE))


def _overturned(made: Strips, share: Floats) -> float:
    """How many times as many positions of some pieces are clear when these stand on their heads."""
    ends = made.starts + made.widths
    some = np.unique(np.linspace(0, len(ends) - 1, OVERTURNED).astype(int))
    columns = np.concatenate(
        [np.arange(made.starts[place] - BETWEEN, ends[place] + BETWEEN) for place in some]
    )
    on_head = np.pad(made.ink[::-1, columns[::-1]], ((0, 0), (0, LEAST_COLUMNS)))
    turned = shares(layers(on_head, weights())[-1])
    places = np.isin(middle(np.arange(len(share))), columns)
    return _clear(turned) / max(1.0, _clear(share[places]))
