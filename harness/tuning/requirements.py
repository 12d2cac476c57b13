"""Which environment a base revision runs in: this one, unless its lock file wants something of the measured
path otherwise; then one of its own, made of that file and kept beside the project.
"""

import fcntl
import hashlib
import importlib.metadata
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.runs.rig import Progress

PYTHON = Path("bin", "python")
READY = ".ready"

_PIN = re.compile(
    r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)\s*(?:;\s*([^\\]+))?", re.MULTILINE
)


def pins(lock: str) -> dict[str, str]:
    """The versions that a lock file asks for on this machine, by normalized name (PEP 503)."""
    from packaging.markers import Marker

    return {
        normalized(name): version
        for name, version, marker in _PIN.findall(lock)
        if not marker or Marker(marker.strip()).evaluate()
    }


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def differing(
    base: Mapping[str, str], here: Mapping[str, str], used: Collection[str]
) -> dict[str, tuple[str, str]]:
    """What the measured path would find otherwise: name -> (version of the base, version here; "" where there
    is none). used: distributions that the path needs here. What only the base has may be needed by its path;
    what only this side has is not; and what else differs, tools above all, neither.
    """
    needed = set(map(normalized, used))
    return {
        name: (version, here.get(name, ""))
        for name, version in base.items()
        if here.get(name) != version and (name in needed or name not in here)
    }


def needed_by(specifiers: Collection[str]) -> set[str]:
    """The distributions that these ("name", or "name[extra,other]") need of this environment, themselves
    included, by normalized name.
    """
    from packaging.requirements import Requirement

    found: set[tuple[str, str]] = set()
    waiting = [Requirement(one) for one in specifiers]
    while waiting:
        wanted = waiting.pop()
        for extra in ("", *wanted.extras):
            one = normalized(wanted.name), extra
            if one in found:
                continue
            found.add(one)
            try:
                required = map(Requirement, importlib.metadata.requires(one[0]) or [])
            except importlib.metadata.PackageNotFoundError:
                continue
            waiting += [
                other for other in required if not other.marker or other.marker.evaluate({"extra": extra})
            ]
    return {name for name, _ in found}


def environment(root: Path, lock: Path, progress: "Progress") -> Path:
    """The Python of an environment with what the lock file lists, made unless it is there. Raises
    `UsageError` when it cannot be made.
    """
    name = hashlib.blake2b(
        f"{sys.version}\0{platform.platform()}\0".encode() + lock.read_bytes(), digest_size=8
    ).hexdigest()
    folder = root / ".harness" / "environments" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as made_by_one:
        fcntl.flock(made_by_one, fcntl.LOCK_EX)
        if not (folder / READY).is_file():
            _make(folder, lock, progress)
    return folder / PYTHON


def _make(folder: Path, lock: Path, progress: "Progress") -> None:
    """As the Makefile makes the project's own."""
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.is_file() else shutil.which("uv")
    if uv is None:
        raise UsageError(
            "the base has other requirements, and there is no uv to install them: pip install uv"
        )
    shutil.rmtree(folder, ignore_errors=True)
    into = ["--python", str(folder / PYTHON)]
    steps = [
        ["venv", "--quiet", "--python", sys.executable, str(folder)],
        ["pip", "install", "--quiet", *into, "--compile-bytecode", "--require-hashes", "-r", str(lock)],
    ]
    with progress("Environment of the base", len(steps)) as tell:
        for number, step in enumerate(steps, 1):
            done = subprocess.run([uv, *step], capture_output=True, text=True, check=False)  # noqa: S603 our own steps
            if done.returncode:
                shutil.rmtree(folder, ignore_errors=True)
                said = " ".join(done.stderr.split()) or "it does not say why"
                raise UsageError(
                    f"the base has other requirements, and uv cannot install them (it needs a package "
                    f"index): {said}"
                )
            tell(number)
    (folder / READY).touch()
