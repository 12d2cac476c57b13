"""What an exploration found: numbers for summary.json, and for each failure a folder with its scenario and
its story.
"""

import shlex
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from harness.exploration.coverage import Coverage
from harness.exploration.explorer import Explorer, Trial
from harness.runs.out_folder import Kind

KIND = Kind("exploration", ("summary.json", "report.html"), ("failures",), summaries=("explore",))
PREEMPTED = "preempted"
"""What stands for the preemptions of a schedule among faults, where places are told."""
MOST_FAILURES = 10
"""Failures that are shrunk and written; more are counted only."""


class Failure(msgspec.Struct, frozen=True):
    """A trial that broke an invariant, as found and as small as it could be made."""

    found: Trial
    small: Trial
    folder: Path
    command: str


class Findings:
    """Takes in trials as they are done."""

    def __init__(self, out: Path, command: list[str]) -> None:
        """`command`: how `harness run` is called for the same inputs and parameters, without seed and
        faults, or world.
        """
        self._out, self._command = out, command
        self.trials, self.invocations, self.virtual_seconds, self.cpu_seconds = 0, 0, 0.0, 0.0
        self.strokes: Counter[str] = Counter()
        self.places: dict[str, Counter[str]] = {}
        self.faults_struck: Counter[int] = Counter()
        self.violated: Counter[str] = Counter()
        self.happened: Counter[str] = Counter()
        self.reached: set[int] = set()
        self.struck_in: set[str] = set()
        self._first_seen: list[tuple[int, int]] = []
        self.failed: list[Trial] = []
        self.failures: list[Failure] = []

    def add(self, trial: Trial) -> None:
        self.trials += 1
        self.invocations += trial.invocations
        self.virtual_seconds += trial.seconds[0]
        self.cpu_seconds += trial.seconds[1]
        self.happened.update(trial.happened)
        if not trial.taken <= self.reached:
            self.reached |= trial.taken
            self._first_seen.append((self.trials, len(self.reached)))
        self.struck_in |= trial.struck_in
        struck = {kind: len(numbers) for kind, numbers in trial.strokes.items()}
        self.strokes.update(struck)
        self.faults_struck[sum(struck.values()) + trial.preempted.total()] += 1
        if trial.preempted:
            self.places.setdefault(PREEMPTED, Counter()).update(trial.preempted)
        for kind, places in trial.places.items():
            self.places.setdefault(kind, Counter()).update(places)
        if trial.failed:
            self.failed.append(trial)
            self.violated.update({violation.invariant for violation in trial.violations} or {trial.error})

    def write_failure(self, explorer: Explorer, found: Trial, small: Trial) -> Failure:
        """Writes the story of a failure that was made small, its faults, and its world if it has one."""
        folder = self._out / "failures" / f"{len(self.failures) + 1}-seed-{small.case.seed}"
        folder.mkdir(parents=True)
        (folder / "scenario.toml").write_text(small.case.scenario.toml(), encoding="utf-8")
        story = explorer.story(small) if not small.error else [small.error]
        (folder / "timeline.txt").write_text("\n".join(story) + "\n", encoding="utf-8")
        words = [*self._command, "--seed", str(small.case.seed), "--faults", str(folder / "scenario.toml")]
        if small.case.world is not None:
            (folder / "world.toml").write_text(small.case.world.toml(), encoding="utf-8")
            words = [*self._command, "--world", str(folder / "world.toml")]
        failure = Failure(found, small, folder, shlex.join(words))
        self.failures.append(failure)
        return failure

    def never(self, sometimes: Iterable[str]) -> list[str]:
        """Of what must happen at times, what did not."""
        return [name for name in sometimes if not self.happened[name]]

    def numbers(
        self,
        scenario: str,
        kinds: Iterable[str],
        happenings: Iterable[str],
        sometimes: Iterable[str],
        coverage: Coverage,
        real_seconds: float,
    ) -> dict[str, Any]:
        """What goes into summary.json. `kinds`: of faults that could strike, `happenings`: what could happen,
        also where none did; `sometimes`: of that what must.
        """
        return {
            "kind": "explore",
            "scenario": scenario,
            "trials": self.trials,
            "failed": len(self.failed),
            "violated": dict(self.violated),
            "strokes": dict(self.strokes.most_common()),
            "preemptions": self.places.get(PREEMPTED, Counter()).total(),
            "places": {
                kind: dict(self.places.get(kind, Counter()).most_common())
                for kind in sorted({*kinds, *self.places})
            },
            "happened": {name: self.happened[name] for name in happenings},
            "never": self.never(sometimes),
            "statesStruck": sorted(self.struck_in),
            "coverage": coverage.numbers(self.reached)
            | {"growth": [list(seen) for seen in self._first_seen]},
            "emulationsByStrokes": {
                str(count): trials for count, trials in sorted(self.faults_struck.items())
            },
            "invocations": self.invocations,
            "virtualSeconds": round(self.virtual_seconds, 3),
            "emulationSeconds": round(self.cpu_seconds, 3),
            "realSeconds": round(real_seconds, 3),
            "failures": [
                {
                    "seed": failure.small.case.seed,
                    "invariants": sorted({violation.invariant for violation in failure.small.violations})
                    or [failure.small.error],
                    "faults": failure.small.strokes,
                    "found": sum(map(len, failure.found.strokes.values())),
                    "world": failure.small.case.world.unusual() if failure.small.case.world else [],
                    "replay": failure.command,
                }
                for failure in self.failures
            ],
        }
