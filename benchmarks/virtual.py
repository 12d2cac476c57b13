"""Virtual time as a benchmark's timer: what is timed is the system on AWS, not the emulator.

pytest-benchmark asks its timer before and after a round; this one has moved on by what the round's run gave.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from harness.commands.console import Screen
from harness.runs.run import Run
from tests import builders

BATCH_PAGES = [1, 5, 10, 15, 30]


class VirtualTimer:
    """Seconds of the runs so far; `took` says what of a run counts."""

    def __init__(self, took: Callable[[Run], float]) -> None:
        self._took = took
        self._seconds = 0.0

    def __call__(self) -> float:
        return self._seconds

    def run(self, folder: Path, batch_pages: int, seed: int) -> Run:
        """The round: a run with this seed, after which it is later."""
        finished = emulated(folder, batch_pages, seed)
        self._seconds += self._took(finished)
        return finished


MAKESPAN = VirtualTimer(lambda finished: float(finished.summary["virtualSeconds"]))
LATENCY = VirtualTimer(lambda finished: float(finished.summary["fileLatency"]["p95"]))


@cache
def emulated(folder: Path, batch_pages: int, seed: int) -> Run:
    """One emulation serves every timer: the same seed gives the same run."""
    return builders.run(
        folder, seed=seed, parameters={"BatchPages": str(batch_pages)}, progress=Screen().progress
    )
