"""A search finds the best of a grid in fewer trials than the grid has settings."""

from collections.abc import Sequence

import pytest

from harness.errors import UsageError
from harness.tuning import recommendation, search, wishes
from harness.tuning.grid import Setting
from harness.tuning.point import Outcome
from tests.harness.tuning.test_recommendation import outcome

AXES = search.parse(["BatchPages=1:30", "OcrMemory=1024:4096:512"])
START = {"BatchPages": "10", "OcrMemory": "1024"}


def valley(settings: Sequence[Setting]) -> list[Outcome]:
    """Cheapest at 12 pages and 2,048 MB; slower the more pages there are."""
    found = []
    for setting in settings:
        batch, memory = int(setting["BatchPages"]), int(setting["OcrMemory"])
        dollars = 10 + 0.05 * (batch - 12) ** 2 + 0.004 * abs(memory - 2048)
        made = outcome(batch, 0, dollars, p95=float(batch))
        found.append(
            Outcome(
                **{name: getattr(made, name) for name in made.__struct_fields__} | {"parameters": setting}
            )
        )
    return found


def _best(texts: Sequence[str], trials: int, seed: int = 0) -> tuple[recommendation.Row, int]:
    wishing = wishes.parse(texts, {axis.name: axis.values for axis in AXES})
    found = [one for part in search.search(AXES, START, wishing, trials, seed, valley) for one in part]
    best = recommendation.recommended(recommendation.rows(found), wishing)
    assert best is not None
    return best, len(found)


def test_it_finds_the_best_of_210_settings_in_60() -> None:
    best, tried = _best([], 60)
    assert tried == 60 < len(AXES[0].values) * len(AXES[1].values) == 210
    assert best.cost <= 10 + 0.05  # the best, or next to it


def test_it_keeps_what_is_wished() -> None:
    best, _ = _best(["p95<=6s"], 60)
    assert int(best.parameters["BatchPages"]) == 6


def test_the_same_seed_asks_for_the_same_and_no_setting_is_tried_twice() -> None:
    asked: list[list[Setting]] = [[], []]
    for tried in asked:

        def note(settings: Sequence[Setting], tried: list[Setting] = tried) -> list[Outcome]:
            tried += settings
            return valley(settings)

        list(search.search(AXES, START, [], 24, 3, note))
    assert asked[0] == asked[1]
    assert asked[0][0] == START
    assert len({tuple(one.values()) for one in asked[0]}) == 24


def test_it_ends_when_all_of_a_small_grid_is_tried() -> None:
    axes = search.parse(["BatchPages=1:3", "OcrMemory=1024,2048"])
    found = [
        one for part in search.search(axes, START | {"BatchPages": "2"}, [], 100, 0, valley) for one in part
    ]
    assert len(found) == 6


def test_a_setting_that_breaks_is_left_alone() -> None:
    def breaks(settings: Sequence[Setting]) -> list[Outcome]:
        return [
            Outcome(parameters=one.parameters, seed=0, error="timed out")
            if int(one.parameters["BatchPages"]) > 8
            else one
            for one in valley(settings)
        ]

    found = [one for part in search.search(AXES, START, [], 60, 0, breaks) for one in part]
    best = recommendation.recommended(recommendation.rows(found), [])
    assert best is not None
    assert int(best.parameters["BatchPages"]) in (7, 8)


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        ("BatchPages", "is neither NAME=LOW:HIGH"),
        ("BatchPages=3:1", "LOW is at most HIGH"),
        ("BatchPages=1:9:0", "STEP more than 0"),
        ("BatchPages=1:x", "a range is LOW:HIGH or LOW:HIGH:STEP"),
        ("BatchPages=0:1000000", "has more than 10,000 values"),
        ("BatchPages=1:inf", "has more than 10,000 values"),
        ("BatchPages=1:9:1e-320", "has more than 10,000 values"),
        ("BatchPages=,", "has no values"),
        ("=1:9", "is neither NAME=LOW:HIGH"),
    ],
)
def test_what_is_no_range_is_told(pair: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        search.parse([pair])
