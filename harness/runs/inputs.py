"""The input files of a run: files as given, folders with all that lies in them, each under the name of its
result.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from harness.errors import UsageError


class InputFile(msgspec.Struct, frozen=True):
    """A file to upload; `name` is its path below the folder that was given (or its own name), with forward
    slashes; `at`: virtual seconds after the beginning at which it is.
    """

    name: str
    path: Path
    at: float = 0.0


def collect(paths: Sequence[Path], suffixes: Sequence[str]) -> list[InputFile]:
    """All input files, sorted by name. Of a folder, files with one of the suffixes (any case) are taken.
    Raises `UsageError`.
    """
    wanted = tuple(suffix.lower() for suffix in suffixes) or ("",)
    found: dict[str, InputFile] = {}
    for path in paths:
        if path.is_dir():
            files = [
                entry
                for entry in sorted(path.rglob("*"))
                if not entry.is_dir() and entry.name.lower().endswith(wanted)
            ]
            if not files:
                raise UsageError(f"no {' or '.join(suffixes) or ''} file lies in {path}")
            names = {entry: entry.relative_to(path).as_posix() for entry in files}
        elif path.is_file():
            if not path.name.lower().endswith(wanted):
                raise UsageError(f"{path} is not taken: its name must end in {' or '.join(wanted)}")
            names = {path: path.name}
        else:
            raise UsageError(f"there is no file or folder {path}")
        for entry, name in names.items():
            name = _spelled(entry, name)
            unique = name if name not in found else f"{path.resolve().name}/{name}"
            if unique in found:
                raise UsageError(f"two inputs would both be called {unique}: rename one, or run them apart")
            found[unique] = InputFile(unique, entry)
    return [found[name] for name in sorted(found)]


def _spelled(path: Path, name: str) -> str:
    """The name as UTF-8, whatever the locale; S3's keys are nothing else. Raises `UsageError` for one that is
    not, or not readable.
    """
    try:
        spelled = os.fsencode(name).decode("utf-8")
    except UnicodeDecodeError:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        raise UsageError(f"the name of {shown} is not UTF-8, and S3 has no other keys: rename it") from None
    if not path.is_file():
        lacking = (
            "it points to nothing" if path.is_symlink() else "it is no file but a pipe, socket or device"
        )
        raise UsageError(f"{path} cannot be read: {lacking}")
    if not os.access(path, os.R_OK):
        raise UsageError(f"{path} cannot be read: permission denied")
    return spelled
