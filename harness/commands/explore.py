"""`harness explore`."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands import choices
from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.commands.console import Screen
    from harness.config import Config
    from harness.exploration.explorer import Explorer
    from harness.exploration.search import Search
    from harness.faults.scenario import Scenario
    from harness.runs.inputs import InputFile
    from harness.runs.rig import Options


def explore(
    paths: choices.Paths = None,
    seeds: Annotated[int, typer.Option(help="Emulations, each in a world of its own.", min=1)] = 100,
    first_seed: Annotated[int, typer.Option(help="The first seed.", min=0)] = 0,
    faults: Annotated[
        str,
        typer.Option(
            help="Instead of worlds: one system, the first files, and faults: rough, hostile, or a TOML file."
        ),
    ] = "",
    crash_points: Annotated[
        str,
        typer.Option(
            help="Instead of seeds: kill each invocation at each of its API calls; singles, or pairs as well."
        ),
    ] = "",
    schedules: Annotated[
        bool,
        typer.Option(
            "--schedules", help="Worlds without faults, in which calls close in time come in other orders."
        ),
    ] = False,
    preemptions: Annotated[
        int | None,
        typer.Option(help="With --schedules: calls of a world that are preempted; 2 by default.", min=0),
    ] = None,
    window: Annotated[
        float | None,
        typer.Option(help="With --schedules: seconds that a call is held back, at most; 10 by default."),
    ] = None,
    files: Annotated[
        int, typer.Option(help="Files of the sample to use when no PATHS are given, without worlds.", min=1)
    ] = 3,
    redriven: Annotated[
        bool,
        typer.Option(
            "--redrive",
            help="After each, mend everything, give back what was given up, and expect all to heal; worlds "
            "decide it for themselves.",
        ),
    ] = False,
    stop_at_first: Annotated[
        bool, typer.Option("--stop-at-first", help="Stop when an invariant is broken.")
    ] = False,
    sometimes: Annotated[
        bool,
        typer.Option(
            help="Fail, with exit code 1, when something never came up that [tool.harness.explore] sometimes "
            "names; without, it is only said."
        ),
    ] = True,
    jobs: Annotated[int | None, typer.Option(help="Processes; all cores by default.", min=1)] = None,
    batch_pages: choices.BatchPages = None,
    parameter: choices.Parameter = None,
    template: choices.Template = None,
    out: Annotated[Path, typer.Option(help="Folder for what is found.")] = Path("runs/explore"),
) -> None:
    """Breaks everything in many emulations, and shows the smallest set of faults (or of preemptions) that the
    system does not survive, in the most usual world.
    """
    from harness.faults import scenario
    from harness.runs import out_folder

    if crash_points not in ("", "singles", "pairs"):
        raise UsageError(f"--crash-points {crash_points} is neither singles nor pairs")
    order = _order(schedules, preemptions, window, faults, crash_points)
    in_worlds = not faults and not crash_points
    if in_worlds and redriven:
        raise UsageError("--redrive goes with --faults or --crash-points: worlds decide it for themselves")
    config = choices.config(template)
    weather = scenario.load(faults or "hostile")
    parameters = choices.parameters(config, {"batch-pages": batch_pages}, parameter or [])
    out_folder.check(out, "exploration", summaries=("explore",))

    import msgspec

    from harness.commands.console import Screen

    screen = Screen()
    chosen = _inputs(paths, config, screen, None if in_worlds or paths else files, in_worlds)
    options = choices.options(
        config,
        template,
        parameters,
        seed=0 if in_worlds else first_seed,
        faults=scenario.CALM if in_worlds else weather,
        redrive=redriven,
    )

    from harness.commands.reporting import write_report
    from harness.engine.interrupt import Interrupted
    from harness.exploration import explorer as explorers
    from harness.exploration import findings, happenings
    from harness.exploration.explorer import Case

    happenings.check(config)
    with out_folder.held(out, findings.KIND):
        began = time.monotonic()
        explorer = _explorer(config, chosen, options, weather, screen, in_worlds, order)
        command = [
            "harness",
            "redrive" if redriven else "run",
            *([] if in_worlds and not paths else [str(file.path) for file in chosen]),
            *choices.spelled(options.parameters, template),
        ]
        found = findings.Findings(out, command)
        search = _search(explorer, first_seed, seeds) if in_worlds and order is None else None
        cases: Iterator[Case | None]
        if search is not None:
            cases = (Case.of(world) if world is not None else None for world in search.worlds())
        elif crash_points:
            cases = explorer.crash_points(crash_points == "pairs")
        else:
            cases = explorer.seeds(first_seed, seeds)
        interrupted = False
        try:
            with screen.progress("Exploring", 0 if crash_points else seeds) as tell:
                for trial in explorer.attempts(cases, jobs):
                    found.add(trial)
                    if search is not None:
                        search.shown(trial.case.seed, trial.taken | trial.struck_in)
                    tell(found.trials)
                    if trial.failed and stop_at_first:
                        break
            for trial in found.failed[: findings.MOST_FAILURES]:
                with screen.progress("Shrinking", explorers.SHRINK_TRIALS) as tell:
                    small = explorer.shrink(trial, tell)
                found.write_failure(explorer, trial, small)
        except (KeyboardInterrupt, Interrupted):
            interrupted = True
        name, kinds = _named(crash_points, order, weather, in_worlds)
        numbers = found.numbers(
            name,
            kinds,
            happenings.names(config.explore.happenings),
            config.explore.sometimes if search is not None else (),
            explorer.coverage,
            time.monotonic() - began,
        )
        if search is not None:
            numbers["varied"] = search.varied
        (out / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(numbers), indent=2))
        write_report(out)
    screen.exploration(numbers, found.failures, out)
    if interrupted:
        raise Interrupted(f"{found.trials} emulations were done before that, and what they found is in {out}")
    if found.failed or (numbers["never"] and sometimes):
        raise typer.Exit(1)


def _search(explorer: "Explorer", first_seed: int, seeds: int) -> "Search":
    from harness.exploration.search import Search
    from harness.exploration.world_explorer import WorldExplorer

    assert isinstance(explorer, WorldExplorer)
    return Search(first_seed, seeds, explorer.draw, explorer.vary)


def _order(
    schedules: bool, preemptions: int | None, window: float | None, faults: str, crash_points: str
) -> tuple[int, float] | None:
    """(preemptions, window) of an exploration of schedules; None for another. Raises `UsageError`."""
    chosen = {"preemptions": preemptions, "window": window}
    if not schedules:
        for name, value in chosen.items():
            if value is not None:
                raise UsageError(f"--{name} goes with --schedules only")
        return None
    for name, given in {"faults": faults, "crash-points": crash_points}.items():
        if given:
            raise UsageError(f"--schedules and --{name} do not go together: nothing breaks in a schedule")
    from harness.exploration.schedules import LONGEST_WINDOW_SECONDS, PREEMPTIONS, WINDOW_SECONDS

    if window is not None and not 0 < window <= LONGEST_WINDOW_SECONDS:
        raise UsageError(
            f"--window {window:g} must be above 0 and at most {LONGEST_WINDOW_SECONDS:g} seconds"
        )
    return (
        PREEMPTIONS if preemptions is None else preemptions,
        WINDOW_SECONDS if window is None else window,
    )


def _named(
    crash_points: str, order: tuple[int, float] | None, weather: "Scenario", in_worlds: bool
) -> tuple[str, Iterable[str]]:
    """What an exploration is called, and the kinds of what may strike in it."""
    from harness.exploration.explorer import KILLS
    from harness.exploration.findings import PREEMPTED

    if order is not None:
        return "schedules of {} preemptions, in windows of {:g} s".format(*order), (PREEMPTED,)
    if crash_points:
        return f"crash points, {crash_points}", KILLS
    return "worlds of their own" if in_worlds else weather.name, weather.faults


def _inputs(
    paths: list[Path] | None, config: "Config", screen: "Screen", most: int | None, in_worlds: bool
) -> "list[InputFile]":
    from harness.runs import application, inputs

    if in_worlds and not paths:
        given = [application.pool(config, screen.progress)]
    else:
        given = choices.paths(paths, not paths, config)
    return inputs.collect(given, config.input_suffixes)[:most]


def _explorer(
    config: "Config",
    chosen: "list[InputFile]",
    options: "Options",
    weather: "Scenario",
    screen: "Screen",
    in_worlds: bool,
    order: tuple[int, float] | None,
) -> "Explorer":
    from harness.exploration.explorer import Explorer
    from harness.exploration.schedules import ScheduleExplorer
    from harness.exploration.world_explorer import WorldExplorer
    from harness.runs.rig import Rig

    if not in_worlds:
        return Explorer(Rig(config, chosen, options), weather, screen.progress)
    explorer = (
        ScheduleExplorer(config, chosen, options, preemptions=order[0], window=order[1])
        if order
        else WorldExplorer(config, chosen, options)
    )
    explorer.prepare(screen.progress)
    return explorer
