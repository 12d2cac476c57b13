"""The page of a run: its numbers, files and pictures."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reports import plots, trace
from reports.page_ranges import ranges


def contents(directory: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows beside summary.json, from files.json and trace.jsonl of the run's folder."""
    files = json.loads((directory / "files.json").read_text(encoding="utf-8"))
    recorded = trace.read(directory, {line["resultKey"]: line["uploadKey"] for line in files})
    words = summary["words"]
    colors = plots.colors_of(span.function for span in recorded.spans)
    return {
        "put": summary[words["input"][1]],
        "counted": summary.get(words["unit"][1]),
        "latency": summary[f"{words['input'][0]}Latency"],
        "rate": summary["throughput"][f"{words['unit'][1]}PerSecond"],
        "work": summary[words["work"].lower().replace(" ", "_")],
        "files_found": [_row(line) for line in files],
        "over_time": plots.over_time(recorded.spans, recorded.depths, colors),
        "file_ways": plots.file_ways(recorded.ways, colors) if recorded.ways else "",
        "page_seconds": plots.page_seconds(recorded.pages) if recorded.pages else "",
    }


def _row(line: dict[str, Any]) -> dict[str, Any]:
    share = 100 * len(line["marked"]) / line["units"] if line["units"] else 0
    return line | {
        "marked": ranges(line["marked"]),
        "percentage": share,
        "remarks": line["reason"] or ", ".join(line["found"]),
        "suspects": line.get("suspects", []),
    }
