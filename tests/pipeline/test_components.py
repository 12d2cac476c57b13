"""What hangs together, against a search of neighbour by neighbour."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.components import components


def neighbour_by_neighbour(dark, across: int, down: int, aslant: int):
    """Boxes and sizes of what hangs together, found cell by cell."""
    left = {(int(row), int(column)) for row, column in zip(*np.nonzero(dark), strict=True)}
    found = []
    while left:
        waiting = [left.pop()]
        together = []
        while waiting:
            row, column = waiting.pop()
            together.append((row, column))
            for other in list(left):
                rows, columns = abs(other[0] - row), abs(other[1] - column)
                if (rows == 0 and columns <= across + 1) or (0 < rows <= down and columns <= aslant):
                    left.discard(other)
                    waiting.append(other)
        rows, columns = zip(*together, strict=True)
        found.append((min(columns), min(rows), max(columns) + 1, max(rows) + 1, len(together)))
    return sorted(found)


@given(arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 14))))
@pytest.mark.parametrize(("across", "down", "aslant"), [(0, 1, 0), (1, 2, 2), (1, 1, 1)])
def test_boxes_and_sizes_are_those_of_a_search(across: int, down: int, aslant: int, dark) -> None:
    boxes, counts = components(dark, across, down, aslant)
    found = sorted((*box, count) for box, count in zip(boxes.tolist(), counts.tolist(), strict=True))
    assert found == neighbour_by_neighbour(dark, across, down, aslant)


def test_an_empty_picture_has_none() -> None:
    boxes, counts = components(np.zeros((5, 5), np.bool_), 2, 2)
    assert boxes.shape == (0, 4)
    assert len(counts) == 0
