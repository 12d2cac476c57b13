"""The kernel: order is total, waiting ends by signal or by time, and a killed process does nothing more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engine.kernel import Kernel, Signal


def test_processes_take_turns_in_the_order_of_time() -> None:
    kernel, seen = Kernel(), []
    for name, pauses in (("a", (3, 3)), ("b", (2, 2)), ("c", (1,))):

        def body(name=name, pauses=pauses) -> None:
            for pause in pauses:
                kernel.sleep(pause)
                seen.append((kernel.now, name))

        kernel.spawn(name, body)
    kernel.run()
    assert seen == [(1, "c"), (2, "b"), (3, "a"), (4, "b"), (6, "a")]


@given(st.lists(st.lists(st.integers(0, 5), max_size=5), max_size=8))
def test_time_never_goes_back_and_ties_keep_the_order_in_which_they_were_made(plans: list[list[int]]) -> None:
    def once() -> list[tuple[float, int]]:
        kernel, seen = Kernel(), []
        for number, pauses in enumerate(plans):

            def body(number=number, pauses=pauses) -> None:
                for pause in pauses:
                    kernel.sleep(pause)
                    seen.append((kernel.now, number))

            kernel.spawn(str(number), body)
        kernel.run()
        return seen

    seen = once()
    assert [now for now, _ in seen] == sorted(now for now, _ in seen)
    assert seen == once()


def test_a_signal_wakes_those_who_wait_in_the_order_in_which_they_came() -> None:
    kernel, seen = Kernel(), []
    signal = Signal(kernel)
    for name in "abc":
        kernel.spawn(name, lambda name=name: (kernel.wait(signal), seen.append((kernel.now, name))))
    kernel.call_at(5, lambda: signal.fire(2))
    kernel.call_at(7, lambda: signal.fire())
    kernel.run()
    assert seen == [(5, "a"), (5, "b"), (7, "c")]


def test_waiting_ends_when_its_time_is_out_and_a_later_signal_goes_to_others() -> None:
    kernel, seen = Kernel(), []
    signal = Signal(kernel)
    kernel.spawn("impatient", lambda: seen.append(("impatient", kernel.wait(signal, 3), kernel.now)))
    kernel.spawn("patient", lambda: seen.append(("patient", kernel.wait(signal, 30), kernel.now)))
    kernel.call_at(5, lambda: signal.fire(1))
    kernel.run()
    assert seen == [("impatient", False, 3), ("patient", True, 5)]


def test_a_killed_process_does_nothing_more_even_in_its_cleanup() -> None:
    kernel, seen = Kernel(), []

    def body() -> None:
        try:
            kernel.sleep(10)
            seen.append("finished")
        finally:
            kernel.sleep(1)
            seen.append("cleaned up in virtual time")

    process = kernel.spawn("victim", body)
    kernel.call_at(4, process.kill)
    kernel.run()
    assert seen == []
    assert not process.alive
    assert kernel.now == 4


def test_an_error_of_a_process_ends_the_run_unless_it_may_fail() -> None:
    kernel = Kernel()
    tolerated = kernel.spawn("tolerated", lambda: 1 / 0, may_fail=True)
    kernel.run()
    assert isinstance(tolerated.error, ZeroDivisionError)
    kernel.spawn("not tolerated", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        kernel.run()


def test_a_scope_is_in_place_exactly_while_its_processes_run() -> None:
    kernel, entered = Kernel(), []

    class Scope:
        def __init__(self, name: str) -> None:
            self.name = name

        def enter(self) -> None:
            entered.append(self.name)

        def leave(self) -> None:
            assert entered.pop() == self.name

    seen = []
    for name in ("x", "y"):
        kernel.spawn(
            name, lambda name=name: (kernel.sleep(1), seen.append((name, list(entered)))), Scope(name)
        )
    kernel.spawn("none", lambda: (kernel.sleep(1), seen.append(("none", list(entered)))))
    kernel.run()
    assert seen == [("x", ["x"]), ("y", ["y"]), ("none", [])]


def test_only_a_process_can_wait() -> None:
    with pytest.raises(RuntimeError, match="only a process"):
        Kernel().sleep(1)
