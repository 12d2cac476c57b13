"""What a sweep recommends, and how sure it is of that."""

import msgspec
import pytest

from harness.bill.bill import Line
from harness.tuning import recommendation, wishes
from harness.tuning.point import Outcome
from harness.tuning.sweep import alike

WORDS = {"input": ["file", "files"], "unit": ["page", "pages"]}


def outcome(batch: int, seed: int, dollars: float, p95: float = 10.0, **more) -> Outcome:
    lines = (
        Line("Lambda", "duration", "Worker", 1.0, "GB-s", 1.0, dollars - 1),
        Line("SQS", "requests", "Queue", 1.0, "requests", 1.0, 1.0),
    )
    return Outcome(
        parameters={"BatchPages": str(batch)},
        seed=seed,
        inputs=2,
        units=10,
        dollars=dollars,
        lines=lines,
        makespan=100.0 / batch,
        latency={"p50": p95 / 2, "p95": p95, "p99": p95},
        **more,
    )


NOISY = [
    *(outcome(5, seed, 11.0 + seed, 5.0) for seed in range(3)),
    *(outcome(10, seed, 10.0 + seed, 9.0) for seed in range(3)),
    *(outcome(15, seed, 12.0 + 2 * seed, 20.0) for seed in range(3)),
    Outcome(parameters={"BatchPages": "99"}, seed=0, error="it broke"),
]


def _summary(*texts: str) -> dict:
    rows = recommendation.rows(NOISY)
    return recommendation.summary(
        rows, wishes.parse(texts, {"BatchPages": ("1", "5")}), {"BatchPages": "5"}, WORDS
    )


def test_the_cheapest_is_recommended_and_differences_are_paired_over_seeds() -> None:
    """Seeds move the cost by a dollar, and the difference of 5 and 10 pages by nothing."""
    told = _summary()
    assert told["recommended"] == {"BatchPages": "10"}
    second = told["flatness"]["second"]
    assert second["parameters"] == {"BatchPages": "5"}
    assert second["dollars"] == second["low"] == second["high"] == 1.0
    assert second["part"] == pytest.approx(1 / 11)
    third = next(one for one in told["points"] if one["parameters"] == {"BatchPages": "15"})
    assert third["more"]["cost"]["low"] < third["more"]["cost"]["mean"] == 3.0
    assert third["why"] == [{"resource": "Worker", "item": "duration", "dollars": pytest.approx(3.0)}]


def test_it_keeps_what_is_wished_and_tells_the_templates_own() -> None:
    told = _summary("p95<6s")
    assert told["recommended"] == {"BatchPages": "5"} == told["default"]["parameters"]
    assert [one["keeps"] for one in told["points"] if not one["error"]] == [True, False, False]
    assert _summary("p95<1s")["recommended"] is None


def test_a_setting_that_broke_is_a_row_and_nothing_more() -> None:
    told = _summary()
    assert told["points"][-1] == {"parameters": {"BatchPages": "99"}, "seeds": (0,), "error": "it broke"}
    assert {"BatchPages": "99"} not in told["fronts"]["makespan"]
    assert msgspec.json.decode(msgspec.json.encode(told))["recommended"] == {"BatchPages": "10"}


def test_fronts_hold_what_nothing_beats() -> None:
    assert _summary()["fronts"]["p95"] == [{"BatchPages": "10"}, {"BatchPages": "5"}]


def test_the_fleet_ranks_alike_where_the_order_is_the_same() -> None:
    rows = recommendation.rows(NOISY)
    scaled = recommendation.rows(
        [outcome(b, 0, d * 1.1, p) for b, d, p in ((5, 12, 5), (10, 11, 9), (15, 14, 20))]
    )
    found = alike(rows, scaled)
    assert found["settings"] == 3
    assert found["spearman"] == {
        "cost": pytest.approx(1),
        "makespan": pytest.approx(1),
        "p95": pytest.approx(1),
    }
    assert found["difference"]["cost"] == pytest.approx(0.1)
