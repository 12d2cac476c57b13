"""The command as a user types it: what it prints, what it leaves, and one clear line for what it cannot
do.
"""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests import builders
from tests.builders import CONFIG, PROJECT
from tests.mutants.catalogue import MUTANTS
from tests.mutants.hunting import mutated


def harness(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("harness")), *map(str, arguments)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "nothing to run: give input files or folders of them, or --sample"),
        (["run", "/no/such/place"], "there is no file or folder /no/such/place"),
        (["run", "README.md"], "README.md is not taken: its name must end in .tif or .tiff"),
        (["run", "docs"], "no .tif or .tiff file lies in docs"),
        (
            ["run", "--sample", "--compute", "guessed"],
            "--compute guessed is none of measured, recorded, modelled",
        ),
        (["run", "--sample", "--parameter", "Nonsense=1"], "has no parameter Nonsense"),
        (
            ["run", "--sample", "--parameter", "OcrMending=level,blur"],
            "parameter OcrMending is level,blur; it must match",
        ),
        (
            ["run", "--sample", "--batch-pages", "1000"],
            "parameter BatchPages is 1000; it must lie between 1 and 100",
        ),
        (
            ["run", "--sample", "--parameter", "OldestMessage=5"],
            "parameter OldestMessage is 5; it must be 60 at least",
        ),
        (
            ["run", "--sample", "--parameter", "BatchPages"],
            "--parameter BatchPages is not of the form NAME=VALUE",
        ),
        (["run", "--sample", "--template", "missing.yaml"], "cannot read the template missing.yaml"),
        (["run", "--sample", "--out", "pipeline"], "pipeline holds something that is no run"),
        (["run", "--sample", "--seed", "x"], "Invalid value for '--seed'"),
        (
            ["run", "--sample", "--faults", "stormy"],
            "--faults stormy is neither a preset (calm, rough, hostile) nor a file",
        ),
        (["run", "--sample", "--faults", "pyproject.toml"], "the scenario pyproject.toml is wrong"),
        (["explore", "--crash-points", "some"], "--crash-points some is neither singles nor pairs"),
        (["explore", "--out", "pipeline"], "pipeline holds something that is no exploration"),
        (["explore", "--seeds", "0"], "Invalid value for '--seeds'"),
        (["explore", "--redrive"], "--redrive goes with --faults or --crash-points"),
        (["explore", "--schedules", "--faults", "rough"], "--schedules and --faults do not go together"),
        (["explore", "--schedules", "--crash-points", "pairs"], "--schedules and --crash-points do not go"),
        (["explore", "--window", "3"], "--window goes with --schedules only"),
        (["explore", "--schedules", "--window", "0"], "--window 0 must be above 0 and at most 60 seconds"),
        (["run", "--world", "nowhere.toml"], "--world nowhere.toml cannot be read"),
        (["run", "--world", "pyproject.toml"], "the world pyproject.toml is wrong"),
        (["run", "--world", "pyproject.toml", "--seed", "3"], "--world and --seed do not go together"),
        (["redrive"], "nothing to run: give input files or folders of them, or --sample"),
        (["report", "docs"], "docs holds nothing that a command finished: summary.json is missing"),
        (["report", "nowhere"], "there is no folder nowhere"),
        (["fixtures", "pipeline"], "pipeline is not an empty folder"),
        (
            ["fixtures", "nowhere", "--pages", "many"],
            "--pages many is neither a number nor lognormal:MEDIAN,SIGMA nor a .csv file",
        ),
        (["sweep"], "nothing to try: give --batch-pages 1,5,10,15"),
        (["sweep", "--batch-pages", "5,1000"], "parameter BatchPages is 1000; it must lie between 1 and 100"),
        (["sweep", "--parameter", "Nonsense=1,2"], "has no parameter Nonsense"),
        (["sweep", "--batch-pages", "5", "--where", "joy>3"], "joy is none of cost, makespan, p50, p95, p99"),
        (["sweep", "--batch-pages", "5", "--backend", "abacus"], "abacus is neither dask nor ray"),
        (["sweep", "--batch-pages", "5", "--backend", "ray"], "the extra [ray] installs it"),
        (["sweep", "--batch-pages", "5", "--address", "tcp://x:1"], "give --backend dask or ray, too"),
        (["sweep", "--batch-pages", "5", "--compute", "measured"], "take recorded or modelled"),
        (["sweep", "--batch-pages", "5", "--out", "pipeline"], "pipeline holds something that is no sweep"),
        (["sweep", "/no/such/place", "--batch-pages", "5"], "there is no file or folder /no/such/place"),
        (
            ["sweep", "--batch-pages", "5", "--fleet", "--pages-per-file", "x"],
            "--pages-per-file x is neither a number",
        ),
        (["search"], "nothing to search: give --parameter NAME=LOW:HIGH"),
        (["search", "--parameter", "BatchPages=0:9"], "BatchPages is 0; it must lie between 1 and 100"),
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
    (folder / "a b+c.TIFF").write_bytes(
        builders.tiff(builders.page_image("SSN: 676-84-7081"), builders.page_image("Nothing"))
    )
    (folder.parent / "bad.tif").write_bytes(b"no tiff at all")
    (folder.parent / "notes.txt").write_text("not taken")
    done = harness("run", folder.parent, "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    good = json.loads((out / "results" / "sub" / "a b+c.TIFF.json").read_text())
    assert (good["status"], good["totalPages"], good["npiPages"], good["npiPercentage"]) == (
        "COMPLETED",
        2,
        [1],
        50,
    )
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
    assert any(entry["name"] == "WorkerFunction" for entry in timeline["traceEvents"])


def blank_file(folder: Path) -> Path:
    path = folder / "blank.tif"
    path.write_bytes(
        builders.tiff(*(Image.new("1", (1700, 2200), 1) for _ in range(2)), compression="group4")
    )
    return path


def test_a_damaged_run_has_no_report_and_one_line_says_so(tmp_path: Path) -> None:
    explored = '{"kind": "explore", "strokes": {}, "places": {}, "emulationsByStrokes": {"0": 1}}'
    for text in ("no JSON", explored):
        (tmp_path / "summary.json").write_text(text)
        done = harness("report", tmp_path)
        assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1), done.stderr
        assert f"the files in {tmp_path} are damaged" in done.stderr


