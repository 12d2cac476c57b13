"""The fleet against emulated runs of the real template, and the command from end to end."""

import json
import math
import random
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image, ImageSequence

from harness.bill import prices
from harness.config import Estimate
from harness.errors import UsageError
from harness.faults import scenario
from harness.fleet import apart, calibration, coupled, study, uncertainty, validation, workload
from harness.fleet.calibration import chain
from harness.fleet.plan import Plan
from harness.fleet.projection import simulate
from harness.runs import run as runs
from harness.runs.rig import quiet
from pipeline import reading
from tests import builders
from tests.harness.commands.test_command import harness

FILES = 40


@pytest.fixture(scope="module")
def long_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of 1 to 200 pages, as archives have them."""
    folder, generator = tmp_path_factory.mktemp("long"), random.Random(1)
    page = builders.page_image("x")
    for number in range(FILES):
        pages = min(200, max(1, round(math.exp(math.log(8) + 0.9 * generator.gauss(0, 1)))))
        (folder / f"{number:03}.tiff").write_bytes(builders.tiff(*[page] * pages))
    return folder


def plan_of(finished: runs.Run, **changed: object) -> Plan:
    parameters = finished.summary["parameters"]
    plan = Plan(
        system=finished.emulation.system,
        batch_pages=int(parameters["BatchPages"]),
        latencies=finished.calibration.latencies,
        cpu_factor=finished.summary["cpuFactor"],
        account_concurrency=finished.summary["accountConcurrency"],
        keeps_seconds=int(parameters["OcrPageTimeout"]) + builders.CONFIG.hand_back.seconds,
    )
    return msgspec.structs.replace(plan, **changed)


def beyond_chance(row: validation.Row) -> float:
    """What a projection is off by, beyond three standard deviations of what chance makes of one run."""
    return max(0.0, abs(row.projected - row.emulated) - 3 * row.spread)


KILLED = scenario.parse("[killed_before_call]\nrate = 0.02", "killed")


SETTINGS: dict[str, dict[str, Any]] = {
    "1 page": {"parameters": {"BatchPages": "1"}},
    "5 pages": {"parameters": {"BatchPages": "5"}},
    "15 pages": {"parameters": {"BatchPages": "15"}},
    "6 workers": {"parameters": {"OcrWorkers": "6"}},
    "5 files": {"parameters": {"FilesPerInvocation": "5", "OcrWorkers": "6"}},
    "account of 20": {"parameters": {"BatchPages": "2"}, "cpu_factor": 4.0, "account_concurrency": 20},
    "handed back": {
        "parameters": {"BatchPages": "40", "WorkerTimeout": "120", "OcrWorkers": "4"},
        "cpu_factor": 4.0,
    },
    "killed": {
        "parameters": {"BatchPages": "1", "OcrWorkers": "2", "WorkerTimeout": "120"},
        "cpu_factor": 20.0,
        "faults": KILLED,
    },
}
EACH_TIME = ("15 pages", "account of 20", "handed back")
"""The others with `-m slow`."""


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(options, id=name, marks=() if name in EACH_TIME else pytest.mark.slow)
        for name, options in SETTINGS.items()
    ],
)
def test_the_fleet_agrees_with_an_emulated_run(long_files: Path, options: dict[str, Any]) -> None:
    """Each line of the bill within 1 % of the run's bill, makespan within 3 %, latencies within 5 %: or within
    what chance makes of one run, by three standard deviations of projections.
    """
    finished = builders.run(long_files, compute="modelled", **options)
    known = finished.calibration
    found = validation.validate(
        plan_of(finished),
        validation.replay(known),
        known,
        finished.emulation.recorder.events,
        finished.summary["bill"]["lines"],
        prices.load(),
    )
    total = finished.summary["bill"]["total"]
    for row in found.rows:
        gap = beyond_chance(row)
        if row.unit == "dollars":
            assert gap < 0.01 * total, row
            assert row.emulated < 0.05 * total or gap < 0.01 * row.emulated, row
        elif row.what == "makespan":
            assert gap < 0.03 * row.emulated, row
        elif row.what.startswith("upload to result"):
            assert gap < 0.05 * row.emulated, row


def test_what_is_calibrated_on_one_run_holds_for_another(tmp_path: Path) -> None:
    """Another batch size, memory and other files: cost within 3 %, makespan within 5 %, or within what chance
    makes of one run.
    """
    with Image.open(builders.sample() / "file00001.tiff") as scanned:
        pages = [page.convert("1") for page in ImageSequence.Iterator(scanned)]
    for name, counts in (("one", range(1, 27)), ("other", [1 + 7 * number % 40 for number in range(24)])):
        (tmp_path / name).mkdir()
        for number, count in enumerate(counts):
            chosen = [pages[(number + place) % len(pages)] for place in range(count)]
            data = builders.tiff(*chosen, compression="group4")
            (tmp_path / name / f"{number:03}.tiff").write_bytes(data)
    one = builders.run(tmp_path / "one")
    parameters = {"BatchPages": "6", "OcrMemory": "1200", "OcrWorkers": "12"}
    other = builders.run(tmp_path / "other", parameters=parameters, seed=5)
    work = validation.replay(other.calibration)
    compared = validation.validate(
        plan_of(other),
        workload.Workload(
            pages=work.pages,
            uploaded=work.uploaded,
            total_bytes=work.total_bytes,
            source=work.source % len(one.calibration.pages),
            heard=work.heard,
        ),
        one.calibration,
        other.emulation.recorder.events,
        other.summary["bill"]["lines"],
        prices.load(),
    )
    found = {row.what: row for row in compared.rows}
    assert beyond_chance(found["bill"]) < 0.03 * found["bill"].emulated, found["bill"]
    assert beyond_chance(found["makespan"]) < 0.05 * found["makespan"].emulated, found["makespan"]


@pytest.fixture(scope="module")
def sample_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[runs.Run, Path]:
    folder = tmp_path_factory.mktemp("run")
    finished = builders.run(builders.sample(), compute="modelled")
    runs.write(finished, folder)
    return finished, folder


def test_a_projection_says_all_that_it_promises(sample_run: tuple[runs.Run, Path]) -> None:
    finished, _ = sample_run
    known = finished.calibration
    numbers = study.answer(
        study.Question(
            plan=plan_of(finished, shards=4),
            calibration=known,
            files=200_000,
            workload=lambda files: workload.drawn(
                files, "10", len(known.pages), 750e3, workload.Arrivals(), 0
            ),
            pages_said="10",
            prices=prices.load(),
            estimate=Estimate(files=400_000, services={"AWS Lambda": (1, 2)}, total=(20, 60)),
        ),
        quiet,
    )
    bill = numbers["bill"]
    assert bill["low"] < bill["total"] < bill["high"]
    assert sum(line["dollars"] for line in bill["lines"]) == pytest.approx(bill["total"])
    assert all(line["low"] <= line["dollars"] * 1.001 for line in bill["lines"])
    of_lambda, total = numbers["seedEstimate"][0], numbers["seedEstimate"][-1]
    assert (of_lambda["low"], of_lambda["high"], of_lambda["verdict"]) == (0.5, 1.0, "above")
    assert (total["low"], total["high"]) == (10, 30)
    # OCR is nearly all of it: seconds a page times pages times the price of a GB-second at 1,769 MB.
    seconds = numbers["calibration"]["secondsPerPage"] * numbers["pages"]
    assert of_lambda["projected"] == pytest.approx(seconds * 1769 / 1024 * 0.0000166667, rel=0.1)
    # Nothing is faster than all workers at work all the time.
    assert numbers["makespanSeconds"] > seconds / 800
    assert abs(numbers["scaledFleet"]["billError"]) < 0.02
    assert abs(numbers["scaledFleet"]["makespanError"]) < 0.03
    assert numbers["breakEven"]["dollars"] == 30  # the estimate's upper end, for half of its files
    points = numbers["breakEven"]["points"]
    assert [one["secondsPerPage"] for one in points] == sorted(
        (one["secondsPerPage"] for one in points), reverse=True
    )
    names = {one["name"]: one for one in numbers["alternatives"]}
    assert names["all functions on arm64"]["dollars"] < bill["total"]
    assert names["workers on ECS/Fargate Spot"]["dollars"] is None
    assert "fargate.vcpu.spot" in names["workers on ECS/Fargate Spot"]["note"]
    assert {swing["name"] for swing in numbers["tornado"]} == {
        one.name for one in uncertainty.ranges("as given")
    }


def test_the_same_seed_gives_the_same_projection(sample_run: tuple[runs.Run, Path]) -> None:
    finished, _ = sample_run
    known = finished.calibration
    work = workload.drawn(5_000, "lognormal:8,0.9", len(known.pages), 750e3, workload.Arrivals(50.0), 1)
    first, second, third = (
        simulate(plan_of(finished, seed=seed, failure_rate=0.01), work, known) for seed in (1, 1, 2)
    )
    assert first.makespan == second.makespan != third.makespan
    assert first.stages == second.stages


def test_both_ways_to_simulate_agree_where_both_are_right(sample_run: tuple[runs.Run, Path]) -> None:
    """One takes the stages one after the other, by lanes; the other all events in order. They share no code but
    the heaps.
    """
    finished, _ = sample_run
    known, plan = finished.calibration, plan_of(finished, shards=4)
    work = workload.drawn(20_000, "lognormal:8,0.9", len(known.pages), 750e3, workload.Arrivals(), 0)
    alone = apart.simulate(plan, chain(plan.system), work, known)
    together = coupled.simulate(plan, chain(plan.system), work, known, "")
    assert together.makespan == pytest.approx(alone.makespan, rel=0.003)
    assert np.quantile(together.latencies, (0.05, 0.5, 0.99)) == pytest.approx(
        np.quantile(alone.latencies, (0.05, 0.5, 0.99)), rel=0.01
    )
    for one, other in zip(together.stages, alone.stages, strict=True):
        assert one.messages == other.messages
        assert one.lanes == other.lanes
        assert one.invocations == pytest.approx(other.invocations, rel=0.01)
        assert one.billed_ms == pytest.approx(other.billed_ms, rel=0.01)
        assert one.running_seconds == pytest.approx(other.running_seconds, rel=0.01)
        assert abs(one.cold_starts - other.cold_starts) <= 3


def test_stages_that_share_a_limit_that_binds_are_simulated_together(
    sample_run: tuple[runs.Run, Path],
) -> None:
    finished, _ = sample_run
    known = finished.calibration
    work = workload.drawn(20_000, "10", len(known.pages), 750e3, workload.Arrivals(), 1)
    free = simulate(plan_of(finished), work, known)
    assert free.method.startswith("each stage alone")
    bound = simulate(plan_of(finished, account_concurrency=free.peak - 50), work, known)
    assert "of the account's" in bound.method
    assert bound.peak == free.peak - 50
    assert sum(stage.throttles for stage in bound.stages) > 0
    assert bound.makespan > free.makespan


@pytest.mark.parametrize(
    ("changed", "arrivals", "why"),
    [
        ({"failure_rate": 0.01}, workload.Arrivals(), "invocations of ControllerFunction fail"),
        ({"cpu_factor": 40.0}, workload.Arrivals(), "hand back pages"),
        ({}, workload.Arrivals(20.0), "files come over time"),
    ],
)
def test_what_the_stages_alone_cannot_tell_is_simulated_together(
    sample_run: tuple[runs.Run, Path], changed: dict[str, Any], arrivals: workload.Arrivals, why: str
) -> None:
    finished, _ = sample_run
    known = finished.calibration
    work = workload.drawn(2_000, "10", len(known.pages), 750e3, arrivals, 1)
    flow = simulate(msgspec.structs.replace(plan_of(finished), **changed), work, known)
    assert why in flow.method


def test_what_a_worker_keeps_before_its_timeout_is_what_the_projection_goes_by() -> None:
    assert builders.CONFIG.hand_back.parameter == "OcrPageTimeout"
    assert builders.CONFIG.hand_back.seconds == reading.DEADLINE_MARGIN_SECONDS


def test_files_that_come_by_the_hours_of_a_day_keep_fewer_lanes_at_night(
    sample_run: tuple[runs.Run, Path],
) -> None:
    finished, _ = sample_run
    known = finished.calibration
    office = workload.Arrivals(1.0, (*[0.0] * 8, *[1.0] * 10, *[0.0] * 6))
    work = workload.drawn(172_800, "1", len(known.pages), 750e3, office, 1)
    flow = simulate(plan_of(finished), work, known)
    assert flow.makespan == pytest.approx((24 + 18) * 3600, rel=0.001)
    assert np.median(flow.latencies) < 10
    workers = flow.stages[1]
    night_polls = 14 * 3600 / 20 * 5  # MaximumConcurrency keeps five
    assert workers.empty_polls > 0.9 * (night_polls + 8 * 3600 / 20 * 5)


def test_the_command_leaves_a_page_and_numbers(sample_run: tuple[runs.Run, Path], tmp_path: Path) -> None:
    _, folder = sample_run
    out = tmp_path / "out"
    done = harness("project", "--files", "20000", "--calibration", folder, "--no-explorer", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "AWS Lambda" in done.stdout
    numbers = json.loads((out / "summary.json").read_text())
    assert numbers["kind"] == "projection"
    assert {row["what"] for row in numbers["validation"]} > {"bill", "makespan"}
    page = (out / "report.html").read_text()
    assert page.count("<svg") == 5  # the last one: the run's levels over time, and the fleet's
    assert "20,000 files cost" in page


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text.replace('"version":2', '"version":0', 1), "is of version 0, not 2"),
        (lambda text: text[:-50], "is damaged"),
    ],
)
def test_a_calibration_that_cannot_be_used_is_one_line(
    sample_run: tuple[runs.Run, Path], tmp_path: Path, spoil, said: str
) -> None:
    _, folder = sample_run
    (tmp_path / "calibration.json").write_text(spoil((folder / "calibration.json").read_text()))
    with pytest.raises(UsageError, match=said):
        calibration.load(tmp_path)


def test_files_that_lie_in_a_folder_are_counted(sample_run: tuple[runs.Run, Path], tmp_path: Path) -> None:
    """A folder of TIFFs in place of an inventory: their own pages and bytes, and no doubt about them."""
    _, folder = sample_run
    mine, out = tmp_path / "mine", tmp_path / "out"
    mine.mkdir()
    for number, pages in enumerate((1, 2, 5)):
        (mine / f"{number}.tif").write_bytes(builders.tiff(*[builders.page_image("x")] * pages))
    options = ("--calibration", folder, "--no-explorer", "--out", out)
    done = harness("project", "--inventory", mine, *options)
    assert done.returncode == 0, done.stderr
    numbers = json.loads((out / "summary.json").read_text())
    assert (numbers["files"], numbers["pages"]) == (3, 8)
    assert numbers["totalBytes"] == sum(file.stat().st_size for file in mine.iterdir())
    assert "pages per file" not in {swing["name"] for swing in numbers["tornado"]}
    (mine / "none.tif").write_bytes(b"no TIFF")
    done = harness("project", "--inventory", mine, *options)
    assert done.returncode == 2
    assert "none.tif: its pages cannot be counted" in done.stderr


def test_without_pages_files_are_as_those_of_the_calibration(
    sample_run: tuple[runs.Run, Path], tmp_path: Path
) -> None:
    finished, folder = sample_run
    out = tmp_path / "out"
    done = harness("project", "--files", "24000", "--calibration", folder, "--no-explorer", "--out", out)
    assert done.returncode == 0, done.stderr
    numbers = json.loads((out / "summary.json").read_text())
    known = finished.calibration
    assert numbers["pages"] == pytest.approx(24_000 * np.mean([len(one) for one in known.pages]), rel=0.02)
    assert numbers["totalBytes"] == pytest.approx(24_000 * np.mean(known.sizes), rel=0.02)
    assert numbers["pagesPerFile"] == f"as in {folder}"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--validate", "nowhere"), "holds no run that the fleet can be compared with: it lacks"),
        (
            ("--inventory", "x.csv", "--bytes-per-file", "5"),
            "leave --pages-per-file and --bytes-per-file out",
        ),
        (("--pages-per-file", ""), "is neither a number"),
    ],
)
def test_what_a_projection_cannot_use_is_one_line(
    sample_run: tuple[runs.Run, Path], tmp_path: Path, given: tuple[str, ...], said: str
) -> None:
    _, folder = sample_run
    done = harness("project", "--files", "100", "--calibration", folder, *given, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
