"""What lies on a page in ink and was not read: handwriting, stamps, pictures, text that recognition missed.

The page is looked at in cells of a millimetre. Ink under words is explained, and so are ruled lines; what is
left is gathered into marks. Nothing is recognised here.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.page_text import Box, Word

CELLS_AN_INCH = 25
INKED = 0.06
"""Of a cell, from which on there is ink in it; a speck of dust is less."""
RULE_CELLS = 15
"""A run of inked cells so long, and not more than two thick, is a ruled line."""
LEAST_CELLS = 3
"""A smaller mark is dirt."""
MOST_MARKS = 400

Cells = npt.NDArray[np.bool_]


def marks(pixels: Image.Image, dpi: int, words: tuple[Word, ...]) -> tuple[Box, ...]:
    """Boxes, in pixels, of what no word explains; the largest first. pixels: mode "L", dark on light."""
    size = max(2, round(dpi / CELLS_AN_INCH))
    cells = _cells(pixels, size)
    cells &= ~_rules(cells)
    for word in words:
        left, top, right, bottom = (value // size for value in word.box)
        cells[max(0, top - 1) : bottom + 2, max(0, left - 1) : right + 2] = False
    found = [box for box, count in _groups(cells) if count >= LEAST_CELLS]
    found.sort(key=lambda box: (box[0] - box[2]) * (box[3] - box[1]))
    return tuple(
        (left * size, top * size, (right + 1) * size, (bottom + 1) * size)
        for left, top, right, bottom in found[:MOST_MARKS]
    )


def _cells(pixels: Image.Image, size: int) -> Cells:
    grey = np.asarray(pixels)
    rows, columns = grey.shape[0] // size, grey.shape[1] // size
    dark = grey[: rows * size, : columns * size] < _threshold(grey)
    share = dark.reshape(rows, size, columns, size).mean(axis=(1, 3))
    return np.asarray(share > INKED)


def _threshold(grey: npt.NDArray[np.uint8]) -> float:
    """Between ink and paper: the grey level that parts the histogram best (Otsu 1979)."""
    counts = np.bincount(grey[::3, ::3].ravel(), minlength=256).astype(float)
    below, levels = np.cumsum(counts), np.arange(256)
    mass, total = np.cumsum(counts * levels), counts.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        means = mass / below, (mass[-1] - mass) / (total - below)
        between = below * (total - below) * (means[0] - means[1]) ** 2
    return float(np.nanargmax(between)) + 1


def _rules(cells: Cells) -> Cells:
    """Cells of long thin runs, across and down."""
    return _thin_runs(cells) | _thin_runs(cells.T).T


def _thin_runs(cells: Cells) -> Cells:
    found = np.zeros_like(cells)
    padded = np.pad(cells, ((2, 2), (0, 0)))
    # Thin: within two cells above and below there is paper.
    thin = cells & ~((padded[:-4] | padded[1:-3]) & (padded[3:-1] | padded[4:]))
    for row in range(cells.shape[0]):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], thin[row], [0]])))
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            if stop - start >= RULE_CELLS:
                found[row, start:stop] = True
    return found


def _groups(cells: Cells) -> list[tuple[Box, int]]:
    """(box in cells, cells in it) of what hangs together, over gaps of one cell."""
    left = set(zip(*map(list, np.nonzero(cells)), strict=True))
    found = []
    while left:
        reached = [left.pop()]
        top, side = reached[0]
        box, count = [side, top, side, top], 0
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
