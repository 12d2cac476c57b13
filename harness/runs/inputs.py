"""The input files of a run: files as given, folders with all that lies in them, each under the name of its result."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from harness.errors import UsageError


class InputFile(msgspec.Struct, frozen=True):
    """A file to upload; `name` is its path below the folder that was given (or its own name), with forward slashes."""

    name: str
    path: Path


def collect(paths: Sequence[Path], suffixes: Sequence[str]) -> list[InputFile]:
    """All input files, sorted by name. Of a folder, files with one of the suffixes (any case) are taken. Raises `UsageError`."""
    wanted = tuple(suffix.lower() for suffix in suffixes)
    found: dict[str, InputFile] = {}
    for path in paths:
        if path.is_dir():
            files = [entry for entry in sorted(path.rglob("*")) if entry.is_file() and entry.name.lower().endswith(wanted)]
            if not files:
                raise UsageError(f"no {' or '.join(wanted) or ''} file lies in {path}")
            names = {entry: entry.relative_to(path).as_posix() for entry in files}
        elif path.is_file():
            if not path.name.lower().endswith(wanted):
                raise UsageError(f"{path} is not taken: its name must end in {' or '.join(wanted)}")
            names = {path: path.name}
        else:
            raise UsageError(f"there is no file or folder {path}")
        for entry, name in names.items():
            unique = name if name not in found else f"{path.resolve().name}/{name}"
            if unique in found:
                raise UsageError(f"two inputs would both be called {unique}: rename one, or run them apart")
            found[unique] = InputFile(unique, entry)
    return [found[name] for name in sorted(found)]
