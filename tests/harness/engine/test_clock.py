"""Virtual time: everything in the process reads it, and nothing really waits."""

import datetime
import time

import pytest

from harness.engine.clock import EPOCH, virtual_time


def test_the_wall_clock_moves_with_the_kernel() -> None:
    seen = []
    with virtual_time() as kernel:
        kernel.spawn(
            "sleeper",
            lambda: (time.sleep(90), seen.append((time.time(), datetime.datetime.now(datetime.UTC)))),
        )
        kernel.run()
    assert seen == [(EPOCH.timestamp() + 90, EPOCH + datetime.timedelta(seconds=90))]


def test_a_day_of_waiting_takes_no_real_time() -> None:
    began = time.monotonic()
    with virtual_time() as kernel:
        kernel.spawn("sleeper", lambda: [time.sleep(60) for _ in range(24 * 60)])
        kernel.run()
        assert kernel.now == 86_400
    assert time.monotonic() - began < 5


def test_a_real_sleep_is_refused() -> None:
    with virtual_time(), pytest.raises(RuntimeError, match="real sleep"):
        time.sleep(1)


def test_real_time_is_back_afterwards() -> None:
    with virtual_time():
        pass
    assert abs(time.time() - EPOCH.timestamp()) > 3600
