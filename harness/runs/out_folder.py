"""The folder that a command writes into: an earlier one of its kind is replaced, anything else is left
alone.
"""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from harness.errors import UsageError

LOCK = ".being-written"


class Kind(msgspec.Struct, frozen=True):
    """What a command leaves: files and one folder, which an earlier command of its kind has left as well.
    kept: a folder that stays there from one command to the next, which may be all that there is.
    """

    name: str
    files: tuple[str, ...]
    folder: str
    kept: str = ""


def check(out: Path, kind: str, kept: str = "") -> None:
    """Raises `UsageError` when `out` holds something else; summary.json tells that it is what a command left,
    or the folder that it keeps.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file: give --out a folder")
    if (
        out.is_dir()
        and {entry.name for entry in out.iterdir()} - {LOCK}
        and not (out / "summary.json").is_file()
        and not (kept and (out / kept).is_dir())
    ):
        raise UsageError(
            f"{out} holds something that is no {kind}: give --out another folder, or an empty one"
        )


@contextmanager
def held(out: Path, kind: Kind) -> Iterator[None]:
    """`out`, empty, for as long as the context lasts; nobody else writes there meanwhile. Raises
    `UsageError`.
    """
    check(out, kind.name, kind.kept)
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = (out / LOCK).open("w", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write to {out}: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another harness is writing to {out}: wait for it, or give --out another folder"
            ) from None
        shutil.rmtree(out / kind.folder, ignore_errors=True)
        for name in kind.files:
            (out / name).unlink(missing_ok=True)
        try:
            yield
        finally:
            (out / LOCK).unlink(missing_ok=True)
