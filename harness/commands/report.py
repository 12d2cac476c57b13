"""`harness report`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.errors import UsageError


def report(
    directory: Annotated[Path, typer.Argument(help="Folder of a run, a sweep, a guard, a comparison ...")],
) -> None:
    """Makes report.html of whatever a command left anew from its files."""
    if not (directory / "summary.json").is_file():
        raise UsageError(
            f"{directory} holds nothing that a command finished: summary.json is missing"
            if directory.is_dir()
            else f"there is no folder {directory}"
        )
    from harness.commands.console import Screen
    from harness.commands.reporting import write_report

    write_report(directory)
    Screen().say(f"Report: {directory / 'report.html'}")
