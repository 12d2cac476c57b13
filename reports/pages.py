"""report.html: one self-contained page of what a command left in a folder."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2

from reports import (
    accuracy_report,
    compare_report,
    exploration_report,
    guard_report,
    learning_report,
    projection_report,
    run_report,
    tuning_report,
)

Contents = Callable[[Path, Mapping[str, Any]], dict[str, Any]]

KINDS: Mapping[str, tuple[str, Contents]] = {
    "run": ("run_report.html.j2", run_report.contents),
    "projection": ("projection_report.html.j2", projection_report.contents),
    "accuracy": ("accuracy_report.html.j2", accuracy_report.contents),
    "sweep": ("tuning_report.html.j2", tuning_report.contents),
    "search": ("tuning_report.html.j2", tuning_report.contents),
    "compare": ("compare_report.html.j2", compare_report.contents),
    "guard": ("guard_report.html.j2", guard_report.contents),
    "learning": ("learning_report.html.j2", learning_report.contents),
    "explore": ("exploration_report.html.j2", exploration_report.contents),
}
"""Kind of a summary -> its template, and what fills it."""


def write(directory: Path) -> None:
    """Writes report.html into a folder with a summary.json. Raises `ValueError` or `KeyError` when its files
    lack something.
    """
    summary = json.loads((directory / "summary.json").read_text(encoding="utf-8"))
    template, contents = KINDS[summary["kind"]]
    loader = jinja2.PackageLoader("reports", ".")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    try:
        html = environment.get_template(template).render(summary, **contents(directory, summary))
    except jinja2.UndefinedError as missing:
        raise ValueError(str(missing)) from missing
    (directory / "report.html").write_text(html, encoding="utf-8")
