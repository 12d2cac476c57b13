"""A base with other requirements on the measured path runs in an environment of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.runs.rig import quiet
from harness.tuning import requirements
from tests.builders import PROJECT

LOCK = r"""
# made by a tool
numpy==2.1.0 \
    --hash=sha256:0123
    # via project
tifffile==2026.1.1 ; python_version >= '3.11' \
    --hash=sha256:4567
tifffile==2025.1.1 ; python_version < '3.11' \
    --hash=sha256:4568
pywin32==311 ; sys_platform == 'win32' \
    --hash=sha256:89ab
moto[server,s3]==5.2.5 \
    --hash=sha256:cdef
Ruff_Tool.x==1.0
"""


def test_a_lock_file_asks_for_versions_on_this_machine() -> None:
    assert requirements.pins(LOCK) == {
        "numpy": "2.1.0",
        "tifffile": "2026.1.1",
        "moto": "5.2.5",
        "ruff-tool-x": "1.0",
    }


@pytest.mark.parametrize(
    ("base", "differs"),
    [
        ({"numpy": "2.1", "ruff": "1"}, {}),
        ({"numpy": "2.0", "ruff": "1"}, {"numpy": ("2.0", "2.1")}),
        ({"numpy": "2.1", "ruff": "0"}, {}),  # a tool, which nothing measured imports
        ({"numpy": "2.1", "ruff": "1", "img2pdf": "0.6"}, {"img2pdf": ("0.6", "")}),  # the base may need it
        ({"numpy": "2.1"}, {}),  # what is only here was not needed then
    ],
)
def test_only_what_the_path_needs_is_a_difference(
    base: dict[str, str], differs: dict[str, tuple[str, str]]
) -> None:
    assert requirements.differing(base, {"numpy": "2.1", "ruff": "1"}, ["NumPy"]) == differs


def test_an_environment_that_cannot_be_made_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"no-such-distribution==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(UsageError, match="uv cannot install them") as told:
        requirements.environment(tmp_path, lock, quiet)
    assert "no-such-distribution" in str(told.value)
    assert [path for path in (tmp_path / ".harness" / "environments").iterdir() if path.is_dir()] == []


def test_an_environment_is_made_once(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("# nothing is required\n")
    python = requirements.environment(tmp_path, lock, quiet)
    command = [str(python), "-c", "import sys; print(sys.prefix)"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == str(
        python.parent.parent
    )
    made = python.parent.stat().st_mtime_ns
    assert requirements.environment(tmp_path, lock, quiet) == python
    assert python.parent.stat().st_mtime_ns == made
    lock.write_text("# another one\n")
    assert requirements.environment(tmp_path, lock, quiet) != python
    assert str(python.parent.parent) != sys.prefix


@pytest.mark.slow
def test_the_project_reads_pages_in_an_environment_made_of_its_lock_file(tmp_path: Path) -> None:
    python = requirements.environment(tmp_path, PROJECT / "requirements.lock", quiet)
    command = [
        str(python),
        "-P",
        "-c",
        f"import sys; sys.path[:0] = [{str(PROJECT)!r}]; import benchmarks.guarded",
    ]
    subprocess.run(command, check=True)


def test_what_a_project_needs_is_followed_through_what_that_needs_with_its_extras() -> None:
    plain, with_extra = (requirements.needed_by([name]) for name in ("moto==5", "moto[server]==5"))
    assert {"moto", "boto3", "botocore"} <= plain
    assert "flask" not in plain
    assert "flask" in with_extra
    assert "pytest" not in with_extra
    assert requirements.needed_by(["Not.There"]) == {"not-there"}
