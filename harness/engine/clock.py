"""The process's wall clock, moved with virtual time, so that handlers and moto read it from `time` and
`datetime`.

What waits inside a process pauses in virtual time. Outside of one a sleep is an error: nothing in a run may
really wait.
"""

import datetime
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_UNWANTED = {"pytest"} - sys.modules.keys()
"""time_machine loads pytest where it is installed, for a fixture: a tenth of a second for every command."""

sys.modules.update(dict.fromkeys(_UNWANTED))  # type: ignore[arg-type]
import time_machine  # noqa: E402

for _name in _UNWANTED:
    del sys.modules[_name]

from harness.engine.kernel import Kernel, Pace  # noqa: E402
from harness.engine.waiting import in_virtual_time  # noqa: E402

EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
"""When every run begins; a fixed date, so that a run's timestamps are the same whenever it is made."""


def seconds_of(moment: datetime.datetime) -> float:
    """Virtual seconds since the run began; a moment without a zone is in UTC."""
    return (moment.replace(tzinfo=moment.tzinfo or datetime.UTC) - EPOCH).total_seconds()


@contextmanager
def still() -> Iterator[None]:
    """The wall clock stands at the beginning of a run."""
    with time_machine.travel(EPOCH, tick=False):
        yield


@contextmanager
def virtual_time(pace: Pace | None = None) -> Iterator[Kernel]:
    """A kernel whose clock is the wall clock of this Python process for as long as the context lasts; `pace`
    holds it back.
    """
    start = EPOCH.timestamp()
    with time_machine.travel(EPOCH, tick=False) as traveller:
        kernel = Kernel(lambda now: traveller.move_to(start + now), pace)
        with in_virtual_time(kernel):
            try:
                yield kernel
            finally:
                kernel.close()
