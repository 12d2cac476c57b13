"""Recording: calls run on all cores, errors are kept as errors, and a crash is kept as a crash."""

import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time

import msgspec
import numpy
import pytest

from harness.compute import footprint, recording
from harness.compute.ledger import Entry, Ledger
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


def threads_of_libraries(kind: str) -> str:
    import threadpoolctl

    return json.dumps([one["num_threads"] for one in threadpoolctl.threadpool_info()])


def test_libraries_have_as_many_threads_as_the_functions_environment_says() -> None:
    """numpy is loaded here already, with a thread for each core."""
    numpy.ones((2, 2)) @ numpy.ones((2, 2))
    for told in ("1", "2"):
        ledger, call = (
            Ledger(None),
            Pending(
                b"threads",
                threads_of_libraries,
                ("",),
                {},
                variables={"OPENBLAS_NUM_THREADS": told, "OMP_NUM_THREADS": told},
            ),
        )
        recording.record(ledger, [call], lambda done: None)
        entry = ledger.call(call.key)
        assert entry is not None
        found = json.loads(msgspec.msgpack.decode(entry.value))
        assert found
        assert set(found) == {int(told)}


def variable(name: str) -> str:
    return os.environ.get(name, "")


def test_calls_of_two_functions_are_recorded_each_in_its_own_environment() -> None:
    ledger = Ledger(None)
    pending = [
        Pending(bytes([number]), variable, ("WHO",), {}, variables={"WHO": who})
        for number, who in enumerate(["worker", "aggregator", "worker"])
    ]
    done: list[int] = []
    recording.record(ledger, pending, done.append)
    found = [msgspec.msgpack.decode(ledger.call(call.key).value) for call in pending]
    assert found == ["worker", "aggregator", "worker"]
    assert done == [1, 2, 3]


def test_values_errors_and_crashes_are_kept_each_as_what_they_are() -> None:
    ledger, told = Ledger(None), []
    kinds = ["a", "crash", "b", "error", "c", "crash"]
    pending = [Pending(f"{number}{kind}".encode(), act, (kind,), {}) for number, kind in enumerate(kinds)]
    recording.record(ledger, pending, told.append)
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


MEGABYTE = 2**20
HELD_SECONDS = 0.2
"""So long a child keeps what it took, that the watcher sees it whatever else the machine does."""


def take(how: str, megabytes: int) -> int:
    """Takes memory in this process, in a copy of it, or in another program."""
    if how == "itself":
        return bytearray(megabytes * MEGABYTE).count(1)
    if how == "program":
        code = f"import time; held = b'1' * ({megabytes} << 20); time.sleep({HELD_SECONDS})"
        return subprocess.run([sys.executable, "-c", code], check=True).returncode
    if not (pid := os.fork()):
        held = b"1" * (megabytes * MEGABYTE)
        time.sleep(HELD_SECONDS)
        os._exit(len(held) == 0)
    return os.waitpid(pid, 0)[1]


def recorded(*calls: tuple[str, int]) -> list[int]:
    """Megabytes that the ledger has of these calls, which one process runs in their order."""
    ledger = Ledger(None)
    pending = [Pending(bytes([number]), take, call, {}) for number, call in enumerate(calls)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "cpu_count", lambda: 1)
        recording.record(ledger, pending, lambda done: None)
    entries = [ledger.call(call.key) for call in pending]
    assert all(entry is not None and entry.memory_bytes is not None for entry in entries)
    return [entry.memory_bytes // MEGABYTE for entry in entries]


@pytest.mark.parametrize("how", ["itself", "copy", "program"])
def test_memory_is_what_a_call_needs_wherever_it_takes_it(how: str) -> None:
    before, most, after = recorded((how, 5), (how, 150), (how, 5))
    assert 145 <= most < 180
    assert before < 30 > after, "each call has what it needs itself"


def test_a_copy_of_the_process_brings_only_what_it_adds() -> None:
    held = bytearray(os.urandom(MEGABYTE)) * 200
    (small,) = recorded(("copy", 5))
    assert small < 30
    assert len(held) == 200 * MEGABYTE


def test_what_a_call_is_given_is_part_of_what_it_needs() -> None:
    ledger, page = Ledger(None), bytes(40 * MEGABYTE)
    recording.record(ledger, [Pending(b"key", len, (page,), {})], lambda done: None)
    entry = ledger.call(b"key")
    assert entry is not None
    assert 40 * MEGABYTE <= (entry.memory_bytes or 0) < 70 * MEGABYTE


def test_without_proc_the_maxima_of_getrusage_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(footprint, "_begin_anew", lambda: False)
    (most,) = recorded(("itself", 600))
    assert most > 0


def test_a_ledger_of_before_memory_was_measured_is_read_and_its_memory_unknown(tmp_path) -> None:
    path = tmp_path / "ledger.sqlite"
    with sqlite3.connect(path) as old:
        old.execute(
            "CREATE TABLE results (key BLOB PRIMARY KEY, cpu REAL, value BLOB, error TEXT, seconds REAL) WITHOUT ROWID"
        )
        old.execute("INSERT INTO results VALUES (?, 1.5, ?, '', ?)", (b"old", b"value", 9.0))
    ledger = Ledger(path)
    assert ledger.call(b"old") == Entry(1.5, b"value", limit_seconds=9.0)
    assert ledger.base_bytes("handler@code") is None


def test_memory_is_kept_with_the_measurement_that_it_belongs_to() -> None:
    ledger = Ledger(None)
    short, long = (Entry(1.0, b"", limit_seconds=limit, memory_bytes=int(limit)) for limit in (1.0, 2.0))
    ledger.keep_call(b"key", short)
    ledger.keep_call(b"key", Entry(9.0, b"", limit_seconds=1.0, memory_bytes=900))
    assert ledger.call(b"key") == short
    ledger.keep_call(b"key", long)
    assert ledger.call(b"key") == long


def stop(done: int) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("kinds", "tell"),
    [(["interrupts", "long", "long", "long"], print), (["a", "long", "long", "long"], stop)],
)
def test_an_interrupt_ends_the_calls_that_are_under_way_and_begins_no_others(kinds, tell) -> None:
    """Whether it comes while calls are awaited or while one is kept; to wait for a call would take ten minutes."""
    pending = [Pending(f"{number}{kind}".encode(), act, (kind,), {}) for number, kind in enumerate(kinds)]
    others = set(multiprocessing.active_children())
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            recording.record(Ledger(None), pending, tell)
    finally:
        signal.signal(signal.SIGINT, before)
    ends = time.monotonic() + 60
    while set(multiprocessing.active_children()) - others and time.monotonic() < ends:
        time.sleep(0.01)  # the executor's own thread may be the one to hear of its end
    assert set(multiprocessing.active_children()) <= others


def test_the_ledger_is_readable_by_its_owner_only(tmp_path) -> None:
    Ledger(tmp_path / "ledger.sqlite").close()
    assert (tmp_path / "ledger.sqlite").stat().st_mode & 0o077 == 0
