"""What hangs together in a picture of black and white: runs across, joined over small gaps."""

import numpy as np
import numpy.typing as npt

Dark = npt.NDArray[np.bool_]
Boxes = npt.NDArray[np.int32]
"""A row each: left, top, right, bottom; right and bottom are beyond it."""


def components(dark: Dark, across: int, down: int, aslant: int = 0) -> tuple[Boxes, npt.NDArray[np.int64]]:
    """(boxes, how many pixels are dark in each) of what hangs together, from top to bottom: over gaps of
    `across` pixels in a row and of `down - 1` rows, between which runs may end `aslant` pixels apart.
    """
    rows, starts, ends, counts = _runs(dark, across)
    if not len(rows):
        return np.zeros((0, 4), np.int32), np.zeros(0, np.int64)
    label = _labels(rows, starts, ends, dark.shape[1], down, aslant)
    names, place = np.unique(label, return_inverse=True)
    boxes = np.empty((len(names), 4), np.int32)
    boxes[:, :2], boxes[:, 2:] = np.iinfo(np.int32).max, 0
    np.minimum.at(boxes[:, 0], place, starts)
    np.minimum.at(boxes[:, 1], place, rows)
    np.maximum.at(boxes[:, 2], place, ends)
    np.maximum.at(boxes[:, 3], place, rows + 1)
    return boxes, np.bincount(place, counts).astype(np.int64)


def joined(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """For each of so many things the number of the first that it hangs together with, by pairs that do."""
    label = np.arange(count)
    while True:
        least = np.minimum(label[one], label[other])
        before = label.copy()
        np.minimum.at(label, one, least)
        np.minimum.at(label, other, least)
        label = label[label]
        if np.array_equal(label, before):
            return label


def _runs(
    dark: Dark, gap: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(row, start, end, dark pixels) of each run across, those with no wider gap between them as one."""
    wide = np.zeros((dark.shape[0], dark.shape[1] + 2), np.int8)
    wide[:, 1:-1] = dark
    edges = np.flatnonzero(np.diff(wide.ravel()))
    starts, ends = edges[::2], edges[1::2]
    rows = starts // wide.shape[1]
    apart = np.ones(len(rows) + 1, np.bool_)
    apart[1:-1] = (rows[1:] != rows[:-1]) | (starts[1:] - ends[:-1] > gap)
    first = np.flatnonzero(apart[:-1])
    lengths = np.add.reduceat(ends - starts, first) if len(first) else first
    rows, starts, ends = rows[first], starts[first], ends[np.flatnonzero(apart[1:])]
    return rows, starts - rows * wide.shape[1], ends - rows * wide.shape[1], lengths


def _labels(
    rows: npt.NDArray[np.int64],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    width: int,
    down: int,
    aslant: int,
) -> npt.NDArray[np.int64]:
    """For each run the number of the first one that it hangs together with."""
    stride = width + aslant + 1
    first, beyond = rows * stride + starts, rows * stride + ends
    ones, others = [], []
    for lower in range(1, down + 1):
        low = np.searchsorted(beyond, first + lower * stride - aslant, "right")
        high = np.searchsorted(first, beyond + lower * stride + aslant, "left")
        counts = np.maximum(0, high - low)
        ones.append(np.repeat(np.arange(len(rows)), counts))
        others.append(np.arange(counts.sum()) + np.repeat(low - np.cumsum(counts) + counts, counts))
    return joined(np.concatenate(ones), np.concatenate(others), len(rows))
