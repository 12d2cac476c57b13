"""A cluster that is made here is ended, too, and one that does not answer is told before anything is tried."""

import os
import signal
from types import SimpleNamespace

import pytest

from harness.engine import interrupt
from harness.errors import UsageError
from harness.tuning import backends


def test_an_interrupt_while_a_cluster_starts_waits_until_it_can_be_closed() -> None:
    happened = []

    def start(**options: object) -> SimpleNamespace:
        os.kill(os.getpid(), signal.SIGINT)
        happened.append("started")
        return SimpleNamespace(close=lambda: happened.append("closed"))

    before = signal.getsignal(signal.SIGINT)
    interrupt.install()
    try:
        with pytest.raises(KeyboardInterrupt):
            backends._cluster(SimpleNamespace(LocalCluster=start), 2)
    finally:
        signal.signal(signal.SIGINT, before)
    assert happened == ["started", "closed"]


def test_an_address_that_nobody_answers_at_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="the extra [cluster] is not installed")
    monkeypatch.setattr(backends, "ANSWER_SECONDS", 1)
    monkeypatch.setenv(backends.ADDRESS, "tcp://127.0.0.1:9")
    with pytest.raises(UsageError, match=r"no scheduler of Dask answers at tcp://127\.0\.0\.1:9 within 1 s"):
        backends.chosen("dask", None, None)
