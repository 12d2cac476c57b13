"""`harness backfill`."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands import choices
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.runs.inputs import InputFile


def backfill(
    paths: choices.Paths = None,
    sample: choices.Sample = False,
    files: Annotated[
        int | None,
        typer.Option(help="Lays so many objects there: the inputs, over and over.", min=1, max=10_000_000),
    ] = None,
    rate: Annotated[float, typer.Option(help="Files that are sent a second.", min=0.01, max=10_000)] = 20.0,
    oldest: Annotated[
        float, typer.Option(help="Seconds that a message may wait before sending pauses.", min=1)
    ] = 900.0,
    kill_after: Annotated[
        list[float] | None,
        typer.Option(
            help="Kills it after so many seconds, and starts it again; may be given more than once."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only says what it will cost and how long it will take.")
    ] = False,
    inventory: Annotated[
        Path | None,
        typer.Option(help="With --dry-run: your S3 Inventory (CSV, Parquet, a folder), or a listing."),
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="With --dry-run: folder of a run; the sample's without one.")
    ] = None,
    compute: choices.Compute = "recorded",
    faults: choices.Faults = "calm",
    parameter: choices.Parameter = None,
    template: choices.Template = None,
    seed: choices.Seed = 0,
    out: choices.Out = Path("runs/backfill"),
) -> None:
    """Runs the application's own backfill on inputs that lie in the bucket already, in the tunnel only."""
    if dry_run:
        _foretell(paths, sample, files, rate, inventory, calibration, parameter, template, seed, out)
        return
    if inventory is not None or calibration is not None:
        raise UsageError("--inventory and --calibration go with --dry-run: the tunnel lays files of its own")
    from harness.faults import scenario
    from harness.runs import backfilling, inputs, out_folder

    config = choices.config(template)
    kind = choices.compute(compute)
    parameters = choices.parameters(config, {}, parameter or [])
    weather = scenario.load(faults)
    found = inputs.collect(choices.paths(paths, sample, config), config.input_suffixes)
    course = backfilling.Course(rate=rate, oldest_seconds=oldest, killed_at=tuple(kill_after or ()))
    told = backfilling.Told()
    bring = backfilling.clients(config, course, told)
    out_folder.check(out, "run")
    import msgspec

    from harness.commands.carry_out import tell
    from harness.commands.console import Screen
    from harness.commands.reporting import reporter
    from harness.runs import run as runs

    with reporter() as write_report:
        options = choices.options(config, template, parameters, seed=seed, compute=kind, faults=weather)
        screen = Screen()
        with out_folder.held(out, runs.KIND):
            lying = _many(found, files)
            finished = runs.run(config, lying, options, screen.progress, bring=bring)
            sent = backfilling.sent(finished.emulation.recorder, told)
            told_of = {"asked": rate, "files": len(lying)}
            finished.summary["backfill"] = msgspec.to_builtins(sent) | told_of
            runs.write(finished, out)
            write_report(out)
    screen.say(
        f"backfill: {sent.messages:,} messages for {len(lying):,} files in {sent.seconds:,.1f} s, "
        f"{sent.rate:.2f} a second where {rate:g} were asked for; started {sent.starts} times"
    )
    for line in sent.said:
        screen.say(f"  it said: {line}")
    tell(screen, finished, len(lying), out)


def _many(found: "list[InputFile]", count: int | None) -> "list[InputFile]":
    """The inputs, over and over, under numbered names."""
    if count is None:
        return found
    import msgspec

    width = len(str(count))
    chosen = itertools.islice(itertools.cycle(found), count)
    return [
        msgspec.structs.replace(file, name=f"{number:0{width}}/{file.name}")
        for number, file in enumerate(chosen)
    ]


def _foretell(
    paths: list[Path] | None,
    sample: bool,
    files: int | None,
    rate: float,
    inventory: Path | None,
    calibration: Path | None,
    parameter: list[str] | None,
    template: Path | None,
    seed: int,
    out: Path,
) -> None:
    """What the fleet says of files that come at this rate."""
    import tempfile

    from harness.commands.project import project
    from harness.fleet import inventory as inventories
    from harness.runs import inputs

    with tempfile.TemporaryDirectory() as folder:
        if inventory is None:
            config = choices.config(template)
            found = inputs.collect(choices.paths(paths, sample, config), config.input_suffixes)
            inventory = Path(folder) / "listed.csv"
            sizes = [file.path.stat().st_size for file in _many(found, files)]
            inventory.write_text("bucket,key,size\n" + "".join(f"b,k,{size}\n" for size in sizes))
        elif paths or sample or files:
            raise UsageError("--inventory says which files there are: leave PATHS, --sample and --files out")
        count = len(inventories.sizes(inventory))
        project(
            inventory=inventory,
            rate=rate,
            calibration=calibration,
            parameter=parameter,
            template=template,
            seed=seed,
            out=out,
        )
    from harness.commands import sweep_tables
    from harness.commands.console import Screen

    Screen().say(f"sending {count:,} files at {rate:g} a second takes {sweep_tables.duration(count / rate)}")
