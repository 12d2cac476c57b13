"""`harness doctor`."""

from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands import choices

if TYPE_CHECKING:
    from harness.runs.checkup import Finding


def doctor(
    template: choices.Template = None,
    test: Annotated[
        bool, typer.Option(help="Also run the system on the smallest input of the sample.")
    ] = True,
) -> None:
    """Says what is installed and what is kept, and tries the whole system on a small input."""
    from rich.table import Table
    from rich.text import Text

    from harness.commands.console import Screen
    from harness.runs import checkup

    config = choices.config(template)
    screen = Screen()
    found = list(checkup.installed(config))
    if test:
        with screen.progress("Trying the system", 1):
            options = choices.options(config, template, {}, seed=0, compute="measured")
            found.append(checkup.tried(config, options))
    table = Table(box=None, show_header=False, pad_edge=False)
    for one in found:
        mark = "[green]ok[/green]" if one.good else "[red]wrong[/red]"
        table.add_row(mark, Text(one.subject, style="bold"), Text(one.told))
    screen.show(table)
    if not all(one.good for one in found):
        screen.say(_advice(found))
        raise typer.Exit(1)


def _advice(found: "list[Finding]") -> str:
    wrong = ", ".join(one.subject for one in found if not one.good)
    return f"Wrong: {wrong}. In a clone of the project `make` installs all that is needed, in .venv."
