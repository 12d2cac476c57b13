"""The page of what AWS's logs say: how far the projection was from the real run, quantity by quantity."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from reports.plots import COLORS, svg, tidy


def contents(directory: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows beside summary.json."""
    known = [row for row in summary["compared"] if row["off"] is not None]
    return {"off_plot": _off(known) if known else "", "factor": summary["cpuFactor"]}


def _off(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """By how much of itself each quantity of the real run is above what was projected."""
    figure = Figure(figsize=(9, 0.8 + 0.3 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(rows):
        off = 100 * row["off"]
        axes.barh(place, off, height=0.62, color=COLORS[4] if off > 0 else COLORS[2])
        axes.text(off, place, f" {off:+.1f} % ", va="center", ha="left" if off >= 0 else "right", fontsize=8)
    axes.axvline(0, color="#333333", linewidth=0.8)
    axes.set_yticks(range(len(rows)), [f"{row['about']} {row['quantity']}" for row in rows])
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set_xlabel("real above projected, % (orange: it took more than projected; green: less)")
    tidy(axes)
    return svg(figure, "By how much each quantity of the real run is above what was projected")
