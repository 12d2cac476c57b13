"""`harness guard` from end to end: real processes, real CPU time, and the real way to read a page."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.guard_trial import SPUN
from tests.builders import PROJECT
from tests.harness.tuning.trees import commit, git, reader

CONFIG = """
[tool.harness.guard]
made = {{ "makes:make" = 3 }}
readings = "{readings}"
environment = {{ OMP_THREAD_LIMIT = "1", OPENBLAS_NUM_THREADS = "1" }}

[tool.harness.words]
marked_key = "npi"
"""
MAKES_LINES = """
import json
def make(out, files, seed, tell=None):
    out.mkdir(parents=True)
    kinds = {f"{kind}{number}": kind for kind in ("short", "long") for number in range(files)}
    for name, kind in kinds.items():
        (out / name).write_text(kind)
    (out / "truth.json").write_text(json.dumps({name: [{"kind": kind, "npi": []}] for name, kind in kinds.items()}))
"""
MAKES_PAGES = """
import json
from PIL import Image, ImageDraw, ImageFont
WORDS = {"words": "Please find enclosed", "numbers": "SSN 676-84-7081"}
def make(out, files, seed, tell=None):
    out.mkdir(parents=True)
    truth = {}
    for kind, text in WORDS.items():
        for number in range(files):
            image = Image.new("L", (900, 200), 255)
            ImageDraw.Draw(image).text((40, 60), f"{text} {number}", fill=0, font=ImageFont.load_default(48))
            image.save(out / f"{kind}{number}.tiff", dpi=(200, 200))
            truth[f"{kind}{number}.tiff"] = [{"kind": kind, "npi": []}]
    (out / "truth.json").write_text(json.dumps(truth))
"""


def guard(folder: Path, *arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("harness")), "guard", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **options)


def numbers(folder: Path):
    return json.loads((folder / "runs" / "guard" / "summary.json").read_text())


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """A project that reads lines."""
    config = CONFIG.format(readings="reading.lines:readings")
    ignored = {".gitignore": ".harness/\nruns/\n__pycache__/\n"}
    commit(tmp_path, {"pyproject.toml": config, "makes.py": MAKES_LINES, **reader(), **ignored}, "First")
    return tmp_path


def test_pages_of_identical_code_pass_and_half_as_much_more_in_one_kind_is_caught(tmp_path: Path) -> None:
    """The project's own way to read pages, on six small ones."""
    for name in ("pipeline", "benchmarks/guarded.py"):
        source, copy = PROJECT / name, tmp_path / name
        copy.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy)
    files = {
        "pyproject.toml": CONFIG.format(readings="benchmarks.guarded:readings"),
        "makes.py": MAKES_PAGES,
        "benchmarks/__init__.py": "",
        ".gitignore": ".harness/\nruns/\n__pycache__/\n",
    }
    commit(tmp_path, files, "First")
    done = guard(tmp_path, "--base", "HEAD")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing that is needed on the way differs between the two." in done.stdout
    assert "Not slower than" in done.stdout
    assert numbers(tmp_path)["otherwise"] == []

    spun = SPUN.format(slow=[], share=0.5).replace("if not []", "if text.words and '676' in repr(text)")
    reading = tmp_path / "pipeline" / "ocr.py"
    reading.write_text(reading.read_text() + spun)
    done = guard(tmp_path, "--base", "HEAD")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "changed on the way: pipeline/ocr.py +" in done.stdout
    found = numbers(tmp_path)
    assert (found["kind"], found["verdict"]) == ("guard", "slower")
    # Where all pages together are sure to cost more before one kind by itself is, there is nothing to go on for.
    assert found["slower"]
    assert set(found["slower"]) <= {"numbers", "all"}
    assert found["kinds"]["numbers"]["ratio"] == pytest.approx(1.5, rel=0.15)
    assert found["units"][0]["kind"] == "numbers"


