"""When a comparison stops: when it knows, when its time is over, or when it is interrupted; and what it keeps."""

import math
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from harness.errors import UsageError
from harness.runs.rig import quiet
from harness.tuning import pairs
from harness.tuning.pairs import Measured, Plan
from harness.tuning.sequential import LOOKS, OVERALL
from harness.tuning.sides import Cost, Side, Unit, Used

UNITS = [
    Unit(f"{kind} {number}", kind, Path("x"), number) for kind in ("letter", "form") for number in range(3)
]
BASE, TREE = (
    Side(name, Path(name), Path(sys.executable), "reading:readings", Path("x")) for name in ("base", "tree")
)


class Clock:
    """Seconds that readings take, in place of those of this machine."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class Simulated:
    """Costs of two sides, in place of their processes: `slower` is the tree's, by kind."""

    def __init__(self, slower: dict[str, float], spread: float, seconds: float = 0.1) -> None:
        self._slower, self._spread, self._seconds = slower, spread, seconds
        self._generator = np.random.default_rng(7)
        self.clock, self.running = Clock(), 0
        self.started: list[str] = []
        self.read: list[tuple[str, str]] = []
        self.interrupted_after = sys.maxsize

    def worker(self, side: Side, units: object, variables: object, *, counted: bool) -> "_Worker":
        self.started.append(side.name)
        self.running += 1
        return _Worker(self, side.name)

    def cost(self, side: str, unit: Unit) -> Cost:
        self.read.append((side, unit.name))
        if len(self.read) > self.interrupted_after:
            raise KeyboardInterrupt
        self.clock.now += self._seconds
        noise = math.exp(self._spread * self._generator.standard_normal())
        cpu = self._seconds * noise * (self._slower.get(unit.kind, 1.0) if side == "tree" else 1.0)
        return Cost(cpu, cpu, "text" if side == "base" or unit.name != "form 1" else "another text")


class _Worker:
    def __init__(self, simulated: Simulated, name: str) -> None:
        self._simulated, self._name = simulated, name

    def wait_until_ready(self, units: object) -> None: ...

    def read(self, unit: Unit) -> Cost:
        return self._simulated.cost(self._name, unit)

    def used(self) -> Used:
        return Used((f"{self._name}.py",), {})

    def __enter__(self) -> "_Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._simulated.running -= 1


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch):
    def compared(simulated: Simulated, seconds: float = 1000.0) -> Measured:
        monkeypatch.setattr(pairs, "Worker", simulated.worker)
        monkeypatch.setattr(pairs, "time", simulated.clock)
        found = pairs.compare(BASE, TREE, UNITS, Plan(1.05, seconds), quiet)
        assert simulated.running == 0
        return found

    return compared


def test_it_stops_at_the_first_look_that_knows(compare) -> None:
    same, slower = compare(Simulated({}, 0.01)), compare(Simulated({"form": 1.2}, 0.01))
    assert (same.looks, len(same.pairs), same.standing.slower) == (1, LOOKS[0] * len(UNITS), [])
    assert (slower.looks, slower.standing.slower) == (1, ["form", OVERALL])


def test_kinds_that_are_decided_are_measured_no_more(compare) -> None:
    found = compare(Simulated({"form": 1.04}, 0.02))
    counts = Counter(pair.unit.split()[0] for pair in found.pairs)
    assert counts["letter"] < counts["form"]


def test_with_too_much_noise_it_stops_at_the_last_look_and_says_what_is_open(compare) -> None:
    found = compare(Simulated({"letter": 1.05, "form": 1.05}, 0.2))
    assert found.looks == len(LOOKS)
    assert (found.standing.slower, set(found.standing.undecided)) == ([], {"letter", "form", OVERALL})


def test_it_ends_with_its_time_and_looks_at_what_there_is(compare) -> None:
    simulated = Simulated({"letter": 1.05, "form": 1.05}, 0.2)
    found = compare(simulated, seconds=20.0)
    assert found.out_of_time
    assert LOOKS[2] < len(found.pairs) / len(UNITS) < LOOKS[3]
    assert found.looks == 4
    assert simulated.clock.now <= 20.0 + 1.2  # a round is finished


def test_with_no_time_for_a_look_nothing_is_claimed(compare) -> None:
    found = compare(Simulated({"form": 2.0}, 0.01), seconds=3.0)
    assert (found.out_of_time, found.standing) == (True, None)


def test_an_interrupt_keeps_the_pairs_and_ends_the_processes(compare) -> None:
    simulated = Simulated({}, 0.01)
    simulated.interrupted_after = 30
    found = compare(simulated)
    assert (found.interrupted, found.standing) == (True, None)
    assert len(found.pairs) == (30 - 2 * len(UNITS)) // 2


def test_sides_take_turns_and_each_comes_first_as_often(compare) -> None:
    simulated = Simulated({}, 0.01)
    compare(simulated)
    measured = simulated.read[2 * len(UNITS) :]
    couples = list(zip(measured[::2], measured[1::2], strict=True))
    assert all(one[1] == other[1] and one[0] != other[0] for one, other in couples)
    first = Counter((name, unit) for (name, unit), _ in couples)
    assert set(first.values()) == {LOOKS[0] // 2}


def test_each_look_has_processes_of_its_own_started_in_turns(compare) -> None:
    simulated = Simulated({"letter": 1.05, "form": 1.05}, 0.2)
    compare(simulated)
    assert simulated.started == ["base", "tree", "tree", "base"] * (len(LOOKS) // 2)


def test_what_is_read_otherwise_is_told(compare) -> None:
    assert compare(Simulated({}, 0.01)).otherwise == ["form 1"]


def test_what_was_needed_is_told_of_both(compare) -> None:
    used = compare(Simulated({}, 0.01)).used
    assert [one.files for one in used] == [("base.py",), ("tree.py",)]


def test_a_side_that_fails_ends_the_other(compare, monkeypatch: pytest.MonkeyPatch) -> None:
    simulated = Simulated({}, 0.01)

    def failing(self: _Worker, unit: Unit) -> Cost:
        raise UsageError("the base cannot read letter 0")

    monkeypatch.setattr(_Worker, "read", failing)
    with pytest.raises(UsageError, match="cannot read letter 0"):
        compare(simulated)
    assert simulated.running == 0
