"""A comparison, for its page; and in Markdown, in a file of its own, for the comment of a pull request."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reports import amounts, compare_plots, trace

MARKDOWN = "comparison.md"
MOST_ROWS = 100
MOST_UNITS = 20
"""A comment has 65,536 characters at most."""
MARK = "<!-- harness compare -->"


def contents(directory: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    (directory / MARKDOWN).write_text("\n".join(_markdown(summary)) + "\n", encoding="utf-8")
    return {
        "summary": summary,
        "amounts": amounts,
        "headlines": amounts.headline(summary),
        "changes": compare_plots.changes(summary),
        "side_by_side": compare_plots.side_by_side(*_traces(directory, summary)),
        "grouped": [
            (title, [row for row in summary["rows"] if row["group"] == group])
            for group, title in amounts.GROUPS.items()
        ],
    }


def _traces(directory: Path, summary: Mapping[str, Any]) -> tuple[trace.Trace | None, trace.Trace | None]:
    """Of the first run of each side, where it lies: in its own folder, or in this one's runs."""
    a, b = (
        next(
            (
                trace.read(folder, {})
                for folder in (
                    Path(summary[side]["name"]),
                    directory / "runs" / f"{side}-{summary['seeds'][0]}",
                )
                if (folder / "trace.jsonl").is_file()
            ),
            None,
        )
        for side in "ab"
    )
    return a, b


def _markdown(summary: Mapping[str, Any]) -> Iterator[str]:
    """Types and places of findings, and no masks: a comment may be read by all the world."""
    first, *others = amounts.headline(summary)
    yield MARK
    yield f"### {_what(first)}: {_safe(amounts.headed(first))}"
    yield ""
    yield from (f"**{line}**  " for line in amounts.judged(summary))
    for title, units in (("Lost findings", summary["lost"]), ("New findings", summary["gained"])):
        if units:
            yield f"**{title}**: {_units(units, summary['words'])}  "
    for row in (first, *others):
        yield (
            f"- {_what(row)}: {amounts.amount(row['a'], row['unit'])} → "
            f"{amounts.amount(row['b'], row['unit'])}, {_safe(amounts.change(row))} "
            f"({amounts.VERDICTS[row['verdict']]})"
        )
    yield ""
    differ, left_out = amounts.differing(summary)
    noises = [row for row in summary["rows"] if row["verdict"] == "noise"]
    yield f"<details><summary>{amounts.counts(summary)}</summary>"
    yield ""
    shown = [*differ, *noises][:MOST_ROWS]
    if shown:
        yield "| | A | B | change | |"
        yield "|---|--:|--:|--:|---|"
    for row in shown:
        cells = [amounts.amount(row[side], row["unit"]) for side in "ab"]
        cells = [_safe(amounts.titled(row)), *cells, amounts.change(row), amounts.VERDICTS[row["verdict"]]]
        yield f"| {' | '.join(cells)} |"
    left_out += len(differ) + len(noises) - len(shown)
    if left_out:
        yield ""
        yield f"... and {left_out} more that matter less, in report.html"
    yield ""
    yield "</details>"
    yield ""
    a, b = (f"{_safe(side['name'])} ({_safe(side['title'])})" for side in (summary["a"], summary["b"]))
    yield f"A: {a}. B: {b}. {amounts.how(summary)}."
    for note in (*_differs(summary), *summary["notes"]):
        yield f"{_safe(note)}."


def _differs(summary: Mapping[str, Any]) -> list[str]:
    return [f"Run otherwise: {'; '.join(summary['differs'])}"] if summary["differs"] else []


def _what(row: Mapping[str, Any]) -> str:
    name = "bill" if row["name"] == "total" else row["name"]
    where = amounts.GROUPS[row["group"]] if row["group"] == "fleet" else "a run"
    return f"{name[0].upper()}{_safe(name[1:])} of {where}"


def _units(units: list[Mapping[str, Any]], words: Mapping[str, Any]) -> str:
    shown = [
        f"{_safe(one['input'])} {words['unit'][0]} {one['unit']} {_safe(one['type'])}".rstrip()
        for one in units[:MOST_UNITS]
    ]
    more = f" and {len(units) - MOST_UNITS} more" if len(units) > MOST_UNITS else ""
    return ", ".join(shown) + more


def _safe(text: str) -> str:
    """Names as they are: no markup, no mention, no cell's end."""
    escaped = re.sub(r"([\\`*_\[\]|~#])", r"\\\1", " ".join(text.split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")
