"""A review: what verdicts on two samples say of all units, by hand and by the harness."""

from math import sqrt
from pathlib import Path

import msgspec
import pytest

from harness.errors import UsageError
from harness.tuning import review
from harness.tuning.review import Judged, Review


def test_precision_and_misses_have_wilsons_intervals() -> None:
    """By hand: 18 of 20 with z = 1.96: (0.9 + 3.8415/40 -/+ 1.96 sqrt(0.09/20 + 3.8415/1600)) / (1 + 3.8415/20)."""
    found = review.measure(reviewed(right=18, wrong=2, clean=24, missed=1))
    assert (found["precision"].share, found["missed"].share) == (0.9, 0.04)
    assert (found["precision"].low, found["precision"].high) == pytest.approx((0.6990, 0.9721), abs=1e-4)
    assert (found["missed"].low, found["missed"].high) == pytest.approx((0.0071, 0.1954), abs=1e-4)


def test_recall_weighs_each_sample_by_what_it_stands_for() -> None:
    """By hand: 1000 marked, 0.9 of them rightly; 200 not, 0.04 of them missed: 900 of 908."""
    found = review.measure(reviewed(right=18, wrong=2, clean=24, missed=1, population=(1000, 200)))
    assert found["recall"].share == pytest.approx(900 / 908)
    p_low, p_high = wilson(18, 20)
    m_low, m_high = wilson(1, 25)
    assert found["recall"].low == pytest.approx(1000 * p_low / (1000 * p_low + 200 * m_high), abs=1e-6)
    assert found["recall"].high == pytest.approx(1000 * p_high / (1000 * p_high + 200 * m_low), abs=1e-6)


def test_a_marked_unit_on_which_something_was_missed_is_rightly_marked_but_not_complete() -> None:
    found = review.measure(reviewed(right=6, incomplete=2, wrong=2, clean=5))
    assert (found["precision"].part, found["precision"].whole) == (8, 10)
    assert (found["complete"].part, found["complete"].whole) == (6, 8)


def test_nothing_is_said_of_recall_before_units_without_marks_are_judged() -> None:
    found = review.measure(reviewed(right=5, clean=0, population=(50, 50)))
    assert found["recall"].share is None
    assert found["threshold"]["confidence"] is None


def test_where_all_is_marked_recall_needs_no_other_sample() -> None:
    assert review.measure(reviewed(right=5, clean=0, population=(5, 0)))["recall"].share == 1.0


def test_the_threshold_is_the_highest_confidence_that_keeps_recall_above_99_percent() -> None:
    """200 rightly marked, one of confidence 40, one of 60, and wrong ones below: to leave out one is 99.5 %."""
    units = [marked(place, "right", confidence) for place, confidence in enumerate([40, 60, *[90] * 198])]
    units += [marked(200 + place, "wrong", 30) for place in range(10)]
    units += [Judged(key="b", unit=1, stratum="unmarked", verdict="right")]
    found = review.measure(Review(seed=0, wanted=210, population={"marked": 210, "unmarked": 1}, units=units))
    assert found["threshold"]["confidence"] == 60
    assert found["threshold"]["recall"] == pytest.approx(199 / 200)
    assert found["threshold"]["precision"] == 1.0


def test_no_threshold_mends_a_recall_that_is_too_low() -> None:
    found = review.measure(reviewed(right=20, clean=8, missed=2, population=(20, 10)))
    assert found["threshold"]["confidence"] is None


@pytest.mark.parametrize("content", ["", "[]", '{"kind": "run"}', '{"kind": "review", "seed": 1}'])
def test_what_is_no_review_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "review.json").write_text(content)
    with pytest.raises(UsageError, match=r"is no review of harness serve"):
        review.load(tmp_path / "review.json")


def test_a_review_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = reviewed(right=2, wrong=1, clean=3)
    (tmp_path / "review.json").write_bytes(msgspec.json.encode(written))
    assert review.load(tmp_path / "review.json") == written


def reviewed(
    *,
    right: int,
    wrong: int = 0,
    incomplete: int = 0,
    clean: int,
    missed: int = 0,
    population: tuple[int, int] | None = None,
) -> Review:
    said = ["right"] * right + ["wrong"] * wrong + ["missed"] * incomplete
    units = [marked(place, verdict, 90) for place, verdict in enumerate(said)]
    others = ["right"] * clean + ["missed"] * missed
    units += [
        Judged(key="b", unit=place, stratum="unmarked", verdict=verdict)
        for place, verdict in enumerate(others, 1)
    ]
    sizes = population or (len(said), len(others))
    return Review(seed=0, wanted=99, population={"marked": sizes[0], "unmarked": sizes[1]}, units=units)


def marked(place: int, verdict: str, confidence: float) -> Judged:
    return Judged(
        key="a", unit=place + 1, stratum="marked", types=["SSN"], confidence=confidence, verdict=verdict
    )


def wilson(part: int, whole: int) -> tuple[float, float]:
    """Of 97.5 %, by its formula."""
    z, p = 2.241402727604947, part / whole
    middle = p + z * z / (2 * whole)
    half = z * sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole))
    return (middle - half) / (1 + z * z / whole), (middle + half) / (1 + z * z / whole)
