"""Orders that no latency would draw: processes take turns at their steps by priority, with a few preemptions.

Think of cars at a junction. Left alone they cross as they arrive. Here each comes with a random rank, and one
that is not first in rank waits for those before it; at a few random moments the car that is about to cross
loses its rank and lets everything pass that comes meanwhile. Nobody waits longer than a window.

That is probabilistic concurrency testing: a process has a random priority; at d - 1 random ones of k steps
the process that is about to take it gets a priority below all others; who has the highest goes first. A bug
of depth d, which d constraints on the order of steps of n processes are enough for, is met with a probability
of at least 1/(n k^(d-1)) (Burckhardt, Kothari, Musuvathi, Nagarakatte: "A Randomized Scheduler with
Probabilistic Guarantees of Finding Bugs", ASPLOS 2010). Processes come and go, so each gets its priority when
it comes, as chains of events do in Ozkan, Majumdar, Niksic, Tabaei Befrouei, Weissenbacher: "Randomized
Testing of Distributed Systems with Probabilistic Guarantees", OOPSLA 2018.

Otherwise than there, time passes. What is held goes on after a window, so the bound is that of orders which
waits of a window bring about; and what is preempted waits its window even where nobody else runs, since work
that is only under way may come meanwhile.

Knows nothing of AWS.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable

import msgspec

from harness.engine.kernel import Kernel, Process

SHARE_LEFT = 0.5
"""Of the time that a process has left, the most that one wait takes: it never ends for waiting alone."""


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step among all: which of those with this name, counted from 1 over all processes."""

    step: str
    number: int

    def __str__(self) -> str:
        return f"{self.step} #{self.number}"


class Schedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """window: seconds that a preempted step waits, and that a process waits at most, all its steps together,
    for others of higher priority. points: the steps at which the process that is about to take it is
    preempted; the first of them leads to the lowest priority. priorities: the seed of all others; without one
    they are equal.
    """

    window: float
    points: tuple[Point, ...] = ()
    priorities: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.window < math.inf:
            raise ValueError("window must be above 0 and finite")
        if any(point.number < 1 for point in self.points) or len(set(self.points)) < len(self.points):
            raise ValueError("points must have numbers of 1 at least, and each stand there once")


class Wait(msgspec.Struct, frozen=True):
    """A step that waited, and how many seconds; `behind`: the process that it waited for, "" for a
    preemption.
    """

    step: Point
    seconds: float
    behind: str = ""


class Turns:
    """Lets the processes of a kernel take their steps as a schedule has it."""

    def __init__(self, kernel: Kernel, schedule: Schedule) -> None:
        self._kernel, self._schedule = kernel, schedule
        self._ranks = {point: rank - len(schedule.points) for rank, point in enumerate(schedule.points)}
        self._running: dict[Process, _Turn] = {}
        self._steps: Counter[str] = Counter()
        self._processes = 0

    def take(self, name: str, deadline: float, told: Callable[[Wait], None] = lambda wait: None) -> None:
        """Returns when the current process may take its next step, which has this name; `deadline`: when the
        process ends in any case, in seconds since the run began. Each wait is `told` of when it is over.
        """
        process = self._kernel.current
        assert process is not None, "only a process takes steps"
        turn = self._turn(process)
        self._steps[name] += 1
        step = Point(name, self._steps[name])
        if step in self._ranks:
            turn.priority = self._ranks[step]
            seconds = self._most(self._schedule.window, deadline)
            self._kernel.sleep(seconds)
            told(Wait(step, seconds))
        ends = self._kernel.now + self._most(turn.seconds_left, deadline)
        while self._kernel.now < ends and (first := self._first(turn)) is not None:
            began = self._kernel.now
            in_time = self._kernel.wait(first.done, ends - began)
            waited = self._kernel.now - began
            turn.seconds_left -= waited
            told(Wait(step, waited, first.name))
            if not in_time:
                return

    def _turn(self, process: Process) -> "_Turn":
        if process not in self._running:
            self._processes += 1
            self._running[process] = _Turn(self._priority(self._processes), self._schedule.window)
        return self._running[process]

    def _priority(self, number: int) -> float:
        """Of the process that came as the n-th: in [0, 1), above those of all that were preempted."""
        if self._schedule.priorities is None:
            return 0.0
        text = f"{self._schedule.priorities}:{number}"
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) / 2.0**64

    def _first(self, turn: "_Turn") -> Process | None:
        """The process of the highest priority, where that is above this one's."""
        for ended in [process for process in self._running if not process.alive]:
            del self._running[ended]
        first = max(self._running, key=lambda process: self._running[process].priority)
        return first if self._running[first].priority > turn.priority else None

    def _most(self, seconds: float, deadline: float) -> float:
        return max(0.0, min(seconds, (deadline - self._kernel.now) * SHARE_LEFT))


class _Turn(msgspec.Struct):
    """A process's priority, and how long it may still wait for others."""

    priority: float
    seconds_left: float
