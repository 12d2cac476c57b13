"""The pictures of a run, as SVG: what ran and waited when, and where time and money went."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import accumulate, cycle
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from reports.file_times import KINDS
from reports.plots import COLORS, QUEUE_COLORS, Colors, svg, thinned, tidy
from reports.trace import FileWay, Told, Trace, concurrency

SLOWEST = 25
"""Files shown in the picture of the ways of files."""
MOST_LINES = 10
"""Of a bill, in its picture."""
KIND_COLORS = dict(
    zip(KINDS, ("#77aadd", "#44bb99", "#bbcc33", "#99ddff", "#ee8866", "#dddddd"), strict=True)
)
"""Others than those of functions and queues (P. Tol, "Colour schemes", 2021, light)."""
OTHER = "#8a8a8a"
COUNT = "Count"
"""CloudWatch's unit of what is counted."""
Steps = Mapping[str, Sequence[tuple[float, float]]]


def over_time(trace: Trace, colors: Colors) -> Markup:
    """Concurrency of the functions, depth of the queues and age of their oldest message over virtual time."""
    figure = Figure(figsize=(9, 6.2), layout="constrained")
    running, waiting, age = figure.subplots(3, 1, sharex=True)
    _curves(running, concurrency(trace.spans), colors, "steps-post")
    running.set_ylabel("invocations running")
    queues = dict(zip(sorted(trace.depths), cycle(QUEUE_COLORS), strict=False))
    _curves(waiting, trace.depths, queues, "steps-post")
    waiting.set_ylabel("messages, in flight too")
    _curves(age, trace.ages, queues, "default")
    age.set_ylabel("oldest message, s")
    age.set_xlabel("virtual time, seconds")
    return svg(
        figure, "Invocations running, messages in each queue and the age of the oldest, over virtual time"
    )


def file_ways(ways: Sequence[FileWay], colors: Colors) -> Markup:
    """Each file from upload to result: cold starts pale, running handlers full, waiting white. The slowest
    files.
    """
    shown = sorted(ways, key=lambda way: way.seconds)[-SLOWEST:]
    functions = sorted({span.function for way in shown for span in way.spans})
    figure = Figure(figsize=(9, 0.9 + 0.26 * len(shown)), layout="constrained")
    axes = figure.subplots()
    for row, way in enumerate(shown):
        axes.hlines(row, way.uploaded, way.finished, color="#cccccc", linewidth=1, zorder=1)
        for span in way.spans:
            for start, end, alpha in ((span.start, span.begun, 0.35), (span.begun, span.end, 0.85)):
                axes.barh(
                    row,
                    end - start,
                    left=start,
                    height=0.62,
                    color=colors[span.function],
                    alpha=alpha,
                    zorder=2,
                )
        axes.plot([way.finished], [row], marker="|", color="black", markersize=9, zorder=3)
    axes.set_yticks(range(len(shown)), [_short(way.key) for way in shown])
    axes.set_ylim(-0.6, len(shown) - 0.4)
    axes.set_xlabel("virtual time, seconds (pale: cold start; full: running; line: waiting; tick: result)")
    _legend(axes, {function: colors[function] for function in functions})
    tidy(axes)
    return svg(figure, f"The ways of the {len(shown)} slowest, from upload to result, over virtual time")


