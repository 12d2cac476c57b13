"""Work done in a forked child: its time is limited, and a crash costs that work alone.

The child has what its parent has in memory, models above all. It works on one job after another until it is
closed, so that a page's images share what a fork costs.
"""

import contextlib
import faulthandler
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import NoReturn

import msgspec

from pipeline.failures import PageTooSlow, PageUnreadable

READ_BYTES = 1 << 20
LENGTH_BYTES = 8
Job = tuple[bytes, int, int, int, int, bool]
"""What goes to the child: an image's grey levels, its width and height, and what else the work is told."""


class Child:
    """Does `work` on jobs, from the first that it is asked for; that one it has in its memory already."""

    def __init__(self, work: Callable[[Job], str]) -> None:
        self._work = work
        self._pid = self._asks = self._answers = 0

    def ask(self, job: Job, seconds: float) -> str:
        """Raises `TimeoutError` when it takes longer, and `ChildProcessError` when it fails or crashes; the
        next job has another child then.
        """
        ends = time.perf_counter() + seconds
        if self._pid:
            self._send(msgspec.msgpack.encode((job, seconds)))
        else:
            self._fork(job, seconds)
        try:
            answer = self._answer(ends)
        except BaseException:
            self.close(at_once=True)
            raise
        if answer is None:
            status = self.close()
            if os.WIFSIGNALED(status):
                raise ChildProcessError(f"the engine crashed ({signal.Signals(os.WTERMSIG(status)).name})")
            raise ChildProcessError("the engine ended without an answer")
        done, text = msgspec.msgpack.decode(answer, type=tuple[bool, str])
        if not done:
            raise ChildProcessError(text)
        return text

    def recognised(self, job: Job, seconds: float, page_seconds: int) -> str:
        """What an engine makes of an image of a page, which may take so many seconds in all. Raises
        `PageUnreadable`.
        """
        try:
            return self.ask(job, seconds)
        except TimeoutError:
            raise PageTooSlow(f"OCR took longer than {page_seconds} s") from None
        except ChildProcessError as error:
            raise PageUnreadable(f"OCR failed: {error}") from error

    def close(self, at_once: bool = False) -> int:
        """How the child ended; it has no more to do then."""
        if not self._pid:
            return 0
        os.close(self._asks)
        if at_once:
            os.kill(self._pid, signal.SIGKILL)
        os.close(self._answers)
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        return status

    def _fork(self, job: Job, seconds: float) -> None:
        asked, self._asks = os.pipe()
        self._answers, answering = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            os.close(self._asks)
            os.close(self._answers)
            _work_and_leave(self._work, job, seconds, asked, answering)
        os.close(asked)
        os.close(answering)

    def _send(self, message: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # then there is no answer either
            _write(self._asks, message)

    def _answer(self, ends: float) -> bytes | None:
        """What the child writes; None when it ended."""
        message, expected = bytearray(), LENGTH_BYTES
        while len(message) < expected:
            if not select.select([self._answers], [], [], max(0.0, ends - time.perf_counter()))[0]:
                raise TimeoutError
            if not (part := os.read(self._answers, READ_BYTES)):
                return None
            message += part
            if len(message) >= LENGTH_BYTES:
                expected = LENGTH_BYTES + int.from_bytes(message[:LENGTH_BYTES])
        return bytes(message[LENGTH_BYTES:])


def _work_and_leave(
    work: Callable[[Job], str], job: Job, seconds: float, asked: int, answering: int
) -> NoReturn:
    """The child's whole life: nothing of the parent's is run or closed by it, and it ends with its time even
    when the parent is gone.
    """
    try:
        faulthandler.disable()
        # Whoever interrupts means the parent, which ends this one.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stderr__.fileno() if sys.__stderr__ else 2)
        with open(asked, "rb") as asking:
            while True:
                signal.setitimer(signal.ITIMER_REAL, max(0.001, seconds) + 1)
                try:
                    answer = (True, work(job))
                except Exception as error:
                    answer = (False, first_line(str(error)))
                _write(answering, msgspec.msgpack.encode(answer))
                length = asking.read(LENGTH_BYTES)
                if len(length) < LENGTH_BYTES:
                    break
                message = asking.read(int.from_bytes(length))
                job, seconds = msgspec.msgpack.decode(message, type=tuple[Job, float])
    finally:
        os._exit(0)


def _write(pipe: int, message: bytes) -> None:
    left = memoryview(len(message).to_bytes(LENGTH_BYTES) + message)
    while left:
        left = left[os.write(pipe, left) :]


def first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
