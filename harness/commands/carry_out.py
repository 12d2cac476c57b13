"""One run from the command line: carried out, written, shown."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from harness.commands import choices
from harness.engine.interrupt import Interrupted

if TYPE_CHECKING:
    from harness.commands.console import Screen
    from harness.runs.run import Run


def carry_out(
    paths: list[Path] | None,
    sample: bool,
    template: Path | None,
    out: Path,
    *,
    faults: str,
    given: dict[str, int | None],
    pairs: list[str],
    thumbnails: str = "none",
    **chosen: Any,
) -> None:
    """One run, with all that it leaves; exit code 1 when an invariant failed.

    given, pairs: values of parameters, as in `choices.parameters`; thumbnails: of which units pictures are
    left; chosen: further options of the run. Raises `UsageError`, and `Interrupted` when what there is is
    written.
    """
    from harness.faults import scenario
    from harness.runs import inputs, out_folder
    from harness.runs import thumbnails as pictures

    config = choices.config(template)
    parameters = choices.parameters(config, given, pairs)
    weather = scenario.load(faults)
    files = inputs.collect(choices.paths(paths, sample, config), config.input_suffixes)
    out_folder.check(out, "run")
    pictures.check(config, thumbnails)
    # What is imported from here on takes a second, in which the reporter loads what draws.
    from harness.commands.reporting import reporter

    with reporter() as write_report:
        options = choices.options(config, template, parameters, faults=weather, **chosen)
        from harness.commands.console import Screen
        from harness.runs import run as runs

        screen = Screen()
        with out_folder.held(out, runs.KIND):
            finished = runs.run(config, files, options, screen.progress)
            runs.write(finished, out)
            if thumbnails != pictures.NONE:
                by_name = {file.name: file for file in files}
                shown = [(by_name[name], outcome) for name, outcome in finished.outcomes.items()]
                pictures.leave(config, shown, thumbnails, out, screen.progress)
            write_report(out)
    tell(screen, finished, len(files), out)


def tell(screen: "Screen", finished: "Run", files: int, out: Path) -> None:
    """Shows a run that is written; `files`: how many it was of. Raises `Interrupted`, and `Exit` with 1 when
    an invariant failed.
    """
    screen.run(finished.summary, finished.files, out)
    if "redrive" in finished.summary:
        screen.healing(finished.summary["redrive"])
    if finished.emulation.interrupted:
        raise Interrupted(f"{len(finished.files)} of {files} results came before that and are in {out}")
    if finished.summary["invariants"]["violations"]:
        raise typer.Exit(1)