def test_an_exploration_tells_what_it_tried(tmp_path: Path) -> None:
    done = harness(
        "explore",
        blank_file(tmp_path),
        "--seeds",
        4,
        "--jobs",
        1,
        "--no-sometimes",
        "--out",
        tmp_path / "out",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    numbers = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (numbers["kind"], numbers["trials"], numbers["failed"], numbers["failures"]) == (
        "explore",
        4,
        0,
        [],
    )
    assert sum(numbers["strokes"].values()) > 0
    struck = {kind: sum(places.values()) for kind, places in numbers["places"].items() if places}
    struck.pop("preempted", None)  # by a schedule, which is no fault
    assert struck == numbers["strokes"]
    assert sum(numbers["emulationsByStrokes"].values()) == 4
    page = (tmp_path / "out" / "report.html").read_text()
    assert "4 emulations, and no invariant broken" in page
    assert "poller dies before" in page
    assert "broken in 0 of 4 emulations" in done.stdout
    covered = numbers["coverage"]
    beyond = [name for names in covered["beyond"].values() for name in names]
    assert covered["reached"] + len(covered["notReached"]) + len(beyond) == covered["branches"]
    assert any(name.startswith("pipeline/reading.py:") for name in covered["notReached"])
    assert not any("() in handler" in name for name in covered["notReached"] if "worker" in name)
    assert "Branches that none reached" in page


def test_an_exploration_in_which_something_never_came_up_says_so_and_fails(tmp_path: Path) -> None:
    done = harness("explore", blank_file(tmp_path), "--seeds", 2, "--jobs", 1, "--out", tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    never = json.loads((tmp_path / "out" / "summary.json").read_text())["never"]
    assert "healed" in never
    assert set(never) < set(CONFIG.explore.sometimes)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith(f"NEVER: {never[0]!r}")]
    assert "came up in none of 2 worlds" in line
    assert f"must at times: {never[0]}" in (tmp_path / "out" / "report.html").read_text()


def test_an_exploration_of_schedules_tells_of_preemptions_and_of_no_fault(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = harness(
        "explore",
        blank_file(tmp_path),
        "--schedules",
        "--seeds",
        3,
        "--parameter",
        "PdfMode=none",
        "--jobs",
        1,
        "--out",
        out,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    numbers = json.loads((out / "summary.json").read_text())
    assert numbers["scenario"] == "schedules of 2 preemptions, in windows of 10 s"
    assert (numbers["trials"], numbers["failed"], numbers["strokes"]) == (3, 0, {})
    assert numbers["preemptions"] == sum(numbers["places"]["preempted"].values()) == 6
    assert numbers["emulationsByStrokes"] == {"2": 3}
    page = (out / "report.html").read_text()
    assert "<b>6</b><span>preemptions</span>" in page
    assert "kinds of fault" not in page
    assert "What was preempted where" in page
    assert "preemptions  6: " in " ".join(done.stdout.split("\n")).replace("   ", "  ")


def test_a_failure_is_written_with_its_story_and_a_command_that_shows_it_again(tmp_path: Path) -> None:
    """The system is broken on purpose: a copy whose dead letters nobody handles, in weather that kills every
    batch.
    """
    project = mutated(
        next(mutant for mutant in MUTANTS if mutant.name == "dead letters not handled"), tmp_path
    )
    weather = tmp_path / "weather.toml"
    weather.write_text("[poller_dies_before]\nonly = [3]\n[late_event]\nrate = 0.5\n")
    options = ["--template", project / "template.yaml", "--parameter", "MaxReceives=1"]
    done = harness(
        "explore",
        blank_file(tmp_path),
        *options,
        "--seeds",
        1,
        "--faults",
        weather,
        "--jobs",
        1,
        "--out",
        tmp_path / "out",
    )
    assert done.returncode == 1, done.stdout + done.stderr
    (failure,) = json.loads((tmp_path / "out" / "summary.json").read_text())["failures"]
    assert set(failure["faults"]) == {"poller_dies_before"}
    (folder,) = (tmp_path / "out" / "failures").iterdir()
    assert "FAULT     poller_dies_before" in (folder / "timeline.txt").read_text()
    page = (tmp_path / "out" / "report.html").read_text()
    assert "1 of 1 emulations broke an invariant" in page
    assert "FAULT     poller_dies_before" in page
    again = harness(*shlex.split(failure["replay"])[1:], "--out", tmp_path / "again")
    assert again.returncode == 1, again.stdout + again.stderr
    assert "VIOLATED" in again.stdout


def test_a_redrive_heals_what_was_given_up(tmp_path: Path) -> None:
    weather = tmp_path / "weather.toml"
    weather.write_text("[killed_before_call]\nonly = [1, 2, 3, 4]\n")
    done = harness(
        "redrive",
        blank_file(tmp_path),
        "--faults",
        weather,
        "--parameter",
        "MaxReceives=2",
        "--out",
        tmp_path / "out",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    healing = json.loads((tmp_path / "out" / "summary.json").read_text())["redrive"]
    assert (healing["before"]["failed"], healing["after"]["completed"]) == (1, 1)
    assert "before the redrive: 0 completed, 0 partial, 1 failed" in done.stdout


@pytest.mark.slow
def test_a_world_that_breaks_an_invariant_is_played_again_from_its_file(tmp_path: Path) -> None:
    """The system is broken on purpose, as above; what breaks it is drawn here."""
    project = mutated(
        next(mutant for mutant in MUTANTS if mutant.name == "dead letters not handled"), tmp_path
    )
    done = harness(
        "explore",
        blank_file(tmp_path),
        "--template",
        project / "template.yaml",
        "--parameter",
        "MaxReceives=1",
        "--seeds",
        40,
        "--stop-at-first",
        "--jobs",
        1,
        "--out",
        tmp_path / "out",
    )
    assert done.returncode == 1, done.stdout + done.stderr
    (failure,) = json.loads((tmp_path / "out" / "summary.json").read_text())["failures"]
    assert "in a world of" in done.stdout
    assert "world.toml" in failure["replay"]
    again = harness(*shlex.split(failure["replay"])[1:], "--out", tmp_path / "again")
    assert again.returncode == 1, again.stdout + again.stderr
    summary = json.loads((tmp_path / "again" / "summary.json").read_text())
    assert failure["invariants"] == sorted(
        {violation["invariant"] for violation in summary["invariants"]["violations"]}
    )
