"""One run from the command line: carried out, written, shown."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from harness.config import Config
from harness.engine.interrupt import Interrupted
from harness.errors import UsageError
from harness.runs import out_folder
from harness.runs.inputs import InputFile

if TYPE_CHECKING:
    from harness.runs.rig import Options


def carry_out(config: Config, files: list[InputFile], options: "Options", out: Path) -> None:
    """One run, with all that it leaves; exit code 1 when an invariant failed. Raises `Interrupted` when what
    there is is written.
    """
    from harness.commands.console import Screen
    from harness.runs import run as runs

    screen = Screen()
    with out_folder.held(out, runs.KIND):
        finished = runs.run(config, files, options, screen.progress)
        runs.write(finished, out)
        write_report(out)
    screen.run(finished.summary, finished.files, out)
    if "redrive" in finished.summary:
        screen.healing(finished.summary["redrive"])
    if finished.emulation.interrupted:
        raise Interrupted(f"{len(finished.files)} of {len(files)} results came before that and are in {out}")
    if finished.summary["invariants"]["violations"]:
        raise typer.Exit(1)


def write_report(directory: Path) -> None:
    """report.html of what lies in a folder. Raises `UsageError` when its files are damaged."""
    from reports import pages

    try:
        pages.write(directory)
    except (KeyError, ValueError, FileNotFoundError) as error:
        raise UsageError(
            f"the files in {directory} are damaged, or of another version: run it again ({error})"
        ) from error
