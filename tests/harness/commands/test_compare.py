"""`harness compare` from end to end: two revisions of a small system, each run by its own tree."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.commands import cli
from tests.builders import PROJECT
from tests.harness.tuning.trees import commit, git


def compare(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("harness")), "compare", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def numbers(folder: Path) -> dict:
    return json.loads((folder / "runs" / "compare" / "summary.json").read_text())


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    """The example of another system, in a repository of its own."""
    folder = tmp_path / "orders"
    shutil.copytree(
        PROJECT / "examples" / "orders", folder, ignore=shutil.ignore_patterns("__pycache__", ".harness")
    )
    commit(folder, {".gitignore": ".harness/\nruns/\n__pycache__/\n"}, "First")
    return folder


def test_the_same_code_is_the_same_in_every_line_and_what_cannot_be_decided_does_not_pass(
    orders: Path,
) -> None:
    """The fleet does not model a system of this shape."""
    done = compare(orders, "HEAD", ".", "--inputs", "inputs", "--seeds", 2, "--fail-above", "3%")
    assert done.returncode == 2, done.stdout
    assert "harness: --fail-above cannot decide on the bill: HEAD gives no calibration" in done.stderr
    assert "NOT DECIDED on the bill" in done.stdout
    assert (orders / "runs" / "compare" / "report.html").is_file()
    found = numbers(orders)
    assert {row["verdict"] for row in found["rows"]} == {"same"}
    assert found["seeds"] == [0, 1]
    assert "Nothing is projected" in done.stdout
    assert len(git(orders, "worktree", "list").splitlines()) == 1
    assert sorted(one.name for one in (orders / "runs" / "compare" / "runs").iterdir()) == [
        "a-0",
        "a-1",
        "b-0",
        "b-1",
    ]
    assert not (orders / ".harness").exists()  # what was recorded was for this once


def test_an_edit_that_is_not_committed_is_run_and_its_calls_and_costs_are_told(orders: Path) -> None:
    price = orders / "orders" / "price.py"
    price.write_text(price.read_text().replace("TABLE.put", "for _ in range(2):\n            TABLE.put"))
    done = compare(orders, "HEAD", ".", "--inputs", "inputs", "--seeds", 2)
    assert done.returncode == 0, done.stderr
    found = {row["name"]: row for row in numbers(orders)["rows"]}
    puts = found["dynamodb PutItem"]
    assert (puts["verdict"], puts["b"]) == ("more", 2 * puts["a"])
    assert "PutItem" in done.stdout
    assert "API calls a file: dynamodb PutItem" in (orders / "runs" / "compare" / "comparison.md").read_text()


def test_a_side_that_cannot_run_says_why_in_one_line(orders: Path) -> None:
    (orders / "template.yaml").write_text("Resources: [")
    done = compare(orders, "HEAD", ".", "--inputs", "inputs", "--seeds", 2)
    assert done.returncode == 2
    assert "the working tree on" in done.stderr
    assert "cannot be run: " in done.stderr
    told = [line for line in done.stderr.strip().splitlines() if not line.startswith("Running both sides")]
    assert len(told) == 1, "but for how far it was"
    assert len(git(orders, "worktree", "list").splitlines()) == 1
    assert list((orders / "runs" / "compare").iterdir()) == []  # so that the next one may write there


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense", "."], "nonsense is neither a folder that a run left nor a revision of"),
        (["HEAD"], "Missing argument 'b'"),
        (["HEAD", ".", "--fail-above", "3"], "--fail-above 3 is no percentage such as 3%"),
        (["HEAD", ".", "--fail-above", "-3%"], "--fail-above -3% must be 0% or more"),
        (["HEAD", ".", "--fail-above", "nan%"], "--fail-above nan% must be 0% or more"),
        (["HEAD", ".", "--on", "joy"], "--on joy is none of bill, makespan, p95"),
        (["HEAD", ".", "--seeds", "1"], "Invalid value for '--seeds'"),
        (["HEAD", ".", "--out", "orders"], "orders holds something that is no compare"),
        (["HEAD", ".", "--inputs", "nowhere"], "nowhere"),
        (["HEAD", "."], "there is no maker of a sample here"),
        (["left", "."], "left is a run and . a revision: give two runs, or two revisions"),
        (["left", "left", "--out", "left"], "left lies in left, where the comparison is written to"),
        (["left", "left", "--inputs", "inputs"], "--inputs is for revisions"),
        (["left", "left"], "left holds no run: its summary.json is of the kind sweep"),
    ],
)
def test_bad_usage_is_one_line(
    arguments: list[str],
    message: str,
    orders: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (orders / "left").mkdir()
    (orders / "left" / "summary.json").write_text('{"kind": "sweep"}')
    monkeypatch.chdir(orders)
    monkeypatch.setattr(sys, "argv", ["harness", "compare", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert message in said.err
    assert len(said.err.strip().splitlines()) == 1


def test_an_interrupt_keeps_the_seeds_of_both_sides_and_leaves_no_worktree(orders: Path) -> None:
    interrupting = """
import os, signal, sys, threading, time
from pathlib import Path
from harness.commands import cli
def kill():
    while not Path("runs/compare/runs/a-1").exists() and not Path("runs/compare/runs/b-1").exists():
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=kill, daemon=True).start()
sys.argv = ["harness", "compare", "HEAD", ".", "--inputs", "inputs", "--seeds", "90"]
cli.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", interrupting], cwd=orders, capture_output=True, text=True, check=False
    )
    assert done.returncode == 130, done.stdout + done.stderr
    assert "harness: interrupted; 1 of 90 seeds came before that" in done.stderr
    found = numbers(orders)
    assert (found["seeds"], found["interrupted"]) == ([0], True)
    assert len(git(orders, "worktree", "list").splitlines()) == 1


def test_each_side_is_run_by_the_harness_of_its_own_tree(orders: Path) -> None:
    own = "import sys\n\ndef main():\n    sys.exit('harness: ' + ' '.join(sys.argv[1:4]) + ' by {}')\n"
    package = {"harness/__init__.py": "", "harness/commands/__init__.py": ""}
    commit(orders, {**package, "harness/commands/cli.py": own.format("the first")}, "With a harness")
    (orders / "harness" / "commands" / "cli.py").write_text(own.format("the second"))
    for one, other, said in (("HEAD", ".", "the first"), (".", "HEAD", "the second")):
        done = compare(orders, one, other, "--inputs", "inputs", "--seeds", 2)
        assert done.returncode == 2, done.stdout
        assert f"cannot be run: run {orders / 'inputs'} --seed by {said}" in done.stderr
