"""The page of a run: its numbers, files and pictures."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reports import plots, trace
from reports.page_ranges import ranges


def contents(directory: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows beside summary.json, from files.json and trace.jsonl of the run's folder."""
    files = json.loads((directory / "files.json").read_text())
    recorded = trace.read(directory, {line["resultKey"]: line["uploadKey"] for line in files})
    return {
        "files_found": [_row(line) for line in files],
        "over_time": plots.over_time(recorded.spans, recorded.depths),
        "file_ways": plots.file_ways(recorded.ways) if recorded.ways else "",
        "page_seconds": plots.page_seconds(recorded.pages) if recorded.pages else "",
    }


def _row(line: dict[str, Any]) -> dict[str, Any]:
    share = 100 * len(line["npiPages"]) / line["pages"] if line["pages"] else 0
    return line | {"npi_pages": ranges(line["npiPages"]), "percentage": share, "remarks": line["reason"] or ", ".join(line["found"])}
