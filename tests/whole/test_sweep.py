"""Sweeps and searches of the real template: the same table wherever points are tried and however often the sweep was
ended, and what goes wrong is a row.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import builders
from tests.builders import PROJECT
from tests.harness.commands.test_command import harness

GRID = ("--batch-pages", "1,4", "--memory", "1024,1769", "--compute", "modelled")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    page = builders.page_image("x")
    for number, count in enumerate((1, 3, 9)):
        (folder / f"{number}.tiff").write_bytes(builders.tiff(*[page] * count))
    return folder


@pytest.fixture(scope="module")
def swept(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("swept")
    done = harness("sweep", files, *GRID, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "Recommended: " in done.stdout
    return out


def table(out: Path) -> str:
    return (out / "table.csv").read_text(encoding="utf-8")


def test_a_sweep_leaves_numbers_table_pictures_and_page(swept: Path) -> None:
    summary = json.loads((swept / "summary.json").read_text())
    assert summary["kind"] == "sweep"
    assert len(summary["points"]) == 4
    assert len(table(swept).splitlines()) == 1 + 4 * 2
    for point in summary["points"]:
        assert point["pages"]["total"] == 13
        assert point["bill"]["total"] == pytest.approx(
            sum(line["dollars"] for line in point["bill"]["lines"])
        )
    assert {path.name for path in (swept / "pictures").iterdir()} == {
        "cost-makespan.svg",
        "cost-p95.svg",
        "BatchPages.svg",
        "OcrMemory.svg",
    }
    assert "is the cheapest" in (swept / "report.html").read_text()


def test_a_point_is_what_a_run_with_its_setting_gives(swept: Path, files: Path, tmp_path: Path) -> None:
    done = harness("run", files, "--batch-pages", 4, "--memory", 1024, "--seed", 1, "--compute", "modelled",
                   "--out", tmp_path / "run")  # fmt: skip
    assert done.returncode == 0, done.stderr
    run = json.loads((tmp_path / "run" / "summary.json").read_text())
    row = next(line for line in table(swept).splitlines() if line.startswith("4,1024,1,"))
    assert row.endswith(run["traceDigest"])
    assert repr(run["bill"]["total"]) in row.split(",")


def test_a_sweep_that_was_killed_goes_on_and_gives_the_same_table(
    swept: Path, files: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = [str(Path(sys.executable).with_name("harness")), "sweep", str(files), *GRID, "--out", str(out)]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ends = time.monotonic() + 120
    while len(list((out / "points").glob("*.json"))) < 4:
        assert process.poll() is None
        assert time.monotonic() < ends
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert not (out / "table.csv").exists()
    kept = {path: path.stat().st_mtime_ns for path in (out / "points").glob("*.json")}
    done = harness("sweep", files, *GRID, "--out", out)
    assert done.returncode == 0, done.stderr
    assert table(out) == table(swept)
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_says_what_is_kept(files: Path, tmp_path: Path, ended_by: signal.Signals) -> None:
    out = tmp_path / "out"
    command = [str(Path(sys.executable).with_name("harness")), "sweep", str(files), *GRID, "--out", str(out)]
    process = subprocess.Popen(
        command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    ends = time.monotonic() + 120
    while len(list((out / "points").glob("*.json"))) < 2:
        assert process.poll() is None
        assert time.monotonic() < ends
        time.sleep(0.02)
    process.send_signal(ended_by)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert "of 8 points are done and kept; the same command goes on from there" in told
    assert "Traceback" not in told
    assert {path.name for path in out.iterdir()} == {"points"}


@pytest.mark.slow
def test_a_point_whose_process_was_killed_is_tried_again_by_the_same_command(
    swept: Path, files: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ("sweep", files, *GRID, "--jobs", 1, "--out", out)
    command = [str(Path(sys.executable).with_name("harness")), *map(str, words)]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    ends = time.monotonic() + 120
    while not (tried := _children_of(process.pid)):
        assert process.poll() is None
        assert time.monotonic() < ends
        time.sleep(0.02)
    os.kill(tried[0], signal.SIGKILL)
    told, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "its process ended (-9)" in told
    done = harness(*words)
    assert done.returncode == 0, done.stderr
    assert table(out) == table(swept)


def _children_of(process: int) -> list[int]:
    """Those that try points."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(process)], capture_output=True, text=True, check=False
    )
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "harness.tuning.children" in line]


@pytest.mark.slow
def test_a_cluster_of_dask_gives_the_same_table(swept: Path, files: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="the extra [cluster] is not installed")
    done = harness("sweep", files, *GRID, "--backend", "dask", "--jobs", 2, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert table(tmp_path / "out") == table(swept)


def test_what_breaks_at_an_edge_is_a_row(files: Path, tmp_path: Path) -> None:
    """With one delivery and two minutes, 9 pages a batch of 8 seconds each, when a page is allowed 100, are handed back; 1.5 pages are no batch."""
    done = harness(
        "sweep", files, "--parameter", "BatchPages=1.5,2,9", "--seeds", 1, "--compute", "modelled", "--cpu-factor", 12,
        "--parameter", "WorkerTimeout=120", "--parameter", "OcrPageTimeout=100", "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    wrong, _, large = json.loads((tmp_path / "out" / "summary.json").read_text())["points"]
    assert wrong["error"]
    assert large["edges"]["handedBack"] > 0
    assert "handed back" in done.stdout


def test_a_child_that_dies_is_the_outcome_of_its_point() -> None:
    from harness.tuning import backends
    from harness.tuning.backends import Backend

    tasks = [({"a": str(number)}, 0, number) for number in range(3)]
    found = dict(backends.outcomes(Backend(jobs=2), _dies_of_one, tasks))
    assert found[0].units == 0
    assert found[2].units == 2
    assert "its process ended (7)" in found[1].error
    assert found[1].killed


def _dies_of_one(number: int):
    from harness.tuning.point import Outcome

    if number == 1:
        os._exit(7)
    return Outcome(parameters={"a": str(number)}, seed=0, units=number)


def test_a_fleet_is_swept_and_searched_by_the_same_calibration(files: Path, tmp_path: Path) -> None:
    chosen = ("--fleet", "--files", 3000, "--compute", "modelled", "--seeds", 1)
    done = harness("sweep", files, "--batch-pages", "1,4", *chosen, "--out", tmp_path / "sweep")
    assert done.returncode == 0, done.stderr
    few, many = json.loads((tmp_path / "sweep" / "summary.json").read_text())["points"]
    assert few["files"]["total"] == many["files"]["total"] == 3000
    assert few["edges"]["messages"] > many["edges"]["messages"]
    page = (tmp_path / "sweep" / "report.html").read_text()
    assert "with one seed each" in page
    assert "One seed gives no intervals" in page
    done = harness("search", files, "--parameter", "BatchPages=1:9", "--trials", 5, *chosen, "--where", "BatchPages<=6",
                   "--out", tmp_path / "search")  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "search" / "summary.json").read_text())
    assert len(summary["points"]) == 5 < summary["ofSettings"] == 9
    assert int(summary["recommended"]["BatchPages"]) <= 6


@pytest.mark.slow
def test_emulation_and_fleet_rank_the_settings_of_the_tuning_corpus_alike(tmp_path: Path) -> None:
    done = harness(
        "sweep", "--batch-pages", "1,5,10,15,30", "--memory", "1024,1769", "--seeds", 1, "--out", tmp_path
    )
    assert done.returncode == 0, done.stderr
    alike = json.loads((tmp_path / "summary.json").read_text())["alike"]
    assert alike["settings"] == 10
    assert min(alike["spearman"].values()) >= 0.9