def test_an_edit_that_is_not_committed_is_measured_and_a_higher_limit_lets_it_pass(lines: Path) -> None:
    for name, text in reader(0.006).items():
        (lines / name).write_text(text)
    (lines / "README").write_text("this is not on the way")
    done = guard(lines, "--base", "HEAD")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "SLOWER than" in done.stdout
    assert "surely above 1.05" in done.stdout
    assert "changed on the way: reading/lines.py +1 -1" in done.stdout
    assert "README" not in done.stdout
    page = (lines / "runs" / "guard" / "report.html").read_text()
    assert '<h1 class="bad">SLOWER than' in page
    assert "<svg" in page
    assert "/short0</td><td>short</td>" in page
    assert '<td class="file">reading/lines.py</td><td class="n">1</td><td class="n">1</td>' in page
    assert guard(lines, "--base", "HEAD", "--fail-above", 2).returncode == 0
    (lines / "runs" / "guard" / "report.html").unlink()
    command = [str(Path(sys.executable).with_name("harness")), "report", "runs/guard"]
    again = subprocess.run(command, cwd=lines, capture_output=True, text=True, check=False)
    assert (again.returncode, again.stderr) == (0, "")
    assert "<h1>Not slower than" in (lines / "runs" / "guard" / "report.html").read_text()
    assert len(git(lines, "worktree", "list").splitlines()) == 1


def test_what_time_does_not_suffice_for_is_not_claimed(lines: Path) -> None:
    for name, text in reader(0.1).items():
        (lines / name).write_text(text)
    done = guard(lines, "--base", "HEAD", "--seconds", 1)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Not surely above 1.05" in done.stdout
    assert numbers(lines)["verdict"] == "undecided"


@pytest.mark.parametrize("killed", ["INT", "TERM"])
def test_an_interrupt_keeps_what_came_and_leaves_no_worktree(lines: Path, killed: str) -> None:
    for name, text in reader(0.2).items():
        (lines / name).write_text(text)
    interrupting = f"""
import os, signal, tempfile, threading, time
from pathlib import Path
from harness.commands import cli
def kill():
    while not list(Path(tempfile.gettempdir()).glob(f"harness-guard-{{os.getpid()}}-*/tree/reading")):
        time.sleep(0.05)
    time.sleep(1)
    os.kill(os.getpid(), signal.SIG{killed})
threading.Thread(target=kill, daemon=True).start()
import sys
sys.argv = ["harness", "guard", "--base", "HEAD", "--fail-above", "50"]
cli.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", interrupting], cwd=lines, capture_output=True, text=True, check=False
    )
    assert done.returncode == 130, done.stdout + done.stderr
    assert "harness: interrupted" in done.stderr
    page = (lines / "runs" / "guard" / "report.html").read_text()
    assert "<h1>Not decided: interrupted</h1>" in page
    assert "There are too few pairs to say anything." in page
    assert len(git(lines, "worktree", "list").splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--base", "nonsense"], "--base nonsense names no commit of"),
        ([], "Missing option '--base'"),
        (["--base", "HEAD", "--fail-above", "0.5"], "Invalid value for '--fail-above'"),
        (["--base", "HEAD", "--count", "joules"], "--count joules is neither cpu nor instructions"),
        (["--base", "HEAD", "--out", "reading"], "reading holds something that is no guard"),
    ],
)
def test_bad_usage_is_one_line(arguments: list[str], message: str, lines: Path) -> None:
    done = guard(lines, *arguments)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_project_that_names_nothing_to_guard_is_told_so(tmp_path: Path) -> None:
    commit(tmp_path, {"pyproject.toml": "[tool.harness]\n"})
    done = guard(tmp_path, "--base", "HEAD")
    assert (done.returncode, done.stdout) == (2, "")
    assert "what is guarded: [tool.harness.guard] names it" in done.stderr


def test_instructions_are_counted_or_refused_in_one_line(lines: Path) -> None:
    done = guard(lines, "--base", "HEAD", "--count", "instructions")
    if done.returncode == 2:
        assert done.stderr.startswith("harness: --count instructions: ")
        assert len(done.stderr.strip().splitlines()) == 1
    else:
        assert done.returncode == 0, done.stdout + done.stderr
        assert numbers(lines)["kinds"]["all"]["ratio"] == pytest.approx(1, abs=0.2)
    assert len(git(lines, "worktree", "list").splitlines()) == 1
