"""Virtual time at the pace of the wall clock, a multiple of it, or as fast as the machine can; and the door
by which something comes in from outside.

Think of a film that is shown while it is made. The projector runs at its speed, but never past the last scene
that is ready: whoever still works on one says up to which time the film can be shown at least (`held`). When
the projector had to wait it goes on from there; it does not hurry after the clock.

Other threads post what they want to have done; the kernel does it between two events, at the time that it is
then. Knows nothing of AWS.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import inf
from queue import Empty, SimpleQueue
from time import monotonic
from typing import NamedTuple

from harness.engine.kernel import Arrival

LOOK_SECONDS = 0.005
"""Between two looks at how far work has come that time waits for."""
LONGEST_SECONDS = 0.25
"""One wait takes at most: a signal that comes just before it begins is noticed only when it ends."""

Bound = Callable[[], float]


class _Posted(NamedTuple):
    action: Callable[[], object]
    is_cause: bool


class WallClock:
    """`speed`: virtual seconds in a real one; infinite: no event waits for the clock. past: what came from
    outside before, by time; until that is through no event waits for the clock, and nothing else comes.
    """

    def __init__(self, speed: float = 1.0, past: Sequence[Arrival] = ()) -> None:
        self._speed = speed
        self._past = deque(past)
        self._later: deque[_Posted] = deque()
        self._posted: SimpleQueue[_Posted] = SimpleQueue()
        self._bounds: dict[int, Bound] = {}
        self._numbers = 0
        self._shown, self._since = 0.0, monotonic()
        self._now = self._when = 0.0
        self._is_resting = self._is_paused = False

    @property
    def speed(self) -> float:
        return self._speed

    @property
    def is_paused(self) -> bool:
        return self._is_paused

    @property
    def is_held(self) -> bool:
        """Whether somebody is at work on what may come before the next event."""
        return bool(self._bounds)

    def post(self, action: Callable[[], object], *, is_cause: bool = True) -> None:
        """Has the kernel do this, from any thread, also from a signal's handler. Not a cause: it looks, or
        ends what was awaited; time stands still for it.
        """
        self._posted.put(_Posted(action, is_cause))

    @property
    def shown(self) -> float:
        """The time that it is, which may lie between two events. In the kernel's thread."""
        if self._speed == inf or self._past:
            return self._now
        if self._stands:
            return self._shown
        return self._reached(self._now, self._when)[0]

    def change(self, speed: float | None = None, is_paused: bool | None = None) -> None:
        """In the kernel's thread: from now on time passes at this speed, or does not."""
        shown = self.shown
        self._speed = self._speed if speed is None else speed
        self._is_paused = self._is_paused if is_paused is None else is_paused
        self._is_resting = self._is_resting and self._speed == inf
        self._go_on_from(shown)

    def rest(self) -> None:
        """There is nothing to do: where no event waits for the clock, time stands until there is a cause."""
        self._is_resting = self._speed == inf and not self._past

    def remember(self, past: Sequence[Arrival]) -> None:
        """Before anything runs: what came from outside before."""
        self._past.extend(past)

    @contextmanager
    def held(self, bound: Bound) -> Iterator[None]:
        """While this lasts, time does not pass what `bound` says, which may grow."""
        self._numbers += 1
        number = self._numbers
        self._bounds[number] = bound
        try:
            yield
        finally:
            del self._bounds[number]

    def wait(self, now: float, when: float) -> Arrival | None:
        """See `kernel.Pace`."""
        self._now, self._when = now, when
        timeout = 0.0
        while True:
            try:
                posted = self._next(timeout)
            except Empty:
                pass
            else:
                if not (self._past and posted.is_cause):
                    return self._arrival(posted, now, when)
                self._later.append(posted)
                continue
            if self._past:
                first = self._past[0].when
                if first < when and self._bound() >= first:
                    return self._came_before(now)
            elif self._stands:
                timeout = LONGEST_SECONDS
                continue
            reached, timeout = self._reached(now, when)
            if reached >= when and when < inf:
                return None

    def _next(self, timeout: float) -> _Posted:
        """Raises `Empty` when nothing came in that time."""
        if self._later and not self._past:
            return self._later.popleft()
        return self._posted.get(timeout=timeout) if timeout else self._posted.get_nowait()

    def _came_before(self, now: float) -> Arrival:
        came = self._past.popleft()
        self._now = max(now, came.when)
        self._go_on_from(self._now)
        return Arrival(self._now, came.action)

    def _bound(self) -> float:
        return min((bound() for bound in self._bounds.values()), default=inf)

    @property
    def _stands(self) -> bool:
        return self._is_paused or self._is_resting

    def _arrival(self, posted: _Posted, now: float, when: float) -> Arrival:
        at = now
        if posted.is_cause:
            if not self._stands and self._speed < inf:
                at = self._reached(now, when)[0]
            self._is_resting = False
        self._now = at
        return Arrival(at, posted.action)

    def _reached(self, now: float, when: float) -> tuple[float, float]:
        """(the time that it is, `when` at most; real seconds after which it is worth to look again)."""
        real = monotonic()
        is_free = self._past or self._speed == inf
        clock = inf if is_free else self._shown + (real - self._since) * self._speed
        bound = self._bound()
        reached = max(now, min(when, clock, bound))
        if bound < min(clock, when):
            self._go_on_from(reached)
            return reached, LOOK_SECONDS
        if clock >= when:
            return reached, LONGEST_SECONDS
        return reached, max(1e-6, min((when - clock) / self._speed, LONGEST_SECONDS, *self._look()))

    def _look(self) -> tuple[float, ...]:
        return (LOOK_SECONDS,) if self._bounds else ()

    def _go_on_from(self, now: float) -> None:
        self._shown, self._since = now, monotonic()
