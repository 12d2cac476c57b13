"""report.html of a run: one self-contained page with its numbers, files and pictures."""

import json
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from reports import plots, trace
from reports.page_ranges import ranges


def write(directory: Path) -> None:
    """Reads summary.json, files.json and trace.jsonl of a run's folder and writes report.html into it."""
    summary = json.loads((directory / "summary.json").read_text())
    files = json.loads((directory / "files.json").read_text())
    recorded = trace.read(directory, {line["resultKey"]: line["uploadKey"] for line in files})
    loader = jinja2.PackageLoader("reports", ".")
    page = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    html = page.get_template("run_report.html.j2").render(
        summary,
        files_found=[_row(line) for line in files],
        over_time=Markup(plots.over_time(recorded.spans, recorded.depths)),  # noqa: S704 our own SVG
        file_ways=Markup(plots.file_ways(recorded.ways)) if recorded.ways else "",  # noqa: S704
        page_seconds=Markup(plots.page_seconds(recorded.pages)) if recorded.pages else "",  # noqa: S704
    )
    (directory / "report.html").write_text(html)


def _row(line: dict[str, Any]) -> dict[str, Any]:
    share = 100 * len(line["npiPages"]) / line["pages"] if line["pages"] else 0
    return line | {"npi_pages": ranges(line["npiPages"]), "percentage": share, "remarks": line["reason"] or ", ".join(line["found"])}
