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
        self._resting = False

    def rest(self) -> None:
        """From now on nothing strikes: what was broken is mended."""
        self._resting = True

    def strike(self, kind: str, where: str) -> Strike | None:
        """Whether a fault strikes here, at its next opportunity; a stroke is recorded with `where`."""
        fault = self._scenario.faults.get(kind)
        if fault is None or self._resting:
            return None
        self.opportunities[kind] += 1
        number = self.opportunities[kind]
        if not where.startswith(fault.where) or (fault.only is not None and number not in fault.only):
            return None
        seed = self._seed if fault.seed is None else fault.seed
        draws = struct.unpack(
            "<4Q", hashlib.blake2b(f"{seed}:{kind}:{number}".encode(), digest_size=32).digest()
        )
        if fault.only is None and draws[0] >= fault.rate * _PARTS:
            return None
        self._recorder.record(Stroke(t=self._kernel.now, fault=kind, number=number, where=where))
        return Strike(fault, draws)
