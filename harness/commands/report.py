"""`harness report`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.errors import UsageError


def report(
    directory: Annotated[Path, typer.Argument(help="Folder of a run, a sweep, an exploration ...")],
) -> None:
    """Makes report.html of a run, a sweep or an exploration anew from its files."""
    if not (directory / "summary.json").is_file():
        raise UsageError(f"{directory} holds no run: summary.json is missing")
    from harness.commands.console import Screen
    from harness.commands.reporting import write_report

    write_report(directory)
    Screen().say(f"Report: {directory / 'report.html'}")
