"""The pictures of a run, as SVG text to stand inside a page."""

import io
from collections.abc import Mapping, Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from reports.trace import FileWay, Span, concurrency

COLORS = ("#2f6f9f", "#d1752c", "#4c8c4a", "#8a5aa8", "#b0413e", "#6b6b6b", "#b59b2b")
SLOWEST = 25
"""Files shown in the picture of where a file's time went."""

mpl.rcParams.update({"svg.hashsalt": "report", "svg.fonttype": "none", "font.size": 9, "font.family": "sans-serif"})

Steps = Mapping[str, Sequence[tuple[float, int]]]


def over_time(spans: tuple[Span, ...], depths: Steps) -> str:
    """Concurrency of the functions and depth of the queues over virtual time."""
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    _steps(upper, concurrency(spans))
    upper.set_ylabel("invocations running")
    _steps(lower, {queue: steps for queue, steps in depths.items() if steps})
    lower.set_ylabel("messages in queue")
    lower.set_xlabel("virtual time, seconds")
    return _svg(figure)


def file_ways(ways: Sequence[FileWay]) -> str:
    """Each file from upload to result: cold starts pale, running handlers full, waiting white. The slowest files."""
    shown = sorted(ways, key=lambda way: way.finished - way.uploaded)[-SLOWEST:]
    functions = sorted({span.function for way in shown for span in way.spans})
    color = dict(zip(functions, COLORS, strict=False))
    figure = Figure(figsize=(9, 0.9 + 0.26 * len(shown)), layout="constrained")
    axes = figure.subplots()
    for row, way in enumerate(shown):
        axes.hlines(row, way.uploaded, way.finished, color="#cccccc", linewidth=1, zorder=1)
        for span in way.spans:
            axes.barh(row, span.begun - span.start, left=span.start, height=0.62, color=color[span.function], alpha=0.35, zorder=2)
            axes.barh(row, span.end - span.begun, left=span.begun, height=0.62, color=color[span.function], alpha=0.85, zorder=2)
        axes.plot([way.finished], [row], marker="|", color="black", markersize=9, zorder=3)
    axes.set_yticks(range(len(shown)), [_short(way.key) for way in shown])
    axes.set_ylim(-0.6, len(shown) - 0.4)
    axes.set_xlabel("virtual time, seconds (pale: cold start; full: running; line: waiting; tick: result)")
    handles = [Patch(color=color[function], label=function) for function in functions]
    axes.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(handles) or 1, frameon=False)
    _tidy(axes)
    return _svg(figure)


def page_seconds(pages: Sequence[float]) -> str:
    """How long OCR of a page takes."""
    figure = Figure(figsize=(9, 2.2), layout="constrained")
    axes = figure.subplots()
    axes.hist(pages, bins=40, color=COLORS[0])
    axes.set_xlabel("CPU seconds of a page at one vCPU")
    axes.set_ylabel("pages")
    _tidy(axes)
    return _svg(figure)


def _steps(axes: Axes, series: Steps) -> None:
    for color, (name, steps) in zip(COLORS, sorted(series.items()), strict=False):
        times, values = zip(*steps, strict=True)
        axes.step(times, values, where="post", label=name, color=color, linewidth=1.4)
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    _tidy(axes)


def _tidy(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _short(key: str) -> str:
    name = key.partition("/")[2] or key
    return name if len(name) <= 34 else f"{name[:16]}...{name[-15:]}"


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
