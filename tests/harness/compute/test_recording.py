"""Recording: calls run on all cores, errors are kept as errors, and a crash is kept as a crash."""

import os
import signal

from harness.compute import recording
from harness.compute.ledger import Ledger
from harness.compute.policies import Pending


def act(kind: str) -> str:
    if kind == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
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


def test_the_ledger_is_readable_by_its_owner_only(tmp_path) -> None:
    Ledger(tmp_path / "ledger.sqlite").close()
    assert (tmp_path / "ledger.sqlite").stat().st_mode & 0o077 == 0
