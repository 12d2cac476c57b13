"""A watch over every run: one whose loop stands still in real time fails, where it stands.

Still is a loop that comes to no next event for seconds while the machine does not compute for it either: it waits
for something by the real clock. What computes long (a page's OCR, here or in a child process) does not.
"""

import resource
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from harness.engine.kernel import Kernel

STILL_SECONDS = 4
BUSY_SHARE = 0.05
"""Of a second of real time, as CPU: less is waiting, also on a machine with much else to do."""

_clock = time.monotonic


class StoodStill(BaseException):
    """No error, so that no handler of errors in a run swallows it."""


@contextmanager
def watched() -> Iterator[None]:
    """For as long as this lasts, `Kernel.run` in the main thread raises `StoodStill` where it really waits."""
    run = Kernel.run

    def watched_run(kernel: Kernel) -> None:
        if (
            threading.current_thread() is not threading.main_thread()
            or signal.getitimer(signal.ITIMER_REAL)[0]
        ):
            run(kernel)
            return
        before = signal.signal(signal.SIGALRM, _Watch(kernel).look)
        signal.setitimer(signal.ITIMER_REAL, 1.0, 1.0)
        try:
            run(kernel)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, before)

    with mock.patch.object(Kernel, "run", watched_run):
        yield


class _Watch:
    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._since, self._cpu, self._events = _clock(), _cpu_seconds(), kernel.events

    def look(self, *_: object) -> None:
        passed, cpu = _clock() - self._since, _cpu_seconds() - self._cpu
        if self._kernel.events != self._events or cpu > BUSY_SHARE * passed + 0.1 or _has_children():
            self._since, self._cpu, self._events = _clock(), _cpu_seconds(), self._kernel.events
        elif passed > STILL_SECONDS:
            name = self._kernel.current.name if self._kernel.current is not None else "the loop itself"
            raise StoodStill(f"{name} has waited for {passed:.0f} s of real time at {self._kernel.now:.3f} s")


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _has_children() -> bool:
    return any(file.read_text().strip() for file in Path("/proc/self/task").glob("*/children"))
