"""What must hold of a setting, as it is said on the command line."""

import pytest

from harness.errors import UsageError
from harness.tuning import wishes

VARIED = {"BatchPages": ("5", "15"), "OcrFindings": ("flag", "full")}
VALUES = {"cost": 1400.0, "makespan": 86_000.0, "p95": 899.0, "BatchPages": "15"}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("p95<15min", True),
        ("p95 < 899s", False),
        ("p95<=899", True),
        ("makespan<24h", True),
        ("makespan<0.5d", False),
        ("cost<$1500", True),
        ("cost<1400", False),
        ("BatchPages<=15", True),
        ("BatchPages>15", False),
    ],
)
def test_a_wish_holds_or_does_not(text: str, holds: bool) -> None:
    (wish,) = wishes.parse([text], VARIED)
    assert wish.holds(VALUES) is holds
    assert (wish.excess(VALUES) < 0) <= holds


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("p95", 'it must be like "p95<15min"'),
        ("p95<15 parsecs", "p95 is a time, in ms, s, min, h or d"),
        (
            "joy<3",
            "joy is none of cost, makespan, p50, p95, p99, and no parameter that is varied .BatchPages, OcrFindings.",
        ),
        ("cost<3h", "cost has no unit h"),
        ("BatchPages<$3", "BatchPages has no unit"),
        ("OcrFindings<3", "OcrFindings may be flag, which is no number"),
    ],
)
def test_what_is_no_wish_is_told(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        wishes.parse([text], VARIED)
