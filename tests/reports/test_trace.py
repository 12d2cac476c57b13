"""What a page is told of a run's trace agrees with the run's own numbers."""

import json
from pathlib import Path

import pytest

from harness.runs import run as runs
from reports import trace
from tests import builders


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    runs.write(builders.run(builders.sample(), compute="modelled", parameters={"BatchPages": "2"}), out)
    return out


@pytest.fixture(scope="module")
def read(folder: Path) -> trace.Trace:
    files = json.loads((folder / "files.json").read_text())
    return trace.read(folder, {line["resultKey"]: line["uploadKey"] for line in files})


def test_each_file_has_a_way_whose_parts_are_its_latency(folder: Path, read: trace.Trace) -> None:
    summary = json.loads((folder / "summary.json").read_text())
    assert len(read.ways) == summary["files"]["total"]
    for way in read.ways:
        assert sum(way.parts.values()) == pytest.approx(way.seconds)
        assert way.parts["work"] > 0
        assert way.parts["waiting"] > 0
    latencies = sorted(way.seconds for way in read.ways)
    assert (
        latencies[len(latencies) // 2 - 1] <= summary["fileLatency"]["p50"] <= latencies[len(latencies) // 2]
    )


def test_calls_are_those_of_the_bill(folder: Path, read: trace.Trace) -> None:
    bill = json.loads((folder / "summary.json").read_text())["bill"]["lines"]
    puts = sum(line["quantity"] for line in bill if line["item"] == "PutObject requests")
    assert sum(row.count for row in read.calls.rows() if row.operation == "PutObject") == puts


def test_the_oldest_message_is_as_old_as_the_summary_says(folder: Path, read: trace.Trace) -> None:
    queues = json.loads((folder / "summary.json").read_text())["queues"]
    for name, curve in read.ages.items():
        oldest = max(age for _, age in curve)
        assert oldest >= queues[name]["maxAgeSeconds"] - 1e-6  # which is told when it is received
