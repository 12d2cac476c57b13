"""Records, on all cores, the calls that a rehearsal found missing in the ledger.

The processes are forked, so they have the calls' arguments and code as they stand, and each runs one call at a time: what is
measured is the CPU time of one thread, as a worker would take it.
"""

import multiprocessing
import os
from collections.abc import Callable, Mapping
from multiprocessing.pool import Pool

from harness.compute import Pending, measure, to_entry
from harness.ledger import Entry, Ledger

_waiting: list[Pending] = []


def record(ledger: Ledger, pending: list[Pending], variables: Mapping[str, str], tell: Callable[[int], None]) -> None:
    """Runs the calls and keeps what they gave; `tell` is given the number done so far. `variables`: the functions' environment."""
    _waiting[:] = pending
    context = multiprocessing.get_context("fork")
    pool: Pool
    with context.Pool(min(len(pending), os.cpu_count() or 1), _prepare, (dict(variables),)) as pool:
        for done, (key, entry) in enumerate(pool.imap_unordered(_record_one, range(len(pending))), 1):
            ledger.keep_call(key, entry)
            tell(done)
    _waiting.clear()


def _prepare(variables: dict[str, str]) -> None:
    os.environ.update(variables)


def _record_one(index: int) -> tuple[bytes, Entry]:
    call = _waiting[index]
    return call.key, to_entry(measure(call.original, call.args, call.kwargs))
