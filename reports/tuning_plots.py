"""The pictures of a sweep, as SVG: what each setting costs and how long it takes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from reports.plots import COLORS, svg, tidy

MOST_LABELS = 30
NAMES = {"cost": "dollars", "makespan": "makespan, seconds", "p95": "input to result, p95, seconds"}
MOST_CURVES = len(COLORS)
POINT = "point"
"""Begins the ids of points that a page's script lets its reader pick: point, measure, number of the setting.
"""


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
    for number, point in enumerate(points):
        if point["error"]:
            continue
        cost, other = point["measures"]["cost"], point["measures"][measure]
        color = COLORS[0] if point["parameters"] in on_front else COLORS[5]
        axes.errorbar(
            other["mean"],
            cost["mean"],
            xerr=_ends(other),
            yerr=_ends(cost),
            fmt="none",
            ecolor=color,
            elinewidth=0.8,
        )
        (dot,) = axes.plot(other["mean"], cost["mean"], "o", color=color, markersize=5)
        dot.set_gid(f"{POINT}-{measure}-{number}")
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


def curves(points: Sequence[Mapping[str, Any]], axis: str, others: Sequence[str]) -> Markup | None:
    """Cost, makespan and latency along an axis of numbers, with their intervals: a curve for each combination
    of the other axes' values. None where there is nothing to draw a curve of.
    """
    series: dict[tuple[str, ...], list[tuple[float, Mapping[str, Any]]]] = {}
    for point in points:
        if not point["error"]:
            combination = tuple(point["parameters"][name] for name in others)
            value = _number(point["parameters"][axis])
            if value is None:
                return None
            series.setdefault(combination, []).append((value, point["measures"]))
    if not any(len(curve) > 1 for curve in series.values()) or len(series) > MOST_CURVES:
        return None
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    for measure, axes in zip(NAMES, figure.subplots(1, len(NAMES)), strict=True):
        for color, (combination, curve) in zip(COLORS, sorted(series.items()), strict=False):
            curve.sort(key=lambda one: one[0])
            values = [value for value, _ in curve]
            means = [measures[measure]["mean"] for _, measures in curve]
            ends = [_ends(measures[measure]) for _, measures in curve]
            axes.errorbar(
                values,
                means,
                yerr=np.hstack([one for one in ends if one]) if all(ends) else None,
                fmt="o-",
                color=color,
                markersize=3.5,
                linewidth=1.2,
                elinewidth=0.8,
                capsize=2,
                label=" / ".join(combination),
            )
        axes.set_xlabel(axis)
        axes.set_ylabel(NAMES[measure])
        axes.set_ylim(bottom=0)
        tidy(axes)
    if others:
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            title=" / ".join(others),
            loc="outside upper center",
            ncols=len(labels),
            frameon=False,
        )
    return svg(figure, f"Cost, makespan and latency along {axis}, with intervals")


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _ends(one: Mapping[str, float | None]) -> list[list[float]] | None:
    if one["low"] is None or one["high"] is None or one["mean"] is None:
        return None
    return [[one["mean"] - one["low"]], [one["high"] - one["mean"]]]
