"""Files that lie there already, sent by the application's own script, in the tunnel."""

import json
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.faults import scenario
from harness.faults.scenario import CALM, Scenario
from harness.recorder import Call, Compute
from harness.runs import backfilling, inputs
from harness.runs import run as runs
from harness.runs.backfilling import SCRIPT, Course, Sent, Told
from harness.runs.inputs import InputFile
from harness.runs.rig import Options, quiet
from tests import builders


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "page.tif"
    path.write_bytes(builders.tiff(builders.page_image("A page", size=(60, 40))))
    return path


def backfill(
    files: list[InputFile],
    course: Course,
    parameters: dict[str, str] | None = None,
    compute: str = "modelled",
    faults: Scenario = CALM,
    template: Path = builders.PROJECT / "template.yaml",
) -> tuple[runs.Run, Sent, Told]:
    told = Told()
    options = Options(
        template=template,
        parameters=parameters or {},
        seed=0,
        compute=compute,
        latencies=builders.latency.load(),
        ledger=builders.LEDGER,
        faults=faults,
    )
    bring = backfilling.clients(builders.CONFIG, course, told)
    finished = runs.run(builders.CONFIG, files, options, quiet, bring=bring)
    return finished, backfilling.sent(finished.emulation.recorder, told), told


def copies(page: Path, count: int) -> list[InputFile]:
    return [InputFile(f"{number:05} of {count}.tif", page) for number in range(count)]


@pytest.mark.parametrize("files", [150, pytest.param(2_000, marks=pytest.mark.slow)])
def test_files_go_at_their_rate_and_killed_and_resumed_none_goes_twice(page: Path, files: int) -> None:
    course = Course(rate=40.0, oldest_seconds=900.0, killed_at=(1.25, 1.5))
    finished, sent, _ = backfill(copies(page, files), course)
    assert sent.starts == 3
    assert sent.rate == pytest.approx(40.0, rel=0.02)
    assert sent.messages == files
    assert finished.summary["files"]["completed"] == files
    events = finished.emulation.recorder.events
    assert sum(isinstance(event, Compute) for event in events) == files, "no page is read twice"
    assert finished.summary["invariants"]["violations"] == []


def test_what_it_sends_twice_for_a_crash_is_read_once(page: Path) -> None:
    """Killed after a send that it could not note any more, time and again."""
    fault = scenario.Fault(rate=0.3, where=f"{SCRIPT} sqs.SendMessageBatch")
    faults = Scenario("crashes", {"killed_after_call": fault})
    course = Course(rate=40.0, oldest_seconds=900.0)
    finished, sent, _ = backfill(copies(page, 80), course, faults=faults)
    assert sent.starts > 3
    assert sent.messages > 80
    assert finished.summary["files"]["completed"] == 80
    assert sum(isinstance(event, Compute) for event in finished.emulation.recorder.events) == 80
    assert finished.summary["invariants"]["violations"] == []


def test_few_workers_slow_it_down(page: Path) -> None:
    """Two pages are read at once: the script waits, messages do not."""
    course = Course(rate=10.0, oldest_seconds=10.0)
    finished, sent, told = backfill(copies(page, 160), course, {"OcrWorkers": "2"})
    assert any(line.startswith("paused: messages wait") for line in told.lines)
    assert sent.rate < 6.0
    assert finished.summary["files"]["completed"] == 160
    looks = [
        event
        for event in finished.emulation.recorder.events
        if isinstance(event, Call) and event.caller == SCRIPT and event.operation == "GetQueueAttributes"
    ]
    assert len(looks) > 4


def test_the_results_are_those_of_the_same_files_uploaded() -> None:
    files = inputs.collect([builders.sample()], builders.CONFIG.input_suffixes)
    lying, _, _ = backfill(files, Course(rate=5.0, oldest_seconds=900.0), compute="recorded")
    uploaded = builders.run(builders.sample())
    assert {name: one["npiPages"] for name, one in lying.results.items()} == {
        name: one["npiPages"] for name, one in uploaded.results.items()
    }
    assert not any(
        line["item"] == "PUT, COPY, POST, LIST" and "uploads" in line
        for line in lying.summary["bill"]["lines"]
    )


def test_a_script_that_ends_badly_is_told_in_a_line(page: Path) -> None:
    with pytest.raises(UsageError, match=r"pipeline\.backfill:main ended with 2"):
        backfill(copies(page, 1), Course(rate=-1.0, oldest_seconds=900.0))


def test_a_bucket_that_is_not_made_is_told_in_a_line(page: Path) -> None:
    with pytest.raises(UsageError, match="makes no DocumentsBucket with these parameters"):
        backfill(copies(page, 1), Course(rate=1.0, oldest_seconds=9.0), {"ExistingBucket": "archive"})


def test_an_existing_bucket_is_what_the_functions_may_read_and_none_is_made(tmp_path: Path) -> None:
    from harness.cloud import deployment
    from harness.cloud import template as templates

    values = {"ExistingBucket": "archive", "InputPrefix": "scans/2019/"}
    loaded = templates.load(builders.PROJECT / "template.yaml", values, kept=tmp_path)
    with deployment.deployed(loaded, 0) as cloud:
        assert cloud.system.buckets == {}
        worker = cloud.system.functions["WorkerFunction"].identity
        controller = cloud.system.functions["ControllerFunction"].identity
        for identity in (worker, controller):
            assert identity.may("s3:GetObject", "arn:aws:s3:::archive/scans/2019/a.tif")
            assert not identity.may("s3:GetObject", "arn:aws:s3:::archive/scans/2020/a.tif")
            assert identity.may("s3:ListBucket", "arn:aws:s3:::archive")
        aggregator = cloud.system.functions["AggregatorFunction"].identity
        assert aggregator.may("s3:PutObject", "arn:aws:s3:::archive/results/x.json")
        assert not aggregator.may("s3:PutObject", "arn:aws:s3:::archive/scans/2019/a.tif")


def test_an_inventory_is_written_as_s3_writes_it(tmp_path: Path) -> None:
    manifest = backfilling.inventory(tmp_path, [["b", "a+b.tif", "v", "true", "false", "7", "d", "e"]])
    told = json.loads(manifest.read_text())
    assert told["fileSchema"].split(", ")[:2] == ["Bucket", "Key"]
    assert (tmp_path / "data" / told["files"][0]["key"].rpartition("/")[2]).is_file()
