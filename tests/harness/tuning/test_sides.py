"""A side runs the code of its own tree and no other, and its costs are those of all that it started."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.tuning import instructions
from harness.tuning.instructions import Counter
from harness.tuning.sides import Side, Unit, Worker
from tests.builders import PROJECT
from tests.harness.tuning.trees import READER

NAMES_ITSELF = """
from reading import part
def readings(data):
    return [lambda: (__file__, part.__file__)]
"""


def tree(folder: Path, **files: str) -> Path:
    (folder / "reading").mkdir(parents=True)
    for name, text in {"__init__": "", **files}.items():
        (folder / "reading" / f"{name}.py").write_text(text)
    return folder


def worker(folder: Path, *lines: str, instead: Path = Path("none"), **variables: str) -> Worker:
    file = folder.parent / "input"
    file.write_text("\n".join(lines or ("a",)))
    side = Side("the base", folder, Path(sys.executable), "reading.lines:readings", instead)
    return Worker(side, [Unit("input", "line", file, 0)], variables, counted=False)


def unit(folder: Path, number: int = 0) -> Unit:
    return Unit(f"line {number}", "line", folder.parent / "input", number)


def test_a_side_imports_the_files_of_its_tree_though_another_is_installed(tmp_path: Path) -> None:
    base = tree(tmp_path / "base", lines=NAMES_ITSELF, part="")
    other = tree(tmp_path / "other", lines="broken(", part="")
    with worker(base, PYTHONPATH=str(other)) as side:
        side.wait_until_ready([unit(base)])
        side.read(unit(base))
        assert side.used().files == ("reading/__init__.py", "reading/lines.py", "reading/part.py")


def test_the_project_itself_is_read_by_the_base_though_an_editable_installation_names_the_tree(
    tmp_path: Path,
) -> None:
    """`pipeline` is installed here; the base's copy is what runs."""
    base = tree(tmp_path / "base", lines="import pipeline\ndef readings(data):\n    return [lambda: 1 / 0]\n")
    (base / "pipeline").mkdir()
    (base / "pipeline" / "__init__.py").write_text("THE_BASE = True")
    with worker(base) as side:
        side.wait_until_ready([unit(base)])
        assert "pipeline/__init__.py" in side.used().files


def test_a_package_that_only_the_working_tree_has_is_not_there_for_the_base(tmp_path: Path) -> None:
    base = tree(tmp_path / "base", lines="import addition")
    now = tree(tmp_path / "now", lines="")
    (now / "addition.py").write_text("")
    with (
        worker(base, PYTHONPATH=str(now)) as side,
        pytest.raises(UsageError, match="ModuleNotFoundError: No module named 'addition'"),
    ):
        side.wait_until_ready([unit(base)])


def test_modules_of_another_tree_are_an_error(tmp_path: Path) -> None:
    lines = f"import sys\nsys.path.insert(0, {str(PROJECT)!r})\nimport pipeline\ndef readings(data):\n    return [int]\n"
    base = tree(tmp_path / "base", lines=lines)
    with worker(base) as side:
        side.wait_until_ready([unit(base)])
        (base / "pipeline").mkdir()
        (base / "pipeline" / "__init__.py").write_text("")
        with pytest.raises(UsageError, match="modules of another tree were imported: pipeline from"):
            side.used()


def test_a_base_without_the_function_is_called_by_the_file_of_the_working_tree(tmp_path: Path) -> None:
    base = tree(tmp_path / "base", part="")
    now = tree(tmp_path / "now", part="broken(", lines=NAMES_ITSELF)
    with worker(base, instead=now / "reading" / "lines.py") as side:
        side.wait_until_ready([unit(base)])
        side.read(unit(base))
        assert side.used().files == ("reading/__init__.py", "reading/part.py")


def test_data_that_is_opened_belongs_to_what_is_used(tmp_path: Path) -> None:
    lines = "from pathlib import Path\ndef readings(data):\n    return [Path(__file__).with_name('weights').read_text]\n"
    base = tree(tmp_path / "base", lines=lines)
    (base / "reading" / "weights").write_text("1 2 3")
    with worker(base) as side:
        side.wait_until_ready([unit(base)])
        side.read(unit(base))
        assert "reading/weights" in side.used().files


