"""A line is found again where there is one, and no term is more than it must be."""

import numpy as np
import pytest

from harness.fleet.fitting import fit


def test_a_line_is_found_again() -> None:
    generator = np.random.default_rng(1)
    records, pages = generator.integers(1, 10, 500), generator.integers(1, 200, 500)
    values = 0.3 * records + 0.02 * pages + 1.5 + generator.normal(0, 0.05, 500)
    line = fit(records, pages, values, keep=True)
    assert (line.per_record, line.per_page, line.fixed) == pytest.approx((0.3, 0.02, 1.5), rel=0.05)
    assert np.mean(line.residuals) == pytest.approx(0, abs=1e-9)
    assert line.at(10, 100, 2) == pytest.approx(0.3 * 10 + 0.02 * 100 + 2 * 1.5, rel=0.05)


def test_no_part_is_negative_and_what_does_not_matter_is_left_out() -> None:
    pages = [1.0, 2.0, 3.0, 4.0]
    falling = fit([1] * 4, pages, [4.0, 3.0, 2.0, 1.0])
    assert min(falling.per_record, falling.per_page, falling.fixed) >= 0
    alike = fit([1] * 4, pages, [2.0] * 4)
    assert (alike.per_record, alike.per_page, alike.fixed) == (pytest.approx(2.0), 0, 0)


def test_nothing_gives_nothing() -> None:
    assert fit([], [], []).at(5, 5, 5) == 0
    assert fit([1, 1], [2, 3], [0, 0], keep=True).residuals == (0.0,)
