"""Orders without faults: the same calls in another order, replayed exactly, shrunk to the preemption that
matters, and races found that latencies alone do not find.
"""

from pathlib import Path

import msgspec
import pytest

from harness.engine.schedule import Point, Schedule
from harness.errors import UsageError
from harness.exploration import schedules, worlds
from harness.exploration.explorer import Case
from harness.exploration.schedules import ScheduleExplorer
from harness.exploration.world_explorer import WorldExplorer
from harness.exploration.worlds import Put, World
from harness.recorder import Held
from harness.runs.rig import quiet
from tests import builders
from tests.mutants import races
from tests.mutants.catalogue import Mutant
from tests.mutants.hunting import mutated

PUT_FILE = Point("ControllerFunction dynamodb.PutItem", 1)
"""The call that records a file."""


@pytest.fixture(scope="module")
def sound() -> ScheduleExplorer:
    made = races.explorer(builders.PROJECT)
    made.prepare(quiet)
    return made


def race(name: str, folder: Path, sound: WorldExplorer) -> ScheduleExplorer:
    mutant = next(race for race in races.RACES if race.name == name)
    return races.explorer(mutated(mutant, folder), sound)


def test_worlds_of_schedules_are_those_of_their_seeds_without_faults(sound: ScheduleExplorer) -> None:
    for case, usual in zip(sound.seeds(0, 20), WorldExplorer.seeds(sound, 0, 20), strict=True):
        assert not case.scenario.faults
        assert case.world == msgspec.structs.replace(usual.world, scenario=case.scenario, schedule=None)


def test_another_order_breaks_no_invariant_and_is_the_same_when_played_again(
    sound: ScheduleExplorer, tmp_path: Path
) -> None:
    puts = (Put("three.tif"),)
    for seed in range(2):
        case = Case.of(World(seed=seed, parameters={"BatchPages": "1"}, puts=puts))
        trial = sound.attempt(case)
        assert not trial.failed, f"seed {case.seed}: {trial.violations or trial.error}"
        assert trial.digest == sound.attempt(case).digest
        assert trial.digest != sound.plain(case).digest
        world = trial.case.world
        assert world is not None
        assert world.schedule is not None
        assert (len(world.schedule.points), trial.preempted.total()) == (2, 2)
        (tmp_path / "world.toml").write_text(world.toml(), encoding="utf-8")
        assert worlds.load(tmp_path / "world.toml").schedule == world.schedule
        again = Case.of(worlds.load(tmp_path / "world.toml"))
        assert WorldExplorer.attempt(sound, again).digest == trial.digest


def test_a_schedule_that_decides_nothing_changes_nothing(sound: ScheduleExplorer) -> None:
    world = World(seed=4, puts=(Put("three.tif"), Put("one.tif")))
    loose = msgspec.structs.replace(world, schedule=Schedule(window=5.0))
    assert sound.attempt(Case.of(loose)).digest == sound.plain(Case.of(world)).digest


def test_a_preempted_call_happens_a_window_later(sound: ScheduleExplorer) -> None:
    world = World(seed=4, puts=(Put("one.tif"),), schedule=Schedule(window=5.0, points=(PUT_FILE,)))
    case = Case.of(world)
    rig, _ = sound.staged(case)
    held = [
        event for event in rig.emulate(case.scenario, 4, quiet).recorder.events if isinstance(event, Held)
    ]
    assert [(one.where, one.number, one.seconds, one.behind) for one in held] == [
        (PUT_FILE.step, 1, pytest.approx(5.0), "")
    ]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("window = 0", "window must be above 0"),
        ("window = 1\npoints = [{ step = 'a', number = 0 }]", "numbers of 1 at least"),
        ("window = 1\npreempt = 3", "preempt"),
    ],
)
def test_a_wrong_schedule_in_a_world_is_told_in_one_line(table: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "world.toml").write_text(f"seed = 1\n[schedule]\n{table}\n")
    with pytest.raises(UsageError, match=said) as refused:
        worlds.load(tmp_path / "world.toml")
    assert "\n" not in str(refused.value)


def test_a_race_is_found_that_latencies_do_not_find_and_shrunk_to_one_preemption(
    sound: ScheduleExplorer, tmp_path: Path
) -> None:
    """A worker takes a second and more for its pages, so that no draw of some milliseconds lets it count the
    batch before the controller's next call."""
    explorer = race("batches sent before their file is recorded", tmp_path, sound)
    puts = (Put("one.tif"), Put("three.tif", 2.0))
    cases = [Case.of(World(seed=seed, arrival="trickle", puts=puts)) for seed in range(20)]
    assert not any(explorer.plain(case).failed for case in cases[:3])
    found = next(trial for trial in map(explorer.attempt, cases) if trial.failed)
    small = explorer.shrink(found)
    world = small.case.world
    assert world is not None
    assert world.schedule == Schedule(window=schedules.WINDOW_SECONDS, points=(PUT_FILE,))
    assert (len(world.puts), world.arrival, small.preempted) == (1, "at once", {PUT_FILE.step: 1})
    assert any("HELD" in line and "preempted" in line for line in explorer.story(small))


@pytest.mark.slow
@pytest.mark.parametrize("mutant", races.RACES, ids=[race.name for race in races.RACES])
def test_a_deliberate_race_is_found(mutant: Mutant, sound: ScheduleExplorer, tmp_path: Path) -> None:
    explorer = races.explorer(mutated(mutant, tmp_path), sound)
    assert races.hunt(explorer, 0, races.SEEDS, alone=False).schedules
