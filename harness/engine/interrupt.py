"""Ctrl-C, or a polite kill: an emulation that is under way ends after its current event, so that what came of
it until then can be kept.

Where nothing can be ended gently the interrupt is raised where it happens, as Python does; so is a second
one.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """The message says what is kept. No error, so that nothing takes it for one."""


_stops: list[Callable[[], None]] = []


def install() -> None:
    """Takes over SIGINT and SIGTERM in the main thread of a command: worktrees and processes go with it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _on_signal)


def ignore() -> None:
    """For processes that work for another one, which is interrupted itself and ends them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def stopped_by(stop: Callable[[], None]) -> Iterator[None]:
    """While this lasts an interrupt calls `stop` instead."""
    _stops.append(stop)
    try:
        yield
    finally:
        if stop in _stops:
            _stops.remove(stop)


def _on_signal(number: int, frame: FrameType | None) -> None:
    if not _stops:
        raise KeyboardInterrupt
    while _stops:
        _stops.pop()()
