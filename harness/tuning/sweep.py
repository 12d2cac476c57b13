"""A sweep in numbers: every point of a grid, what they say together, and whether the fleet says the same."""

import time
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from harness.config import Config
from harness.runs.out_folder import Kind
from harness.tuning import recommendation
from harness.tuning.grid import Axis
from harness.tuning.point import Edges, Outcome
from harness.tuning.recommendation import MEASURES, Row, measures
from harness.tuning.statistics import spearman
from harness.tuning.store import FOLDER
from harness.tuning.trials import Trials
from harness.tuning.wishes import Wish

KIND = Kind(
    "sweep",
    ("summary.json", "table.csv", "report.html"),
    ("pictures",),
    kept=FOLDER,
    summaries=("sweep", "search"),
)
COMPARED = ("cost", "makespan", "p95")
"""Measures by which the emulation and the fleet rank settings."""


def numbers(
    config: Config,
    trials: Trials,
    axes: Sequence[Axis],
    outcomes: Sequence[Outcome],
    wishes: Sequence[Wish],
    *,
    kind: str,
    by_fleet: Sequence[Outcome] | None,
    projected: dict[str, Any] | None,
    began: float,
) -> dict[str, Any]:
    """summary.json. by_fleet: the emulated points projected, None where they are projections themselves;
    projected: what is said of the files of such.
    """
    found = recommendation.rows(outcomes)
    words = msgspec.to_builtins(config.words)
    return {
        "kind": kind,
        "words": words,
        "by": "emulation" if projected is None else "projection",
        "projected": projected,
        "notes": trials.notes,
        "axes": [msgspec.to_builtins(axis) for axis in axes],
        "defaults": trials.defaults,
        "seeds": sorted({outcome.seed for outcome in outcomes}),
        **recommendation.summary(found, wishes, trials.defaults, words),
        "alike": None if by_fleet is None else alike(found, recommendation.rows(by_fleet)),
        "pointSeconds": round(float(np.mean([one.real_seconds for one in outcomes])), 3),
        "realSeconds": round(time.monotonic() - began, 3),
    }


def alike(emulated: Sequence[Row], projected: Sequence[Row]) -> dict[str, Any] | None:
    """Spearman's correlation of the ranks that emulation and fleet give to the settings that both have, by
    measure; None where there are too few.
    """
    theirs = {tuple(row.parameters.items()): row for row in projected if not row.error}
    pairs = [
        (row, theirs[key])
        for row in emulated
        if not row.error and (key := tuple(row.parameters.items())) in theirs
    ]
    if len(pairs) < 3:
        return None
    return {
        "settings": len(pairs),
        "spearman": {
            name: spearman(
                [one.measures[name].mean for one, _ in pairs],
                [other.measures[name].mean for _, other in pairs],
            )
            for name in COMPARED
        },
        "difference": {
            name: float(
                np.mean(
                    [abs(other.measures[name].mean / one.measures[name].mean - 1) for one, other in pairs]
                )
            )
            for name in COMPARED
        },
    }


def table(axes: Sequence[Axis], outcomes: Sequence[Outcome]) -> list[list[str]]:
    """Every point with its seed, for a spreadsheet: a head, and rows in the order of the grid."""
    edges = list(Edges.__struct_fields__)
    rows = [[*(axis.name for axis in axes), "seed", "error", *MEASURES, *edges, "digest"]]
    for one in outcomes:
        values = measures(one) if not one.error else {}
        rows.append(
            [
                *(one.parameters[axis.name] for axis in axes),
                str(one.seed),
                one.error,
                *(repr(values[name]) if name in values else "" for name in MEASURES),
                *("" if one.error else str(getattr(one.edges, name)) for name in edges),
                one.digest,
            ]
        )
    return rows
