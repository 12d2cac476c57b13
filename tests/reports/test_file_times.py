"""Every moment of a file between its upload and its result is counted once, as what matters most of all that goes on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.file_times import KINDS, Doing, of_span, parts

SECONDS = st.floats(0, 100).map(lambda value: round(value, 3))
DOINGS = st.lists(
    st.tuples(st.sampled_from(KINDS[:-1]), SECONDS, SECONDS).map(
        lambda one: Doing(one[0], min(one[1:]), max(one[1:]))
    )
)


def test_a_hand_made_file() -> None:
    """Uploaded at 1 s; a cold start from 2 to 4, the handler until 10; it downloads for 1 s, reads two pages at once
    and writes half a second; its result comes at 11.
    """
    doings = [
        *of_span(2.0, 4.0, 10.0),
        Doing("reading", 4.0, 5.0),
        Doing("work", 5.0, 8.0),
        Doing("work", 6.0, 9.0),
        Doing("writing", 9.5, 10.0),
    ]
    assert parts(1.0, 11.0, doings) == pytest.approx(
        {"work": 4.0, "reading": 1.0, "writing": 0.5, "running": 0.5, "cold start": 2.0, "waiting": 2.0}
    )


@given(DOINGS, SECONDS, SECONDS)
def test_the_parts_add_up_whatever_goes_on(doings: list[Doing], one: float, other: float) -> None:
    begun, ended = min(one, other), max(one, other)
    spent = parts(begun, ended, doings)
    assert sum(spent.values()) == pytest.approx(ended - begun, abs=1e-9)
    assert min(spent.values()) >= 0


@given(DOINGS)
def test_a_thousand_moments_say_the_same(doings: list[Doing]) -> None:
    """Against looking at the middle of each of many short pieces of time."""
    spent, pieces = parts(0.0, 100.0, doings), 2_000
    counted = dict.fromkeys(KINDS, 0.0)
    for piece in range(pieces):
        moment = 100.0 * (piece + 0.5) / pieces
        going = {doing.kind for doing in doings if doing.start <= moment < doing.end}
        counted[min(going, key=KINDS.index, default="waiting")] += 100.0 / pieces
    assert spent == pytest.approx(counted, abs=0.06 * (2 * len(doings) + 1))
