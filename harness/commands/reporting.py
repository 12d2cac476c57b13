"""The page of what a command left in a folder."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from harness.engine import interrupt
from harness.errors import UsageError


def write_report(directory: Path) -> None:
    """report.html of what lies in a folder. Raises `UsageError` when its files are damaged."""
    from reports import pages

    try:
        pages.write(directory)
    except (KeyError, ValueError, FileNotFoundError) as error:
        raise UsageError(
            f"the files in {directory} are damaged, or of another version: run it again ({error})"
        ) from error


@contextmanager
def reporter() -> Iterator[Callable[[Path], None]]:
    """`write_report` in a process of its own, which loads what draws the pictures while the caller emulates:
    that takes as long as a small run.
    """
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(ours, theirs), daemon=True)
    process.start()
    theirs.close()

    def write(directory: Path) -> None:
        try:
            ours.send(directory)
            error = ours.recv()
        except (EOFError, OSError):  # that process is gone, for its memory perhaps
            return write_report(directory)
        if error is not None:
            raise error
        return None

    try:
        yield write
    finally:
        ours.close()
        process.join()


def _serve(ours: Connection, theirs: Connection) -> None:
    interrupt.ignore()
    ours.close()  # so that it hears when the command ends without a word
    from reports import pages  # noqa: F401 the point of it all

    try:
        directory = theirs.recv()
    except EOFError:
        return
    try:
        write_report(directory)
        theirs.send(None)
    except (UsageError, OSError) as error:
        theirs.send(error)
