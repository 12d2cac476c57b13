"""Points are tried in processes of their own: an emulation moves the clock of the whole process that it runs
in, which what sends points out (a pool, the worker of a cluster) must not notice.

A child reads a task, writes its outcome, and waits for the next one; it ends when whoever started it is gone.
What kills a child becomes the outcome of its task.
"""

import atexit
import gc
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

COMMAND = (sys.executable, "-m", "harness.tuning.children")


class Died(Exception):
    """The child ended in the middle of a task; says how."""


class _Child:
    def __init__(self) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 closed by `end`
        self._process = subprocess.Popen(  # noqa: S603 our own module
            COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors
        )

    def ask(self, task: bytes) -> bytes:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump(task, self._process.stdin)
            self._process.stdin.flush()
            answer: bytes = pickle.load(self._process.stdout)  # noqa: S301 what our own module wrote
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            code = self._process.wait()
            self._errors.seek(0)
            told = self._errors.read().decode(errors="replace").strip().splitlines()
            raise Died(f"its process ended ({code}): {told[-1] if told else 'it says nothing'}") from error
        return answer

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                stream.close()


_idle: list[_Child] = []
_all: set[_Child] = set()
_lock = threading.Lock()


def ask(task: bytes) -> bytes:
    """The answer to a task (`packed`), from a child that has nothing else to do. Raises `Died`."""
    with _lock:
        child = _idle.pop() if _idle else None
    if child is None:
        child = _Child()
        with _lock:
            _all.add(child)
    try:
        answer = child.ask(task)
    except BaseException:
        with _lock:
            _all.discard(child)
        child.end()
        raise
    with _lock:
        _idle.append(child)
    return answer


def end_all() -> None:
    """Ends the children that this process started."""
    with _lock:
        ending = list(_all)
        _all.clear()
        _idle.clear()
    for child in ending:
        child.end()


@contextmanager
def ended_on_error() -> Iterator[None]:
    """Whatever breaks this off ends the children, who would go on with what nobody waits for; else they stay
    for the next tasks.
    """
    try:
        yield
    except BaseException:
        end_all()
        raise


atexit.register(end_all)


def packed(function: Callable[[Any], bytes], task: Any) -> bytes:
    """A task for a child: a function of a module, and what it is given."""
    return pickle.dumps((function, task))


def _serve(asked: BinaryIO, answers: BinaryIO) -> None:
    while True:
        try:
            task = pickle.load(asked)  # noqa: S301 from who started this process
        except EOFError:
            return
        function, given = pickle.loads(task)  # noqa: S301
        pickle.dump(function(given), answers)
        answers.flush()
        gc.collect()
        gc.freeze()  # what stays of a task, modules above all, is no garbage of the next ones


def main() -> None:
    import os

    from harness.engine import interrupt

    interrupt.ignore()  # who started this process is interrupted itself
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anything prints is no answer
    _serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