def file_parts(ways: Sequence[FileWay], words: Mapping[str, str]) -> Markup:
    """What the time between upload and result goes into: on average, of the slowest twentieth, and of the
    slowest one. words: a kind of `file_times.KINDS` -> what it is called.
    """
    ordered = sorted(ways, key=lambda way: way.seconds, reverse=True)
    twentieth = max(len(ordered) // 20, 1)
    groups = {
        "all, mean": ordered,
        (f"slowest {twentieth}, mean" if twentieth > 1 else "the slowest"): ordered[:twentieth],
    }
    figure = Figure(figsize=(9, 1.9), layout="constrained")
    axes = figure.subplots()
    for place, group in enumerate(reversed(groups.values())):
        left = 0.0
        for kind in KINDS:
            seconds = sum(way.parts[kind] for way in group) / len(group)
            axes.barh(place, seconds, left=left, height=0.6, color=KIND_COLORS[kind])
            left += seconds
    axes.set_yticks(range(len(groups)), list(reversed(groups)))
    axes.set_xlabel("virtual seconds between upload and result")
    _legend(axes, {words[kind]: KIND_COLORS[kind] for kind in KINDS})
    tidy(axes)
    return svg(figure, "Seconds between upload and result, by what they went into")


def bill_lines(lines: Sequence[Mapping[str, Any]], colors: Colors) -> Markup:
    """The largest lines of a bill; those of functions in their colours."""
    ordered = sorted(lines, key=lambda line: line["dollars"], reverse=True)
    shown = [(f"{line['resource']} {line['item']}", line) for line in ordered[:MOST_LINES]]
    bars = [(name, line["dollars"], colors.get(line["resource"], OTHER)) for name, line in shown]
    if others := ordered[MOST_LINES:]:
        bars.append((f"{len(others)} others", sum(line["dollars"] for line in others), "#bbbbbb"))
    total = sum(dollars for _, dollars, _ in bars)
    figure = Figure(figsize=(9, 0.6 + 0.26 * len(bars)), layout="constrained")
    axes = figure.subplots()
    for place, (_, dollars, color) in enumerate(bars):
        axes.barh(place, dollars, height=0.62, color=color)
        axes.text(dollars, place, f" {dollars / total:.0%}" if total else "", va="center", fontsize=8)
    axes.set_yticks(range(len(bars)), [_short(name, 44) for name, _, _ in bars])
    axes.invert_yaxis()
    axes.set_xlabel("dollars")
    tidy(axes)
    return svg(figure, "The largest lines of the bill, in dollars, and their share of it")


def told(metrics: Mapping[str, Told]) -> Markup:
    """What functions told of themselves over virtual time: counts as they add up, all else value by value."""
    by_unit: dict[str, list[Told]] = defaultdict(list)
    for _, one in sorted(metrics.items()):
        by_unit[one.unit].append(one)
    units = sorted(by_unit, key=lambda unit: (unit != COUNT, unit))
    figure = Figure(figsize=(9, 0.6 + 2.1 * len(units)), layout="constrained")
    rows = figure.subplots(len(units), 1, sharex=True, squeeze=False)[:, 0]
    for axes, unit in zip(rows, units, strict=True):
        styles = ((color, style) for style in ("-", "--", ":", "-.") for color in COLORS)
        for one, (color, style) in zip(by_unit[unit], cycle(styles), strict=False):
            times, values = zip(*one.points, strict=True)
            if unit == COUNT:
                curve = thinned([(0.0, 0.0), *zip(times, accumulate(values), strict=True)])
                axes.plot(
                    *zip(*curve, strict=True),
                    linestyle=style,
                    drawstyle="steps-post",
                    color=color,
                    label=one.name,
                )
            else:
                axes.plot(times, values, ".", color=color, markersize=4, label=one.name)
        axes.set_ylabel("counted so far" if unit == COUNT else unit.lower())
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        tidy(axes)
    rows[-1].set_xlabel("virtual time, seconds")
    return svg(figure, "What the functions told of their work, over virtual time")


def page_seconds(pages: Sequence[float]) -> Markup:
    """How long each recorded call takes."""
    figure = Figure(figsize=(9, 2.2), layout="constrained")
    axes = figure.subplots()
    axes.hist(pages, bins=40, color=COLORS[0])
    axes.set_xlabel("CPU seconds of a recorded call at one vCPU")
    axes.set_ylabel("calls")
    tidy(axes)
    return svg(figure, "How many recorded calls take how many CPU seconds")


def _curves(axes: Axes, series: Steps, colors: Colors, style: str) -> None:
    for name, curve in sorted(series.items()):
        if curve:
            times, values = zip(*thinned(curve), strict=True)
            axes.plot(times, values, drawstyle=style, label=name, color=colors[name], linewidth=1.4)
    axes.set_ylim(bottom=0)
    if any(series.values()):
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    tidy(axes)


def _legend(axes: Axes, colors: Mapping[str, str]) -> None:
    axes.legend(
        handles=[Patch(color=color, label=name) for name, color in colors.items()],
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=len(colors) or 1,
        frameon=False,
    )


def _short(key: str, most: int = 34) -> str:
    name = key.partition("/")[2] or key
    return name if len(name) <= most else f"{name[: most // 2 - 1]}...{name[2 - most // 2 :]}"
