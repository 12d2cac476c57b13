"""What logs say of a projection: known answers come out again, from lines made by hand and from the tunnel's own."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from harness import recorder
from harness.bill import platform_logs
from harness.calibration import fitting, learning, reading
from harness.calibration.fitting import Read
from harness.calibration.learning import Names
from harness.calibration.samples import Answer, Metric, Report, Samples
from harness.cloud.latency import Distribution
from harness.commands import cli
from harness.errors import UsageError
from harness.fleet import calibration as calibrations
from harness.fleet.calibration import VERSION, Calibration, Stage
from harness.fleet.fitting import Line
from harness.recorder import Invocation
from tests import builders

NAMES = Names(pages="Pages", seconds="OcrSeconds")
BATCH = 10


def stage(function: str, cpu: Line, wait: Line) -> Stage:
    return Stage(
        function=function, cpu=cpu, wait=wait, init_cpu=0.5, told_before_end=0.0, calls=(), log_bytes=Line()
    )


def known(files: int = 40, cpu_factor: float = 1.0) -> Calibration:
    """Files of 1 to 25 pages of 0.1 to 1 s; a worker waits 0.2 s and computes 0.01 s a page beside."""
    generator = np.random.default_rng(5)
    pages = tuple(
        tuple(generator.uniform(0.1, 1.0, generator.integers(1, 26)).tolist()) for _ in range(files)
    )
    return Calibration(
        version=VERSION,
        made="2026-11-01",
        cpu_factor=cpu_factor,
        parameters={"BatchPages": str(BATCH)},
        latencies={"default": Distribution(median_ms=10, sigma=0.4), "s3": Distribution(median_ms=30, sigma=0.5, megabytes_per_second=85)},
        pages=pages,
        sizes=(1000,) * files,
        uploaded=(0.0,) * files,
        heard=(0.0,) * files,
        stages=(
            stage("ControllerFunction", Line(fixed=0.02), Line(fixed=0.1)),
            stage("WorkerFunction", Line(per_page=0.01), Line(fixed=0.2)),
            stage("AggregatorFunction", Line(fixed=0.02), Line(fixed=0.1)),
        ),
        stored=(),
        batch_bytes=Line(),
    )  # fmt: skip


def reports(
    calibration: Calibration, factor: float, count: int = 1_000, memory: int = 1769, noise: float = 0.05
) -> list[Report]:
    """Of workers on a vCPU that takes `factor` times as long as the calibration's core, each batch as often."""
    cpu, wait = fitting._batches(calibration, BATCH)
    generator = np.random.default_rng(11)
    share = min(1.0, memory / 1769)
    lines = []
    for number in range(count):
        one = number % len(cpu)
        seconds = wait[one] + cpu[one] * factor / share * generator.normal(1.0, noise)
        cold = 0.9 if number % 10 == 0 else None
        lines.append(
            Report(
                request=str(number),
                seconds=float(seconds),
                billed_seconds=float(seconds),
                memory_mb=memory,
                max_memory_mb=300,
                init_seconds=cold,
            )
        )
    return lines


@pytest.mark.parametrize(
    ("factor", "memory"), [(1.0, 1769), (1.37, 1769), (0.8, 1769), (1.37, 884), (2.5, 3008)]
)
def test_a_known_cpu_factor_is_found_within_two_percent(factor: float, memory: int) -> None:
    learnt = learning.learn(
        known(), Samples({"WorkerFunction": reports(known(), factor, memory=memory)}), BATCH, NAMES
    )
    assert learnt.factor is not None
    assert learnt.factor.value == pytest.approx(factor, rel=0.02)
    assert learnt.factor.low < learnt.factor.value < learnt.factor.high
    assert learnt.calibration.cpu_factor == learnt.factor.value


def test_what_failed_says_nothing_of_the_vcpu() -> None:
    good = reports(known(), 1.2)
    bad = [
        Report(
            request="x",
            seconds=300.0,
            billed_seconds=300.0,
            memory_mb=1769,
            max_memory_mb=1,
            status="timeout",
        )
    ] * 200
    learnt = learning.learn(known(), Samples({"WorkerFunction": good + bad}), BATCH, NAMES)
    assert learnt.factor is not None
    assert learnt.factor.value == pytest.approx(1.2, rel=0.02)
    (failed,) = [row for row in learnt.compared if row.quantity == "failed"]
    assert failed.real == pytest.approx(200 / 1200)


