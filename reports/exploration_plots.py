"""The pictures of an exploration, as SVG."""

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.plots import COLORS, svg, tidy


def strokes_by_place(places: Mapping[str, Mapping[str, int]]) -> Markup:
    """How often each fault struck what; empty where it never did."""
    faults = sorted(places)
    struck = sorted({place for counts in places.values() for place in counts})
    table = np.array([[places[fault].get(place, 0) for place in struck] for fault in faults], dtype=float)
    figure = Figure(figsize=(10.5, 2.2 + 0.24 * len(faults)), layout="constrained")
    axes = figure.subplots()
    axes.pcolormesh(
        np.ma.masked_equal(table, 0),
        cmap="Blues",
        norm=LogNorm(1, max(2.0, table.max())),
        edgecolor="white",
        linewidth=0.6,
    )
    for row, column in np.argwhere(table > 0):
        dark = table[row, column] > table.max() ** 0.6
        text = f"{int(table[row, column])}"
        axes.text(
            column + 0.5,
            row + 0.5,
            text,
            ha="center",
            va="center",
            fontsize=5.5,
            color="white" if dark else "#333333",
        )
    axes.set_yticks(np.arange(len(faults)) + 0.5, [fault.replace("_", " ") for fault in faults])
    axes.set_xticks(
        np.arange(len(struck)) + 0.5, struck, rotation=60, ha="right", rotation_mode="anchor", fontsize=7
    )
    axes.tick_params(length=0)
    axes.invert_yaxis()
    for side in axes.spines.values():
        side.set_color("#cccccc")
    return svg(figure, "How often each fault struck at which place")


def strokes_per_emulation(trials: Mapping[int, int], what: str = "faults that struck") -> Markup:
    """Emulations by the number of faults that struck in them, or of what else did."""
    figure = Figure(figsize=(9, 2.2), layout="constrained")
    axes = figure.subplots()
    axes.bar(
        list(trials), list(trials.values()), width=1.0, color=COLORS[0], edgecolor="white", linewidth=0.4
    )
    axes.set_xlabel(f"{what} in an emulation")
    axes.set_ylabel("emulations")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    tidy(axes)
    return svg(figure, f"Emulations by the number of {what}")


def branches_reached(growth: Sequence[Sequence[int]], trials: int, most: int) -> Markup:
    """Branches reached by the number of emulations, and how many there are to reach."""
    figure = Figure(figsize=(9, 2.4), layout="constrained")
    axes = figure.subplots()
    emulations, reached = zip(*growth, strict=True)
    axes.step([*emulations, trials], [*reached, reached[-1]], where="post", color=COLORS[0], linewidth=1.4)
    axes.axhline(most, color="#999999", linewidth=0.8, linestyle="--")
    axes.annotate(f"{most} to reach", (trials, most), ha="right", va="top", color="#666666", fontsize=8)
    axes.set_xlabel("emulations")
    axes.set_ylabel("branches reached")
    axes.set_ylim(bottom=0)
    tidy(axes)
    return svg(figure, f"Branches reached by the number of emulations, of {most} to reach")
