"""The process's wall clock, moved with virtual time, so that handlers and moto read it from `time` and
`datetime`.

`time.sleep` inside a process pauses in virtual time. Outside of one it is an error: nothing in a run may
really wait.
"""

import datetime
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import SupportsIndex

_UNWANTED = {"pytest"} - sys.modules.keys()
"""time_machine loads pytest where it is installed, for a fixture: a tenth of a second for every command."""

sys.modules.update(dict.fromkeys(_UNWANTED))  # type: ignore[arg-type]
import time_machine  # noqa: E402

for _name in _UNWANTED:
    del sys.modules[_name]

from harness.engine.kernel import Kernel  # noqa: E402

EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
"""When every run begins; a fixed date, so that a run's timestamps are the same whenever it is made."""


@contextmanager
def virtual_time() -> Iterator[Kernel]:
    """A kernel whose clock is the wall clock of this Python process for as long as the context lasts."""
    real_sleep = time.sleep
    start = EPOCH.timestamp()
    with time_machine.travel(EPOCH, tick=False) as traveller:
        kernel = Kernel(on_advance=lambda now: traveller.move_to(start + now))

        def sleep(seconds: float | SupportsIndex, /) -> None:
            if kernel.current is None:
                raise RuntimeError("a real sleep was asked for during a run in virtual time")
            kernel.sleep(float(seconds))

        time.sleep = sleep
        try:
            yield kernel
        finally:
            kernel.close()
            time.sleep = real_sleep
