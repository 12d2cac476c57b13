"""The pictures of a projection, as SVG to stand inside a page."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from reports.plots import COLORS, svg, tidy

OURS, THEIRS, INK = COLORS[0], "#b9b9b9", "#222222"
HOUR = 3600.0


def estimate(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """The estimated range of each service as a band, the projection with its interval on it; log scale."""
    figure = Figure(figsize=(9, 0.8 + 0.5 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(reversed(rows)):
        width = row["high"] - row["low"]
        axes.barh(place, width, left=row["low"], height=0.5, color=THEIRS)
        axes.hlines(place, row["projectedLow"], row["projectedHigh"], color=OURS, linewidth=2)
        axes.plot(row["projected"], place, "o", color=OURS)
    axes.set_xscale("log")
    axes.set_yticks(range(len(rows)), [row["service"] for row in reversed(rows)])
    axes.set_xlabel("dollars")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    meanings = [
        Patch(color=THEIRS, label="estimate"),
        Line2D([], [], color=OURS, marker="o", label="projection"),
    ]
    axes.legend(handles=meanings, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    tidy(axes)
    return svg(figure, "Each service's estimate as a band, and the projection with its interval")


def tornado(swings: Sequence[Mapping[str, Any]], total: float) -> Markup:
    """What each input alone does to the bill when it lies at either end of its range."""
    figure = Figure(figsize=(9, 0.8 + 0.5 * len(swings)), layout="constrained")
    axes = figure.subplots()
    for place, swing in enumerate(reversed(swings)):
        for end, color in (("low", COLORS[5]), ("high", OURS)):
            factor = swing["billLow" if end == "low" else "billHigh"]
            axes.barh(place, total * (factor - 1), left=total, height=0.5, color=color)
            align = "left" if factor > 1 else "right"
            axes.text(total * factor, place, f" x {swing[end]:g} ", va="center", ha=align, fontsize=8)
    axes.axvline(total, color=INK, linewidth=1)
    axes.set_yticks(range(len(swings)), [swing["name"] for swing in reversed(swings)])
    axes.set_xlabel("dollars in all")
    axes.margins(x=0.12)
    tidy(axes)
    return svg(figure, "What each input alone does to the bill when it lies at either end of its range")


def break_even(told: Mapping[str, Any]) -> Markup:
    """Below the curve the fleet costs no more than the estimate; the mark is where it is now."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots()
    pages = [point["pagesPerFile"] for point in told["points"]]
    seconds = [point["secondsPerPage"] for point in told["points"]]
    axes.plot(pages, seconds, color=OURS, linewidth=1.6)
    axes.fill_between(pages, seconds, color=OURS, alpha=0.12)
    axes.axhline(told["secondsPerPageNow"], color=COLORS[1], linewidth=1.2)
    axes.text(
        pages[-1], told["secondsPerPageNow"], "as calibrated ", ha="right", va="bottom", color=COLORS[1]
    )
    axes.set_xlabel("pages a file")
    axes.set_ylabel("CPU seconds a page")
    axes.set_ylim(bottom=0)
    tidy(axes)
    return svg(figure, "Pages a file and seconds a page for which the fleet costs as much as the estimate")


def over_time(told: Mapping[str, Any]) -> Markup:
    """Invocations running and messages waiting, by function, over the hours."""
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    hours = np.array(told["seconds"]) / HOUR
    for axes, key, name in (
        (upper, "running", "invocations running"),
        (lower, "waiting", "messages waiting"),
    ):
        for color, (function, values) in zip(COLORS, sorted(told[key].items()), strict=False):
            axes.plot(hours, values, label=function, color=color, linewidth=1.4)
        axes.set_ylabel(name)
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        tidy(axes)
    upper.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    lower.set_xlabel("hours")
    return svg(figure, "Invocations running and messages waiting, by function, over the hours")


def compared(told: Mapping[str, Any]) -> Markup:
    """Concurrency and depth of a run over time, and what the fleet says of the same files."""
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    functions = sorted({level["function"] for level in told["levels"]})
    for axes, key, name in (
        (upper, "running", "invocations running"),
        (lower, "waiting", "messages waiting"),
    ):
        for level in (one for one in told["levels"] if one["what"] == key):
            color = COLORS[functions.index(level["function"]) % len(COLORS)]
            axes.step(told["seconds"], level["emulated"], where="post", color=color, linewidth=1.4)
            axes.plot(told["seconds"], level["projected"], color=color, linewidth=1.4, linestyle=":")
        axes.set_ylabel(name)
        axes.set_ylim(bottom=0)
        tidy(axes)
    meanings = [
        *(Patch(color=color, label=one) for color, one in zip(COLORS, functions, strict=False)),
        Line2D([], [], color=INK, label="emulated"),
        Line2D([], [], color=INK, linestyle=":", label="projected, mean"),
    ]
    upper.legend(handles=meanings, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    lower.set_xlabel("virtual seconds")
    return svg(figure, "Invocations running and messages waiting over time, as emulated and as projected")
