"""The pictures of a run or an exploration, as SVG to stand inside a page."""

import io
import warnings
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from reports.trace import FileWay, Span, concurrency

COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#6b6b6b", "#56b4e9")
"""Told apart also by who sees colours otherwise (Okabe and Ito, "Color Universal Design", 2008); a grey."""
QUEUE_COLORS = ("#332288", "#44aa99", "#999933", "#aa4499", "#882255", "#117733", "#88ccee", "#ddcc77")
"""Others than those of functions, as safe (P. Tol, "Colour schemes", 2021, muted)."""
SLOWEST = 25
"""Files shown in the picture of where a file's time went."""

mpl.rcParams.update(
    {
        "svg.hashsalt": "report",
        "svg.fonttype": "none",
        "font.size": 9,
        "font.family": "sans-serif",
        "text.parse_math": False,  # a dollar in a name is a dollar
    }
)

Steps = Mapping[str, Sequence[tuple[float, int]]]


Colors = Mapping[str, str]
"""Of functions, by their names: the same in every picture of a page."""


def colors_of(functions: Iterable[str]) -> Colors:
    """A colour for each; they come again where there are many."""
    return dict(zip(sorted(set(functions)), cycle(COLORS), strict=False))


def over_time(spans: tuple[Span, ...], depths: Steps, colors: Colors) -> Markup:
    """Concurrency of the functions and depth of the queues over virtual time."""
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    _steps(upper, concurrency(spans), colors)
    upper.set_ylabel("invocations running")
    used = {queue: steps for queue, steps in depths.items() if steps}
    _steps(lower, used, dict(zip(sorted(used), cycle(QUEUE_COLORS), strict=False)))
    lower.set_ylabel("messages in queue")
    lower.set_xlabel("virtual time, seconds")
    return svg(figure)


def file_ways(ways: Sequence[FileWay], colors: Colors) -> Markup:
    """Each file from upload to result: cold starts pale, running handlers full, waiting white. The slowest
    files.
    """
    shown = sorted(ways, key=lambda way: way.finished - way.uploaded)[-SLOWEST:]
    functions = sorted({span.function for way in shown for span in way.spans})
    figure = Figure(figsize=(9, 0.9 + 0.26 * len(shown)), layout="constrained")
    axes = figure.subplots()
    for row, way in enumerate(shown):
        axes.hlines(row, way.uploaded, way.finished, color="#cccccc", linewidth=1, zorder=1)
        for span in way.spans:
            axes.barh(
                row,
                span.begun - span.start,
                left=span.start,
                height=0.62,
                color=colors[span.function],
                alpha=0.35,
                zorder=2,
            )
            axes.barh(
                row,
                span.end - span.begun,
                left=span.begun,
                height=0.62,
                color=colors[span.function],
                alpha=0.85,
                zorder=2,
            )
        axes.plot([way.finished], [row], marker="|", color="black", markersize=9, zorder=3)
    axes.set_yticks(range(len(shown)), [_short(way.key) for way in shown])
    axes.set_ylim(-0.6, len(shown) - 0.4)
    axes.set_xlabel("virtual time, seconds (pale: cold start; full: running; line: waiting; tick: result)")
    handles = [Patch(color=colors[function], label=function) for function in functions]
    axes.legend(
        handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(handles) or 1, frameon=False
    )
    tidy(axes)
    return svg(figure)


def page_seconds(pages: Sequence[float]) -> Markup:
    """How long each recorded call takes."""
    figure = Figure(figsize=(9, 2.2), layout="constrained")
    axes = figure.subplots()
    axes.hist(pages, bins=40, color=COLORS[0])
    axes.set_xlabel("CPU seconds of a recorded call at one vCPU")
    axes.set_ylabel("calls")
    tidy(axes)
    return svg(figure)


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
    return svg(figure)


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
    return svg(figure)


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
    return svg(figure)


def _steps(axes: Axes, series: Steps, colors: Colors) -> None:
    for name, steps in sorted(series.items()):
        times, values = zip(*steps, strict=True)
        axes.step(times, values, where="post", label=name, color=colors[name], linewidth=1.4)
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    tidy(axes)


def tidy(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _short(key: str) -> str:
    name = key.partition("/")[2] or key
    return name if len(name) <= 34 else f"{name[:16]}...{name[-15:]}"


def svg(figure: Figure) -> Markup:
    buffer = io.StringIO()
    with warnings.catch_warnings():  # the browser's font has the letters that this machine's lacks
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return Markup(text[text.index("<svg") :])  # noqa: S704 our own
