"""The one source of randomness of a run: a seed, from which every concern draws a stream of its own by name.

A concern's draws do not depend on how much another one draws, so that adding a fault does not change the
latencies.
"""

import random
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def seeded_globally(seed: int) -> Iterator[None]:
    """Python's own generator, from which botocore draws the pauses between its retries, is seeded for as long
    as the context lasts.
    """
    kept = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(kept)


class Randomness:
    def __init__(self, seed: int) -> None:
        self.seed = seed

    def stream(self, concern: str) -> np.random.Generator:
        """The generator of a concern; the same seed and name give the same draws."""
        sequence = np.random.SeedSequence(self.seed, spawn_key=(zlib.crc32(concern.encode()),))
        return np.random.Generator(np.random.PCG64(sequence))
