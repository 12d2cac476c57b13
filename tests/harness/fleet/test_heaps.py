"""Heaps of the compiled loops, against sorting."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.fleet.heaps import jit, pop, push, replace

times = st.floats(0, 1e6)


@jit
def taken(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """All values are pushed; each of the others replaces the smallest; then all are popped."""
    heap, found, size = np.empty(len(values)), np.empty(len(others) + len(values)), 0
    for value in values:
        size = push(heap, size, value)
    for place, value in enumerate(others):
        found[place] = heap[0]
        replace(heap, size, value)
    for place in range(len(others), len(found)):
        found[place] = heap[0]
        size = pop(heap, size)
    return found


@settings(deadline=None)  # the first one compiles
@given(st.lists(times, min_size=1, max_size=30), st.lists(times, max_size=30))
def test_a_heap_gives_the_smallest_first(values: list[float], others: list[float]) -> None:
    left, expected = list(values), []
    for other in others:
        left.sort()
        expected.append(left[0])
        left[0] = other
    found = taken(np.array(values), np.array(others, dtype=float))
    assert found.tolist() == [*expected, *sorted(left)]
