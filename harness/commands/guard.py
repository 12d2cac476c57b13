"""`harness guard`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands import choices
from harness.engine.interrupt import Interrupted
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.tuning.pairs import Count


def guard(
    base: Annotated[str, typer.Option(help="The git revision to compare the working tree with.")],
    fail_above: Annotated[
        float, typer.Option(help="Fails when the ratio of the costs is surely above.", min=1.0, max=100.0)
    ] = 1.05,
    count: Annotated[
        str,
        typer.Option(help="cpu (seconds of CPU time), or instructions, where the processor counts them."),
    ] = "cpu",
    seconds: Annotated[float, typer.Option(help="That may be spent on measuring, at most.", min=1.0)] = 240.0,
    out: choices.Out = Path("runs/guard"),
) -> None:
    """Decides whether the working tree is slower than a base revision, by pairs measured in turns."""
    import msgspec

    from harness.commands import guard_table
    from harness.commands.console import Screen
    from harness.commands.reporting import write_report
    from harness.runs import out_folder
    from harness.tuning import guard as guards

    kind = out_folder.Kind("guard", ("summary.json", "pairs.json", "report.html"), ("sides",))
    config = choices.config(None)
    counted = _count(count)
    out_folder.check(out, kind.name)
    screen = Screen()
    with out_folder.held(out, kind):
        guarded = guards.compare(config, base, fail_above, counted, seconds, screen.progress)
        (out / "pairs.json").write_bytes(msgspec.json.encode(guarded.measured.pairs))
        (out / "summary.json").write_bytes(
            msgspec.json.format(msgspec.json.encode(guards.summary(config, guarded)), indent=1)
        )
        write_report(out)
    numbers = msgspec.json.decode((out / "summary.json").read_bytes())
    for table in guard_table.tables(numbers):
        screen.show(table)
    for line in guard_table.lines(numbers):
        screen.say(line)
    screen.left(out)
    if guarded.measured.interrupted:
        raise Interrupted(f"{len(guarded.measured.pairs)} pairs came before that and are in {out}")
    if guarded.verdict == guards.SLOWER:
        raise typer.Exit(1)


def _count(name: str) -> "Count":
    match name:
        case "cpu" | "instructions":
            return name
        case _:
            raise UsageError(f"--count {name} is neither cpu nor instructions")
