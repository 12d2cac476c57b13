"""Numbers as people read them: a heading can stand alone."""

import pytest

from reports import amounts


@pytest.mark.parametrize(
    ("verdict", "b", "ends", "told"),
    [
        ("same", 100.0, (0.0, 0.0), "the same"),
        ("more", 103.0, (2.0, 4.0), "+3.00 % (+2.00 to +4.00)"),
        ("noise", 101.0, (-1.0, 3.0), "+1.00 % (-1.00 to +3.00), noise"),
        ("open", 150.0, (None, None), "+50.0 %"),
    ],
)
def test_a_heading_says_the_change(
    verdict: str, b: float, ends: tuple[float | None, float | None], told: str
) -> None:
    row = {"verdict": verdict, "a": 100.0, "b": b, "difference": b - 100.0, "low": ends[0], "high": ends[1]}
    assert amounts.headed(row) == told
