"""The command as a user types it: what it prints, what it leaves, and one clear line for what it cannot do."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import builders
from tests.builders import PROJECT


def harness(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("harness")), *map(str, arguments)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "nothing to run: give TIFF files or folders of them, or --sample"),
        (["run", "/no/such/place"], "there is no file or folder /no/such/place"),
        (["run", "README.md"], "README.md is not taken: its name must end in .tif or .tiff"),
        (["run", "docs"], "no .tif or .tiff file lies in docs"),
        (["run", "--sample", "--compute", "guessed"], "--compute guessed is none of measured, recorded, modelled"),
        (["run", "--sample", "--parameter", "Nonsense=1"], "has no parameter Nonsense"),
        (["run", "--sample", "--batch-pages", "1000"], "parameter BatchPages is 1000; it must lie between 1 and 100"),
        (["run", "--sample", "--parameter", "BatchPages"], "--parameter BatchPages is not of the form NAME=VALUE"),
        (["run", "--sample", "--template", "missing.yaml"], "cannot read the template missing.yaml"),
        (["run", "--sample", "--out", "pipeline"], "pipeline holds something that is no run"),
        (["run", "--sample", "--seed", "x"], "Invalid value for '--seed'"),
        (["report", "docs"], "docs holds no run"),
        (["fixtures", "pipeline"], "pipeline is not an empty folder"),
        (["fly"], "No such command 'fly'"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(arguments: list[str], message: str) -> None:
    done = harness(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


def test_a_run_leaves_summary_results_trace_and_report(tmp_path: Path) -> None:
    folder, out = tmp_path / "in" / "sub", tmp_path / "out"
    folder.mkdir(parents=True)
    (folder / "a b+c.TIFF").write_bytes(builders.tiff(builders.page_image("SSN: 676-84-7081"), builders.page_image("Nothing")))
    (folder.parent / "bad.tif").write_bytes(b"no tiff at all")
    (folder.parent / "notes.txt").write_text("not taken")
    done = harness("run", folder.parent, "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    good = json.loads((out / "results" / "sub" / "a b+c.TIFF.json").read_text())
    assert (good["status"], good["totalPages"], good["npiPages"], good["npiPercentage"]) == ("COMPLETED", 2, [1], 50)
    bad = json.loads((out / "results" / "bad.tif.json").read_text())
    assert (bad["status"], bad["reason"]) == ("FAILED", "not a TIFF: it does not begin with a TIFF header")
    summary = json.loads((out / "summary.json").read_text())
    assert summary["kind"] == "run"
    assert summary["files"] == {"total": 2, "completed": 1, "partial": 0, "failed": 1}
    assert summary["invariants"]["violations"] == []
    assert all(json.loads(line)["t"] >= 0 for line in (out / "trace.jsonl").open())
    assert "<svg" in (out / "report.html").read_text()
    assert "a b+c.TIFF" in done.stdout
    assert done.stderr == ""

    assert harness("report", out).returncode == 0
    assert harness("trace", out, "--perfetto").returncode == 0
    timeline = json.loads((out / "trace.perfetto.json").read_text())
    assert any(entry["name"] == "success" for entry in timeline["traceEvents"])
