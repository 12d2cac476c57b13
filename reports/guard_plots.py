"""The picture of a comparison with a base revision, as SVG: how many times as much each kind takes."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from reports.plots import COLORS, svg, tidy
from reports.ratios import COUNTED, is_known

WALL = "wall time"
MARGIN = 0.02
"""Of a ratio, beyond what is shown."""


def intervals(
    kinds: Mapping[str, Mapping[str, Any]], pairs: Mapping[str, Sequence[float]], limit: float, count: str
) -> Markup:
    """The ratio of each kind with its interval, beside that of wall times, what each pair was (`pairs`: kind
    -> ratios), and the limit. Pairs that lie beyond all intervals are left out.
    """
    figure = Figure(figsize=(9, 1.3 + 0.5 * len(kinds)), layout="constrained")
    axes = figure.subplots()
    ends = [1.0, limit]
    for row, (kind, counted) in enumerate(kinds.items()):
        for place, one, color in ((row, counted, COLORS[0]), (row + 0.28, counted["wall"], COLORS[5])):
            known = is_known(one)
            off = [[one["ratio"] - one["low"]], [one["high"] - one["ratio"]]] if known else None
            axes.errorbar(
                one["ratio"], place, xerr=off, fmt="o", color=color, markersize=4, elinewidth=1.4, capsize=2
            )
            ends += [one["low"], one["high"]] if known else [one["ratio"]]
        axes.plot(
            pairs.get(kind, ()), [row - 0.26] * len(pairs.get(kind, ())), "|", color=COLORS[0], alpha=0.4
        )
    axes.axvline(1.0, color="#cccccc", linewidth=1, zorder=0)
    axes.axvline(limit, color=COLORS[4], linewidth=1, linestyle="--", zorder=0)
    axes.set_xlim(min(ends) - MARGIN, max(ends) + MARGIN)
    axes.set_ylim(len(kinds) - 0.4, -0.6)
    axes.set_yticks(range(len(kinds)), list(kinds))
    axes.set_xlabel(f"times the base's {COUNTED[count]} (grey: {WALL}; strokes: pairs; dashed: the limit)")
    tidy(axes)
    return svg(figure, "How many times as much as the base each kind takes, with intervals")
