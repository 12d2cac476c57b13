"""Exploration of orders: worlds in which nothing breaks, and the invocations' calls come in an order that is
drawn.

A world runs twice. The first time each call happens when it is due, which tells how many there are and that
nothing is wrong in this order; then a `Schedule` with a few of them as points of preemption decides.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from harness.config import Config
from harness.engine.randomness import Randomness
from harness.engine.schedule import Point, Schedule
from harness.exploration.explorer import Case, Trial
from harness.exploration.world_explorer import WorldExplorer
from harness.exploration.worlds import World
from harness.faults.scenario import Scenario
from harness.runs.inputs import InputFile
from harness.runs.rig import Options

PREEMPTIONS = 2
"""In a trial. With them bugs of a depth of up to 3 are met; those of practice are rarely deeper."""
WINDOW_SECONDS, LONGEST_WINDOW_SECONDS = 10.0, 60.0
"""For so long an environment may well be held up just before a call: by a frozen thread, a lost packet."""
DICE = 3
"""Where circumstances are made plainer and the points that were left preempt something else: how often they
are drawn anew.
"""


class ScheduleExplorer(WorldExplorer):
    """A case for each seed is its world without faults; the schedule is drawn when it is tried, by the same
    seed.
    """

    def __init__(
        self,
        config: Config,
        pool: Sequence[InputFile],
        options: Options,
        sound: WorldExplorer | None = None,
        *,
        preemptions: int = PREEMPTIONS,
        window: float = WINDOW_SECONDS,
    ) -> None:
        """preemptions: in each trial; window: seconds that a call is held back at most, see `Schedule`."""
        super().__init__(config, pool, options, sound)
        self._preemptions, self._window = preemptions, window
        self._calls: dict[str, Counter[str]] = {}

    def seeds(self, first: int, count: int) -> Iterator[Case]:
        calm = (case.broken_by(Scenario(f"world {case.seed}")) for case in super().seeds(first, count))
        return (_with(case, None) for case in calm)

    def attempt(self, case: Case) -> Trial:
        """A trial in the schedule of its world. Where that has none, one is drawn, unless the world fails
        without.
        """
        if _world(case).schedule is not None:
            return super().attempt(case)
        plain = self.plain(case)
        if plain.failed or not plain.calls:
            return plain
        trial = super().attempt(self.scheduled(case, plain.calls))
        return msgspec.structs.replace(trial, seconds=(trial.seconds[0], plain.seconds[1] + trial.seconds[1]))

    def plain(self, case: Case) -> Trial:
        """A trial in which each call happens when it is due."""
        return super().attempt(_with(case, None))

    def simpler(self, case: Case) -> Iterator[tuple[str, Case]]:
        yield from super().simpler(case)
        schedule = _world(case).schedule
        if schedule is None:
            return
        for less, other in super().simpler(case):
            if _world(other).schedule == schedule:
                for dice in range(DICE):
                    yield f"{less}, preempted elsewhere ({dice})", self._moved(other, schedule, dice)

    def scheduled(self, case: Case, calls: Counter[str]) -> Case:
        """The case with a schedule of its seed; calls: those that are made where each happens when it is
        due.
        """
        generator = Randomness(case.seed).stream("schedule")
        count = min(self._preemptions, calls.total())
        names = list(calls.elements())
        points = [
            Point(names[place], place - names.index(names[place]) + 1)
            for place in generator.choice(calls.total(), count, replace=False).tolist()
        ]
        return _with(
            case,
            Schedule(window=self._window, points=tuple(points), priorities=int(generator.integers(2**31))),
        )

    def _moved(self, case: Case, schedule: Schedule, dice: int) -> Case:
        """The case with the points of its schedule at other calls like those."""
        generator = Randomness(case.seed).stream(f"moved {dice}")
        calls = self._calls_of(case)
        points = (
            Point(point.step, int(generator.integers(calls[point.step])) + 1)
            for point in schedule.points
            if calls[point.step]
        )
        return _with(case, msgspec.structs.replace(schedule, points=tuple(dict.fromkeys(points))))

    def _calls_of(self, case: Case) -> Counter[str]:
        """The calls that invocations make in its world, each when it is due."""
        name = _world(_with(case, None)).toml()
        if name not in self._calls:
            self._calls[name] = self.plain(case).calls
        return self._calls[name]


def _world(case: Case) -> World:
    assert case.world is not None
    return case.world


def _with(case: Case, schedule: Schedule | None) -> Case:
    return Case.of(msgspec.structs.replace(_world(case), schedule=schedule))