def test_time_of_children_counts_and_of_idle_waiting_does_not(tmp_path: Path) -> None:
    base = tree(tmp_path / "base", lines=READER.format(seconds=0.06))
    with worker(base) as side:
        side.wait_until_ready([unit(base)])
        cost = side.read(unit(base))
        assert 0.055 < cost.cpu < 0.15
        assert cost.wall > 0.055
    waiting = tree(
        tmp_path / "waiting", lines="import time\ndef readings(d):\n    return [lambda: time.sleep(0.1)]\n"
    )
    with worker(waiting) as side:
        side.wait_until_ready([unit(waiting)])
        cost = side.read(unit(waiting))
        assert cost.cpu < 0.05 < 0.1 <= cost.wall


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("broken(", "the base cannot be measured: SyntaxError"),
        (
            "import no_such_module",
            "the base cannot be measured: ModuleNotFoundError: No module named 'no_such",
        ),
        ("def other(): ...", "the base cannot be measured: AttributeError.*readings"),
        (
            "def readings(data, more): ...",
            "the base cannot be measured: TypeError.*more.*called by reading.lines",
        ),
        ("def readings(data):\n    return []", "the base finds no 1. unit in .*input"),
        ("def readings(data):\n    return [lambda: 1 / 0]", "the base cannot read line 0: ZeroDivisionError"),
        ("import os\ndef readings(data):\n    os._exit(7)", "the base ended without an answer: exit code 7"),
        (
            "import os\ndef readings(data):\n    return [os.abort]",
            "ended without an answer on line 0: SIGABRT",
        ),
    ],
)
def test_a_side_that_cannot_be_measured_says_why_in_one_line(
    lines: str, message: str, tmp_path: Path
) -> None:
    base = tree(tmp_path / "base", lines=lines)

    def measured() -> None:
        with worker(base) as side:
            side.wait_until_ready([unit(base)])
            side.read(unit(base))

    with pytest.raises(UsageError, match=message) as told:
        measured()
    assert "Traceback" not in str(told.value)


def test_what_is_printed_is_no_answer(tmp_path: Path) -> None:
    base = tree(
        tmp_path / "base", lines="print('{}')\ndef readings(data):\n    return [lambda: print('{}')]\n"
    )
    with worker(base) as side:
        side.wait_until_ready([unit(base)])
        assert side.read(unit(base)).wall > 0


def test_a_side_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.tuning.sides.MOST_SECONDS", 0.3)
    base = tree(tmp_path / "base", lines="import time\ntime.sleep(60)\n")
    with worker(base) as side, pytest.raises(UsageError, match=r"the base gave no answer within 0"):
        side.wait_until_ready([unit(base)])


def test_what_a_side_started_ends_with_it(tmp_path: Path) -> None:
    lines = "import os, time\ndef readings(data):\n    return [lambda: os.fork() or time.sleep(60)]\n"
    base = tree(tmp_path / "base", lines=lines)
    with worker(base) as side:
        side.wait_until_ready([unit(base)])
        side.read(unit(base))
        group = side._process.pid
    ends = time.monotonic() + 5
    while _is_there(group) and time.monotonic() < ends:
        time.sleep(0.01)
    assert not _is_there(group)


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


CHILD = """
import os, sys
for line in sys.stdin:
    if not os.fork():
        bytearray(int(line) << 12)
        os._exit(0)
    os.wait()
    print("done", flush=True)
"""


def test_a_counter_counts_what_children_do() -> None:
    """Page faults, which every kernel counts, in place of instructions: 2,000 pages are touched by a child."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            counter = Counter(process.pid, instructions.SOFTWARE, instructions.PAGE_FAULTS)
        except UsageError as error:
            pytest.skip(str(error))
        counts = []
        with counter:
            for pages in (1, 1, 2000):
                process.stdin.write(f"{pages}\n")
                process.stdin.flush()
                process.stdout.readline()
                counts.append(counter.read())
        assert 2000 <= counts[2] - counts[1] < 2 * 2000
        assert counts[1] - counts[0] < 2000


def test_instructions_are_counted_or_one_line_says_why_not() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        counted, refused = 0, ""
        try:
            with Counter(process.pid) as counter:
                process.communicate(b"\n")
                counted = counter.read()
        except UsageError as error:
            refused = str(error)
        process.communicate(b"\n" if refused else None)
    if refused:
        assert refused.startswith("--count instructions: ")
        assert refused.endswith("; leave the option out")
    else:
        assert counted > 1_000_000  # Python alone takes more to end


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (2, "processor shows no counter"),
        (13, "perf_event_paranoid must be 2"),
        (38, "the kernel does not count"),
    ],
)
def test_why_instructions_cannot_be_counted(number: int, told: str) -> None:
    assert told in instructions.why_not(number)
