"""The pictures of a sweep, as SVG: what each setting costs and how long it takes."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from reports.plots import COLORS, svg, tidy

MOST_LABELS = 30
NAMES = {"makespan": "makespan, seconds", "p95": "input to result, p95, seconds"}


def front(
    points: Sequence[Mapping[str, Any]],
    best: Mapping[str, str] | None,
    on_front: Sequence[Mapping[str, str]],
    measure: str,
) -> Markup:
    """Cost against a measure, each setting a point with its intervals; those that no other beats in both are
    joined by a line, and the recommended one is ringed.
    """
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    axes = figure.subplots()
    shown = [point for point in points if not point["error"]]
    for point in shown:
        cost, other = point["measures"]["cost"], point["measures"][measure]
        color = COLORS[0] if point["parameters"] in on_front else COLORS[5]
        axes.errorbar(
            other["mean"],
            cost["mean"],
            xerr=_ends(other),
            yerr=_ends(cost),
            fmt="o",
            color=color,
            markersize=4,
            elinewidth=0.8,
        )
        if point["parameters"] == best:
            axes.plot(other["mean"], cost["mean"], "o", markersize=12, fillstyle="none", color=COLORS[1])
        if len(shown) <= MOST_LABELS:
            label = " / ".join(point["parameters"].values())
            axes.annotate(
                label, (other["mean"], cost["mean"]), xytext=(5, 4), textcoords="offset points", fontsize=7
            )
    line = sorted(
        (point["measures"][measure]["mean"], point["measures"]["cost"]["mean"])
        for point in shown
        if point["parameters"] in on_front
    )
    axes.plot(*zip(*line, strict=True) if line else ((), ()), color=COLORS[0], linewidth=1)
    axes.set_xlabel(NAMES[measure])
    axes.set_ylabel("dollars")
    tidy(axes)
    return svg(figure, f"Cost against {NAMES[measure]}, each setting a point")


def _ends(one: Mapping[str, float | None]) -> list[list[float]] | None:
    if one["low"] is None or one["high"] is None or one["mean"] is None:
        return None
    return [[one["mean"] - one["low"]], [one["high"] - one["mean"]]]
