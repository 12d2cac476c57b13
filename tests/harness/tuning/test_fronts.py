"""A Pareto front: nothing on it is beaten, and all else is."""

from hypothesis import given
from hypothesis import strategies as st

from harness.tuning.fronts import front

POINTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40)


def beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one != other and one[0] <= other[0] and one[1] <= other[1]


@given(POINTS)
def test_nothing_on_it_is_beaten_and_all_else_is_beaten_or_equal_to_one_on_it(points: list) -> None:
    on_it = [points[place] for place in front(points)]
    assert len(set(on_it)) == len(on_it)
    for point in points:
        assert (point in on_it) != any(beats(other, point) for other in points)


@given(POINTS, st.randoms())
def test_it_does_not_depend_on_the_order(points: list, random) -> None:
    mixed = random.sample(points, len(points))
    assert [points[place] for place in front(points)] == [mixed[place] for place in front(mixed)]
