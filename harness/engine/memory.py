"""How the Python process keeps its memory during a run: few passes over what lives, and large bodies given
back.
"""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

YOUNG_OBJECTS, PASSES_OF_YOUNG, PASSES_OF_MIDDLE = 50_000, 20, 20
"""botocore and moto leave cycles at every call, and each pass over all that lives grows with the run: a fifth
of its time by default.
"""
MMAP_THRESHOLD_BYTES = 65_536
USUAL_THRESHOLD_BYTES = 16 << 20
"""What glibc comes to by itself in a process that frees images of some megabytes: the size of the largest
(mallopt(3): M_MMAP_THRESHOLD, which is dynamic until it is set, and then twice as much for M_TRIM_THRESHOLD).
"""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


@contextmanager
def thrifty() -> Iterator[None]:
    """For as long as the context lasts, garbage is collected in large portions."""
    _give_back_large_blocks()
    thresholds = gc.get_threshold()
    gc.set_threshold(YOUNG_OBJECTS, PASSES_OF_YOUNG, PASSES_OF_MIDDLE)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


@cache
def _give_back_large_blocks() -> None:
    """Keeps glibc from raising the size from which a block is its own mapping (mallopt(3)).

    Thousands of objects of 100 KB come and go among small ones that stay, and the holes cannot be filled: a
    run took twice the memory.
    """
    _set(_M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)


def as_usual() -> None:
    """In a fork of a thrifty process: large blocks are kept, as in a process of its own. Images come and go
    while a page is read, and to map each anew takes a fifth of the time.
    """
    _set(_M_MMAP_THRESHOLD, USUAL_THRESHOLD_BYTES)
    _set(_M_TRIM_THRESHOLD, 2 * USUAL_THRESHOLD_BYTES)


def _set(option: int, value: int) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # macOS and musl have none, and need none
    if mallopt is not None:
        mallopt(option, value)
