"""A schedule decides who takes the next step: by priority, with preemptions, and never for longer than its
window.
"""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.engine.kernel import Kernel
from harness.engine.schedule import Point, Schedule, Turns, Wait

Steps = list[tuple[float, str, int]]
"""(when, whose, which of its own) of each step that was taken."""


def taken(
    schedule: Schedule, gaps: dict[str, list[float]], lives: float = math.inf
) -> tuple[Steps, list[Wait]]:
    """Processes that each wait their gaps, and take a step after each; they live so long."""
    kernel = Kernel()
    turns = Turns(kernel, schedule)
    steps: Steps = []
    waits: list[Wait] = []

    def body(name: str) -> None:
        for number, gap in enumerate(gaps[name], 1):
            kernel.sleep(gap)
            turns.take(name, lives, waits.append)
            steps.append((round(kernel.now, 6), name, number))

    for name in gaps:
        kernel.spawn(name, lambda name=name: body(name))
    kernel.run()
    return steps, waits


def order(steps: Steps) -> str:
    return " ".join(f"{name}{number}" for _, name, number in steps)


A1, A2, B1 = Point("a", 1), Point("a", 2), Point("b", 1)
SIDE_BY_SIDE = {"a": [1.0, 1.0], "b": [1.1, 1.0]}


def test_without_points_and_priorities_each_step_is_taken_when_it_is_due() -> None:
    steps, waits = taken(Schedule(window=5.0), SIDE_BY_SIDE)
    assert steps == [(1.0, "a", 1), (1.1, "b", 1), (2.0, "a", 2), (2.1, "b", 2)]
    assert waits == []


def test_a_preempted_step_waits_a_window_and_others_pass() -> None:
    steps, waits = taken(Schedule(window=5.0, points=(A2,)), SIDE_BY_SIDE)
    assert steps == [(1.0, "a", 1), (1.1, "b", 1), (2.1, "b", 2), (7.0, "a", 2)]
    assert waits == [Wait(A2, 5.0)]


def test_who_was_preempted_goes_last_from_then_on_as_far_as_the_window_lasts() -> None:
    steps, waits = taken(Schedule(window=2.0, points=(A1,)), {"a": [1.0, 0.1], "b": [1.1, 3.0, 0.5, 9.0]})
    assert order(steps) == "b1 b2 b3 a1 a2 b4"
    assert steps[3] == (5.0, "a", 1), "a window for the preemption from 1 s on, another one for b"
    assert waits[0] == Wait(A1, 2.0)
    assert sum(wait.seconds for wait in waits[1:]) == pytest.approx(2.0)
    assert {wait.behind for wait in waits[1:]} == {"b"}


def test_the_first_point_leads_to_the_lowest_priority() -> None:
    gaps = {"a": [1.0, 1.0], "b": [1.0, 1.0]}
    assert order(taken(Schedule(window=5.0, points=(A1, B1)), gaps)[0]) == "b1 b2 a1 a2"
    assert order(taken(Schedule(window=5.0, points=(B1, A1)), gaps)[0]) == "a1 a2 b1 b2"


def test_of_two_that_are_due_the_one_of_higher_priority_goes_first_to_its_end() -> None:
    orders = {order(taken(Schedule(window=50.0, priorities=seed), SIDE_BY_SIDE)[0]) for seed in range(20)}
    assert orders == {"a1 a2 b1 b2", "a1 b1 b2 a2"}, "a is alone until b comes"


def test_who_has_waited_a_window_waits_no_more() -> None:
    gaps = {"a": [1.0] * 30, "b": [1.1] * 10}
    for seed in range(10):
        _, waits = taken(Schedule(window=3.0, priorities=seed), gaps)
        assert sum(wait.seconds for wait in waits) == pytest.approx(3.0)


def test_nobody_waits_for_more_than_half_of_what_is_left_of_its_life() -> None:
    steps, _ = taken(Schedule(window=60.0, points=(A1, A2)), {"a": [2.0, 2.0]}, lives=10.0)
    assert steps == [(6.0, "a", 1), (9.0, "a", 2)]
    steps, _ = taken(Schedule(window=60.0, points=(A1,)), {"a": [2.0]}, lives=1.0)
    assert steps == [(2.0, "a", 1)], "whose time is up does not wait"


@settings(max_examples=60, deadline=None)
@given(
    gaps=st.dictionaries(
        st.sampled_from("abcd"), st.lists(st.floats(0.0, 10.0), min_size=1, max_size=6), min_size=1
    ),
    points=st.lists(st.builds(Point, st.sampled_from("abcd"), st.integers(1, 6)), unique=True, max_size=3),
    priorities=st.none() | st.integers(0, 99),
    window=st.floats(0.001, 30.0),
    lives=st.floats(1.0, 100.0),
)
def test_every_step_is_taken_once_in_its_own_order_and_in_time(
    gaps: dict[str, list[float]], points: list[Point], priorities: int | None, window: float, lives: float
) -> None:
    schedule = Schedule(window=window, points=tuple(points), priorities=priorities)
    steps, _ = taken(schedule, gaps, lives)
    assert (steps, _) == taken(schedule, gaps, lives)
    for name, own in gaps.items():
        assert [number for _, who, number in steps if who == name] == list(range(1, len(own) + 1))
        due = sum(own)
        ended = max(when for when, who, _ in steps if who == name)
        assert ended <= due + window * (len(points) + 1) + 1e-3


@pytest.mark.parametrize(
    "wrong",
    [
        {"window": 0.0},
        {"window": math.inf},
        {"window": 1.0, "points": (Point("a", 0),)},
        {"window": 1.0, "points": (A1, A1)},
    ],
)
def test_a_schedule_that_is_none_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="must"):
        Schedule(**wrong)
