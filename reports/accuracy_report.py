"""The page of a measurement of accuracy: what is found by set, kind and type, and what is not."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

MARKED = "#0072b2"
"""Of Okabe and Ito's palette, which the colour-blind can tell apart."""


def contents(directory: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows beside summary.json."""
    rows = {name: row["recall"] for name, row in summary["types"].items() if row["recall"]["whole"]}
    return {"recall_by_type": _recall(rows), "against": summary.get("against", {})}


def _recall(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Recall by type, the lowest first, each with its interval."""
    order = sorted(rows, key=lambda name: (-rows[name]["share"], name))
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "accuracy"}):
        figure = Figure(figsize=(8, 0.9 + 0.27 * len(order)), layout="constrained")
        axes = figure.add_subplot()
        for place, name in enumerate(reversed(order)):
            row = rows[name]
            axes.plot([row["low"], row["high"]], [place, place], color=MARKED, linewidth=2)
            axes.plot([row["share"]], [place], "o", color=MARKED)
        axes.set_yticks(range(len(order)), [f"{name} ({rows[name]['whole']})" for name in reversed(order)])
        axes.set_xlim(0, 1.02)
        axes.set_xlabel("recall, with Wilson's interval of 95 % (units that carry the type)")
        axes.grid(axis="x", alpha=0.3)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    return drawn.getvalue()[drawn.getvalue().index("<svg") :]
