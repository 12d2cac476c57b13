"""Pace: time waits for the wall clock, for what is not done yet, and for whoever says stop."""

import threading
from math import inf
from time import monotonic, sleep

import pytest

from harness.engine.clock import virtual_time
from harness.engine.kernel import Kernel
from harness.engine.pace import WallClock


def test_an_event_waits_for_the_wall_clock_at_the_speed_that_is_chosen() -> None:
    kernel, began = paced(WallClock(speed=50)), monotonic()
    kernel.spawn("sleeper", lambda: (kernel.sleep(20), kernel.stop()))
    kernel.run()
    assert kernel.now == 20
    assert 0.4 <= monotonic() - began < 2


def test_at_full_speed_no_event_waits() -> None:
    kernel, began = paced(WallClock(inf)), monotonic()
    kernel.spawn("sleeper", lambda: (kernel.sleep(1e6), kernel.stop()))
    kernel.run()
    assert kernel.now == 1e6
    assert monotonic() - began < 1


def test_what_comes_from_outside_comes_at_the_time_that_it_is_then() -> None:
    pace = WallClock(speed=10)
    kernel, came = paced(pace), []
    kernel.call_at(60, kernel.stop)
    later(0.2, lambda: pace.post(lambda: (came.append(kernel.now), kernel.stop())))
    kernel.run()
    (at,) = came
    assert 1.9 < at < 40


def test_time_stands_while_there_is_nothing_to_do_at_full_speed_and_goes_on_with_a_cause() -> None:
    pace = WallClock(inf)
    kernel, seen = paced(pace), []
    kernel.call_at(1, pace.rest)
    kernel.call_at(100, lambda: (seen.append(("event", kernel.now)), kernel.stop()))
    later(0.1, lambda: pace.post(lambda: seen.append(("look", kernel.now)), is_cause=False))
    later(0.2, lambda: pace.post(lambda: seen.append(("cause", kernel.now))))
    kernel.run()
    assert seen == [("look", 1), ("cause", 1), ("event", 100)]


def test_time_never_passes_what_work_that_is_under_way_may_still_say() -> None:
    pace = WallClock(inf)
    kernel, seen, done = paced(pace), [], threading.Event()
    other = kernel.spawn("other", lambda: [(kernel.sleep(1), seen.append(kernel.now)) for _ in range(9)])

    def worker() -> None:
        with pace.held(lambda: 3.5):
            kernel.wait(other.done, 3.5)  # nobody else wakes it here: the bound does not let time pass 3.5
        seen.append("worked")

    kernel.spawn("worker", worker)
    kernel.call_at(50, kernel.stop)
    later(0.1, done.set)
    kernel.run()
    assert seen == [1, 2, 3, "worked", 4, 5, 6, 7, 8, 9]


def test_time_that_had_to_wait_for_work_does_not_hurry_after_the_clock() -> None:
    pace = WallClock(speed=10)
    kernel, bound, at = paced(pace), [0.0], []
    woken = kernel.spawn("never", lambda: kernel.sleep(1e9)).done

    def worker() -> None:
        with pace.held(lambda: bound[0]):
            kernel.wait(woken, 0.5)
        at.append(monotonic())
        kernel.sleep(3)
        at.append(monotonic())
        kernel.stop()

    kernel.spawn("worker", worker)
    later(0.4, lambda: bound.__setitem__(0, 1.0))
    began = monotonic()
    kernel.run()
    assert at[0] - began >= 0.4
    assert at[1] - at[0] >= 0.29  # three virtual seconds at ten times the speed


def test_time_stands_while_it_is_paused_and_looks_are_answered() -> None:
    pace = WallClock(speed=1000)
    pace.change(is_paused=True)
    kernel, seen = paced(pace), []
    kernel.call_at(5, lambda: (seen.append(kernel.now), kernel.stop()))
    later(0.1, lambda: pace.post(lambda: seen.append(kernel.now), is_cause=False))
    later(0.2, lambda: pace.post(lambda: pace.change(is_paused=False)))
    kernel.run()
    assert seen == [0, 5]


def test_a_pause_between_two_events_loses_nothing_of_the_way() -> None:
    pace = WallClock(speed=10)
    kernel, shown, at = paced(pace), [], []
    kernel.call_at(20, kernel.stop)
    for seconds, is_paused in ((1.0, True), (1.3, False)):
        later(seconds, lambda is_paused=is_paused: pace.post(lambda: turn(is_paused), is_cause=False))

    def turn(is_paused: bool) -> None:
        pace.change(is_paused=is_paused)
        shown.append(pace.shown)
        at.append(monotonic())

    kernel.run()
    assert 9 < shown[0] < 19
    assert shown[1] == pytest.approx(shown[0], abs=0.5)
    assert monotonic() - at[1] < 1.7  # the whole way again would take two seconds


def test_a_kernel_that_is_stopped_from_outside_ends_though_its_next_event_is_far() -> None:
    pace = WallClock(speed=1)
    kernel = paced(pace)
    kernel.call_at(1e6, lambda: pytest.fail("this is not reached"))
    later(0.1, lambda: pace.post(kernel.stop, is_cause=False))
    kernel.run()


def test_threads_of_others_wait_in_real_time_and_no_process_waits_for_them() -> None:
    slept, began = [], monotonic()

    def elsewhere() -> None:
        import time

        time.sleep(1)
        slept.append(monotonic() - began)

    with virtual_time() as kernel:
        thread = threading.Thread(target=elsewhere)
        thread.start()
        kernel.spawn("waiter", lambda: threading.Event().wait(600))
        kernel.run()
        assert (kernel.now, monotonic() - began < 0.9) == (600, True)
        thread.join()
    assert slept[0] >= 1


def paced(pace: WallClock) -> Kernel:
    return Kernel(pace=pace)


def later(seconds: float, act) -> None:
    threading.Thread(target=lambda: (sleep(seconds), act()), daemon=True).start()
