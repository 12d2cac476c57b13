"""What is said of a ratio by its pairs: where it lies, and how sure that is."""

import math

import numpy as np
import pytest

from harness.tuning import ratios

TAIL = 0.05


def of(*units: list[float], tail: float = TAIL, seed: int = 0) -> ratios.Ratio:
    generator = np.random.default_rng(seed)
    count = ratios.resamples(tail)
    return ratios.ratio([ratios.resampled(unit, generator, count) for unit in units], tail)


def test_pairs_that_agree_give_their_ratio_and_no_doubt() -> None:
    found = of([math.log(1.1)] * 6)
    assert (found.ratio, found.low, found.high, found.pairs) == pytest.approx((1.1, 1.1, 1.1, 6))


def test_a_pair_that_something_struck_moves_nothing() -> None:
    quiet = [0.01, -0.01, 0.02, -0.02, 0.0, 0.01]
    struck = [*quiet[:-1], math.log(3)]
    assert of(struck).ratio == pytest.approx(of(quiet).ratio, abs=0.01)


def test_units_count_alike_however_often_each_was_measured() -> None:
    assert of([math.log(1.2)] * 30, [0.0] * 6).ratio == pytest.approx(math.sqrt(1.2))


def test_the_same_pairs_give_the_same_interval() -> None:
    pairs = list(np.random.default_rng(1).normal(0, 0.1, 9))
    assert of(pairs) == of(pairs)


def test_the_ends_of_an_interval_are_known_to_be_unknown_when_pairs_are_few() -> None:
    assert of([0.0, 0.3], tail=0.001).low < 0.5


@pytest.mark.parametrize("noise", ["normal", "heavy", "struck"])
@pytest.mark.parametrize("pairs", [6, 13])
def test_an_interval_misses_as_often_as_it_says(noise: str, pairs: int) -> None:
    """Three units, whose true ratio is 1, in noise as it was measured and worse: beyond either end lies 5 %."""
    generator = np.random.default_rng(2)

    def draw() -> list[float]:
        if noise == "normal":
            return list(generator.normal(0, 0.02, pairs))
        if noise == "heavy":
            return list(0.02 * generator.standard_t(3, pairs))
        return list(generator.normal(0, 0.02, pairs) * np.where(generator.random(pairs) < 0.1, 10, 1))

    found = [of(draw(), draw(), draw(), seed=number) for number in range(300)]
    above, below = (sum(one.low > 1 for one in found) / 300, sum(one.high < 1 for one in found) / 300)
    assert max(above, below) <= 0.09  # 5 % and three standard errors of 300 draws
    assert above + below >= 0.02  # and it is no wider than it need be
