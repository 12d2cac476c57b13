"""What functions tell of their work: one line an invocation, and none where metrics are off."""

import json
import types

import pytest

from pipeline.handlers import metrics

CONTEXT = types.SimpleNamespace(aws_request_id="r-1")


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "stack")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "npi")
    monkeypatch.setattr(metrics, "ON", True)
    metrics._metrics.cache_clear()
    yield
    metrics._metrics.cache_clear()


def lines(capsys) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def work(event: dict, context: object) -> str:
    for pages in event["pages"]:
        metrics.count("Pages", pages)
    metrics.seconds("OcrSeconds", event.get("seconds", []))
    return "done"


def test_an_invocation_tells_what_it_did_in_one_line(on, capsys) -> None:
    handler = metrics.told(work)
    assert handler({"pages": [3, 4], "seconds": [0.12345, 2.0]}, CONTEXT) == "done"
    assert handler({"pages": [1]}, types.SimpleNamespace(aws_request_id="r-2")) == "done"
    first, second = lines(capsys)
    (directive,) = first["_aws"]["CloudWatchMetrics"]
    assert directive == {
        "Namespace": "stack",
        "Dimensions": [["service"]],
        "Metrics": [{"Name": "Pages", "Unit": "Count"}, {"Name": "OcrSeconds", "Unit": "Seconds"}],
    }
    assert (first["service"], first["function_request_id"]) == ("npi", "r-1")
    assert (first["Pages"], first["OcrSeconds"]) == ([3.0, 4.0], [0.123, 2.0])
    assert (second["function_request_id"], second["Pages"], "OcrSeconds" in second) == ("r-2", [1.0], False)


def test_one_that_did_nothing_is_silent(on, capsys, recwarn) -> None:
    metrics.told(work)({"pages": []}, CONTEXT)
    assert lines(capsys) == []
    assert not recwarn.list


def test_without_metrics_nothing_is_told_nor_kept(capsys) -> None:
    """A hundred values would be told at once, on or off."""
    metrics.told(work)({"pages": [1] * 200}, CONTEXT)
    assert lines(capsys) == []
