"""A discrete-event engine: processes that take turns, and a clock that jumps from one event to the next.

Think of a chess master playing many boards: she never waits at one, she walks to whichever board is due. A
*process* is a board: plain blocking code in a greenlet. It hands over by `sleep` or `wait`; the kernel then
moves the clock to the earliest event and resumes whose it is. Events at the same time come in the order in
which they were made, so a run is the same every time.

Knows nothing of AWS.
"""

import heapq
from collections import deque
from collections.abc import Callable
from math import inf
from threading import get_ident
from typing import NamedTuple, NoReturn, Protocol

from greenlet import getcurrent, greenlet


class Killed(BaseException):
    """Raised inside a process that is killed; a BaseException, so that no handler of errors swallows it."""


class Scope(Protocol):
    """What must be in place while a process runs (its own environment variables, say) and not while others
    do.
    """

    def enter(self) -> None: ...

    def leave(self) -> None: ...


class Arrival(NamedTuple):
    """Something that came from outside of virtual time: at which time, and what it does then, outside of any
    process; it must not block.
    """

    when: float
    action: Callable[[], object]


class Pace(Protocol):
    """Holds a kernel back, by the wall clock say, and lets in what comes from outside."""

    def wait(self, now: float, when: float) -> Arrival | None:
        """None as soon as the event that is due at `when` may happen; else what came before that, at a time
        from `now` to `when`.
        """


class Signal:
    """Something that processes can wait for. `fire` wakes the first `limit` of them, in the order in which
    they came.
    """

    def __init__(self, kernel: "Kernel") -> None:
        self._kernel = kernel
        self._waiting: deque[tuple[Process, int]] = deque()

    def fire(self, limit: int | None = None) -> None:
        woken = 0
        while self._waiting and (limit is None or woken < limit):
            process, token = self._waiting.popleft()
            if process.token == token:
                process.fired = True
                self._kernel.resume(process)
                woken += 1

    def add(self, process: "Process") -> None:
        while self._waiting and self._waiting[0][0].token != self._waiting[0][1]:
            self._waiting.popleft()
        self._waiting.append((process, process.token))


class Process:
    """One thread of blocking code in virtual time. `done` fires when it ends; then `result` or `error` holds
    how.
    """

    def __init__(
        self, kernel: "Kernel", name: str, body: Callable[[], object], scope: Scope | None, may_fail: bool
    ) -> None:
        self.name, self.scope, self.may_fail = name, scope, may_fail
        self.done = Signal(kernel)
        self.alive, self.killed, self.fired = True, False, False
        self.result: object = None
        self.error: Exception | None = None
        self.token = 0
        self._kernel, self._body = kernel, body
        self.greenlet = greenlet(self._run, kernel.hub)

    def kill(self) -> None:
        """Ends the process where it stands; nothing that it would do from there happens."""
        if self.alive and not self.killed:
            self.killed = True
            self._kernel.resume(self)

    def _run(self) -> None:
        try:
            if not self.killed:
                self.result = self._body()
        except Killed:
            pass
        except Exception as error:
            self.error = error
            if not self.may_fail:
                self._kernel.fail(error)
        self.alive = False
        self._kernel.forget(self)
        self.done.fire()


