"""`harness redrive`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.commands import choices


def redrive(
    paths: choices.Paths = None,
    sample: choices.Sample = False,
    seed: choices.Seed = 0,
    faults: Annotated[
        str, typer.Option(help="What breaks until it is mended: rough, hostile, or a TOML file.")
    ] = "hostile",
    parameter: choices.Parameter = None,
    template: choices.Template = None,
    out: choices.Out = Path("runs/redrive"),
) -> None:
    """Runs the system while things break; then mends them, gives back every message that was given up, and
    shows what heals.
    """
    from harness.faults import scenario
    from harness.runs import inputs, out_folder

    config = choices.config(template)
    parameters = choices.parameters(config, {}, parameter or [])
    weather = scenario.load(faults)
    files = inputs.collect(choices.paths(paths, sample, config), config.input_suffixes)
    out_folder.check(out, "run")
    options = choices.options(config, template, parameters, seed=seed, faults=weather, redrive=True)
    from harness.commands.carry_out import carry_out

    carry_out(config, files, options, out)
