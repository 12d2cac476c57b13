"""`harness fixtures`."""

from pathlib import Path
from typing import Annotated

import typer

from harness import config as configs
from harness.errors import UsageError


def fixtures(
    out: Annotated[Path, typer.Argument(help="Folder for the inputs.")],
    files: Annotated[int, typer.Option(help="Number of inputs.", min=1, max=1_000_000)] = 12,
    seed: Annotated[int, typer.Option(help="Decides all of them.", min=0)] = 0,
) -> None:
    """Makes inputs with known truth, by the project's own maker: truth.json says what stands where."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is not an empty folder: give another one")
    from harness.commands.console import Screen
    from harness.runs import application

    screen = Screen()
    config = configs.load(Path.cwd())
    make = application.maker(config)
    with screen.progress("Making files", files) as tell:
        made = make(out, files, seed, tell)
    screen.say(f"{made} in {out}; what stands where: {out / 'truth.json'}")
