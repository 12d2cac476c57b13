"""The folder that a command writes into: an earlier one of its kind is replaced, anything else is left
alone.
"""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import msgspec

from harness.errors import UsageError

LOCK = ".being-written"
Summaries = tuple[str, ...]


class Kind(msgspec.Struct, frozen=True):
    """What a command leaves: files and folders, which an earlier command of its kind has left as well.
    kept: a folder that stays there from one command to the next, which may be all that there is; summaries:
    the kinds of summary.json that are of this kind, where that is not its name.
    """

    name: str
    files: tuple[str, ...]
    folders: tuple[str, ...]
    kept: str = ""
    summaries: Summaries = ()


class _Summary(msgspec.Struct):
    kind: str = ""


def check(out: Path, kind: str, kept: str = "", summaries: Summaries = ()) -> None:
    """Raises `UsageError` when `out` holds something else, or is being written to. That it is what a command
    of this kind left is told by its summary.json; by its lock, when it was killed; or by the folder that it
    keeps, when there is nothing else. kept, summaries: as `Kind` has them.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file: give --out a folder")
    if not out.is_dir():
        return
    there = {entry.name for entry in out.iterdir()} - {LOCK}
    if _began(out) == kind or not there or there == {kept} or _summary(out) in (summaries or (kind,)):
        return
    raise UsageError(f"{out} holds something that is no {kind}: give --out another folder, or an empty one")


def _summary(out: Path) -> str:
    """The kind of what a command left there, by its summary.json; empty when it is none."""
    try:
        return msgspec.json.decode((out / "summary.json").read_bytes(), type=_Summary).kind
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _began(out: Path) -> str:
    """The kind of what was begun there and not ended, empty for nothing. Raises `UsageError` while it goes
    on.
    """
    try:
        with (out / LOCK).open(encoding="utf-8", errors="replace") as lock:
            _lock(lock, out, fcntl.LOCK_SH)
            return lock.read()
    except OSError:
        return ""


def _lock(lock: TextIO, out: Path, how: int) -> None:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(
            f"another harness is writing to {out}: wait for it, or give --out another folder"
        ) from None


@contextmanager
def held(out: Path, kind: Kind) -> Iterator[None]:
    """`out`, empty, for as long as the context lasts; nobody else writes there meanwhile. Raises
    `UsageError`.
    """
    check(out, kind.name, kind.kept, kind.summaries)
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = (out / LOCK).open("a", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write to {out}: {error.strerror}") from error
    with lock:
        _lock(lock, out, fcntl.LOCK_EX)
        lock.truncate(0)
        lock.write(kind.name)
        lock.flush()
        for name in kind.folders:
            shutil.rmtree(out / name, ignore_errors=True)
        for name in kind.files:
            (out / name).unlink(missing_ok=True)
        try:
            yield
        finally:
            (out / LOCK).unlink(missing_ok=True)
