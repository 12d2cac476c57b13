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
    from harness.commands.carry_out import carry_out

    carry_out(
        paths,
        sample,
        template,
        out,
        faults=faults,
        given={},
        pairs=parameter or [],
        seed=seed,
        redrive=True,
    )
