"""`harness explore`."""

import time
from pathlib import Path
from typing import Annotated

import typer

from harness.commands import choices
from harness.errors import UsageError


def explore(
    paths: choices.Paths = None,
    seeds: Annotated[int, typer.Option(help="Emulations, each with faults of its own.", min=1)] = 100,
    first_seed: Annotated[int, typer.Option(help="The first seed.", min=0)] = 0,
    faults: Annotated[str, typer.Option(help="What breaks: rough, hostile, or a TOML file.")] = "hostile",
    crash_points: Annotated[
        str,
        typer.Option(
            help="Instead of seeds: kill each invocation at each of its API calls; singles, or pairs as well."
        ),
    ] = "",
    files: Annotated[
        int, typer.Option(help="Files of the sample to use when no PATHS are given.", min=1)
    ] = 3,
    redriven: Annotated[
        bool,
        typer.Option(
            "--redrive",
            help="After each, mend everything, give back what was given up, and expect all to heal.",
        ),
    ] = False,
    stop_at_first: Annotated[
        bool, typer.Option("--stop-at-first", help="Stop when an invariant is broken.")
    ] = False,
    jobs: Annotated[int | None, typer.Option(help="Processes; all cores by default.", min=1)] = None,
    batch_pages: choices.BatchPages = None,
    parameter: choices.Parameter = None,
    template: choices.Template = None,
    out: Annotated[Path, typer.Option(help="Folder for what is found.")] = Path("runs/explore"),
) -> None:
    """Breaks everything in many emulations, and shows the smallest set of faults that the system does not
    survive.
    """
    from harness.faults import scenario
    from harness.runs import inputs, out_folder

    if crash_points not in ("", "singles", "pairs"):
        raise UsageError(f"--crash-points {crash_points} is neither singles nor pairs")
    config = choices.config(template)
    weather = scenario.load(faults)
    parameters = choices.parameters(config, {"batch-pages": batch_pages}, parameter or [])
    out_folder.check(out, "exploration", summaries=("explore",))
    chosen = inputs.collect(choices.paths(paths, not paths, config), config.input_suffixes)[
        : None if paths else files
    ]
    options = choices.options(config, template, parameters, seed=first_seed, faults=weather, redrive=redriven)

    import msgspec

    from harness.commands.console import Screen
    from harness.commands.reporting import write_report
    from harness.engine.interrupt import Interrupted
    from harness.exploration import explorer as explorers
    from harness.exploration import findings
    from harness.runs.rig import Rig

    screen = Screen()
    with out_folder.held(out, findings.KIND):
        began = time.monotonic()
        explorer = explorers.Explorer(Rig(config, chosen, options), weather, screen.progress)
        command = [
            "harness",
            "run",
            *(str(file.path) for file in chosen),
            *choices.spelled(options.parameters, template),
        ]
        if redriven:
            command[1] = "redrive"
        found = findings.Findings(out, command)
        cases = (
            explorer.crash_points(crash_points == "pairs")
            if crash_points
            else explorer.seeds(first_seed, seeds)
        )
        interrupted = False
        try:
            with screen.progress("Exploring", 0 if crash_points else seeds) as tell:
                for trial in explorer.attempts(cases, jobs):
                    found.add(trial)
                    tell(found.trials)
                    if trial.failed and stop_at_first:
                        break
            for trial in found.failed[: findings.MOST_FAILURES]:
                with screen.progress("Shrinking", explorers.SHRINK_TRIALS) as tell:
                    small = explorer.shrink(trial, tell)
                found.write_failure(explorer, trial, small)
        except (KeyboardInterrupt, Interrupted):
            interrupted = True
        name = f"crash points, {crash_points}" if crash_points else weather.name
        numbers = found.numbers(
            name, explorers.KILLS if crash_points else weather.faults, time.monotonic() - began
        )
        (out / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(numbers), indent=2))
        write_report(out)
    screen.exploration(numbers, found.failures, out)
    if interrupted:
        raise Interrupted(f"{found.trials} emulations were done before that, and what they found is in {out}")
    if found.failed:
        raise typer.Exit(1)
