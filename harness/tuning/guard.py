"""The latency guard: whether the working tree is slower than a base revision at reading the units that
[tool.harness.guard] names.
"""

import importlib.metadata
import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from harness.config import Config, Guard
from harness.errors import UsageError
from harness.runs import application
from harness.tuning import accuracy, pairs, requirements, sequential
from harness.tuning.pairs import Count, Measured, Plan
from harness.tuning.ratios import Ratio
from harness.tuning.revisions import Change, Repository
from harness.tuning.sides import Side, Unit, Worker

if TYPE_CHECKING:
    from harness.runs.rig import Progress

SLOWER, NOT_SLOWER, UNDECIDED, INTERRUPTED = "slower", "not slower", "undecided", "interrupted"


class Guarded(msgspec.Struct, frozen=True):
    """A comparison. base, tree: what they are called; requirements: what the base has in another version:
    name -> (of the base, here).
    """

    base: str
    tree: str
    limit: float
    count: Count
    units: tuple[Unit, ...]
    measured: Measured
    changes: tuple[Change, ...]
    requirements: dict[str, tuple[str, str]]
    seconds: float

    @property
    def verdict(self) -> str:
        standing = self.measured.standing
        if standing is not None and standing.slower:
            return SLOWER
        if self.measured.interrupted:
            return INTERRUPTED
        return NOT_SLOWER if standing is not None and standing.is_decided else UNDECIDED


def compare(
    config: Config, revision: str, limit: float, count: Count, seconds: float, progress: "Progress"
) -> Guarded:
    """Measures base and working tree. Raises `UsageError` when there is no such base, or a side cannot be
    measured.
    """
    began = time.monotonic()
    guard = config.guard
    if guard is None:
        raise UsageError("what is guarded: [tool.harness.guard] names it, and it is not there")
    repository = Repository(config.root)
    commit = repository.commit(revision)
    module = Path(*guard.readings.partition(":")[0].split(".")).with_suffix(".py")
    if not (config.root / module).is_file():
        raise UsageError(
            f"{config.source}: [tool.harness.guard] readings {guard.readings}: {module} is not there"
        )
    units = _units(config, guard)
    title = repository.title(commit)
    with repository.side_by_side(commit) as (then, now):
        tree = Side("the working tree", now, Path(sys.executable), guard.readings, now / module)
        python, other = _environment(config, guard, then, tree, units, progress)
        base = Side(f"the base {title.partition(' ')[0]}", then, python, guard.readings, now / module)
        plan = Plan(limit, seconds, count, guard.environment)
        measured = pairs.compare(base, tree, units, plan, progress)
    paths = {path for used in measured.used or () for path in used.files} | ({guard.lock} if other else set())
    return Guarded(
        base=title,
        tree=repository.title("HEAD"),
        limit=limit,
        count=count,
        units=tuple(units),
        measured=measured,
        changes=tuple(repository.changes(commit, paths)),
        requirements=other,
        seconds=time.monotonic() - began,
    )


def _units(config: Config, guard: Guard) -> list[Unit]:
    """What the makers of [tool.harness.guard] make, each with its kind."""
    units: list[Unit] = []
    for name, files in guard.made.items():
        folder = application.made(config, name, files)
        source = folder / "truth.json"
        known = accuracy.truths(json.loads(source.read_bytes()), config.words.marked_key, str(source))
        units += [
            Unit(
                f"{folder.name}/{file}{f' {number + 1}' if len(held) > 1 else ''}",
                unit.kind,
                folder / file,
                number,
            )
            for file, held in known.items()
            for number, unit in enumerate(held)
        ]
    if not units:
        raise UsageError(f"{config.source}: [tool.harness.guard] made names nothing to read")
    return units


def _environment(
    config: Config, guard: Guard, folder: Path, tree: Side, units: Sequence[Unit], progress: "Progress"
) -> tuple[Path, dict[str, tuple[str, str]]]:
    """The Python that the base in `folder` runs in, and what it has otherwise than this one."""
    lock = folder / guard.lock
    if not guard.lock or not lock.is_file():
        return Path(sys.executable), {}
    here = {
        requirements.normalized(one.name): one.version
        for one in importlib.metadata.distributions()
        if one.name
    }
    wanted = requirements.pins(lock.read_text(encoding="utf-8"))
    if not requirements.differing(wanted, here, here):
        return Path(sys.executable), {}
    needed = {name for spec in config.record for name in spec.versions}
    with Worker(tree, units, guard.environment, counted=False) as worker:
        worker.wait_until_ready(units)
        for unit in pairs.one_of_each_kind(units):  # what is imported only when it is needed counts, too
            worker.read(unit)
        needed |= set(worker.used().distributions)
    other = requirements.differing(wanted, here, needed)
    if not other:
        return Path(sys.executable), {}
    return requirements.environment(config.root, lock, progress), other


def summary(config: Config, guarded: Guarded) -> dict[str, Any]:
    """summary.json."""
    measured = guarded.measured
    standing = measured.standing
    kinds = {unit.name: unit.kind for unit in guarded.units}
    wall = sequential.look(kinds, measured.logs("wall"), guarded.limit) if standing is not None else None
    return {
        "kind": "guard",
        "words": config.words,
        "verdict": guarded.verdict,
        "base": guarded.base,
        "tree": guarded.tree,
        "failAbove": guarded.limit,
        "count": guarded.count,
        "falseAlarms": sequential.FALSE_ALARMS,
        "slower": standing.slower if standing else [],
        "undecided": standing.undecided if standing else [],
        "kinds": _rows(standing.ratios, wall.ratios) if standing and wall else {},
        "units": _unit_rows(guarded, standing.units) if standing else [],
        "otherwise": measured.otherwise,
        "changes": guarded.changes,
        "requirements": guarded.requirements,
        "pairs": len(measured.pairs),
        "looks": measured.looks,
        "outOfTime": measured.out_of_time,
        "realSeconds": guarded.seconds,
    }


def _rows(ratios: Mapping[str, Ratio], wall: Mapping[str, Ratio]) -> dict[str, dict[str, Any]]:
    return {kind: {**msgspec.to_builtins(one), "wall": wall[kind]} for kind, one in ratios.items()}


def _unit_rows(guarded: Guarded, ratios: Mapping[str, Ratio]) -> list[dict[str, Any]]:
    """The units, the ones that became slowest first."""
    rows = []
    for unit in guarded.units:
        of_it = [pair for pair in guarded.measured.pairs if pair.unit == unit.name]
        rows.append(
            {
                "unit": unit.name,
                "kind": unit.kind,
                **msgspec.to_builtins(ratios[unit.name]),
                "baseCpuSeconds": statistics.median(pair.base.cpu for pair in of_it),
                "cpuSeconds": statistics.median(pair.tree.cpu for pair in of_it),
                "baseWallSeconds": statistics.median(pair.base.wall for pair in of_it),
                "wallSeconds": statistics.median(pair.tree.wall for pair in of_it),
            }
        )
    return sorted(rows, key=lambda row: -row["ratio"])