class Kernel:
    """The clock, in seconds since the run began, and the heap of what comes next.

    `on_advance` is told the new time before the process that is due at it runs. `pace`: what holds the clock
    back; without one it jumps.
    """

    def __init__(
        self, on_advance: Callable[[float], None] = lambda now: None, pace: Pace | None = None
    ) -> None:
        self.now = 0.0
        self._pace = pace
        self._thread = get_ident()
        self.hub: greenlet = getcurrent()
        self.current: Process | None = None
        self.switches = self.events = 0
        self._on_advance = on_advance
        self._heap: list[tuple[float, int, Process | None, int, Callable[[], object] | None]] = []
        self._sequence = 0
        self._stopped = False
        self._failure: Exception | None = None
        self._entered: Scope | None = None
        self._alive: dict[int, Process] = {}

    def spawn(
        self, name: str, body: Callable[[], object], scope: Scope | None = None, *, may_fail: bool = False
    ) -> Process:
        """A new process, which begins at this moment, after what is due already. Its error ends the run,
        unless it may fail.
        """
        process = Process(self, name, body, scope, may_fail)
        self._alive[id(process)] = process
        self._push(self.now, process, None)
        return process

    def call_at(self, when: float, action: Callable[[], object]) -> None:
        """Runs `action` at the time `when`, outside of any process; it must not block."""
        self._push(max(when, self.now), None, action)

    def sleep(self, seconds: float) -> None:
        """Lets the current process pause."""
        self.sleep_until(self.now + max(0.0, seconds))

    def sleep_until(self, when: float) -> None:
        """Lets the current process pause until a time, or for nothing where that is past."""
        process = self._running()
        process.token += 1
        self._push(max(when, self.now), process, None)
        self._yield(process)

    def wait(self, signal: Signal, timeout_seconds: float | None = None) -> bool:
        """Lets the current process wait for a signal; False when that long passed without it."""
        process = self._running()
        process.token += 1
        process.fired = False
        signal.add(process)
        if timeout_seconds is not None:
            self._push(self.now + max(0.0, timeout_seconds), process, None)
        self._yield(process)
        process.token += 1  # whatever else would have woken it is void, and a signal's place in line with it
        return process.fired

    def die(self) -> NoReturn:
        """Ends the current process here, as `Process.kill` would."""
        self._running().killed = True
        raise Killed

    @property
    def next_event(self) -> float:
        """When the next event is due, at the earliest; infinite without any."""
        return self._heap[0][0] if self._heap else inf

    def resume(self, process: Process) -> None:
        """Makes a waiting process due now, whatever it waits for."""
        process.token += 1
        self._push(self.now, process, None)

    def run(self) -> None:
        """Runs events in order until `stop` is called or none is left; at a pace, until `stop` is called.
        Errors of actions and of processes rise here.
        """
        while not self._stopped and (self._heap if self._pace is None else self._is_due(self._pace)):
            when, _, process, token, action = heapq.heappop(self._heap)
            if process is not None and (token != process.token or not process.alive):
                continue
            self.events += 1
            if when > self.now:
                self.now = when
                self._on_advance(when)
            if process is None:
                assert action is not None
                action()
            else:
                self._switch_to(process)
        self._leave()
        if self._failure is not None:
            raise self._failure

    def _is_due(self, pace: Pace) -> bool:
        """Waits until the next event may happen, and meanwhile does what comes from outside. False when
        `stop` was called.
        """
        while not self._stopped:
            if self._heap and _is_void(*self._heap[0][2:4]):  # time need not wait for it
                heapq.heappop(self._heap)
                continue
            if self.next_event > self.now:  # while this waits others have their turn
                self._leave()
            came = pace.wait(self.now, self.next_event)
            if came is None:
                return True
            if came.when > self.now:
                self.now = came.when
                self._on_advance(came.when)
            self._leave()
            came.action()
        return False

    def fail(self, error: Exception) -> None:
        """Ends `run` with an error."""
        self._failure = self._failure or error
        self.stop()

    def stop(self) -> None:
        """Ends `run` after the current event."""
        self._stopped = True

    def close(self) -> None:
        """Kills the processes that are still waiting, so that none is left behind."""
        self._heap.clear()
        while self._alive:
            process = next(iter(self._alive.values()))
            process.killed = True
            self._switch_to(process)
            self.forget(process)
        self._heap.clear()
        self._leave()

    def forget(self, process: Process) -> None:
        """The process has ended."""
        self._alive.pop(id(process), None)

    def _switch_to(self, process: Process) -> None:
        if process.scope is not self._entered:
            self._leave()
            if process.scope is not None:
                process.scope.enter()
            self._entered = process.scope
        self.switches += 1
        self.current = process
        process.greenlet.switch()
        self.current = None

    def _leave(self) -> None:
        if self._entered is not None:
            self._entered.leave()
            self._entered = None

    def _yield(self, process: Process) -> None:
        if not process.killed:
            self.hub.switch()
        if process.killed:
            raise Killed

    def _running(self) -> Process:
        if self.current is None:
            raise RuntimeError("only a process can wait in virtual time")
        if get_ident() != self._thread:
            raise RuntimeError(
                f"a thread that {self.current.name} started cannot wait in virtual time, nor call AWS: all "
                f"processes share one thread"
            )
        if self.current.killed:
            raise Killed
        return self.current

    def _push(self, when: float, process: Process | None, action: Callable[[], object] | None) -> None:
        self._sequence += 1
        heapq.heappush(self._heap, (when, self._sequence, process, process.token if process else 0, action))


def _is_void(process: Process | None, token: int) -> bool:
    """Whether an event's process waits for something else by now, or has ended."""
    return process is not None and (token != process.token or not process.alive)
