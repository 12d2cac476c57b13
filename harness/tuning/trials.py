"""Tries settings: by emulation of the inputs, or by a projection of millions of files. What is done is kept;
what the ledger lacks is recorded here, before anything is sent out.
"""

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from harness.cloud.limits import NEW_TABLE_SHARDS
from harness.config import Config
from harness.engine.interrupt import Interrupted
from harness.errors import UsageError
from harness.fleet.calibration import Calibration
from harness.runs.inputs import InputFile
from harness.runs.rig import Options, Progress, Rig
from harness.runs.scope import scope
from harness.tuning import backends, fleet_point, grid, point
from harness.tuning.backends import Backend
from harness.tuning.fleet_point import Files, Projected
from harness.tuning.grid import Axis, Setting
from harness.tuning.point import Emulated, Outcome
from harness.tuning.store import Store

BEAT_SECONDS = 5.0


@contextmanager
def _beating(tell: Callable[[int], None], done: int) -> Iterator[Callable[[int], None]]:
    """Tells how far it is again and again, for a point may take minutes. Yields what is told of each that is
    done.
    """
    count, over = [done], threading.Event()

    def now(number: int) -> None:
        count[0] = number
        tell(number)

    def beat() -> None:
        while not over.wait(BEAT_SECONDS):
            tell(count[0])

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        now(done)
        yield now
    finally:
        over.set()
        thread.join()


