"""What a machine has of what the harness needs, and whether the whole system runs on it."""

import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from harness.config import Config
from harness.errors import UsageError
from harness.runs import application, inputs
from harness.runs import run as runs
from harness.runs.rig import Options, quiet

MEGABYTE = 2**20
OWN = ("moto", "boto3", "greenlet", "numba", "matplotlib")
"""Distributions that the wind tunnel itself stands on."""
LEAST_PYTHON = (3, 11)


class Finding(msgspec.Struct, frozen=True):
    """Something that was looked at: whether it is as it should be, and what there is."""

    subject: str
    told: str
    good: bool = True


def installed(config: Config) -> Iterator[Finding]:
    """The machine, the distributions, what the application says of itself ([tool.harness] about), and what is
    kept in .harness.
    """
    yield Finding("Python", platform.python_version(), sys.version_info >= LEAST_PYTHON)
    yield Finding("cores", f"{os.cpu_count()}, {platform.machine()}")
    yield _distributions("wind tunnel", OWN)
    named = tuple(dict.fromkeys(name for spec in config.record for name in spec.versions))
    if named:
        yield _distributions("recorded functions", named)
    if config.about:
        yield from _about(config)
    yield Finding("project", str(config.source or f"no [tool.harness] in or above {config.root}"))
    yield from _kept(config.root / ".harness")


def tried(config: Config, options: Options) -> Finding:
    """A run on the smallest input of the sample, whose compute is measured here and now."""
    began = time.monotonic()
    try:
        folder = application.sample(config)
        files = inputs.collect([folder], config.input_suffixes)
        smallest = min(files, key=lambda file: file.path.stat().st_size)
        finished = runs.run(config, [smallest], options, quiet)
    except (UsageError, OSError) as error:
        return Finding("self-test", str(error), good=False)
    words = config.words
    violations = finished.summary["invariants"]["violations"]
    completed = [line for line in finished.files if line.status == config.result.completed]
    marked = sum(len(line.marked) for line in finished.files)
    told = f"{smallest.name}: " + ", ".join(
        (
            f"{sum(line.units for line in finished.files)} {words.unit[1]}",
            f"{marked} {words.marked_as}",
            f"{len(violations)} invariants violated",
            f"{time.monotonic() - began:.1f} s",
        )
    )
    if not completed:
        told += "; " + "; ".join([line.reason for line in finished.files] or finished.summary["notes"])
    return Finding("self-test", told, bool(completed) and not violations)


def _distributions(subject: str, names: tuple[str, ...]) -> Finding:
    versions = {name: _version(name) for name in names}
    told = ", ".join(f"{name} {version or 'is missing'}" for name, version in versions.items())
    return Finding(subject, told, all(versions.values()))


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _about(config: Config) -> Iterator[Finding]:
    try:
        told: dict[str, Any] = application.function(
            config, config.about, "what tells about the application"
        )()
    except UsageError as error:
        yield Finding("application", str(error), good=False)
    except Exception as error:  # whatever ails it is what is asked for
        yield Finding("application", f"{config.about}: {type(error).__name__}: {error}", good=False)
    else:
        for subject, text in told.items():
            yield Finding(subject, str(text))


def _kept(folder: Path) -> Iterator[Finding]:
    if not folder.is_dir():
        yield Finding("kept", f"nothing yet in {folder}")
        return
    sizes = {entry.name: _size(entry) for entry in sorted(folder.iterdir())}
    largest = sorted(sizes.items(), key=lambda one: -one[1])[:3]
    told = ", ".join(f"{name} {size / MEGABYTE:.0f} MB" for name, size in largest)
    yield Finding("kept", f"{sum(sizes.values()) / MEGABYTE:.0f} MB in {folder}: {told}")
    free = os.statvfs(folder)
    left = free.f_bavail * free.f_frsize / MEGABYTE
    yield Finding("disk", f"{left:,.0f} MB free", left > 500)


def _size(entry: Path) -> int:
    if entry.is_file():
        return entry.stat().st_size
    return sum(file.stat().st_size for file in entry.rglob("*") if file.is_file())
