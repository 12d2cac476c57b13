"""What every command has in common: how much it says, to whom, and how a newcomer finds the way."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.commands import console_style
from tests.builders import PROJECT
from tests.harness.commands.test_command import blank_file

HARNESS = [str(Path(sys.executable).with_name("harness"))]


def harness(*words: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*HARNESS, *map(str, words)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "COLUMNS"} | variables,
        check=False,
    )


def test_json_is_the_summary_and_nothing_else(tmp_path: Path) -> None:
    done = harness("run", blank_file(tmp_path), "--compute", "modelled", "--json", "--out", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == json.loads((tmp_path / "out" / "summary.json").read_text())


def test_quiet_says_nothing_but_errors(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = harness("--quiet", "run", blank_file(tmp_path), "--compute", "modelled", "--out", out)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (out / "report.html").is_file()
    wrong = harness("run", tmp_path / "nothing", "--quiet")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert len(wrong.stderr.splitlines()) == 1


def test_tables_that_go_into_a_pipe_are_not_squeezed(tmp_path: Path) -> None:
    name = f"{'a long name ' * 8}.tif"
    blank_file(tmp_path).rename(tmp_path / name)
    words = ("run", tmp_path / name, "--compute", "modelled", "--out", tmp_path / "out")
    (line,) = [line for line in harness(*words).stdout.splitlines() if line.startswith("a long name")]
    assert name in line
    assert "COMPLETED" in line
    assert line == line.rstrip()
    narrow = harness(*words, COLUMNS="60").stdout
    assert max(map(len, narrow.splitlines()[:6])) <= 60


@pytest.mark.parametrize("words", [["--no-color"], []])
def test_a_pipe_has_no_colours(words: list[str], tmp_path: Path) -> None:
    done = harness("run", blank_file(tmp_path), "--compute", "modelled", *words, "--out", tmp_path / "out")
    assert "\x1b[" not in done.stdout + done.stderr


def test_flags_of_all_commands_stand_anywhere_before_a_double_dash() -> None:
    assert console_style.first(["run", "a", "--json", "--seed", "1"]) == ["--json", "run", "a", "--seed", "1"]
    assert console_style.first(["run", "--", "--json"]) == ["run", "--", "--json"]
    assert console_style.first([]) == []


def test_alone_it_names_what_a_newcomer_needs_and_says_its_version() -> None:
    alone = harness()
    assert alone.returncode == 0
    assert [line.split()[1] for line in alone.stdout.splitlines() if line.startswith("  harness ")] == [
        "run",
        "serve",
        "project",
        "sweep",
        "explore",
        "doctor",
    ]
    version = harness("--version")
    assert (version.returncode, version.stdout.strip()) == (0, "harness 0.1.0")


def test_the_doctor_tells_what_is_there_and_that_the_system_runs() -> None:
    done = harness("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {"Python", "cores", "OCR", "models", "kept", "self-test"} <= {
        " ".join(line.split()[1:2]) for line in done.stdout.splitlines()
    }
    assert "0 invariants violated" in done.stdout


def test_the_doctor_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.harness]\nabout = "nowhere:about"\n[[tool.harness.record]]\nfunction = "a:b"\nkey = ["x"]\nversions = ["no-such-thing"]\nmodelled = { median_seconds = 1.0, sigma = 0.1, value = {} }\n'
    )
    (tmp_path / "template.yaml").write_text("Resources: {}\n")
    done = harness("doctor", "--no-test", "--template", tmp_path / "template.yaml")
    assert done.returncode == 1
    assert "no-such-thing is missing" in done.stdout
    assert "nowhere:about cannot be imported" in done.stdout
    assert "Wrong: recorded functions, application" in done.stdout
