"""Exploration: many emulations with faults, on all cores, in search of one that breaks an invariant; that one
is then made small.

A *trial* is one emulation with its faults and what was found. Trials do not depend on one another: a seed
decides one completely.
"""

import gc
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import cached_property

import msgspec

from harness.engine import interrupt
from harness.exploration import happenings
from harness.exploration.coverage import Coverage
from harness.exploration.states import States
from harness.exploration.timeline import timeline
from harness.exploration.worlds import World
from harness.faults import scenario
from harness.faults.scenario import Fault, Scenario
from harness.recorder import Call, Held, Invocation, Stroke
from harness.runs.emulation import Emulation
from harness.runs.invariants import Violation
from harness.runs.results import Results
from harness.runs.rig import Progress, Rig, quiet

KILLS = ("killed_before_call", "killed_after_call")
SHRINK_TRIALS, SHRINK_SECONDS = 400, 120.0
"""Emulations and real seconds spent on making a failure small, at most."""
DICE, OFTEN = 3, 0.5
"""Where circumstances are made plainer and the strokes that were left hit something else: how often they are
drawn anew, and at which rate.
"""
_QUEUED_PER_PROCESS = 4

Strokes = dict[str, list[int]]
"""Opportunities at which faults struck, by kind."""


class Case(msgspec.Struct, frozen=True):
    """What a trial is to do: faults on the explorer's own rig, or in a world of their own."""

    seed: int
    scenario: Scenario
    world: World | None = None

    @classmethod
    def of(cls, world: World) -> "Case":
        return cls(world.seed, world.scenario, world)

    def broken_by(self, scenario: Scenario) -> "Case":
        """The same with other faults."""
        world = self.world and msgspec.structs.replace(self.world, scenario=scenario)
        return Case(self.seed, scenario, world)


class Trial(msgspec.Struct, frozen=True):
    """What came of a case. `places`: how often each fault struck what; `opportunities`: how many each fault
    of the scenario had; `seconds`: virtual and real; `digest`: names the run, see `Recorder.digest`;
    `happened`: see `happenings`; `taken`: branches of the handlers, by number; `struck_in`: faults with the
    states that they struck in; `calls`: of invocations, by whose and what; `preempted`: those that a
    schedule held back at its points.
    """

    case: Case
    strokes: Strokes
    places: dict[str, Counter[str]]
    opportunities: dict[str, int]
    violations: list[Violation]
    invocations: int
    seconds: tuple[float, float]
    digest: str = ""
    error: str = ""
    happened: tuple[str, ...] = ()
    taken: frozenset[int] = frozenset()
    struck_in: frozenset[str] = frozenset()
    calls: Counter[str] = msgspec.field(default_factory=Counter)
    preempted: Counter[str] = msgspec.field(default_factory=Counter)

    @property
    def failed(self) -> bool:
        return bool(self.violations or self.error)


