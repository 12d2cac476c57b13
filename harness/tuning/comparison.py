"""What one state of a system costs, takes and finds more or less than another: line by line, with what is
noise and what is not.

A side has a run for each seed, the other side one with the same seed. What differs between the two over
the seeds has a paired t interval; when that holds 0, the difference is noise. A single run of each has no
interval, but for what the fleet's own intervals say.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import isinf
from typing import Any, Literal

import msgspec

from harness.bill.prices import Prices
from harness.config import Config, Words
from harness.errors import UsageError
from harness.fleet.calibration import Calibration
from harness.fleet.study import Progress
from harness.fleet.uncertainty import REPLICATES
from harness.tuning import fleet_pairs, measures
from harness.tuning.fleet_pairs import FLEET
from harness.tuning.measures import Key, Taken
from harness.tuning.statistics import Interval, interval

SAME, NOISE, MORE, LESS, OPEN = "same", "noise", "more", "less", "open"
"""OPEN: one run each, and it differs."""
EQUAL = 1e-12
"""Part of a number that sums in another order may differ by."""
On = Literal["bill", "makespan", "p95"]


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a side. calibration: or why there is none; config: of the side's own project."""

    taken: Taken
    calibration: Calibration | str
    config: Config


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared, by runs in the order of the seeds. name: as the user says it; title: what it is."""

    name: str
    title: str
    runs: tuple[Ran, ...]


class Row(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A number of both sides, in the mean over the seeds; low, high: between which the difference lies."""

    group: str
    name: str
    unit: str
    a: float
    b: float
    difference: float
    low: float
    high: float
    verdict: str

    @property
    def key(self) -> Key:
        return self.group, self.name, self.unit

    def above(self) -> float:
        """By which part of A's number B's is surely higher; 0 or less when it is not surely so."""
        if self.a:
            return self.low / self.a
        return 0.0 if self.low <= 0 else float("inf")