def test_seconds_of_pages_say_it_whatever_the_files_were() -> None:
    """Real files of few pages, unlike the calibrated ones: invocations mislead, pages do not."""
    calibration = known()
    mean = float(np.mean([page for file in calibration.pages for page in file]))
    generator = np.random.default_rng(3)
    metrics, lines = [], []
    for number in range(1_000):
        seconds = float(1.3 * mean * generator.uniform(0.9, 1.1))
        metrics += [
            Metric(name="Pages", values=(1.0,), request=str(number)),
            Metric(name="OcrSeconds", values=(seconds,), unit="Seconds", request=str(number)),
        ]
        lines.append(
            Report(
                request=str(number), seconds=0.2 + seconds, billed_seconds=1, memory_mb=1769, max_memory_mb=1
            )
        )
    alone = learning.learn(calibration, Samples({"WorkerFunction": lines}), BATCH, NAMES)
    learnt = learning.learn(calibration, Samples({"WorkerFunction": lines}, metrics), BATCH, NAMES)
    assert alone.factor is not None
    assert learnt.factor is not None
    assert alone.factor.value < 0.5
    assert any("real files were like the calibrated ones" in note for note in alone.notes)
    assert learnt.factor.value == pytest.approx(1.3, rel=0.02)
    (row,) = [row for row in learnt.compared if (row.about, row.quantity) == ("page", "mean")]
    assert row.off == pytest.approx(0.3, abs=0.02)


def test_pages_told_as_a_sum_count_as_many() -> None:
    metrics = [
        Metric(name="Pages", values=(4.0,), request="a"),
        Metric(name="OcrSeconds", values=(2.0,), request="a"),
        Metric(name="OcrSeconds", values=(1.0, 3.0), request="b"),
        Metric(name="Other", values=(9.0,), request="b"),
    ]
    read, single = learning.pages_read(metrics, NAMES)
    assert read == [Read(2.0, 4), Read(4.0, 2)]
    assert single == [0.5] * 4 + [1.0, 3.0]


def test_cold_starts_become_the_new_init() -> None:
    learnt = learning.learn(known(), Samples({"WorkerFunction": reports(known(), 1.5)}), BATCH, NAMES)
    worker = learnt.calibration.stages[1]
    assert worker.init_cpu * learnt.calibration.cpu_factor == pytest.approx(0.9)
    rows = {row.quantity: row for row in learnt.compared}
    assert rows["init"].projected == pytest.approx(0.5)
    assert rows["cold starts"].real == pytest.approx(0.1)


def test_it_says_how_far_the_projection_was() -> None:
    calibration = known()
    lines = reports(calibration, 1.5, noise=0.0)
    (row, *_) = learning.learn(calibration, Samples({"WorkerFunction": lines}), BATCH, NAMES).compared
    real = np.mean([one.seconds for one in lines])
    assert row.real == pytest.approx(real)
    again = msgspec.structs.replace(calibration, cpu_factor=1.5)
    (row, *_) = learning.learn(again, Samples({"WorkerFunction": lines}), BATCH, NAMES).compared
    assert row.off == pytest.approx(0.0, abs=0.02), "one that knew it was not"


def test_a_known_latency_is_found_and_payloads_are_taken_off() -> None:
    generator = np.random.default_rng(2)
    drawn = 0.04 * np.exp(0.3 * generator.standard_normal(2_000))
    answers = [Answer("s3.GetObject", float(one) + 8.5e6 / 85e6, 8_500_000) for one in drawn]
    learnt = learning.learn(known(), Samples(answers=answers), BATCH, NAMES)
    entry = learnt.calibration.latencies["s3.GetObject"]
    assert entry.median_ms == pytest.approx(40, rel=0.03)
    assert entry.sigma == pytest.approx(0.3, rel=0.05)
    assert entry.megabytes_per_second == 85
    assert learnt.factor is None
    assert any("do not say how fast a vCPU is" in note for note in learnt.notes)


def test_a_few_answers_change_nothing() -> None:
    answers = [Answer("s3.GetObject", 9.0)] * (fitting.FEWEST - 1) + [
        Answer("sqs.SendMessage", 0.01)
    ] * fitting.FEWEST
    learnt = learning.learn(known(), Samples(answers=answers), BATCH, NAMES)
    assert set(learnt.calibration.latencies) - set(known().latencies) == {"sqs.SendMessage"}