class Explorer:
    """Tries cases on a rig. The calm run and the compute of everything are recorded first, in this process,
    so that trials only replay.
    """

    def __init__(
        self, rig: Rig, scenario: Scenario, progress: Progress, expected: Results | None = None
    ) -> None:
        """`expected`: the results that are right, when those of a calm run on this rig are not to be
        trusted.
        """
        self._rig, self._scenario = rig, scenario
        calm = rig.results(rig.calm(progress))
        self._expected: Results = calm if expected is None else expected
        if (
            "overwritten" in scenario.faults
        ):  # its uploads are other files, and are recorded once for all trials
            everything = Scenario("all overwritten", {"overwritten": Fault(rate=1.0, seconds=(0.0, 0.0))})
            rig.emulate(everything, rig.options.seed, progress)

    def seeds(self, first: int, count: int) -> Iterator[Case]:
        """A case for each seed."""
        return (Case(seed, self._scenario) for seed in range(first, first + count))

    def crash_points(self, pairs: bool) -> Iterator[Case]:
        """A case for every place where an invocation can be killed: before and after each of its API calls,
        of all invocations.

        With `pairs`, also for every second such place after each first one, in the run that the first one
        leads to.
        """
        seed = self._rig.options.seed
        calm = self.attempt(Case(seed, _killed({})))
        for kind in KILLS:
            for number in range(1, calm.opportunities[kind] + 1):
                single = Case(seed, _killed({kind: [number]}))
                yield single
                if pairs:
                    yield from self._second_crashes(single, kind, number)

    def _second_crashes(self, single: Case, kind: str, number: int) -> Iterator[Case]:
        after = self.attempt(single)
        for second in KILLS:
            # Before call n and after call n - 1 are other moments; the two counts run alike, but for the call
            # that was killed before.
            for later in range(number + 1 if second == kind else number, after.opportunities[second] + 1):
                yield Case(single.seed, _killed(_by_kind([(kind, number), (second, later)])))

    def staged(self, case: Case) -> tuple[Rig, Results]:
        """What a case is tried on, and the results that are right there."""
        return self._rig, self._expected

    def simpler(self, case: Case) -> Iterator[tuple[str, Case]]:
        """The case in circumstances with one thing less that is unusual, and which it is."""
        yield from ()

    @property
    def rig(self) -> Rig:
        """What says which code is explored."""
        return self._rig

    @cached_property
    def coverage(self) -> Coverage:
        """Of the handlers' code."""
        rig = self.rig
        return Coverage(rig.code, rig.handlers, rig.config.record, rig.config.explore.beyond)

    def attempt(self, case: Case) -> Trial:
        """One trial, here and now."""
        began = time.perf_counter()
        try:
            rig, expected = self.staged(case)
            with self.coverage.watching():
                emulation = rig.emulate(case.scenario, case.seed, quiet)
            results, _, violations = rig.check(emulation, expected)
            if emulation.interrupted:
                raise KeyboardInterrupt
        except Exception as error:  # whatever breaks the emulator itself is a finding too
            return Trial(
                case,
                {},
                {},
                {},
                [],
                0,
                (0.0, time.perf_counter() - began),
                error=f"{type(error).__name__}: {error}",
            )
        events = emulation.recorder.events
        struck = [event for event in events if isinstance(event, Stroke)]
        strokes = _by_kind([(stroke.fault, stroke.number) for stroke in struck])
        invocations = sum(isinstance(event, Invocation) for event in events)
        seconds = (emulation.ended, time.perf_counter() - began)
        digest = emulation.recorder.digest()
        states = States(emulation, rig.config.state)
        return Trial(
            case,
            strokes,
            _places(struck),
            emulation.opportunities,
            violations,
            invocations,
            seconds,
            digest,
            happened=happenings.of(emulation, results, rig.config, states),
            taken=self.coverage.taken,
            struck_in=states.struck(),
            calls=calls_of(emulation),
            preempted=Counter(
                event.where for event in events if isinstance(event, Held) and not event.behind
            ),
        )

    def attempts(self, cases: Iterator[Case | None], jobs: int | None = None) -> Iterator[Trial]:
        """The trials of all cases, on `jobs` processes (all cores by default), in the order in which they are
        done. A case may depend on trials that were had before: None stands for one that is to wait for more.
        """
        jobs = jobs or os.cpu_count() or 1
        assert self.coverage  # built once, for all processes
        if jobs == 1:
            yield from (self.attempt(case) for case in cases if case is not None)
            return
        global _here  # forked processes have the explorer as it stands
        _here = self
        gc.freeze()  # what the processes inherit is never looked through for garbage, and so stays shared
        with ProcessPoolExecutor(jobs, multiprocessing.get_context("fork"), interrupt.ignore) as pool:
            try:
                running: set[Future[Trial]] = set()
                while True:
                    while len(running) < jobs * _QUEUED_PER_PROCESS and (case := next(cases, None)):
                        running.add(pool.submit(_attempt, case))
                    if not running:
                        break
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            finally:
                pool.shutdown(cancel_futures=True)
                gc.unfreeze()

    def shrink(self, failed: Trial, tell: Callable[[int], None] = lambda done: None) -> Trial:
        """The same failure with the fewest faults found, and in the most usual circumstances: nothing that is
        left can be left out alone.
        """
        attempts = _Attempts(self, failed, tell)
        best = self._fewest_faults(failed, attempts)
        while (plainer := self._plainest(best, attempts)) is not best:
            best = self._fewest_faults(plainer, attempts)
        return best

    def _fewest_faults(self, failed: Trial, attempts: "_Attempts") -> Trial:
        strokes = [(kind, number) for kind, numbers in failed.strokes.items() for number in numbers]
        best, size = failed, max(1, len(strokes) // 2)
        while size and attempts.left:
            start, shorter = 0, False
            while start < len(strokes) and attempts.left:
                fewer = strokes[:start] + strokes[start + size :]
                trial = attempts.same(failed.case.broken_by(failed.case.scenario.only(_by_kind(fewer))))
                if trial is not None:
                    strokes, best, shorter = fewer, trial, True
                else:
                    start += size
            if not shorter or size > len(strokes):
                size = min(size // 2, len(strokes))
        return best

    def _plainest(self, failed: Trial, attempts: "_Attempts") -> Trial:
        """The failure in circumstances of which nothing unusual can be left out alone. Where the same strokes
        hit something else there, the kinds of fault that are left strike anew.
        """
        best, before = failed, None
        while best is not before:
            before, tried = best, set[str]()
            while (found := self._plainer(best, tried, attempts)) is not None:
                best = found
        anew = (again for _, case in self.simpler(best.case) for again in _anew(case))
        return next(filter(None, map(attempts.same, anew)), best)

    def _plainer(self, best: Trial, tried: set[str], attempts: "_Attempts") -> Trial | None:
        """The failure with one thing less that is unusual, none of those that were `tried`."""
        for less, case in self.simpler(best.case):
            if less not in tried:
                tried.add(less)
                if (trial := attempts.same(case)) is not None:
                    return trial
        return None

    def story(self, trial: Trial) -> list[str]:
        """What happened in a trial, in lines to read."""
        rig, _ = self.staged(trial.case)
        emulation = rig.emulate(trial.case.scenario, trial.case.seed, quiet)
        return timeline(emulation, trial.violations)


class _Attempts:
    """Trials in search of a failure like one that was found, as many as there is time for."""

    def __init__(self, explorer: Explorer, failed: Trial, tell: Callable[[int], None]) -> None:
        self._explorer, self._tell = explorer, tell
        self._wanted = {violation.invariant for violation in failed.violations}
        self._tried, self._ends = 0, time.monotonic() + SHRINK_SECONDS
        self._in_vain: set[tuple[str, str]] = set()

    @property
    def left(self) -> bool:
        return self._tried < SHRINK_TRIALS and time.monotonic() < self._ends

    def same(self, case: Case) -> Trial | None:
        """The trial of a case when it fails in the same way, and there is time for it."""
        name = case.scenario.toml(), case.world.toml() if case.world is not None else ""
        if not self.left or name in self._in_vain:
            return None
        trial = self._explorer.attempt(case)
        self._tried += 1
        self._tell(self._tried)
        broken = {violation.invariant for violation in trial.violations}
        if (trial.error and not self._wanted) or self._wanted & broken:
            return trial
        self._in_vain.add(name)
        return None


_here: Explorer | None = None


def _attempt(case: Case) -> Trial:
    assert _here is not None
    return _here.attempt(case)


def _anew(case: Case) -> Iterator[Case]:
    """The case with the same kinds of fault, often, on dice of their own."""
    for seed in range(DICE if case.scenario.faults else 0):
        faults = {
            kind: msgspec.structs.replace(fault, only=None, rate=OFTEN, seed=seed)
            for kind, fault in case.scenario.faults.items()
        }
        yield case.broken_by(Scenario(case.scenario.name, faults))


def calls_of(emulation: Emulation) -> Counter[str]:
    """The calls of its invocations, by whose and what, as faults and schedules name them."""
    return Counter(
        f"{event.caller} {event.service}.{event.operation}"
        for event in emulation.recorder.events
        if isinstance(event, Call) and event.request
    )


def _killed(strokes: Strokes) -> Scenario:
    """A scenario of nothing but these kills; both kinds are in it, so that their opportunities are
    counted.
    """
    return Scenario("crash points", {kind: Fault(only=tuple(strokes.get(kind, ()))) for kind in KILLS})


def _by_kind(strokes: Sequence[tuple[str, int]]) -> Strokes:
    found: Strokes = {}
    for kind, number in strokes:
        found.setdefault(kind, []).append(number)
    return found


def _places(struck: Sequence[Stroke]) -> dict[str, Counter[str]]:
    """Strokes of each fault by what they struck: a function's call of a service, a function, a queue, a
    mapping, or an upload.
    """
    found: dict[str, Counter[str]] = {}
    for stroke in struck:
        if stroke.fault in scenario.OF_UPLOADS:
            place = "uploads"
        else:
            name, _, call = stroke.where.partition(" ")
            place = (
                f"{name} {call}" if "." in call else name.partition("/")[0]
            )  # a number of an environment or message says nothing here
        found.setdefault(stroke.fault, Counter())[place] += 1
    return found
