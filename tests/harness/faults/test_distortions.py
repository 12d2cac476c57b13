"""Answers that AWS may give and a careless caller does not expect."""

from pathlib import Path

import pytest
from PIL import Image

from harness.faults import scenario
from harness.recorder import Call, Stroke
from tests import builders

GIVEN_UP = """
[killed_before_call]
where = "AggregatorFunction"
only = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    (folder / "a.tif").write_bytes(builders.tiff(Image.new("1", (400, 400), 1)))
    return folder


@pytest.mark.parametrize("rate", [0.0, 0.7])
def test_a_stream_that_shows_nothing_yet_is_read_on(page: Path, rate: float) -> None:
    """The aggregator fails for good; who says so reads its records of the stream, however often it must ask."""
    weather = scenario.parse(f"{GIVEN_UP}\n[empty_read]\nrate = {rate}\n", "given up")
    made = builders.run(page, faults=weather, seed=1, parameters={"AggregatorRetries": "1"})
    assert made.summary["invariants"]["violations"] == []
    events = made.emulation.recorder.events
    empty = sum(isinstance(event, Stroke) and event.fault == "empty_read" for event in events)
    reads = sum(isinstance(event, Call) and event.operation == "GetRecords" for event in events)
    asked = sum(isinstance(event, Call) and event.operation == "GetShardIterator" for event in events)
    assert asked > 0
    assert reads == asked + empty
    assert (empty > 0) == (rate > 0)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_a_query_whose_answer_is_one_item_long_is_gone_on_with(page: Path, rate: float) -> None:
    """A file and its batch are two items."""
    weather = scenario.parse(f"[short_page]\nrate = {rate}\n", "short pages")
    made = builders.run(page, faults=weather, seed=1)
    assert made.summary["invariants"]["violations"] == []
    assert made.summary["files"]["completed"] == 1
    queries = [one for one in made.emulation.recorder.events if getattr(one, "operation", "") == "Query"]
    assert len(queries) == (2 if rate else 1)
    assert all(len(query.items) <= 1 for query in queries) == bool(rate)
