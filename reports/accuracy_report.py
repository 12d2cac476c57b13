"""The page of a measurement of accuracy: what is found by set, kind and type, and what is not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from reports.plots import COLORS, svg, tidy


def contents(directory: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows beside summary.json."""
    rows = {name: row["recall"] for name, row in summary["types"].items() if row["recall"]["whole"]}
    return {"recall_by_type": _recall(rows), "against": summary.get("against", {})}


def _recall(rows: Mapping[str, Mapping[str, Any]]) -> Markup:
    """Recall by type, the lowest first, each with its interval."""
    order = sorted(rows, key=lambda name: (-rows[name]["share"], name))
    figure = Figure(figsize=(9, 0.9 + 0.27 * len(order)), layout="constrained")
    axes = figure.add_subplot()
    for place, name in enumerate(reversed(order)):
        row = rows[name]
        axes.plot([row["low"], row["high"]], [place, place], color=COLORS[0], linewidth=2)
        axes.plot([row["share"]], [place], "o", color=COLORS[0])
    axes.set_yticks(range(len(order)), [f"{name} ({rows[name]['whole']})" for name in reversed(order)])
    axes.set_xlim(0, 1.02)
    axes.set_xlabel("recall, with Wilson's interval of 95 % (units that carry the type)")
    axes.grid(axis="x", alpha=0.3)
    tidy(axes)
    return svg(figure, "Recall of each type with its interval, the lowest first")
