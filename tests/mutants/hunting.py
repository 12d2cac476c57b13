"""Hunts one mutant: copies the pipeline, puts the bug in, and explores until an invariant breaks."""

import shutil
from pathlib import Path

import msgspec

from harness import config
from harness.cloud import latency
from harness.exploration.explorer import Case, Explorer
from harness.faults import scenario
from harness.runs import inputs
from harness.runs.rig import Options, Rig, quiet
from tests import builders
from tests.mutants.catalogue import Mutant

FILES = 3


class Catch(msgspec.Struct, frozen=True):
    """How a mutant was found: seeds tried, and the invariants that broke at the last; `seeds` is 0 when it
    got away.
    """

    seeds: int
    invariants: tuple[str, ...]


def hunt(mutant: Mutant, folder: Path, first_seed: int, most_seeds: int) -> Catch:
    """Explores a copy with the bug, seed by seed. Raises `AssertionError` for a bug that shows in a calm run:
    it would prove nothing.
    """
    project = mutated(mutant, folder)
    files = inputs.collect([builders.sample()], builders.CONFIG.input_suffixes)[:FILES]
    weather = scenario.load(mutant.faults)
    sound, broken = (
        _rig(root, mutant, files, calm) for root, calm in ((builders.PROJECT, True), (project, False))
    )
    expected = sound.results(sound.emulate(scenario.CALM, 0, quiet))
    explorer = Explorer(broken, weather, quiet, expected)
    if weather.faults:
        calm = explorer.attempt(Case(0, scenario.CALM))
        assert not calm.failed, f"{mutant.name} shows without any fault: {calm.violations or calm.error}"
    for tried in range(1, most_seeds + 1):
        trial = explorer.attempt(Case(first_seed + tried - 1, weather))
        if trial.failed:
            return Catch(
                tried,
                tuple(sorted({violation.invariant for violation in trial.violations})) or (trial.error,),
            )
    return Catch(0, ())


def mutated(mutant: Mutant, folder: Path) -> Path:
    """A copy of the project with the bug in it. Raises `AssertionError` when the words to change are not
    there.
    """
    project = folder / "project"
    shutil.copytree(
        builders.PROJECT / "pipeline", project / "pipeline", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("template.yaml", "pyproject.toml"):
        shutil.copy(builders.PROJECT / name, project / name)
    for file, changes in mutant.changes.items():
        text = (project / file).read_text()
        for words, instead in changes:
            assert text.count(words) == 1, f"{mutant.name}: {file} has {words!r} {text.count(words)} times"
            text = text.replace(words, instead)
        (project / file).write_text(text)
    return project


def _rig(root: Path, mutant: Mutant, files: list[inputs.InputFile], calm: bool) -> Rig:
    options = Options(
        template=root / "template.yaml",
        parameters=dict(mutant.parameters),
        seed=0,
        compute="recorded",
        latencies=latency.load(),
        ledger=builders.LEDGER,
        work_factor=1.0 if calm else mutant.work_factor,
        aftermath=0.0 if calm else mutant.aftermath,
        redrive=mutant.redrive and not calm,
    )
    return Rig(config.load(root), files, options)
