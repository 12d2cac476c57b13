"""The dice of a run: at each opportunity of a fault they decide whether it strikes, the same way for the same
seed.

An opportunity's draw depends on its number alone and not on what was drawn before: leaving out one stroke
leaves the draws of all others as they are, which is what makes shrinking work.
"""

import hashlib
import struct
from collections import Counter

from harness.engine.kernel import Kernel
from harness.faults.scenario import Fault, Scenario
from harness.recorder import Recorder, Stroke

_PARTS = 2.0**64


class Strike:
    """A fault that strikes: its numbers, drawn evenly from the scenario's ranges."""

    def __init__(self, fault: Fault, draws: tuple[int, ...]) -> None:
        self._fault, self._draws = fault, draws

    @property
    def seconds(self) -> float:
        low, high = self._fault.seconds
        return low + (high - low) * self._draws[1] / _PARTS

    @property
    def repeats(self) -> int:
        low, high = self._fault.repeats
        return low + int((high - low + 1) * (self._draws[2] / _PARTS))

    @property
    def factor(self) -> float:
        low, high = self._fault.factor
        return low + (high - low) * self._draws[3] / _PARTS


class Dice:
    def __init__(self, scenario: Scenario, seed: int, kernel: Kernel, recorder: Recorder) -> None:
        self._scenario, self._seed, self._kernel, self._recorder = scenario, seed, kernel, recorder
        self.opportunities: Counter[str] = Counter()
        self.is_resting = False
        self._ordered: Counter[str] = Counter()

    @property
    def scenario(self) -> Scenario:
        return self._scenario

    def change(self, scenario: Scenario) -> None:
        """From now on these faults strike, and no others."""
        self._scenario = scenario

    def order(self, kind: str) -> None:
        """One stroke at the next opportunity of this fault, whatever the scenario."""
        self._ordered[kind] += 1

    def rest(self) -> None:
        """From now on nothing strikes: what was broken is mended."""
        self.is_resting = True

    def strike(self, kind: str, where: str) -> Strike | None:
        """Whether a fault strikes here, at its next opportunity; a stroke is recorded with `where`."""
        is_ordered = bool(self._ordered) and self._ordered[kind] > 0
        fault = self._scenario.faults.get(kind) or (Fault() if is_ordered else None)
        if fault is None or self.is_resting:
            return None
        self.opportunities[kind] += 1
        number = self.opportunities[kind]
        seed = self._seed if fault.seed is None else fault.seed
        draws = struct.unpack(
            "<4Q", hashlib.blake2b(f"{seed}:{kind}:{number}".encode(), digest_size=32).digest()
        )
        if is_ordered:
            self._ordered[kind] -= 1
        elif not _strikes(fault, number, where, draws[0]):
            return None
        self._recorder.record(Stroke(t=self._kernel.now, fault=kind, number=number, where=where))
        return Strike(fault, draws)


def _strikes(fault: Fault, number: int, where: str, draw: int) -> bool:
    """Whether a fault of a scenario strikes at its opportunity of this number."""
    if not where.startswith(fault.where):
        return False
    return number in fault.only if fault.only is not None else draw < fault.rate * _PARTS
