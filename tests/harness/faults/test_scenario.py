"""Scenarios are read with care, and dice fall the same way for the same seed, whatever else is left out."""

import pytest

from harness.engine.kernel import Kernel
from harness.errors import UsageError
from harness.faults import scenario
from harness.faults.dice import Dice
from harness.faults.scenario import KINDS, PRESETS
from harness.recorder import Recorder, Stroke


def strokes(text: str, seed: int = 1, opportunities: int = 300, kind: str = "hangs") -> list[int]:
    recorder = Recorder()
    dice = Dice(scenario.parse(text, "test"), seed, Kernel(), recorder)
    for _ in range(opportunities):
        dice.strike(kind, "here")
    return [event.number for event in recorder.events if isinstance(event, Stroke)]


@pytest.mark.parametrize("name", PRESETS)
def test_the_presets_can_be_read(name: str) -> None:
    assert set(scenario.load(name).faults) <= set(KINDS)


def test_hostile_has_every_fault() -> None:
    assert set(scenario.load("hostile").faults) == set(KINDS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[earthquake]\nrate = 1.0", "a fault earthquake, which is none of killed_before_call"),
        ("[hangs]\nrate = 2.0", "the rate of hangs is 2.0; it must lie between 0 and 1"),
        ("[hangs]\nrait = 0.1", "unknown field `rait`"),
        ("[hangs]\nseconds = [5.0, 1.0]", "seconds of hangs must be two numbers from 0 up, the lower first"),
        ("[hangs", "the scenario test is wrong"),
    ],
)
def test_a_wrong_scenario_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        scenario.parse(text, "test")


def test_a_scenario_that_is_not_there_names_the_presets() -> None:
    with pytest.raises(UsageError, match="neither a preset \\(calm, rough, hostile\\) nor a file"):
        scenario.load("none.toml")


def test_the_rate_is_met() -> None:
    assert 45 < len(strokes("[hangs]\nrate = 0.2")) < 75


def test_the_same_seed_strikes_the_same_and_another_does_not() -> None:
    text = "[hangs]\nrate = 0.2"
    assert strokes(text) == strokes(text)
    assert strokes(text) != strokes(text, seed=2)
    assert strokes(f"{text}\nseed = 9", seed=1) == strokes(f"{text}\nseed = 9", seed=2)


def test_only_some_strokes_are_the_same_strokes() -> None:
    whole = scenario.parse("[hangs]\nrate = 0.2", "test")
    kept = strokes("[hangs]\nrate = 0.2")[2:5]
    assert strokes(whole.only({"hangs": kept}).toml()) == kept


def test_a_scenario_survives_its_file() -> None:
    hostile = scenario.load("hostile")
    assert scenario.parse(hostile.toml(), "hostile") == hostile


def test_a_fault_that_is_aimed_strikes_only_there_and_as_it_would_have() -> None:
    def struck(where: str) -> list[tuple[int, str]]:
        recorder = Recorder()
        text = f'[hangs]\nrate = 0.2\nwhere = "{where}"'
        dice = Dice(scenario.parse(text, "test"), 1, Kernel(), recorder)
        for number in range(300):
            dice.strike("hangs", "Reader s3.GetObject" if number % 2 else "Writer s3.PutObject")
        return [(event.number, event.where) for event in recorder.events if isinstance(event, Stroke)]

    everywhere = struck("")
    assert struck("Reader") == [one for one in everywhere if one[1].startswith("Reader")] != []
    assert struck("Writer s3.PutObject") == [one for one in everywhere if one[1].startswith("Writer")]
    assert struck("Nobody") == []


def test_an_aim_survives_its_file() -> None:
    aimed = scenario.parse('[hangs]\nrate = 0.5\nwhere = "a \\"b\\" ü"', "test")
    assert aimed.faults["hangs"].where == 'a "b" ü'
    assert scenario.parse(aimed.toml(), "test") == aimed
