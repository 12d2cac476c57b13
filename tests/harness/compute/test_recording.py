"""Recording: calls run on all cores, errors are kept as errors, and a crash is kept as a crash."""

import multiprocessing
import os
import signal
import time

import pytest

from harness.compute import recording
from harness.compute.ledger import Ledger
from harness.compute.policies import Pending


def act(kind: str) -> str:
    if kind == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "long":
        time.sleep(600)
    if kind == "interrupts":
        os.kill(os.getppid(), signal.SIGINT)
        time.sleep(600)
    if kind == "error":
        raise ValueError("wrong")
    return kind


def test_values_errors_and_crashes_are_kept_each_as_what_they_are() -> None:
    ledger, told = Ledger(None), []
    kinds = ["a", "crash", "b", "error", "c", "crash"]
    pending = [Pending(f"{number}{kind}".encode(), act, (kind,), {}) for number, kind in enumerate(kinds)]
    recording.record(ledger, pending, {}, told.append)
    entries = [ledger.call(call.key) for call in pending]
    assert [entry.error for entry in entries] == [
        "",
        "builtins:RuntimeError",
        "",
        "builtins:ValueError",
        "",
        "builtins:RuntimeError",
    ]
    assert told[-1] == len(kinds)


def stop(done: int) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("kinds", "tell"),
    [(["interrupts", "long", "long", "long"], print), (["a", "long", "long", "long"], stop)],
)
def test_an_interrupt_ends_the_calls_that_are_under_way_and_begins_no_others(kinds, tell) -> None:
    """Whether it comes while calls are awaited or while one is kept; to wait for a call would take ten minutes."""
    pending = [Pending(f"{number}{kind}".encode(), act, (kind,), {}) for number, kind in enumerate(kinds)]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            recording.record(Ledger(None), pending, {}, tell)
    finally:
        signal.signal(signal.SIGINT, before)
    for process in multiprocessing.active_children():
        process.join(60)
        assert not process.is_alive()


def test_the_ledger_is_readable_by_its_owner_only(tmp_path) -> None:
    Ledger(tmp_path / "ledger.sqlite").close()
    assert (tmp_path / "ledger.sqlite").stat().st_mode & 0o077 == 0
