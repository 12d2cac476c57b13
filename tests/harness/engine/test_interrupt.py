"""Ctrl-C and a polite kill are one thing to a command, and nothing to the processes that work for it."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection

import pytest

from harness.engine import interrupt

BOTH = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in BOTH}
    interrupt.install()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", BOTH)
def test_either_is_raised_or_stops_what_can_be_stopped(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), number)
    stopped: list[bool] = []
    with interrupt.stopped_by(lambda: stopped.append(True)):
        os.kill(os.getpid(), number)
    assert stopped == [True]


def test_a_process_that_works_for_another_one_is_ended_by_it_and_not_by_ctrl_c() -> None:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_work, args=(theirs,))
    process.start()
    for _ in range(2):  # it works before Ctrl-C, and after it
        assert ours.recv() == "works"
        os.kill(process.pid or 0, signal.SIGINT)
        ours.send("go on")
    process.terminate()
    process.join(10)
    assert process.exitcode == -signal.SIGTERM


def _work(ours: Connection) -> None:
    interrupt.ignore()
    while True:
        ours.send("works")
        ours.recv()
