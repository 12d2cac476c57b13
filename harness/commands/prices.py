"""`harness prices`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.errors import UsageError


def prices(
    files: Annotated[list[Path], typer.Argument(help="AWS's price list files: offers in JSON or CSV.")],
    region: Annotated[str | None, typer.Option(help="Of which region, where a file has several.")] = None,
    out: Annotated[Path, typer.Option(help="The table to write.")] = Path("prices.toml"),
) -> None:
    """Makes a table of prices, for --prices, of the price list files that AWS publishes."""
    from harness.bill import offers
    from harness.bill import prices as tables
    from harness.commands.console import Screen

    known = tables.load()
    made = offers.table(files, known, region)
    if out.is_dir():
        raise UsageError(f"{out} is a folder: give --out a file")
    out.write_text(offers.toml(made), encoding="utf-8")
    lacking = sorted(known.prices.keys() - made.prices.keys())
    Screen().say(f"{len(made.prices)} prices of {made.region}, {made.date}: {out}")
    if lacking:
        Screen().say(f"Kept from the built-in table where it is used: {', '.join(lacking)}")
