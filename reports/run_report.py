"""report.html of a run: one self-contained page with its numbers, files and pictures."""

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from reports import plots, trace


def write(directory: Path) -> None:
    """Reads summary.json, trace.jsonl and results/ of a run's folder and writes report.html into it."""
    summary = json.loads((directory / "summary.json").read_text())
    results = {
        path.relative_to(directory / "results").as_posix().removesuffix(".json"): json.loads(path.read_text())
        for path in sorted((directory / "results").rglob("*.json"))
    }
    finished = {f"results/{result['fileId']}.json": result["s3Key"] for result in results.values()}
    recorded = trace.read(directory, finished)
    loader = jinja2.PackageLoader("reports", ".")
    page = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    html = page.get_template("run_report.html.j2").render(
        summary,
        results=[_row(name, result) for name, result in results.items()],
        over_time=Markup(plots.over_time(recorded.spans, recorded.depths)),  # noqa: S704 our own SVG
        file_ways=Markup(plots.file_ways(recorded.ways)) if recorded.ways else "",  # noqa: S704
        page_seconds=Markup(plots.page_seconds(recorded.pages)) if recorded.pages else "",  # noqa: S704
    )
    (directory / "report.html").write_text(html)


def _row(name: str, result: dict[str, Any]) -> dict[str, Any]:
    kinds = sorted({finding["type"] for finding in result["findings"]})
    return {
        "name": name,
        "status": result["status"],
        "pages": result["totalPages"],
        "npi_pages": _ranges(result["npiPages"]),
        "percentage": result["npiPercentage"],
        "remarks": result["reason"] or ", ".join(kinds),
    }


def _ranges(pages: list[int]) -> str:
    """Page numbers as people write them: 1-3, 7."""
    runs = [[page for _, page in run] for _, run in groupby(enumerate(pages), lambda pair: pair[1] - pair[0])]
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
