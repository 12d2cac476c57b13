"""The page of a run: its numbers, files and pictures."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reports import file_pictures, packed_rows, run_plots, trace
from reports.page_ranges import ranges
from reports.plots import colors_of

MOST_PLAIN = 100
"""Rows of files that a page has without its script, beside those that failed."""
ALWAYS_SHOWN = ("FAILED", "PARTIAL")


def contents(directory: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows beside summary.json: from files.json, trace.jsonl and the pictures of the run."""
    files = json.loads((directory / "files.json").read_text(encoding="utf-8"))
    recorded = trace.read(directory, {line["resultKey"]: line["uploadKey"] for line in files})
    words = summary["words"]
    colors = colors_of(
        [*summary["invocations"], *(span.function for span in recorded.spans)],
    )
    kinds = _kinds(words)
    ways = {way.key: way for way in recorded.ways}
    rows = [_row(line, ways.get(line["uploadKey"]), kinds, words) for line in files]
    plain = [row for number, row in enumerate(rows) if number < MOST_PLAIN or row[1] in ALWAYS_SHOWN]
    return {
        "put": summary[words["input"][1]],
        "counted": summary.get(words["unit"][1]),
        "latency": summary[f"{words['input'][0]}Latency"],
        "rate": summary["throughput"][f"{words['unit'][1]}PerSecond"],
        "work": summary[words["work"].lower().replace(" ", "_")],
        "rows": len(rows),
        "plain_rows": plain,
        "statuses": sorted({row[1] for row in rows}),
        "packed_rows": packed_rows.pack({"rows": rows, "pictures": file_pictures.of(directory)}),
        "over_time": run_plots.over_time(recorded, colors),
        "file_ways": run_plots.file_ways(recorded.ways, colors) if recorded.ways else "",
        "file_parts": run_plots.file_parts(recorded.ways, kinds) if recorded.ways else "",
        "page_seconds": run_plots.page_seconds(recorded.pages) if recorded.pages else "",
        "bill_lines": run_plots.bill_lines(summary["bill"]["lines"], colors),
        "told": run_plots.told(recorded.metrics) if recorded.metrics else "",
        "calls": recorded.calls.rows(),
    }


def _kinds(words: Mapping[str, Any]) -> dict[str, str]:
    """What the kinds of doing are called."""
    return {
        "work": words["work"],
        "reading": "download and reads",
        "writing": "writing",
        "running": "handlers' own",
        "cold start": "cold starts",
        "waiting": "waiting",
    }


def _row(
    line: Mapping[str, Any], way: trace.FileWay | None, kinds: Mapping[str, str], words: Mapping[str, Any]
) -> Sequence[object]:
    """A row of the table of files: (what it is sorted by, what is shown) where the two differ."""
    share = 100 * len(line["marked"]) / line["units"] if line["units"] else 0.0
    remarks = [line["reason"] or ", ".join(line["found"])]
    remarks += [f"{words['unit'][0]} {one} ({words['suspect']})" for one in line.get("suspects", [])]
    return (
        line["name"],
        line["status"],
        line["units"],
        (len(line["marked"]), ranges(line["marked"]) or "-"),
        (share, f"{share:.0f} %"),
        (way.seconds, f"{way.seconds:.1f}") if way else (-1, ""),
        _most(way, kinds) if way else "",
        "; ".join(part for part in remarks if part),
    )


def _most(way: trace.FileWay, kinds: Mapping[str, str]) -> str:
    """What most of a file's time went into."""
    kind = max(way.parts, key=lambda one: way.parts[one])
    return f"{kinds[kind]} {100 * way.parts[kind] / way.seconds:.0f} %" if way.seconds else ""
