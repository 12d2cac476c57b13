"""One side of a comparison, as the other side's keeper sees it: a `worker` process on a tree of its own that
does one thing at a time.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

import msgspec

from harness.errors import UsageError
from harness.tuning import worker
from harness.tuning.instructions import Counter

SCRIPT = Path(worker.__file__)
MOST_SECONDS = 300.0
"""That a side may take for one answer."""
LEAST_CPU_SECONDS = 1e-6
"""The resolution of getrusage(2): what took less took so much."""


class Side(msgspec.Struct, frozen=True):
    """Which code is measured. name: what messages call it; tree: its files; python: of the environment that
    it runs in; function: "module:function" of the readings, and the file that it is taken from where the
    tree has none.
    """

    name: str
    tree: Path
    python: Path
    function: str
    instead: Path


class Unit(msgspec.Struct, frozen=True):
    """One of what an input holds: `number` among those of the file, from 0."""

    name: str
    kind: str
    file: Path
    number: int


class Cost(msgspec.Struct, frozen=True):
    """Of reading a unit once. cpu, wall: seconds, those of child processes included; value: a digest of what
    was read; instructions: 1 where they are not counted.
    """

    cpu: float
    wall: float
    value: str
    instructions: int = 1


class Used(msgspec.Struct, frozen=True):
    """What a side needed: files of its tree, and distributions with their versions."""

    files: tuple[str, ...]
    distributions: dict[str, str]


class Worker:
    """A running side. It is idle but for the time in which it is asked something."""

    def __init__(
        self, side: Side, units: Sequence[Unit], variables: Mapping[str, str], *, counted: bool
    ) -> None:
        self._side = side
        self._files = list(dict.fromkeys(unit.file for unit in units))
        self._said = b""
        module, _, function = side.function.partition(":")
        command = [side.python, "-P", SCRIPT, side.tree, module, function, side.instead, *self._files]
        # A session of its own: Ctrl-C means the command alone, which ends this one and all that it started.
        self._process = subprocess.Popen(  # noqa: S603 our own script, by the environment's Python
            list(map(str, command)),
            cwd=side.tree,
            env={**os.environ, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._counter: Counter | None = None
        if counted:
            try:
                self._counter = Counter(self._process.pid)
            except UsageError:
                self.close()
                raise

    def wait_until_ready(self, units: Sequence[Unit]) -> None:
        """Raises `UsageError` when the side does not start, or its inputs hold other units."""
        held = dict(zip(self._files, self._answer()["ready"], strict=True))
        for unit in units:
            if unit.number >= held[unit.file]:
                raise UsageError(f"{self._side.name} finds no {unit.number + 1}. unit in {unit.file}")

    def read(self, unit: Unit) -> Cost:
        """Reads the unit once. Raises `UsageError` when that fails."""
        before = self._counter.read() if self._counter else 0
        answer = self._ask(f"read {self._files.index(unit.file)} {unit.number}", unit.name)
        after = self._counter.read() if self._counter else 0
        cpu = max(LEAST_CPU_SECONDS, answer["cpu"])
        return Cost(cpu, answer["wall"], answer["value"], max(1, after - before))

    def used(self) -> Used:
        """What it needed so far. Raises `UsageError` when that was another tree's."""
        answer = self._ask("used")
        return Used(tuple(answer["files"]), answer["distributions"])

    def close(self) -> None:
        if self._counter is not None:
            self._counter.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, order: str, about: str = "") -> Any:
        asked = self._process.stdin
        assert asked is not None
        with contextlib.suppress(BrokenPipeError):  # then there is no answer either
            asked.write(f"{order}\n".encode())
            asked.flush()
        return self._answer(about)

    def _answer(self, about: str = "") -> Any:
        said = self._process.stdout
        assert said is not None
        line = self._line(said)
        if not line:
            ended = self._process.wait()
            raise UsageError(
                f"{self._side.name} ended without an answer{f' on {about}' if about else ''}: "
                f"{signal.Signals(-ended).name if ended < 0 else f'exit code {ended}'}"
            )
        answer = json.loads(line)
        if error := answer.get("error"):
            raise UsageError(
                f"{self._side.name} cannot {f'read {about}' if about else 'be measured'}: {error} (called by "
                f"{self._side.function})"
            )
        return answer

    def _line(self, said: IO[bytes]) -> bytes:
        """The next line of the side; none when it ended."""
        ends = time.monotonic() + MOST_SECONDS
        while b"\n" not in self._said:
            if not select.select([said], [], [], max(0.0, ends - time.monotonic()))[0]:
                raise UsageError(f"{self._side.name} gave no answer within {MOST_SECONDS:.0f} s")
            part = os.read(said.fileno(), 1 << 16)
            if not part:
                return b""
            self._said += part
        line, _, self._said = self._said.partition(b"\n")
        return line
