"""Recorded compute that is recorded while the system lives: a call that the ledger lacks is made in a process
of its own, and the loop goes on meanwhile.

Time then never passes what the call may still say: it takes its CPU time of virtual time at least, and until
it has ended that is what it has taken so far. So what happens, and when, is what a run has that finds the
call in the ledger; only the laptop takes longer.
"""

import pickle
from collections.abc import Callable
from math import inf
from typing import Any

from harness.cloud.system import Function, System
from harness.compute import ledger as ledgers
from harness.compute.ledger import Ledger
from harness.compute.policies import MODELLED_SEGMENT_SECONDS, Outcome, Recorded, argument, cpu_clock
from harness.compute.recording import CRASHED
from harness.compute.sandbox import CodeBase
from harness.config import RecordedFunction
from harness.engine.kernel import Kernel, Signal
from harness.engine.pace import WallClock
from harness.live.workers import Task, Workers


class Living(Recorded):
    def __init__(self, ledger: Ledger, code: CodeBase, workers: Workers, pace: WallClock) -> None:
        super().__init__(ledger, code)
        self._workers, self._pace = workers, pace
        self._kernel: Kernel | None = None
        self._cpu_factor = self._work_factor = 1.0
        self._underway: dict[bytes, tuple[Task, Signal]] = {}
        self._failed: dict[bytes, Exception] = {}
        self._edition = 0

    @property
    def underway(self) -> int:
        """Calls that are made now, or wait for it."""
        return len(self._underway)

    def begins(self, kernel: Kernel, cpu_factor: float, work_factor: float) -> None:
        """The kernel whose processes call; factors: see `Host`."""
        self._kernel, self._cpu_factor, self._work_factor = kernel, cpu_factor, work_factor

    def prepare(self, system: System) -> None:
        """Measures now what the first invocations would wait for: the functions' imports."""
        for function in system.functions.values():
            self.init(function)

    def renew(self) -> None:
        """The code has changed."""
        self._edition += 1
        ledgers.forget()
        for known in (self._fingerprints, self._segments, self._inits, self._typical, self._returns):
            known.clear()
        self._variables.clear()

    def clock(self, function: Function) -> float:
        return cpu_clock()

    def segment(self, function: Function, label: str, measured: float) -> float:
        """One that is not known yet is kept as it is measured now, within reason: others use the CPU, too."""
        code = self._code_of(function)
        known = self._segments[code].get(label)
        if known is None:
            known = min(measured, 10 * self._typical.get(code, MODELLED_SEGMENT_SECONDS))
            self._ledger.keep_segments(code, {label: known})
            self._segments[code][label] = known
        return known

    def call(self, spec: RecordedFunction, original: Callable[..., Any], args: Any, kwargs: Any) -> Outcome:
        key = self._key(spec, original, args, kwargs)
        limit = float(argument(spec.limit, original, args, kwargs)) if spec.limit else inf
        while (known := self._known(key, limit, original)) is None:
            self._wait(key, spec, args, kwargs, limit)
            if key in self._failed:
                return Outcome(0.0, error=self._failed[key])
        return known

    def _wait(self, key: bytes, spec: RecordedFunction, args: Any, kwargs: Any, limit: float) -> None:
        """Returns when the ledger holds the call."""
        kernel = self._kernel
        assert kernel is not None
        if key not in self._underway:
            self._begin(key, spec, args, kwargs, limit)
        task, done = self._underway[key]
        began, factor = kernel.now, self._cpu_factor * (self._work_factor if spec.counted else 1.0)
        with self._pace.held(lambda: began + min(limit, task.cpu_seconds() * factor)):
            kernel.wait(done)

    def _begin(self, key: bytes, spec: RecordedFunction, args: Any, kwargs: Any, limit: float) -> None:
        kernel = self._kernel
        assert kernel is not None
        done, edition = Signal(kernel), self._edition
        self._failed.pop(key, None)

        def keep(entry: Any) -> None:
            if edition != self._edition:
                self._failed[key] = RuntimeError("the code was replaced while it ran this call")
            elif isinstance(entry, Exception):
                self._failed[key] = entry
            else:
                self._ledger.keep_call(key, CRASHED if entry is None else entry)
            del self._underway[key]
            done.fire()

        def told(entry: Any) -> None:
            self._pace.post(lambda: keep(entry), is_cause=False)

        task = Task(
            spec.function,
            pickle.dumps((args, kwargs)),
            told,
            folders=self._code.folders,
            variables=self._variables_of_caller(),
            limit_seconds=limit,
        )
        self._underway[key] = (task, done)
        self._workers.submit(task)
