"""The watch over runs: what really waits fails, what computes does not."""

import select
import time
from time import perf_counter

import pytest

from harness.engine.clock import virtual_time
from tests import watchdog
from tests.conformance.tunnel import Tunnel, queue, send


@pytest.fixture(autouse=True)
def sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "STILL_SECONDS", 1)


def test_a_run_that_really_waits_fails_where_it_waits() -> None:
    with virtual_time() as kernel:
        kernel.spawn("waiter", lambda: (kernel.sleep(3), select.select([], [], [], 60)))
        with pytest.raises(watchdog.StoodStill, match=r"waiter has waited for . s of real time at 3\.000 s"):
            kernel.run()


def test_a_handler_that_really_waits_fails_the_run(tmp_path) -> None:
    handler = """
        import select
        def handler(event, context):
            try:
                select.select([], [], [], 60)
            except Exception:
                pass
    """
    with pytest.raises(watchdog.StoodStill, match="Function/1"):
        Tunnel(tmp_path).run(queue(), handler, send("a"))


def test_a_run_that_computes_does_not_stand_still() -> None:
    ends = time.monotonic() + 3.5

    def compute() -> None:
        while perf_counter() - began < 3.5:
            pass

    began = perf_counter()
    with virtual_time() as kernel:
        kernel.spawn("worker", compute)
        kernel.run()
    assert time.monotonic() >= ends