class UnitChange(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A type of finding of which a unit has more, or fewer, on the one side. a, b: masks; seeds: in how many
    of them.
    """

    input: str
    unit: int
    type: str
    a: tuple[str, ...]
    b: tuple[str, ...]
    seeds: int


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """differs: how the sides were run otherwise; unprojected: why there is nothing of the fleet."""

    a: Side
    b: Side
    rows: tuple[Row, ...]
    lost: tuple[UnitChange, ...]
    gained: tuple[UnitChange, ...]
    differs: tuple[str, ...]
    unprojected: str

    @property
    def seeds(self) -> list[int]:
        return [one.taken.seed for one in self.a.runs]

    def row(self, on: On, words: Words) -> Row | str:
        """What the guard goes by, or why there is nothing: it is not known, or has no interval."""
        key = guarded(on, words)
        for row in self.rows:
            if row.key == key:
                if isinf(row.low):
                    break
                return row
        return self.unprojected if key[0] == FLEET else "one run of each has no interval"


def guarded(on: On, words: Words) -> Key:
    match on:
        case "bill":
            return fleet_pairs.TOTAL
        case "makespan":
            return fleet_pairs.MAKESPAN
        case "p95":
            return measures.TIMES, f"{words.input[0]} to result, p95", "seconds"


def compare(a: Side, b: Side, prices: Prices, progress: Progress) -> Compared:
    """The sides' runs in the order of the same seeds."""
    rows = [_row(key, values) for key, values in _paired(_numbers(a), _numbers(b))]
    projected, unprojected = _fleet(a, b, prices, progress)
    lost, gained = _findings(a, b)
    return Compared(
        a=a,
        b=b,
        rows=(*projected, *rows),
        lost=lost,
        gained=gained,
        differs=tuple(_differs(a.runs[0].taken, b.runs[0].taken)),
        unprojected=unprojected,
    )


def _numbers(side: Side) -> list[dict[Key, float]]:
    return [one.taken.numbers for one in side.runs]


def _paired(
    a: Sequence[Mapping[Key, float]], b: Sequence[Mapping[Key, float]]
) -> list[tuple[Key, list[tuple[float, float]]]]:
    """What either side has, by its groups; what one lacks is 0 there."""
    keys = list(dict.fromkeys(key for whole in (*a, *b) for key in whole))
    groups = list(dict.fromkeys(group for group, _, _ in keys))
    return [
        (key, [(one.get(key, 0.0), other.get(key, 0.0)) for one, other in zip(a, b, strict=True)])
        for key in sorted(keys, key=lambda key: groups.index(key[0]))
    ]


def _row(key: Key, values: Sequence[tuple[float, float]], known: Interval | None = None) -> Row:
    """known: the interval of the difference, where it is not of the seeds."""
    differences = [
        0.0 if abs(after - before) <= EQUAL * max(abs(before), abs(after)) else after - before
        for before, after in values
    ]
    found = known or interval(differences)
    return Row(
        group=key[0],
        name=key[1],
        unit=key[2],
        a=sum(before for before, _ in values) / len(values),
        b=sum(after for _, after in values) / len(values),
        difference=found.mean,
        low=found.low,
        high=found.high,
        verdict=_verdict(differences, found),
    )


def _verdict(differences: Sequence[float], found: Interval) -> str:
    if not any(differences):
        return SAME
    if isinf(found.low):
        return OPEN
    if found.low <= 0 <= found.high:
        return NOISE
    return MORE if found.low > 0 else LESS


def _fleet(a: Side, b: Side, prices: Prices, progress: Progress) -> tuple[list[Row], str]:
    """(rows of millions of files, why there are none)."""
    sides = []
    for side in (a, b):
        made = []
        for one in side.runs:
            if isinstance(one.calibration, str):
                return [], f"{side.name} gives no calibration: {one.calibration}"
            made.append(
                fleet_pairs.Side(
                    config=one.config, calibration=one.calibration, taken=one.taken, prices=prices
                )
            )
        sides.append(made)
    pairs = list(zip(*sides, strict=True))
    try:
        whole: tuple[list[dict[Key, float]], list[dict[Key, float]]] = ([], [])
        with progress("Simulating fleets", 2 * len(pairs)) as tell:
            for pair in pairs:
                for side, numbers in zip(pair, whole, strict=True):
                    numbers.append(fleet_pairs.numbers(side))
                    tell(len(whole[0]) + len(whole[1]))
        known: Mapping[Key, Interval] = {}
        if len(pairs) == 1:
            with progress("Drawing intervals", REPLICATES) as tell:
                one, other = pairs[0]
                known = fleet_pairs.differences(one, other, (whole[0][0], whole[1][0]), tell)
    except UsageError as error:
        return [], f"the fleet does not model it: {error}"
    return [_row(key, values, known.get(key)) for key, values in _paired(*whole)], ""


def _differs(a: Taken, b: Taken) -> list[str]:
    """In what the two were run otherwise."""
    found = []
    if a.sizes != b.sizes:
        names = {name for name in (*a.sizes, *b.sizes) if a.sizes.get(name) != b.sizes.get(name)}
        found.append(f"other inputs: {len(names)} of {len({*a.sizes, *b.sizes})}")
    if a.seed != b.seed:
        found.append(f"seed {a.seed} in A, {b.seed} in B")
    for one, other in ((a.parameters, b.parameters), (a.options, b.options)):
        found += [
            f"{name} {one.get(name, 'none')} in A, {other.get(name, 'none')} in B"
            for name in dict.fromkeys((*one, *other))
            if one.get(name) != other.get(name)
        ]
    return found


def _findings(a: Side, b: Side) -> tuple[tuple[UnitChange, ...], tuple[UnitChange, ...]]:
    """(lost, gained) by unit and type, those of more seeds first."""
    lost: Counter[tuple[str, int, str]] = Counter()
    gained: Counter[tuple[str, int, str]] = Counter()
    masks: dict[tuple[str, int, str], tuple[tuple[str, ...], tuple[str, ...]]] = {}
    for before, after in zip(a.runs, b.runs, strict=True):
        one, other = before.taken.findings, after.taken.findings
        for place in {**one, **other}:
            there, now = _typed(one, place), _typed(other, place)
            for kind in {**there, **now}:
                less = len(there.get(kind, ())) - len(now.get(kind, ()))
                key = (*place, kind)
                if less:
                    (lost if less > 0 else gained)[key] += 1
                    masks.setdefault(key, (there.get(kind, ()), now.get(kind, ())))

    def changes(counts: Counter[tuple[str, int, str]]) -> tuple[UnitChange, ...]:
        return tuple(
            UnitChange(input=key[0], unit=key[1], type=key[2], a=masks[key][0], b=masks[key][1], seeds=count)
            for key, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        )

    return changes(lost), changes(gained)


def _typed(findings: measures.Findings, place: tuple[str, int]) -> Mapping[str, tuple[str, ...]]:
    """By type; a unit that is marked and names nothing has one of no type."""
    if place not in findings:
        return {}
    return findings[place] or {"": ("",)}


def summary(
    config: Config,
    compared: Compared,
    *,
    on: On,
    limit: float | None,
    fail_on_lost: bool,
    interrupted: bool = False,
    notes: Sequence[str] = (),
    real_seconds: float,
) -> dict[str, Any]:
    """summary.json. limit: the part above which it fails; None for no guard."""
    guard = _guard(compared.row(on, config.words), on, limit) if limit is not None else None
    failed = guard is not None and guard["failed"]
    return {
        "kind": "compare",
        "words": msgspec.to_builtins(config.words),
        "a": _told(compared.a),
        "b": _told(compared.b),
        "seeds": compared.seeds,
        "differs": list(compared.differs),
        "files": fleet_pairs.FILES.count,
        "pagesPerFile": fleet_pairs.FILES.pages,
        "unprojected": compared.unprojected,
        "headline": [list(guarded(name, config.words)) for name in ("bill", "makespan", "p95")],
        "rows": [msgspec.to_builtins(one) for one in compared.rows],
        "lost": [msgspec.to_builtins(one) for one in compared.lost],
        "gained": [msgspec.to_builtins(one) for one in compared.gained],
        "guard": guard,
        "failOnLostFindings": fail_on_lost,
        "failed": failed or (fail_on_lost and bool(compared.lost)),
        "interrupted": interrupted,
        "notes": list(notes),
        "realSeconds": round(real_seconds, 3),
    }


def _guard(row: Row | str, on: On, limit: float) -> dict[str, Any]:
    above = None if isinstance(row, str) else row.above()
    return {
        "on": on,
        "failAbove": limit,
        "undecided": row if isinstance(row, str) else "",
        "surelyAbove": above,
        "failed": above is not None and above > limit,
    }


def _told(side: Side) -> dict[str, Any]:
    first = side.runs[0].taken
    return {
        "name": side.name,
        "title": side.title,
        "parameters": first.parameters,
        "inputs": len(first.sizes),
    }
