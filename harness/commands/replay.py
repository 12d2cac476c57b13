"""The world of one trial of an exploration, played again as a run."""

import time
from pathlib import Path
from typing import Any

from harness.commands import choices


def replay(
    paths: list[Path] | None,
    file: Path,
    template: Path | None,
    out: Path,
    *,
    given: dict[str, int | None],
    pairs: list[str],
    **chosen: Any,
) -> None:
    """One run of the world in `file`, on the inputs that it was explored with (`paths`, or the pool), with
    the same results for right. As `carry_out` otherwise.
    """
    from harness.exploration import worlds
    from harness.runs import application, inputs, out_folder

    world = worlds.load(file)
    config = choices.config(template)
    parameters = choices.parameters(config, given, pairs)
    out_folder.check(out, "run")
    from harness.commands.carry_out import tell
    from harness.commands.reporting import reporter

    with reporter() as write_report:
        from harness.commands.console import Screen
        from harness.exploration.explorer import Case
        from harness.exploration.world_explorer import WorldExplorer
        from harness.runs import run as runs

        screen = Screen()
        pool = inputs.collect(paths or [application.pool(config, screen.progress)], config.input_suffixes)
        files = [file for file in pool if file.name in world.inputs()]
        options = choices.options(config, template, parameters, seed=0, **chosen)
        with out_folder.held(out, runs.KIND):
            began = time.monotonic()
            explorer = WorldExplorer(config, files, options)
            explorer.prepare_for(world, screen.progress)
            rig, expected = explorer.staged(Case.of(world))
            emulation = rig.emulate(world.scenario, world.seed, screen.progress)
            finished = runs.finish(rig, emulation, expected, began)
            runs.write(finished, out)
            write_report(out)
    tell(screen, finished, len(rig.names), out)
