"""The fleet against emulated runs of the real template, and the command from end to end."""

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from harness.bill import prices
from harness.config import Estimate
from harness.errors import UsageError
from harness.fleet import calibration, study, uncertainty, validation, workload
from harness.fleet.projection import Plan, simulate
from harness.runs import run as runs
from harness.runs.rig import quiet
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
    return Plan(
        system=finished.emulation.system,
        batch_pages=int(finished.summary["parameters"]["BatchPages"]),
        latencies=finished.calibration.latencies,
        **changed,
    )


@pytest.mark.parametrize(
    "parameters",
    [{"BatchPages": "1"}, {"BatchPages": "5"}, {"BatchPages": "15"}, {"OcrWorkers": "6"}],
    ids=str,
)
def test_the_fleet_agrees_with_an_emulated_run(long_files: Path, parameters: dict[str, str]) -> None:
    """Each line of the bill within 1 % of the run's bill, makespan within 3 %, latencies within 5 %."""
    finished = builders.run(long_files, compute="modelled", parameters=parameters)
    known = finished.calibration
    rows = validation.validate(
        plan_of(finished),
        validation.replay(known),
        known,
        finished.emulation.recorder.events,
        finished.summary["bill"]["lines"],
        prices.load(),
    )
    total = finished.summary["bill"]["total"]
    for row in rows:
        gap = abs(row.projected - row.emulated)
        if row.unit == "dollars":
            assert gap < 0.01 * total, row
            assert row.emulated < 0.05 * total or gap < 0.01 * row.emulated, row
        elif row.what == "makespan":
            assert gap < 0.03 * row.emulated, row
        elif row.what.startswith("upload to result"):
            assert gap < 0.05 * row.emulated, row


def test_what_is_calibrated_on_one_run_holds_for_another(tmp_path: Path) -> None:
    """Another batch size, memory and other files: cost within 3 %, makespan within 5 %."""
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
    rows = validation.validate(
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
    found = {row.what: row for row in rows}
    assert abs(found["bill"].difference) < 0.03
    assert abs(found["makespan"].difference) < 0.05


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
            workload=lambda files: workload.drawn(files, "10", len(known.pages), 750e3, None, 0),
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
    points = numbers["breakEven"]["points"]
    assert [one["secondsPerPage"] for one in points] == sorted(
        (one["secondsPerPage"] for one in points), reverse=True
    )
    names = {one["name"]: one for one in numbers["alternatives"]}
    assert names["all functions on arm64"]["dollars"] < bill["total"]
    assert names["workers on ECS/Fargate Spot"]["dollars"] is None
    assert "fargate.vcpu.spot" in names["workers on ECS/Fargate Spot"]["note"]
    assert {swing["name"] for swing in numbers["tornado"]} == {one.name for one in uncertainty.RANGES}


def test_the_same_seed_gives_the_same_projection(sample_run: tuple[runs.Run, Path]) -> None:
    finished, _ = sample_run
    known = finished.calibration
    work = workload.drawn(5_000, "lognormal:8,0.9", len(known.pages), 750e3, 50.0, 1)
    first, second, third = (
        simulate(plan_of(finished, seed=seed, failure_rate=0.01), work, known) for seed in (1, 1, 2)
    )
    assert first.makespan == second.makespan != third.makespan
    assert first.stages == second.stages


def test_stages_that_share_a_limit_that_binds_are_refused(sample_run: tuple[runs.Run, Path]) -> None:
    finished, _ = sample_run
    known = finished.calibration
    work = workload.drawn(20_000, "10", len(known.pages), 750e3, None, 1)
    peak = int(np.sum(list(simulate(plan_of(finished), work, known).running.values()), axis=0).max())
    with pytest.raises(UsageError, match=f"at once and the account has {peak - 50}"):
        simulate(plan_of(finished, account_concurrency=peak - 50), work, known)


def test_the_command_leaves_a_page_and_numbers(sample_run: tuple[runs.Run, Path], tmp_path: Path) -> None:
    _, folder = sample_run
    out = tmp_path / "out"
    done = harness("project", "--files", "20000", "--calibration", folder, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "AWS Lambda" in done.stdout
    numbers = json.loads((out / "summary.json").read_text())
    assert numbers["kind"] == "projection"
    assert {row["what"] for row in numbers["validation"]} > {"bill", "makespan"}
    page = (out / "report.html").read_text()
    assert page.count("<svg") == 4
    assert "20,000 files cost" in page


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text.replace('"version":1', '"version":0', 1), "is of version 0, not 1"),
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
