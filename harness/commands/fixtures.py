"""`harness fixtures`."""

import inspect
from pathlib import Path
from typing import Annotated, Any

import typer

from harness import config as configs
from harness.errors import UsageError


def fixtures(
    out: Annotated[Path, typer.Argument(help="Folder for the inputs.")],
    files: Annotated[int, typer.Option(help="Number of inputs.", min=1, max=1_000_000)] = 12,
    seed: Annotated[int, typer.Option(help="Decides all of them.", min=0)] = 0,
    pages: Annotated[
        str | None,
        typer.Option(help="Pages of each: a number, lognormal:MEDIAN,SIGMA, or a .csv of pages,files."),
    ] = None,
) -> None:
    """Makes inputs with known truth, by the project's own maker: truth.json says what stands where."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is not an empty folder: give another one")
    from harness.commands.console import Screen
    from harness.runs import application

    screen = Screen()
    config = configs.load(Path.cwd())
    make = application.maker(config)
    chosen: dict[str, Any] = {}
    if pages is not None:
        if "pages" not in inspect.signature(make).parameters:
            raise UsageError(f"--pages: the maker {config.sample.make} does not take the pages of each input")
        import numpy as np

        from harness.fleet import workload

        drawn = workload.counts_of(pages, files, np.random.default_rng([seed, 1]), "--pages")
        chosen["pages"] = drawn.tolist()
    with screen.progress("Making files", files) as tell:
        made = make(out, files, seed, tell, **chosen)
    screen.say(f"{made} in {out}; what stands where: {out / 'truth.json'}")
