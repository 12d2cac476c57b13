"""Standard output during a run: what a scope has a log for goes there, a function's above all."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness.engine.kernel import Kernel


class Output(io.TextIOBase):
    """Standard output: what a function prints goes to its log, as what a user's script prints; what anyone
    else prints goes where it went before.

    There is one for the whole Python process: logging handlers that an application makes keep it from one run
    to the next.
    """

    def __init__(self) -> None:
        self._kernel: Kernel | None = None
        self._original: Any = sys.stdout

    @contextmanager
    def of(self, kernel: Kernel) -> Iterator[None]:
        """Takes the place of standard output for a run."""
        self._kernel, self._original, sys.stdout = kernel, sys.stdout, self
        try:
            yield
        finally:
            self._kernel, sys.stdout = None, self._original

    def write(self, text: str) -> int:
        process = self._kernel.current if self._kernel is not None else None
        if process is not None and process.killed:  # its `finally` clauses run, which on Lambda they do not
            return len(text)
        scope: Any = process.scope if process is not None else None
        if (log := getattr(scope, "log", None)) is not None:
            log(text)
            return len(text)
        return int(self._original.write(text))

    def flush(self) -> None:
        self._original.flush()


OUTPUT = Output()
