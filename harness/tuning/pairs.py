"""Measures two sides alternately: each unit is read by one and at once by the other, while the first is idle,
and which comes first changes from pair to pair.

A process may be a little faster than another one with the same code for all of its life, by where its memory
lies (T. Mytkowicz and others, "Producing wrong data without doing anything obviously wrong!", ASPLOS 2009).
So each look has processes of its own, started in turns.
"""

import contextlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
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
    began = time.monotonic()
    done = Measured()
    kinds = {unit.name: unit.kind for unit in units}
    open_units = list(units)
    try:
        for number, rounds in enumerate(LOOKS):
            left = plan.seconds - (time.monotonic() - began)
            _measure((base, tree), units, open_units, rounds, number, left, plan, done, progress)
            _stand(done, kinds, plan)
            if done.out_of_time or (done.standing is not None and done.standing.is_decided):
                break
            undecided = done.standing.undecided if done.standing is not None else ()
            open_units = [unit for unit in units if unit.kind in undecided]
    except KeyboardInterrupt:
        done.interrupted = True
        _stand(done, kinds, plan)
    return done


def _stand(done: Measured, kinds: Mapping[str, str], plan: Plan) -> None:
    """Looks, when there is enough to see."""
    logs = done.logs(plan.count)
    if len(logs) == len(kinds) and min(map(len, logs.values())) >= LOOKS[0]:
        done.looks += 1
        done.standing = sequential.look(kinds, logs, plan.limit)


def _measure(
    sides: tuple[Side, Side],
    units: Sequence[Unit],
    open_units: Sequence[Unit],
    rounds: int,
    look: int,
    seconds: float,
    plan: Plan,
    done: Measured,
    progress: "Progress",
) -> None:
    """Pairs of the open units until each has so many, or the time is over."""
    ends = time.monotonic() + seconds
    have = len(done.logs(plan.count).get(open_units[0].name, ()))
    total = (rounds - have) * len(open_units)
    with (
        _started(sides, units, plan, last_first=bool(look % 2)) as (base, tree),
        progress(f"Pairs for look {look + 1} of at most {len(LOOKS)}", total) as tell,
    ):
        first = done.used is None
        for unit in (
            units if first else one_of_each_kind(open_units)
        ):  # not counted: what is loaded at first use
            values = base.read(unit).value, tree.read(unit).value
            if first and values[0] != values[1]:
                done.otherwise.append(unit.name)
        if first:
            done.used = base.used(), tree.used()
        told = 0
        for turn in range(have, rounds):
            began = time.monotonic()
            for place, unit in enumerate(open_units):
                done.pairs.append(_pair(base, tree, unit, base_first=bool((turn + place) % 2)))
                told += 1
                tell(told)
            now = time.monotonic()
            if turn + 1 < rounds and now + (now - began) > ends:
                done.out_of_time = True
                return
    done.out_of_time = time.monotonic() > ends


def _pair(base: Worker, tree: Worker, unit: Unit, *, base_first: bool) -> Pair:
    if base_first:
        first = base.read(unit)
        return Pair(unit.name, first, tree.read(unit))
    second = tree.read(unit)
    return Pair(unit.name, base.read(unit), second)


def one_of_each_kind(units: Sequence[Unit]) -> list[Unit]:
    return list({unit.kind: unit for unit in units}.values())


@contextlib.contextmanager
def _started(
    sides: tuple[Side, Side], units: Sequence[Unit], plan: Plan, *, last_first: bool
) -> Iterator[tuple[Worker, Worker]]:
    """Workers of both sides, ready."""
    counted = plan.count == "instructions"
    order = sides[::-1] if last_first else sides
    with contextlib.ExitStack() as stack:
        workers = [
            stack.enter_context(Worker(side, units, plan.variables, counted=counted)) for side in order
        ]
        for worker in workers:
            worker.wait_until_ready(units)
        base, tree = workers[::-1] if last_first else workers
        yield base, tree
