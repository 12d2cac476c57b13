"""How old the oldest message of a queue is, over time."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.queue_ages import QueueAges


def events(*moves: tuple[float, str, str]) -> list[dict]:
    return [{"t": t, "queue": "Queue", "action": action, "message": name} for t, action, name in moves]


def series(*moves: tuple[float, str, str]) -> list[tuple[float, float]]:
    ages = QueueAges()
    for event in events(*moves):
        ages.take(event)
    return ages.series().get("Queue", [])


def test_a_hand_made_queue() -> None:
    """a is there from 1 to 5, b from 2 to 9: the oldest is 4 s old when a goes, and b is 3 s old then."""
    assert series(
        (1, "sent", "a"), (2, "sent", "b"), (3, "received", "a"), (5, "deleted", "a"), (9, "deleted", "b")
    ) == [
        (1, 0.0),
        (5, 4.0),
        (5, 3.0),
        (9, 7.0),
        (9, 0.0),
    ]


def test_one_that_goes_before_an_older_one_changes_nothing() -> None:
    assert series((1, "sent", "a"), (2, "sent", "b"), (4, "deleted", "b")) == [(1, 0.0)]


def test_a_message_that_is_redriven_leaves_its_queue() -> None:
    assert series((1, "sent", "a"), (4, "redriven", "a"))[-1] == (4, 0.0)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=30))
def test_the_corners_are_right_whatever_comes_and_goes(moves: list[tuple[int, bool]]) -> None:
    """At each corner before a drop, the age is that of the oldest message that lies there, found by looking
    at all of them.
    """
    lying: dict[str, float] = {}
    told, peaks = [], []
    for time, (number, comes) in enumerate(moves):
        name = f"m{number}"
        if comes == (name in lying):
            continue
        before = time - min(lying.values()) if lying else None
        if comes:
            lying[name] = float(time)
        else:
            lying.pop(name)
            after = time - min(lying.values()) if lying else 0.0
            if not lying or after != before:
                peaks.append((float(time), pytest.approx(before)))
        told.append((float(time), "sent" if comes else "deleted", name))
    corners = series(*told)
    falls = [one for one, other in itertools.pairwise(corners) if one[0] == other[0] and one[1] > other[1]]
    assert [corner for corner in falls if corner[1] > 0] == [peak for peak in peaks if peak[1] != 0.0]
