"""The explorer proves its power: every deliberate bug is found, and the pipeline without it is not
accused.
"""

from pathlib import Path

import msgspec
import pytest

from tests.mutants.catalogue import MUTANTS, Mutant
from tests.mutants.hunting import Catch, hunt

MOST_SEEDS = 60
EACH_TIME = ("counter without condition", "message deleted early", "timeout ignored")
"""One for what comes twice, one for what is lost, one for time; the others take some minutes, with `-m slow`."""


@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(mutant, id=mutant.name, marks=() if mutant.name in EACH_TIME else pytest.mark.slow)
        for mutant in MUTANTS
    ],
)
def test_a_deliberate_bug_is_found(mutant: Mutant, tmp_path: Path, record_property) -> None:
    caught = hunt(mutant, tmp_path, first_seed=0, most_seeds=MOST_SEEDS)
    record_property(f"seeds to find: {mutant.name}", caught.seeds)
    assert caught.seeds, f"{mutant.name} got away"


WEATHER = {
    (mutant.faults, mutant.redrive, *mutant.parameters.items()): mutant for mutant in reversed(MUTANTS)
}


@pytest.mark.parametrize(
    "weather",
    [
        pytest.param(mutant, id=str(key), marks=() if mutant.name in EACH_TIME else pytest.mark.slow)
        for key, mutant in WEATHER.items()
    ],
)
def test_the_pipeline_itself_is_not_accused(weather: Mutant, tmp_path: Path) -> None:
    sound = msgspec.structs.replace(weather, name="none", changes={})
    assert hunt(sound, tmp_path, first_seed=0, most_seeds=1) == Catch(0, ())
