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
_M_MMAP_THRESHOLD = -3


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
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # macOS and musl have none, and need none
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)