class Trials:
    """options: with the first seed, and no parameters. files: of the projection, None to emulate."""

    def __init__(
        self,
        config: Config,
        inputs: Sequence[InputFile],
        options: Options,
        axes: Sequence[Axis],
        *,
        out: Path,
        seeds: int,
        backend: Backend,
        progress: Progress,
        files: Files | None = None,
        shards: int = NEW_TABLE_SHARDS,
    ) -> None:
        self._config, self._inputs, self._options = config, tuple(inputs), options
        self._backend, self._progress = backend, progress
        self._files, self._shards = files, shards
        self._seeds = [options.seed + number for number in range(seeds)]
        self.defaults = grid.defaults(options.template, axes)
        self.usual = grid.usual(axes, self.defaults)
        rig = Rig(config, inputs, self._with(self.usual, options.seed))
        self.notes = list(rig.notes)
        self._emulations = Store(out, scope(rig, options))
        self._projections = Store(out, scope(rig, options, [msgspec.to_builtins(files), shards]))
        self._calibrations: dict[str, Calibration] = {}
        self._told: dict[str, str] = {}

    def outcomes(self, settings: Sequence[Setting], title: str) -> list[Outcome]:
        """Of each setting with each seed. Raises `UsageError`, and `Interrupted` with what is kept."""
        wanted = [(setting, seed) for setting in settings for seed in self._seeds]
        store = self._emulations if self._files is None else self._projections
        found: dict[int, Outcome] = {}
        for place, (setting, seed) in enumerate(wanted):
            known = store.get(self._whole(setting), seed)
            if known is not None:
                found[place] = msgspec.structs.replace(known, parameters=setting)
        try:
            if self._files is None:
                self._emulate(wanted, found, title)
            else:
                self._project(wanted, found, title)
        except (KeyboardInterrupt, Interrupted) as stopped:
            raise Interrupted(
                f"{len(found)} of {len(wanted)} points are done and kept; the same command goes on from there"
                + (f"; {stopped}" if str(stopped) else "")
            ) from None
        return [found[place] for place in range(len(wanted))]

    def by_fleet(self, settings: Sequence[Setting]) -> list[Outcome]:
        """The same inputs, projected: of those settings that a calibration at the usual one holds for. Empty
        where it gives none, as for a system of another shape.
        """
        try:
            known = self._calibration(self.usual)
            alike = [setting for setting in settings if self._group(setting) == self._group(self.usual)]
        except UsageError:
            return []
        tasks = [
            (setting, seed, self._projected(setting, seed, known, Files(count=0)))
            for setting in alike
            for seed in self._seeds
        ]
        return self._sent(Backend(jobs=self._backend.jobs), fleet_point.projected, tasks)

    def _emulate(self, wanted: Sequence[tuple[Setting, int]], found: dict[int, Outcome], title: str) -> None:
        lacking = [place for place in range(len(wanted)) if place not in found]
        if not lacking:
            return
        first = next((place for place in lacking if wanted[place][0] == self.usual), lacking[0])
        self._replay(wanted, found, title, first)
        if first not in found:  # what there is to record is recorded here, on all cores
            found[first] = self._recorded(*wanted[first])
            self._replay(wanted, found, title)
        for place in range(len(wanted)):
            if place not in found:
                found[place] = self._recorded(*wanted[place])

    def _replay(
        self,
        wanted: Sequence[tuple[Setting, int]],
        found: dict[int, Outcome],
        title: str,
        first: int | None = None,
    ) -> None:
        """Adds what the ledger suffices for; breaks off when it does not for the first, since then it hardly
        does for others.
        """
        lacking = [place for place in range(len(wanted)) if place not in found]
        lacking.sort(key=lambda place: place != first)
        tasks = {
            place: (wanted[place][0], wanted[place][1], self._emulated(*wanted[place], place == first))
            for place in lacking
        }
        with closing(self._spread(point.emulated, tasks, len(found), len(wanted), title)) as coming:
            for place, outcome in coming:
                if not outcome.unrecorded:
                    found[place] = self._kept(wanted[place][0], outcome)
                elif place == first:
                    return

    def _kept(self, setting: Setting, outcome: Outcome) -> Outcome:
        whole, known = self._whole(setting), outcome.calibration
        outcome = msgspec.structs.replace(outcome, calibration=None)
        if not outcome.killed:
            self._emulations.keep(whole, outcome)
        if known is not None:
            self._emulations.keep_calibration(whole, outcome.seed, known)
        return outcome

    def _project(self, wanted: Sequence[tuple[Setting, int]], found: dict[int, Outcome], title: str) -> None:
        assert self._files is not None
        tasks = {
            place: (
                setting,
                seed,
                self._projected(setting, seed, self._calibration(setting), self._files),
            )
            for place, (setting, seed) in enumerate(wanted)
            if place not in found
        }
        for place, outcome in self._spread(fleet_point.projected, tasks, len(found), len(wanted), title):
            found[place] = outcome
            if not outcome.killed:
                self._projections.keep(self._whole(wanted[place][0]), outcome)

    def _spread(
        self,
        function: Any,
        tasks: dict[int, tuple[Setting, int, Any]],
        done: int,
        total: int,
        title: str,
    ) -> Generator[tuple[int, Outcome], None, None]:
        """(key, outcome) of each task as it is done, sent to wherever points are tried."""
        keys = list(tasks)
        with (
            self._progress(title, total) as tell,
            _beating(tell, done) as now,
            closing(backends.outcomes(self._backend, function, list(tasks.values()))) as coming,
        ):
            for number, (place, outcome) in enumerate(coming, start=done + 1):
                yield keys[place], outcome
                now(number)

    def _sent(self, backend: Backend, function: Any, tasks: list[tuple[Setting, int, Any]]) -> list[Outcome]:
        with closing(backends.outcomes(backend, function, tasks)) as coming:
            found = dict(coming)
        return [found[place] for place in range(len(tasks))]

    def _recorded(self, setting: Setting, seed: int) -> Outcome:
        try:
            outcome = point.recorded(self._emulated(setting, seed, True), self._progress)
        except UsageError as error:
            return Outcome(parameters=setting, seed=seed, error=str(error))
        return self._kept(setting, outcome)

    def _calibration(self, setting: Setting) -> Calibration:
        """Of a run at the template's own setting, or, where functions are told other things, at one that
        tells them these. Raises `UsageError`.
        """
        group = self._group(setting)
        if group not in self._calibrations:
            done = self._files is None and group == self._group(self.usual)  # emulated anyway
            plain = self.usual if done else self._plain(setting)
            seed = self._options.seed
            known = self._emulations.calibration(self._whole(plain), seed)
            if known is None:
                outcome = self._recorded(plain, seed)
                known = self._emulations.calibration(self._whole(plain), seed)
            if known is None:
                raise UsageError(f"the inputs give no calibration: {outcome.error or 'see harness run'}")
            self._calibrations[group] = known
        return self._calibrations[group]

    def _plain(self, setting: Setting) -> Setting:
        """The setting with the template's own value wherever that tells functions nothing else."""
        group, plain = self._group(setting), dict(setting)
        for name in setting:
            other = plain | {name: self.defaults.get(name, setting[name])}
            if self._group(other) == group:
                plain = other
        return plain

    def _group(self, setting: Setting) -> str:
        """Names what functions are told, but for the size of batches."""
        whole = self._whole(setting)
        batch = self._config.parameters.get("batch-pages", "")
        if batch in self.defaults:
            whole[batch] = self.defaults[batch]
        key = repr(sorted(whole.items()))
        if key not in self._told:
            _, system = fleet_point.deployed(self._config, self._options.template, whole)
            self._told[key] = repr(fleet_point.told(system))
        return self._told[key]

    def _whole(self, setting: Setting) -> dict[str, str]:
        return self.defaults | setting

    def _with(self, setting: Setting, seed: int) -> Options:
        return msgspec.structs.replace(self._options, parameters=dict(setting), seed=seed)

    def _emulated(self, setting: Setting, seed: int, calibrates: bool) -> Emulated:
        return Emulated(
            config=self._config,
            inputs=self._inputs,
            options=self._with(setting, seed),
            tried=setting,
            calibrates=calibrates,
        )

    def _projected(self, setting: Setting, seed: int, known: Calibration, files: Files) -> Projected:
        chosen = self._options
        return Projected(
            config=self._config,
            template=chosen.template,
            tried=setting,
            parameters=setting,
            seed=seed,
            calibration=known,
            files=files,
            prices=chosen.prices,
            shards=self._shards if files.count else self._config.stream_shards,
            cpu_factor=chosen.cpu_factor,
            account_concurrency=chosen.account_concurrency,
            free_tier=chosen.free_tier,
            months=chosen.months,
        )
