"""Which worlds an exploration tries: drawn ones, and variations of those that showed something new.

A world is new when it reached a branch of the handlers' code that no earlier one had, or when a fault struck
in a state of a file in which it never had before. Its neighbours are then worth more than strangers (the
idea of fuzzing by coverage; M. Zalewski, "Technical whitepaper for afl-fuzz", section "Evolving the input
queue").

Worlds go by rounds. What a round showed is varied two rounds later: so what is tried depends on seeds alone,
not on how many processes try it and which is done first.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from harness.exploration.worlds import World

ROUND = 48
"""Worlds."""
VARIED = 0.5
"""Of a round, at most: a search that only follows what it found would stay where it is."""
VARIATIONS = 4
"""Of each world that showed something new."""


class Search:
    """The worlds of some seeds. Between them it is told what they showed."""

    def __init__(
        self, first: int, count: int, draw: Callable[[int], World], vary: Callable[[World, int], World]
    ) -> None:
        """draw: the world of a seed; vary: that of a seed, like another one."""
        self._first, self._count, self._draw, self._vary = first, count, draw, vary
        self._shown: dict[int, frozenset[object]] = {}
        self._worlds: dict[int, World] = {}
        self._known: set[object] = set()
        self._worth_varying: deque[World] = deque()
        self.varied = 0
        """Worlds that were variations."""

    def worlds(self) -> Iterator[World | None]:
        """The worlds, one after the other; None while it must be told of earlier ones first."""
        for start in range(0, self._count, ROUND):
            if start >= 2 * ROUND:
                before = range(start - 2 * ROUND, start - ROUND)
                while not all(self._first + place in self._shown for place in before):
                    yield None
                self._learn([self._first + place for place in before])
            yield from self._round(range(start, min(start + ROUND, self._count)))

    def shown(self, seed: int, things: frozenset[object]) -> None:
        """What the world of a seed showed."""
        self._shown[seed] = things

    def _round(self, places: range) -> Iterator[World]:
        most = int(VARIED * len(places))
        for place in places:
            seed = self._first + place
            if self._worth_varying and most:
                most -= 1
                self.varied += 1
                world = self._vary(self._worth_varying.popleft(), seed)
            else:
                world = self._draw(seed)
            self._worlds[seed] = world
            yield world

    def _learn(self, seeds: Sequence[int]) -> None:
        for seed in seeds:
            new = self._shown[seed] - self._known
            self._known |= new
            if new:
                self._worth_varying.extend([self._worlds[seed]] * VARIATIONS)
            del self._worlds[seed]
            self._shown[seed] = frozenset()
