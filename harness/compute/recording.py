"""Records, on all cores, the calls that a rehearsal found missing in the ledger.

The processes are forked, so they have the calls' arguments and code as they stand, and each runs one call at
a time: what is measured is the CPU time of one thread, as a worker would take it, and the memory that this
one call needs (`footprint`). A call that kills its process (a crash in a decoder's C code) is recorded as
just that.
"""

import multiprocessing
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing

import msgspec

from harness.compute import threads
from harness.compute.footprint import Gauge
from harness.compute.ledger import Entry, Ledger
from harness.compute.policies import Pending, measure, to_entry, weight
from harness.engine import interrupt, memory

CRASHED = Entry(0.0, b"the process crashed while it ran this call", "builtins:RuntimeError")

_waiting: list[Pending] = []
_gauges: list[Gauge] = []
"""That of this process, when it is one that records."""


def record(ledger: Ledger, pending: Sequence[Pending], tell: Callable[[int], None]) -> None:
    """Runs the calls, those of each function under its own environment variables, and keeps what they gave;
    `tell` is given the number done so far.
    """
    _waiting[:] = pending
    left = dict.fromkeys(range(len(pending)))

    def keep(index: int, entry: Entry) -> None:
        ledger.keep_call(pending[index].key, entry)
        del left[index]
        tell(len(pending) - len(left))

    for variables, indices in _by_variables(pending):
        # Closed here and now, whatever ends it: a traceback that somebody keeps would keep the processes too.
        with closing(_all(indices, variables)) as entries:
            for index, entry in entries:
                keep(index, entry)
    # one of them crashed and took the others' processes along: each gets one of its own
    for index in list(left):
        alone = dict(_all([index], pending[index].variables))
        keep(index, alone.get(index, CRASHED))
    _waiting.clear()


def _by_variables(pending: Sequence[Pending]) -> list[tuple[Mapping[str, str], list[int]]]:
    groups: list[tuple[Mapping[str, str], list[int]]] = []
    for index, call in enumerate(pending):
        found = next((indices for variables, indices in groups if variables == call.variables), None)
        if found is None:
            groups.append((call.variables, [index]))
        else:
            found.append(index)
    return groups


def _all(indices: list[int], variables: Mapping[str, str]) -> Generator[tuple[int, Entry], None, None]:
    """The entries of these calls as they are done, until one crashes."""
    context = multiprocessing.get_context("fork")
    workers = min(len(indices), os.cpu_count() or 1)
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(workers, context, _prepare, (dict(variables),)) as pool:
        try:
            running = {pool.submit(_record_one, index): index for index in indices}
            for done in as_completed(running):
                yield running[done], done.result()
        except BrokenProcessPool:
            return
        except (KeyboardInterrupt, GeneratorExit):  # here, or where the entries go
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise


def _prepare(variables: dict[str, str]) -> None:
    # And so in programs that a call starts: one that is ended by it would be recorded as failing.
    interrupt.ignore()
    memory.as_usual()
    os.environ.update(variables)
    threads.as_told(variables)
    _gauges[:] = [Gauge()]


def _record_one(index: int) -> Entry:
    call = _waiting[index]
    (gauge,) = _gauges
    gauge.begin()
    outcome = measure(call.original, call.args, call.kwargs)
    needed = gauge.bytes() + weight((call.args, tuple(call.kwargs.values())))
    return to_entry(msgspec.structs.replace(outcome, memory_bytes=needed), call.limit_seconds)
