"""Processes that do the heavy work of a living system, one for each core, while the event loop goes on: calls
of recorded functions, and pictures of pages.

Each is an interpreter of its own that imports the application's modules itself, and does one task at a time
under the environment variables of the function that asked. A task that kills its process (a crash in a
decoder's C code) is told as such, and another process takes its place.
"""

import itertools
import multiprocessing
import os
import pickle
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from queue import PriorityQueue
from time import clock_gettime, process_time
from typing import Any

import msgspec

from harness.compute import threads
from harness.compute.footprint import Gauge
from harness.compute.policies import measure, to_entry, weight
from harness.compute.sandbox import CodeBase, take_modules
from harness.engine import interrupt, memory

MARGIN_SECONDS = 0.001
"""Of CPU time, that a process takes after a call at most before it says that the call has ended."""
_CPU_CLOCK = 2
"""CPUCLOCK_SCHED, of the clock of a whole process, which Linux names by the process's id
(clock_getcpuclockid(3): glibc makes it of ~pid << 3).
"""
URGENT, USUAL = 0, 1
"""A picture that somebody waits for goes before what the system does."""


class Program(msgspec.Struct, frozen=True):
    """Where the application's code lies: the project, folders of functions, and the handlers in them;
    modules: what is imported before the first task.
    """

    root: str
    folders: tuple[str, ...]
    handlers: tuple[str, ...]
    modules: tuple[str, ...] = ()


class Task:
    """A call of "module:function". arguments: pickled (args, kwargs); folders: where its modules come from,
    () for wherever those of the call before did. `told`, in a thread of the pool, of what `pickle` made of
    its outcome; None where the process crashed.
    """

    def __init__(
        self,
        function: str,
        arguments: bytes,
        told: Callable[[Any], None],
        *,
        folders: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
        limit_seconds: float | None = None,
    ) -> None:
        self.told = told
        self.order = (function, arguments, tuple(folders), dict(variables or {}), limit_seconds)
        self._process: _Process | None = None

    def begins(self, process: "_Process") -> None:
        self._process = process

    def cpu_seconds(self) -> float:
        """CPU time that it has taken so far, never more than it is told to have taken when it has ended."""
        return self._process.cpu_seconds() if self._process is not None else 0.0


class Workers:
    def __init__(self, program: Program, count: int | None = None) -> None:
        self._program = program
        self._tasks: PriorityQueue[tuple[int, int, Task | None]] = PriorityQueue()
        self._numbers = itertools.count()
        self._edition = 0
        self._threads = [
            threading.Thread(target=self._serve, name=f"worker {number}", daemon=True)
            for number in range(count or os.cpu_count() or 1)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def submit(self, task: Task, urgency: int = USUAL) -> None:
        self._tasks.put((urgency, next(self._numbers), task))

    def renew(self) -> None:
        """The code has changed: what is begun from now on runs the new one."""
        self._edition += 1

    def close(self) -> None:
        """Tasks that are not done yet are given up."""
        for _ in self._threads:
            self._tasks.put((-1, next(self._numbers), None))
        for thread in self._threads:
            thread.join(timeout=5)

    def _serve(self) -> None:
        """The whole life of a thread: its process does one task after the other."""
        process, edition = _Process(self._program), self._edition
        while True:
            task = self._tasks.get()[2]
            if task is None:
                process.end()
                return
            if edition != self._edition:
                process.end()
                process, edition = _Process(self._program), self._edition
            task.begins(process)
            try:
                outcome = process.run(task)
            except (EOFError, OSError):
                process.end()
                process, outcome = _Process(self._program), None
            task.told(outcome)


class _Process:
    """One of the processes, as its thread sees it."""

    def __init__(self, program: Program) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._shared: Any = context.RawArray("d", 2)
        """CPU time of the process when its present call began, and when that had ended; -1 before."""
        self._shared[:] = (-1.0, -1.0)
        self._process = context.Process(target=_live, args=(theirs, self._shared, program), daemon=True)
        self._process.start()
        theirs.close()

    def run(self, task: Task) -> Any:
        self._shared[:] = (-1.0, -1.0)
        self._ours.send(task.order)
        return pickle.loads(self._ours.recv_bytes())  # noqa: S301 it comes from a process of ours

    def cpu_seconds(self) -> float:
        began = self._shared[0]
        if began < 0:
            return 0.0
        now = _cpu_seconds(self._process.pid)
        ended = self._shared[1]  # looked at later than the clock
        return float(ended - began if ended >= 0 else max(0.0, now - began - MARGIN_SECONDS))

    def end(self) -> None:
        self._ours.close()
        self._process.terminate()
        self._process.join()


def _cpu_seconds(pid: int | None) -> float:
    """Of another process; 0 where the system does not tell."""
    try:
        return clock_gettime((~pid << 3) | _CPU_CLOCK) if pid is not None and sys.platform == "linux" else 0.0
    except OSError:
        return 0.0


def _live(theirs: Connection, shared: Any, program: Program) -> None:
    """The whole life of a process."""
    interrupt.ignore()
    memory.as_usual()
    sys.path.append(program.root)
    work = _Work(CodeBase([Path(folder) for folder in program.folders], program.handlers), shared)
    with work.code.importable(), suppress(EOFError, OSError):
        work.prepare(program)
        while True:
            theirs.send_bytes(pickle.dumps(work.do(*theirs.recv())))


class _Work:
    def __init__(self, code: CodeBase, shared: Any) -> None:
        self.code, self._shared = code, shared
        self._folders: tuple[str, ...] = ()
        self._variables: dict[str, str] = {}
        self._known: set[str] = set()
        self._gauge: Gauge | None = None

    def prepare(self, program: Program) -> None:
        """What is wrong with a module, its first task tells."""
        self._folders = program.folders
        for module in program.modules:
            with suppress(Exception):
                import_module(module)

    def do(
        self,
        function: str,
        arguments: bytes,
        folders: tuple[str, ...],
        variables: dict[str, str],
        limit: float | None,
    ) -> Any:
        """What the ledger keeps of a call with a limit; of another one its value, or its error."""
        if folders and folders != self._folders:
            take_modules(self.code)
            self.code.choose([Path(folder) for folder in folders])
            self._folders, self._known = folders, set()
        if variables and variables != self._variables:
            os.environ.update(variables)
            self._variables = variables
        module, _, name = function.partition(":")
        try:
            call = getattr(import_module(module), name)
            args, kwargs = pickle.loads(arguments)  # noqa: S301 it comes from the event loop
            if limit is None:
                return call(*args, **kwargs)
        except Exception as error:
            return error
        threads.as_told(self._variables)
        gauge = self._gauge_of(module)
        gauge.begin()
        self._shared[0] = process_time()
        outcome = measure(call, args, kwargs)
        self._shared[1] = self._shared[0] + outcome.cpu_seconds
        needed = gauge.bytes() + weight((args, tuple(kwargs.values())))
        return to_entry(msgspec.structs.replace(outcome, memory_bytes=needed), limit)

    def _gauge_of(self, module: str) -> Gauge:
        """What the import of a module takes is not its calls'."""
        if self._gauge is None or module not in self._known:
            self._known.add(module)
            self._gauge = Gauge()
        return self._gauge
