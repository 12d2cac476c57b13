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


@inlined
def replace(heap: np.ndarray, size: int, value: float) -> None:
    """Takes the smallest away and adds another.

    Which of two children is the smaller is anybody's guess, so it is added, not branched upon: a processor
    that guesses wrong loses more time than the rest of the step takes.
    """
    place, child = 0, 1
    while child < size:
        if child + 1 < size:
            child += heap[child + 1] < heap[child]
        if heap[child] >= value:
            break
        heap[place] = heap[child]
        place, child = child, 2 * child + 1
    heap[place] = value


@inlined
def pop(heap: np.ndarray, size: int) -> int:
    """Takes the smallest away; returns the new size."""
    replace(heap, size - 1, heap[size - 1])
    return size - 1


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


@jit
def seeded(seed: int) -> np.uint64:
    """The state of a generator; those of neighbouring seeds have nothing in common (splitmix64: Steele, Lea
    and Flood 2014).
    """
    mixed = np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31)) | np.uint64(1)


@inlined
def advanced(state: np.uint64) -> np.uint64:
    """The state after this one, 64 random bits, by the same generator as `uniform`: a number, which stays in
    a register where an array's element would go to memory and back.
    """
    state ^= state << np.uint64(13)
    state ^= state >> np.uint64(7)
    return state ^ state << np.uint64(17)


@inlined
def upper(bits: np.uint64, number: int) -> int:
    """One of so many places, by the upper half of the bits: of each two are drawn."""
    return np.int64(((bits >> np.uint64(32)) * np.uint64(number)) >> np.uint64(32))  # type: ignore[return-value]


@inlined
def lower(bits: np.uint64, number: int) -> int:
    """One of so many places, by the lower half of the bits."""
    return np.int64(((bits & np.uint64(0xFFFFFFFF)) * np.uint64(number)) >> np.uint64(32))  # type: ignore[return-value]
