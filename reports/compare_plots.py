"""The pictures of a comparison, as SVG: what changed, and both runs side by side."""

from collections.abc import Mapping
from itertools import cycle
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from reports.plots import COLORS, QUEUE_COLORS, colors_of, svg, thinned, tidy
from reports.trace import Trace, concurrency

MOST_LINES = 12
MORE, LESS, NOISE = COLORS[4], COLORS[2], "#9a9a9a"


def changes(summary: Mapping[str, Any]) -> Markup | None:
    """By how many dollars the lines of a bill changed, with intervals: of the fleet's, else of a run's. None
    where none did.
    """
    for group in ("fleet", "bill"):
        rows = [
            row
            for row in summary["rows"]
            if row["group"] == group and row["unit"] == "dollars" and row["verdict"] != "same"
        ]
        if rows:
            break
    else:
        return None
    rows.sort(key=lambda row: (row["name"] != "total", -abs(row["difference"])))
    shown = rows[:MOST_LINES]
    figure = Figure(figsize=(9, 0.8 + 0.3 * len(shown)), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(shown):
        color = {"more": MORE, "less": LESS}.get(row["verdict"], NOISE)
        axes.barh(place, row["difference"], height=0.62, color=color)
        if row["low"] is not None and row["high"] is not None:
            axes.hlines(place, row["low"], row["high"], color="#333333", linewidth=1.2)
    axes.axvline(0, color="#333333", linewidth=0.8)
    axes.set_yticks(range(len(shown)), [row["name"] for row in shown])
    axes.invert_yaxis()
    where = "8 million files" if group == "fleet" else "a run"
    axes.set_xlabel(
        f"dollars more in B than in A, {where} (orange: more; green: less; grey: noise; line: the interval)"
    )
    tidy(axes)
    return svg(figure, f"Dollars by which lines of the bill of {where} changed, with intervals")


def side_by_side(a: Trace | None, b: Trace | None) -> Markup | None:
    """What ran and waited in a run of each, on the same scales. None where a run is gone."""
    if a is None or b is None:
        return None
    functions = colors_of(span.function for one in (a, b) for span in one.spans)
    names = sorted({*a.depths, *b.depths})
    queues = dict(zip(names, cycle(QUEUE_COLORS), strict=False))
    figure = Figure(figsize=(9, 4.4), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, sharey="row")
    for column, (title, one) in enumerate((("A", a), ("B", b))):
        panels[0][column].set_title(title)
        for row, (series, colors) in enumerate(((concurrency(one.spans), functions), (one.depths, queues))):
            for name, curve in sorted(series.items()):
                times, values = zip(*thinned(curve), strict=True)
                panels[row][column].plot(
                    times, values, drawstyle="steps-post", label=name, color=colors[name], linewidth=1.2
                )
            tidy(panels[row][column])
        panels[1][column].set_xlabel("virtual time, seconds")
    for row, name in enumerate(("invocations running", "messages in queue")):
        panels[row][0].set_ylabel(name)
        panels[row][0].set_ylim(bottom=0)  # of both, when all is drawn
        panels[row][1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    return svg(figure, "Invocations running and messages in queues over virtual time, A beside B")
