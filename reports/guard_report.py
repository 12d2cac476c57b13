"""A comparison with a base revision, for its page."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reports import guard_plots, ratios

MOST_UNITS = 100


def contents(directory: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    kinds = summary["kinds"]
    return {
        "ratios": ratios,
        "headline": ratios.verdict(summary),
        "how": ratios.how(summary),
        "shown": summary["units"][:MOST_UNITS],
        "plot": guard_plots.intervals(
            kinds, _pairs(directory, summary), summary["failAbove"], summary["count"]
        )
        if kinds
        else "",
    }


def _pairs(directory: Path, summary: Mapping[str, Any]) -> dict[str, list[float]]:
    """The ratio of each pair in pairs.json, by the kind of its unit."""
    kinds = {unit["unit"]: unit["kind"] for unit in summary["units"]}
    found: dict[str, list[float]] = {}
    for pair in json.loads((directory / "pairs.json").read_text(encoding="utf-8")):
        tree, base = (pair[side][summary["count"]] for side in ("tree", "base"))
        found.setdefault(kinds[pair["unit"]], []).append(tree / base)
    return found
