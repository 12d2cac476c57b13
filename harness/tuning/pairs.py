"""Measures two sides alternately: each unit is read by one and at once by the other, while the first is idle,
and which comes first changes from pair to pair.

A process may be a little faster than another one with the same code for all of its life, by where its memory
lies (T. Mytkowicz and others, "Producing wrong data without doing anything obviously wrong!", ASPLOS 2009).
So each look has processes of its own, started in turns.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from harness.tuning import sequential
from harness.tuning.sequential import LOOKS, Standing
from harness.tuning.sides import Cost, Side, Unit, Used, Worker

if TYPE_CHECKING:
    from harness.runs.rig import Progress

Count = Literal["cpu", "instructions"]


class Pair(msgspec.Struct, frozen=True):
    """A unit read by both sides, one right after the other."""

    unit: str
    base: Cost
    tree: Cost

    def log_ratio(self, what: str) -> float:
        return math.log(getattr(self.tree, what) / getattr(self.base, what))


class Measured(msgspec.Struct):
    """What there is so far. used: what (base, tree) needed; otherwise: units of which the sides read
    something else.
    """

    pairs: list[Pair] = []
    standing: Standing | None = None
    looks: int = 0
    used: tuple[Used, Used] | None = None
    otherwise: list[str] = []
    out_of_time: bool = False
    interrupted: bool = False

    def logs(self, what: str) -> dict[str, list[float]]:
        """The logarithms of each unit's ratios; what: "cpu", "instructions" or "wall"."""
        found: dict[str, list[float]] = {}
        for pair in self.pairs:
            found.setdefault(pair.unit, []).append(pair.log_ratio(what))
        return found


class Plan(msgspec.Struct, frozen=True):
    """limit: the ratio above which a side is slower; seconds: that may be spent, in all."""

    limit: float
    seconds: float
    count: Count = "cpu"
    variables: Mapping[str, str] = {}


def compare(base: Side, tree: Side, units: Sequence[Unit], plan: Plan, progress: "Progress") -> Measured:
    """As many pairs as it takes to tell whether the tree is slower, within bounds. An interrupt leaves what
    came until then. Raises `UsageError` when a side cannot read a unit.
    """
    done = Measured()
    comparison = _Comparison(base, tree, units, plan, progress, done)
    try:
        for look, rounds in enumerate(LOOKS):
            comparison.measure(look, rounds)
            comparison.stand()
            if done.out_of_time or (done.standing is not None and done.standing.is_decided):
                break
    except KeyboardInterrupt:
        done.interrupted = True
        comparison.stand()
    return done


class _Comparison:
    """Adds to `done`, look by look."""

    def __init__(
        self,
        base: Side,
        tree: Side,
        units: Sequence[Unit],
        plan: Plan,
        progress: "Progress",
        done: Measured,
    ) -> None:
        self._base, self._tree, self._units, self._plan = base, tree, units, plan
        self._progress, self._done = progress, done
        self._ends = time.monotonic() + plan.seconds

    def measure(self, look: int, rounds: int) -> None:
        """Pairs of the units that are not decided until each has so many, or the time is over."""
        done, open_units = self._done, self._undecided()
        have = len(done.logs("wall").get(open_units[0].name, ()))
        with (
            self._started(tree_first=bool(look % 2)) as (base, tree),
            self._progress(
                f"Pairs for look {look + 1} of at most {len(LOOKS)}", (rounds - have) * len(open_units)
            ) as tell,
        ):
            self._warm_up(base, tree, open_units, tell)
            told = 0
            for turn in range(have, rounds):
                began = time.monotonic()
                for place, unit in enumerate(open_units):
                    done.pairs.append(_pair(base, tree, unit, base_first=bool((turn + place) % 2)))
                    told += 1
                    tell(told)
                now = time.monotonic()
                another = now - began if turn + 1 < rounds else 0.0
                if now + another > self._ends:
                    done.out_of_time = True
                    return

    def stand(self) -> None:
        """Looks, when there is enough to see."""
        logs = self._done.logs(self._plan.count)
        kinds = {unit.name: unit.kind for unit in self._units}
        if len(logs) == len(kinds) and min(map(len, logs.values())) >= LOOKS[0]:
            self._done.looks += 1
            self._done.standing = sequential.look(kinds, logs, self._plan.limit)

    def _undecided(self) -> list[Unit]:
        standing = self._done.standing
        return [unit for unit in self._units if standing is None or unit.kind in standing.undecided]

    def _warm_up(
        self, base: Worker, tree: Worker, open_units: Sequence[Unit], tell: Callable[[int], None]
    ) -> None:
        """First readings, which load what is loaded when it is needed, and tell what that is."""
        done = self._done
        if done.used is not None:
            for unit in one_of_each_kind(open_units):
                base.read(unit), tree.read(unit)
            return
        for unit in self._units:
            tell(0)
            if base.read(unit).value != tree.read(unit).value:
                done.otherwise.append(unit.name)
        done.used = base.used(), tree.used()

    @contextlib.contextmanager
    def _started(self, *, tree_first: bool) -> Iterator[tuple[Worker, Worker]]:
        """Workers of both sides, ready: (base, tree)."""
        plan = self._plan
        with contextlib.ExitStack() as stack:
            workers = {
                side.name: stack.enter_context(
                    Worker(side, self._units, plan.variables, counted=plan.count == "instructions")
                )
                for side in ((self._tree, self._base) if tree_first else (self._base, self._tree))
            }
            for worker in workers.values():
                worker.wait_until_ready(self._units)
            yield workers[self._base.name], workers[self._tree.name]


def _pair(base: Worker, tree: Worker, unit: Unit, *, base_first: bool) -> Pair:
    if base_first:
        first = base.read(unit)
        return Pair(unit.name, first, tree.read(unit))
    second = tree.read(unit)
    return Pair(unit.name, base.read(unit), second)


def one_of_each_kind(units: Sequence[Unit]) -> list[Unit]:
    return list({unit.kind: unit for unit in units}.values())
