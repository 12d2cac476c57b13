"""`harness calibrate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands import choices
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.calibration.learning import Compared


def calibrate(
    more: Annotated[
        list[str] | None, typer.Argument(help="Further files of logs.", show_default=False)
    ] = None,
    logs: Annotated[
        list[str] | None,
        typer.Option(
            help="A file of AWS's logs, or FUNCTION=FILE: REPORT lines, platform.report, embedded metrics, "
            "X-Ray segments, CloudWatch metrics of queues; text or JSON, packed or not."
        ),
    ] = None,
    calibration: Annotated[
        Path, typer.Option(help="Folder of a run (or its calibration.json), of the same files if possible.")
    ] = Path("runs/latest"),
    out: choices.Out = Path("runs/calibrated"),
) -> None:
    """Learns from AWS's own logs: how far the projection was from the real run, and a calibration that
    knows.
    """
    files = [*(logs or []), *(more or [])]
    if not files:
        raise UsageError("no logs: give --logs FILE, as CloudWatch or the AWS CLI leaves them")
    from harness.runs import out_folder

    config = choices.config(None)
    out_folder.check(out, "learning")
    import msgspec

    from harness.calibration import learning, reading
    from harness.commands.console import Screen
    from harness.commands.reporting import write_report
    from harness.fleet import calibration as calibrations

    known = calibrations.load(calibration)
    batch = known.parameters.get(config.parameters.get("batch-pages", ""), "")
    if not batch.isdigit():
        raise UsageError(f"{calibration} does not say how many pages a batch has: it is of another system")
    functions = [stage.function for stage in known.stages]
    names = learning.Names(config.calibrate.pages, config.calibrate.seconds)
    learnt = learning.learn(known, reading.read(files, functions), int(batch), names)
    numbers = {
        "kind": "learning",
        "logs": files,
        "cpuFactor": msgspec.to_builtins(learnt.factor),
        "before": known.cpu_factor,
        "compared": [msgspec.to_builtins(row) | {"off": row.off} for row in learnt.compared],
        "notes": learnt.notes,
    }
    screen = Screen()
    left = ("summary.json", "calibration.json", "report.html")
    with out_folder.held(out, out_folder.Kind("learning", left, ())):
        (out / "calibration.json").write_bytes(msgspec.json.encode(learnt.calibration))
        (out / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(numbers), indent=1))
        write_report(out)
    for line in _table(learnt.compared):
        screen.say(line)
    if learnt.factor is not None:
        factor = learnt.factor
        screen.say(
            f"CPU factor {factor.value:.3f} ({factor.low:.3f} to {factor.high:.3f}) by {factor.samples:,} "
            f"{factor.source}, where {known.cpu_factor:.3f} was taken"
        )
    for note in learnt.notes:
        screen.say(f"Note: {note}")
    screen.say(f"harness project --calibration {out} goes by it")
    screen.left(out, Report="report.html", Calibration="calibration.json")


def _table(rows: "list[Compared]") -> list[str]:
    width = max((len(f"{row.about} {row.quantity}") for row in rows), default=0)
    lines = [f"{'':{width}}  {'projected':>12}  {'real':>12}  {'off':>8}  samples"]
    for row in rows:
        told = f"{row.projected:.4g} {row.unit}" if row.projected is not None else "-"
        off = f"{row.off:+.1%}" if row.off is not None else "-"
        real = f"{row.real:.4g} {row.unit}"
        name = f"{row.about} {row.quantity}"
        lines.append(f"{name:{width}}  {told:>12}  {real:>12}  {off:>8}  {row.samples:,}")
    return lines
