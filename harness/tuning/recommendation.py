"""What a sweep says: a row for each setting, the recommended one, how flat the optimum is, and why the others
differ.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from harness.tuning.fronts import front
from harness.tuning.point import PER, Outcome
from harness.tuning.statistics import Interval, interval
from harness.tuning.wishes import Wish

MEASURES = ("cost", "makespan", "p50", "p95", "p99")
FLAT = 0.01
"""A setting that costs no more than this part above the best is as good as it."""
REASONS = 3
"""Line items that are named for a difference."""


class Row(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A setting over its seeds, in the mean. error: of the first seed that has one, after which nothing else
    counts; measures: cost in dollars, times in seconds; over_seeds: each of them by seed, in the order of the
    seeds; lines: dollars by (service, resource, item).
    """

    parameters: dict[str, str]
    seeds: tuple[int, ...]
    error: str = ""
    inputs: int = 0
    units: int = 0
    measures: dict[str, Interval] = {}
    over_seeds: dict[str, tuple[float, ...]] = {}
    lines: dict[tuple[str, str, str], float] = {}
    edges: dict[str, float] = {}
    violations: tuple[str, ...] = ()
    method: str = ""

    @property
    def cost(self) -> float:
        return self.measures["cost"].mean

    def values(self) -> dict[str, float | str]:
        """What wishes are about."""
        return {**self.parameters, **{name: one.mean for name, one in self.measures.items()}}


def measures(outcome: Outcome) -> dict[str, float]:
    return {"cost": outcome.dollars, "makespan": outcome.makespan, **outcome.latency}


def rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """A row for each setting, in the order in which they first occur."""
    by_setting: dict[tuple[tuple[str, str], ...], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_setting[tuple(outcome.parameters.items())].append(outcome)
    return [_row(sorted(found, key=lambda one: one.seed)) for found in by_setting.values()]


def _row(found: Sequence[Outcome]) -> Row:
    first = found[0]
    seeds = tuple(one.seed for one in found)
    error = next((one.error for one in found if one.error), "")
    if error:
        return Row(parameters=first.parameters, seeds=seeds, error=error)
    over_seeds = {name: tuple(measures(one)[name] for one in found) for name in MEASURES}
    lines: dict[tuple[str, str, str], float] = defaultdict(float)
    for one in found:
        for line in one.lines:
            lines[line.service, line.resource, line.item] += line.dollars / len(found)
    edges = [msgspec.to_builtins(one.edges) for one in found]
    return Row(
        parameters=first.parameters,
        seeds=seeds,
        inputs=first.inputs,
        units=first.units,
        measures={name: interval(values) for name, values in over_seeds.items()},
        over_seeds=over_seeds,
        lines=dict(lines),
        edges={name: float(np.mean([edge[name] for edge in edges])) for name in edges[0]},
        violations=tuple(sorted({name for one in found for name in one.violations})),
        method=first.method,
    )


def difference(row: Row, best: Row, name: str) -> Interval:
    """Of a measure, over the seeds that both have: the paired interval."""
    other = dict(zip(best.seeds, best.over_seeds[name], strict=True))
    pairs = [
        value - other[seed]
        for seed, value in zip(row.seeds, row.over_seeds[name], strict=True)
        if seed in other
    ]
    return interval(pairs)


def recommended(found: Sequence[Row], wishes: Sequence[Wish]) -> Row | None:
    """The cheapest that keeps all wishes; None when none does. The first of those that cost the same."""
    good = [row for row in found if not row.error and all(wish.holds(row.values()) for wish in wishes)]
    return min(good, key=lambda row: row.cost, default=None)


def summary(
    found: Sequence[Row], wishes: Sequence[Wish], defaults: Mapping[str, str], words: Mapping[str, Any]
) -> dict[str, Any]:
    """The part of summary.json that compares. defaults: the template's own values."""
    best = recommended(found, wishes)
    good = [row for row in found if not row.error]
    fronts = {
        name: [
            good[place].parameters for place in front([(row.cost, row.measures[name].mean) for row in good])
        ]
        for name in ("makespan", "p95")
    }
    default = next(
        (row for row in good if all(defaults.get(name) == value for name, value in row.parameters.items())),
        None,
    )
    told: dict[str, Any] = {
        "points": [_told(row, best, wishes, words) for row in found],
        "fronts": fronts,
        "recommended": best.parameters if best else None,
        "default": _against(default, best) if default and best else None,
        "wishes": [wish.text for wish in wishes],
    }
    if best:
        others = [row for row in good if row is not best and all(wish.holds(row.values()) for wish in wishes)]
        second = min(others, key=lambda row: row.cost, default=None)
        told["flatness"] = {
            "second": _against(second, best) if second else None,
            "within": FLAT,
            "asGood": sum(row.cost <= best.cost * (1 + FLAT) for row in others),
        }
    return told


def _against(row: Row, best: Row) -> dict[str, Any]:
    more = difference(row, best, "cost")
    return {
        "parameters": row.parameters,
        "dollars": more.mean,
        "low": more.low,
        "high": more.high,
        "part": more.mean / best.cost,
    }


def _told(row: Row, best: Row | None, wishes: Sequence[Wish], words: Mapping[str, Any]) -> dict[str, Any]:
    one_input, all_inputs, all_units = words["input"][0], words["input"][1], words["unit"][1]
    if row.error:
        return {"parameters": row.parameters, "seeds": row.seeds, "error": row.error}
    makespan = row.measures["makespan"].mean
    services: dict[str, float] = defaultdict(float)
    for (service, _, _), dollars in row.lines.items():
        services[service] += dollars
    told = {
        "parameters": row.parameters,
        "seeds": row.seeds,
        "error": "",
        all_inputs: {"total": row.inputs},
        all_units: {"total": row.units},
        "throughput": {
            f"{all_inputs}PerSecond": row.inputs / makespan if makespan else 0.0,
            f"{all_units}PerSecond": row.units / makespan if makespan else 0.0,
        },
        "measures": {name: msgspec.to_builtins(one) for name, one in row.measures.items()},
        f"{one_input}Latency": {name: row.measures[name].mean for name in ("p50", "p95", "p99")},
        "dollarsPerMillion": {
            all_inputs: row.cost / row.inputs * PER if row.inputs else None,
            all_units: row.cost / row.units * PER if row.units else None,
        },
        "bill": {
            "total": row.cost,
            "services": dict(services),
            "lines": [
                {"service": service, "resource": resource, "item": item, "dollars": dollars}
                for (service, resource, item), dollars in row.lines.items()
            ],
        },
        "edges": row.edges,
        "violations": row.violations,
        "keeps": all(wish.holds(row.values()) for wish in wishes),
        "method": row.method,
    }
    if best is not None:
        told["more"] = {
            name: msgspec.to_builtins(difference(row, best, name)) for name in ("cost", "makespan", "p95")
        }
        told["why"] = reasons(row, best)
    return told


def reasons(row: Row, best: Row) -> list[dict[str, Any]]:
    """The line items that differ most from those of the best, in dollars."""
    keys = {*row.lines, *best.lines}
    changes = {key: row.lines.get(key, 0.0) - best.lines.get(key, 0.0) for key in keys}
    largest = sorted(changes, key=lambda key: (-abs(changes[key]), key))[:REASONS]
    return [
        {"resource": resource, "item": item, "dollars": changes[service, resource, item]}
        for service, resource, item in largest
        if changes[service, resource, item]
    ]
