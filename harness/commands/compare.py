"""`harness compare`."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands import choices
from harness.engine import interrupt
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.config import Config
    from harness.runs.rig import Progress
    from harness.tuning.comparison import On, Side

SEEDS = 3
RUNS = "runs"
KIND = ("compare", ("summary.json", "comparison.md", "report.html"), (RUNS,))


def compare(
    a: Annotated[str, typer.Argument(help="A run's folder, a git revision, or . (the working tree).")],
    b: Annotated[str, typer.Argument(help="What is compared with it, of the same sort.")],
    fail_above: Annotated[
        str | None, typer.Option(help="Fails when B is surely so much above A: 3%.", show_default=False)
    ] = None,
    on: Annotated[
        str, typer.Option(help="In what: bill or makespan (of 8 million files), or p95 (of a run).")
    ] = "bill",
    fail_on_lost_findings: Annotated[
        bool, typer.Option("--fail-on-lost-findings", help="Fails when B lacks a finding of A.")
    ] = False,
    seeds: Annotated[
        int, typer.Option(help="Runs of each revision, with the same seeds.", min=2, max=100)
    ] = SEEDS,
    inputs: Annotated[
        list[Path] | None,
        typer.Option(help="Files, or folders, that revisions are run on; the sample by default."),
    ] = None,
    prices: choices.PriceTable = None,
    out: choices.Out = Path("runs/compare"),
) -> None:
    """What a change does to the bill, to times, calls and findings: of two runs, or of two revisions."""
    limit, watched = _limit(fail_above), _on(on)
    config = choices.config(None)
    began = time.monotonic()
    from harness.runs import out_folder
    from harness.tuning.measures import is_left

    for name in (a, b):
        if is_left(Path(name)) and Path(name).resolve().is_relative_to(out.resolve()):
            raise UsageError(f"{name} lies in {out}, where the comparison is written to: give another --out")
    out_folder.check(out, KIND[0])
    import msgspec

    from harness.bill import prices as price_tables
    from harness.commands import compare_table
    from harness.commands.console import Screen
    from harness.commands.reporting import write_report
    from harness.tuning import comparison

    screen, charged = Screen(), price_tables.load(prices)
    with _sides(config, a, b, inputs, seeds, out, screen.progress) as sides:
        compared = comparison.compare(*sides, charged, screen.progress)
        ended = 0 < len(compared.seeds) < seeds and not is_left(Path(a))
        numbers = comparison.summary(
            config,
            compared,
            on=watched,
            limit=limit,
            fail_on_lost=fail_on_lost_findings,
            interrupted=ended,
            real_seconds=time.monotonic() - began,
        )
        (out / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(numbers), indent=1))
        write_report(out)
    numbers = msgspec.json.decode((out / "summary.json").read_bytes())
    for line in compare_table.lines(numbers):
        screen.say(line)
    screen.show(compare_table.table(numbers))
    for line in compare_table.verdict(numbers):
        screen.say(line)
    screen.left(out, For_a_comment="comparison.md")
    if ended:
        raise interrupt.Interrupted(f"{len(compared.seeds)} of {seeds} seeds came before that")
    if numbers["failed"]:
        raise typer.Exit(1)
    if numbers["guard"] and numbers["guard"]["undecided"]:
        raise UsageError(f"--fail-above cannot decide on the {on}: {numbers['guard']['undecided']}")


@contextmanager
def _sides(
    config: "Config",
    a: str,
    b: str,
    inputs: list[Path] | None,
    seeds: int,
    out: Path,
    progress: "Progress",
) -> "Iterator[tuple[Side, Side]]":
    """Both sides, with the folder for the results held. Raises `UsageError`."""
    from harness.runs import application, out_folder
    from harness.runs import inputs as files
    from harness.tuning import revision_runs
    from harness.tuning.comparison import Side
    from harness.tuning.measures import is_left
    from harness.tuning.revisions import Repository

    left = [is_left(Path(name)) for name in (a, b)]
    kind = out_folder.Kind(*KIND)
    if all(left):
        if inputs:
            raise UsageError("--inputs is for revisions: two runs are compared as they are")
        one, other = (
            Side(name=name, title="a run", runs=(revision_runs.taken(Path(name), config),)) for name in (a, b)
        )
        with out_folder.held(out, kind):
            yield one, other
        return
    for name, is_run in zip((a, b), left, strict=True):
        if not is_run and name != revision_runs.TREE and not _names_commit(config, name):
            raise UsageError(f"{name} is neither a folder that a run left nor a revision of {config.root}")
    if any(left):
        run, other_name = (a, b) if left[0] else (b, a)
        raise UsageError(f"{run} is a run and {other_name} a revision: give two runs, or two revisions")
    repository = Repository(config.root)
    revisions = revision_runs.revision(repository, a), revision_runs.revision(repository, b)
    paths = inputs or [application.sample(config)]
    files.collect(paths, config.input_suffixes)
    with (
        out_folder.held(out, kind),
        _gone_unless_finished(out),
        revision_runs.both(repository, config, revisions, paths, list(range(seeds)), out, progress) as sides,
    ):
        yield sides


@contextmanager
def _gone_unless_finished(out: Path) -> "Iterator[None]":
    """A folder with runs alone would be taken for somebody else's by the next comparison."""
    try:
        yield
    finally:
        if not (out / "summary.json").is_file():
            shutil.rmtree(out / RUNS, ignore_errors=True)


def _names_commit(config: "Config", name: str) -> bool:
    from harness.tuning.revisions import Repository

    return Repository(config.root).find(name) is not None


def _limit(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        if not text.endswith("%"):
            raise ValueError
        share = float(text[:-1]) / 100
    except ValueError:
        raise UsageError(f"--fail-above {text} is no percentage such as 3%") from None
    if not 0 <= share < float("inf"):
        raise UsageError(f"--fail-above {text} must be 0% or more")
    return share


def _on(name: str) -> "On":
    match name:
        case "bill" | "makespan" | "p95":
            return name
        case _:
            raise UsageError(f"--on {name} is none of bill, makespan, p95")
