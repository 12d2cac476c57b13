"""Intervals by Student's t, and ranks that are alike."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.tuning.statistics import interval, spearman, t_quantile


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (9, 2.2622), (30, 2.0423), (1000, 1.9623)],
)
def test_quantiles_are_those_of_the_tables(freedom: int, quantile: float) -> None:
    assert t_quantile(freedom) == pytest.approx(quantile, abs=2e-4)


def test_an_interval_by_hand() -> None:
    found = interval([1.0, 2.0, 6.0])  # mean 3, standard deviation sqrt(7)
    assert found.mean == 3.0
    assert found.high - found.mean == pytest.approx(4.3027 * math.sqrt(7) / math.sqrt(3), rel=1e-4)


def test_one_value_has_no_interval_and_equal_ones_have_none_to_speak_of() -> None:
    assert interval([2.0]).high == math.inf
    assert interval([2.0, 2.0]).high == interval([2.0, 2.0]).low == 2.0


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=20, unique=True))
def test_ranks_do_not_change_with_what_grows(values: list[int]) -> None:
    assert spearman(values, [value**3 for value in values]) == pytest.approx(1.0)
    assert spearman(values, [-value for value in values]) == pytest.approx(-1.0)


def test_equal_values_share_a_rank_and_a_constant_ranks_nothing() -> None:
    assert spearman([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(0.9487, abs=1e-4)
    assert spearman([1, 1, 1], [1, 2, 3]) is None
