"""What the compiled loops of the fleet have in common: heaps of times, and random numbers."""

import numba
import numpy as np

jit = numba.njit(cache=True, nogil=True)
inlined = numba.njit(cache=True, nogil=True, forceinline=True)
"""Into its callers: a call that hands over many arrays takes longer than what it does."""


@jit
def push(heap: np.ndarray, size: int, value: float) -> int:
    """Adds to a binary heap of floats, the smallest first; returns its new size."""
    place = size
    while place > 0:
        parent = (place - 1) >> 1
        if heap[parent] <= value:
            break
        heap[place] = heap[parent]
        place = parent
    heap[place] = value
    return size + 1


@jit
def pop(heap: np.ndarray, size: int) -> int:
    """Takes the smallest away; returns the new size."""
    size -= 1
    value = heap[size]
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[place] = heap[child]
        place = child
    heap[place] = value
    return size


@jit
def push_pair(times: np.ndarray, items: np.ndarray, size: int, time: float, item: int) -> int:
    """`push` for a heap of (time, item)."""
    place = size
    while place > 0:
        parent = (place - 1) >> 1
        if times[parent] <= time:
            break
        times[place], items[place] = times[parent], items[parent]
        place = parent
    times[place], items[place] = time, item
    return size + 1


@jit
def pop_pair(times: np.ndarray, items: np.ndarray, size: int) -> int:
    """`pop` for a heap of (time, item)."""
    size -= 1
    time, item = times[size], items[size]
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and times[child + 1] < times[child]:
            child += 1
        if times[child] >= time:
            break
        times[place], items[place] = times[child], items[child]
        place = child
    times[place], items[place] = time, item
    return size


@jit
def uniform(state: np.ndarray) -> float:
    """From 0 to 1, by a xorshift generator (Marsaglia 2003) whose state is the array's one element."""
    drawn = state[0]
    drawn ^= drawn << np.uint64(13)
    drawn ^= drawn >> np.uint64(7)
    drawn ^= drawn << np.uint64(17)
    state[0] = drawn
    return float(drawn >> np.uint64(11)) / 9007199254740992.0


@jit
def pick(pool: np.ndarray, state: np.ndarray) -> float:
    """One of the values, each as likely as the others."""
    return float(pool[int(uniform(state) * len(pool))])
