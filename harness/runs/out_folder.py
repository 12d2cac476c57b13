"""The folder that a command writes into: an earlier one of its kind is replaced, anything else is left alone."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from harness.errors import UsageError


def prepare(out: Path, kind: str, files: Sequence[str], folder: str) -> None:
    """Makes `out` ready. `files` and `folder` are what an earlier run (or whatever `kind` it is) left in it; summary.json tells
    that it is one. Raises `UsageError`.
    """
    if out.is_file():
        raise UsageError(f"{out} is a file: give --out a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / "summary.json").is_file():
        raise UsageError(f"{out} holds something that is no {kind}: give --out another folder, or an empty one")
    try:
        out.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(out / folder, ignore_errors=True)
        for name in files:
            (out / name).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {out}: {error.strerror}") from error