def test_logs_of_another_system_are_refused() -> None:
    with pytest.raises(UsageError, match="nothing that a projection goes by"):
        learning.learn(known(), Samples({"Other": reports(known(), 1.0, 20)}), BATCH, NAMES)


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
def test_the_tunnels_own_logs_give_back_the_factor_that_it_ran_with(tmp_path: Path, log_format: str) -> None:
    slow = builders.run(builders.sample(), cpu_factor=1.6)
    calibration = builders.run(builders.sample()).calibration
    assert isinstance(calibration, Calibration)
    files = []
    for one in calibration.stages:
        path = tmp_path / f"{one.function}.log"
        lines = [
            line
            for event in slow.emulation.recorder.events
            if isinstance(event, Invocation) and event.function == one.function
            for line in platform_logs.lines(event, log_format)
        ]
        path.write_text("\n".join(lines))
        files.append(str(path))
    samples = reading.read(files, [one.function for one in calibration.stages])
    learnt = learning.learn(calibration, samples, 15, NAMES)
    assert learnt.factor is not None
    assert learnt.factor.value == pytest.approx(1.6, rel=0.03)
    for before, after in zip(calibration.stages, learnt.calibration.stages, strict=True):
        assert after.init_cpu == pytest.approx(before.init_cpu, rel=0.05), "the import is the same work"


def test_the_tunnels_own_metrics_give_back_the_factor_within_two_percent(tmp_path: Path) -> None:
    """The seconds of pages that the worker tells, as CloudWatch Logs has them, beside its REPORT lines."""
    slow = builders.run(builders.sample(), cpu_factor=1.6, parameters={"Metrics": "on"})
    calibration = builders.run(builders.sample()).calibration
    assert isinstance(calibration, Calibration)
    path = tmp_path / "WorkerFunction.log"
    lines: list[str] = []
    for event in slow.emulation.recorder.events:
        if isinstance(event, Invocation) and event.function == "WorkerFunction":
            lines += platform_logs.lines(event, "JSON")
        elif isinstance(event, recorder.Metric) and event.function == "WorkerFunction":
            directive = {
                "Namespace": event.namespace,
                "Dimensions": [list(event.dimensions)],
                "Metrics": [{"Name": event.name, "Unit": event.unit}],
            }
            told = {"_aws": {"Timestamp": 0, "CloudWatchMetrics": [directive]}, **event.dimensions}
            told |= {event.name: list(event.values), "function_request_id": event.request}
            lines.append(json.dumps(told))
    path.write_text("\n".join(lines))
    samples = reading.read([str(path)], ["WorkerFunction"])
    learnt = learning.learn(calibration, samples, 15, NAMES)
    assert learnt.factor is not None
    assert learnt.factor.source == "seconds of pages"
    assert learnt.factor.value == pytest.approx(1.6, rel=0.02)


def test_the_command_leaves_a_calibration_that_projections_take(tmp_path: Path, capsys, monkeypatch) -> None:
    known_file = tmp_path / "run" / "calibration.json"
    known_file.parent.mkdir()
    known_file.write_bytes(msgspec.json.encode(known()))
    log = tmp_path / "WorkerFunction.log"
    log.write_text(
        "".join(
            f"REPORT RequestId: {one.request}\tDuration: {one.seconds * 1000:.2f} ms\tBilled Duration: 1 ms\t"
            f"Memory Size: 1769 MB\tMax Memory Used: 300 MB\t\n"
            for one in reports(known(), 1.37)
        )
    )
    out = tmp_path / "out"
    command = ["calibrate", "--calibration", str(known_file.parent), "--out", str(out), "--logs", str(log)]
    monkeypatch.chdir(builders.PROJECT)
    monkeypatch.setattr("sys.argv", ["harness", *command])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    assert "by 1,000 REPORT lines, where 1.000 was taken" in capsys.readouterr().out
    assert calibrations.load(out).cpu_factor == pytest.approx(1.37, rel=0.02)
    numbers = json.loads((out / "summary.json").read_text())
    assert numbers["kind"] == "learning"
    assert numbers["compared"][0]["off"] > 0.2
