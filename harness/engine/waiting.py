"""What Python code waits with, in virtual time: `time.sleep`, conditions (and with them events and queues),
the timers of asyncio, and the clock by which they see whether they have waited long enough.

All processes share one thread. Where none of them started another thread, none can bring about what a process
waits for while this one really waits, and the wait would outlast the run. Where a process did start a thread,
that one is waited for as it is. Threads that somebody else started wait in real time, and nobody for them.
"""

import queue
import selectors
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar
from unittest import mock

from harness.engine.kernel import Kernel

_FOR_EVER_SECONDS = 1e9
NANO = 1_000_000_000
FREE_LOOKS, LOOK_SECONDS = 1_000, 1e-6
"""Looks at a clock at the same moment, and by how much it goes on at each of those that follow."""
Number = TypeVar("Number", int, float)


@contextmanager
def in_virtual_time(kernel: Kernel) -> Iterator[None]:
    """For as long as the context lasts, processes of this kernel wait in its time."""
    waits = _Waits(kernel)
    with ExitStack() as stack:
        for owner, name, made in (
            (time, "sleep", waits.sleep),
            (time, "monotonic", waits.clock(time.monotonic)),
            (time, "monotonic_ns", waits.clock(time.monotonic_ns, NANO)),
            (time, "perf_counter", waits.clock(time.perf_counter)),
            (time, "perf_counter_ns", waits.clock(time.perf_counter_ns, NANO)),
            (queue, "time", waits.clock(time.monotonic)),
            (threading, "_time", waits.clock(time.monotonic)),
            (threading.Condition, "wait", waits.condition()),
            (selectors.DefaultSelector, "select", waits.selector()),
            (threading.Thread, "start", waits.start()),
        ):
            stack.enter_context(mock.patch.object(owner, name, made))
        yield


class _Waits:
    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._sleep = time.sleep
        self._own = threading.get_ident()
        self._started: weakref.WeakSet[threading.Thread] = weakref.WeakSet()

    def start(self) -> Any:
        """`threading.Thread.start`: keeps in mind which threads processes started, or threads of theirs."""
        really = threading.Thread.start

        def start(thread: Any) -> None:
            if self._is_in_process() or threading.current_thread() in self._started:
                self._started.add(thread)
            really(thread)

        return start

    def sleep(self, seconds: Any, /) -> None:
        if threading.get_ident() != self._own and threading.current_thread() not in self._started:
            self._sleep(seconds)
            return
        if self._kernel.current is None:
            raise RuntimeError("a real sleep was asked for during a run in virtual time")
        self._kernel.sleep(float(seconds))

    def clock(self, really: Callable[[], Number], a_second: Number = 1) -> Callable[[], Number]:
        """A clock that tells how long something takes. Who looks at it again and again while virtual time
        stands sees it go on, so that a wait without a pause comes to an end.
        """
        began = last = really()
        seen, looks = 0.0, 0

        def told() -> Number:
            nonlocal last, seen, looks
            if not self._is_in_process():
                return really()
            seen, looks = self._kernel.now, looks + 1 if seen == self._kernel.now else 0
            passed = seen + max(0, looks - FREE_LOOKS) * LOOK_SECONDS
            last = max(last, began + type(began)(passed * a_second))
            return last

        return told

    def condition(self) -> Any:
        """`threading.Condition.wait`: passes to its end, and tells then whether another process notified."""
        really = threading.Condition.wait

        def wait(condition: Any, timeout: float | None = None) -> bool:
            if not self._is_alone():
                return really(condition, timeout)
            notified = threading.Lock()
            notified.acquire()
            condition._waiters.append(notified)
            held = condition._release_save()
            try:
                self._kernel.sleep(_FOR_EVER_SECONDS if timeout is None else timeout)
            finally:
                condition._acquire_restore(held)
                happened = notified.acquire(blocking=False)
                if not happened:
                    condition._waiters.remove(notified)
            return happened

        return wait

    def selector(self) -> Any:
        """`select` of the selector of an asyncio loop that waits for its next timer and for nothing else."""
        really = selectors.DefaultSelector.select

        def select(selector: Any, timeout: float | None = None) -> Any:
            ready = really(selector, 0)
            if ready or (timeout is not None and timeout <= 0):
                return ready
            if timeout is None or not self._is_alone() or len(selector.get_map()) > 1:
                return really(selector, timeout)
            self._kernel.sleep(timeout)
            return really(selector, 0)

        return select

    def _is_in_process(self) -> bool:
        return self._kernel.current is not None and threading.get_ident() == self._own

    def _is_alone(self) -> bool:
        return self._is_in_process() and not (self._started and self._started & set(threading.enumerate()))
