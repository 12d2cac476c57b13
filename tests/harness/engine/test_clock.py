"""Virtual time: everything in the process reads it, and nothing really waits."""

import asyncio
import datetime
import queue
import threading
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


@pytest.mark.parametrize(
    "wait",
    [
        lambda: threading.Event().wait(30),
        lambda: queue_of_nobody().get(timeout=30),
        lambda: until_notified(threading.Condition()),
        lambda: asyncio.run(asyncio.sleep(30)),
        lambda: until(time.monotonic() + 30),
    ],
    ids=["event", "queue", "condition", "asyncio", "deadline"],
)
def test_what_waits_for_nobody_waits_in_virtual_time(wait) -> None:
    began = time.monotonic()
    with virtual_time() as kernel:
        kernel.spawn("waiter", wait)
        kernel.run()
        assert kernel.now == 30
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("clock", ["monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"])
def test_a_wait_that_never_pauses_ends(clock: str) -> None:
    """While virtual time stands, a clock goes on under the eyes of who only looks at it."""
    second = 10**9 if clock.endswith("_ns") else 1
    seen: list[float] = []

    def wait() -> None:
        look = getattr(time, clock)
        began = look()
        while look() - began < second / 10:
            seen.append(look())

    with virtual_time() as kernel:
        kernel.spawn("waiter", wait)
        kernel.run()
        assert kernel.now == 0
    assert seen == sorted(seen)
    assert seen[0] == seen[100], "at first it stands"


def until(deadline: float) -> None:
    while time.monotonic() < deadline:
        time.sleep(1)


def until_notified(condition: threading.Condition) -> None:
    with condition:
        assert not condition.wait(30)


class queue_of_nobody(queue.Queue):
    def get(self, block: bool = True, timeout: float | None = None) -> None:
        with pytest.raises(queue.Empty):
            super().get(block, timeout)


def test_a_condition_is_free_for_others_while_a_process_waits_and_it_is_told_at_the_end() -> None:
    told = []
    with virtual_time() as kernel:
        condition = threading.Condition()

        def wait() -> None:
            with condition:
                told.append((condition.wait(30), kernel.now))

        def notify() -> None:
            kernel.sleep(10)
            with condition:
                condition.notify()
            told.append(kernel.now)

        kernel.spawn("waiter", wait)
        kernel.spawn("notifier", notify)
        kernel.run()
    assert told == [10, (True, 30)]


def test_a_thread_is_waited_for_as_it_is() -> None:
    with virtual_time() as kernel:
        done = threading.Event()

        def work() -> None:
            threading.Thread(target=done.set).start()
            assert done.wait(5)

        kernel.spawn("worker", work)
        kernel.run()
        assert kernel.now == 0


def test_a_thread_cannot_wait_in_virtual_time() -> None:
    errors = []

    def sleep() -> None:
        try:
            time.sleep(1)
        except RuntimeError as error:
            errors.append(str(error))

    def work() -> None:
        thread = threading.Thread(target=sleep)
        thread.start()
        thread.join()

    with virtual_time() as kernel:
        kernel.spawn("worker", work)
        kernel.run()
    assert errors == [
        "a thread that worker started cannot wait in virtual time, nor call AWS: all processes share one thread"
    ]
