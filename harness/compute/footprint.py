"""How much memory a call needs: by how much it makes its process larger, and the programs that it starts.

A recording process is a copy of the harness, which is large itself: what counts is how far a call takes it
beyond what it was when it began, with what earlier calls have left there, as in an environment that lives on.
Linux keeps the largest resident size of a process, and begins anew when it is told (VmHWM and
/proc/PID/clear_refs, proc(5)). What lives beside it, copies of the process and other programs, is added up
with it by a watcher that looks again and again: what getrusage(2) says of a program is at least the size of
whoever started it. Where there is no /proc, getrusage's maxima stand in, which are those of all calls of the
process so far.

Neither way is exact: what of a library's file is read again in a fork counts as if the call had brought it,
and what process and copy both write anew after the fork counts once. docs/compute.md says by how much.
"""

import gc
import mmap
import os
import resource
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

WATCH_SECONDS = 0.01
"""Between two looks: a child that comes and goes in less is not seen."""

_RUSAGE_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes that getrusage counts ru_maxrss in."""
_CALL = struct.Struct("=QQ")
"""What watcher and process share: the number of the call, and the most that was seen in it, in bytes."""
_COPY = struct.Struct("=QQ")
"""And of a copy of the process: its id, and its size when it began."""
_COPIES = 64
"""Copies that may live at once."""

TELL = f"""
import resource
try:
    with open("/proc/self/status") as file:
        print([int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM:")][0])
except (OSError, IndexError):
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * {_RUSAGE_UNIT})
"""
"""A program's last lines: it prints its largest size in bytes. (getrusage's would be that of whoever started
it, if that is more.)
"""


class Gauge:
    """Measures calls of this process, from when the gauge is made; one call at a time."""

    def __init__(self) -> None:
        self._call = 0
        self._seen = mmap.mmap(-1, _CALL.size + _COPIES * _COPY.size)
        gc.freeze()  # what there is now belongs to no call: collections need not look at it
        self._start = _size("self") if _begin_anew() else None
        if self._start is None:
            self._start_used = _most_used(resource.RUSAGE_SELF)
            return
        parent = os.getpid()
        if not os.fork():
            _watch(parent, self._start, self._seen)
        os.register_at_fork(after_in_child=self._tell_copy)

    def begin(self) -> None:
        """A call begins: garbage of those before it is none of its own."""
        gc.collect()
        self._call += 1
        self._seen[: _CALL.size] = _CALL.pack(self._call, 0)
        if self._start is not None:
            _begin_anew()

    def bytes(self) -> int:
        """What the call has needed until now, beyond what the process was when the gauge was made."""
        if self._start is None:
            used = max(_most_used(resource.RUSAGE_SELF), _most_used(resource.RUSAGE_CHILDREN))
            return max(0, used - self._start_used)
        together: int = _CALL.unpack(self._seen[: _CALL.size])[1]
        return max(0, _largest("self") - self._start, together)

    def _tell_copy(self) -> None:
        """Runs in a copy of this process, as soon as it lives: what it has is its parent's."""
        place = _CALL.size + os.getpid() % _COPIES * _COPY.size
        self._seen[place : place + _COPY.size] = _COPY.pack(os.getpid(), _size("self"))


def _begin_anew() -> bool:
    """The largest size of this process is its present one from now on, where the system knows how."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _watch(parent: int, start: int, seen: mmap.mmap) -> NoReturn:
    """The watcher's whole life."""
    try:
        own, same = os.getpid(), _command(parent)
        while os.getppid() == parent:
            call, most = _CALL.unpack(seen[: _CALL.size])
            others = (_added(pid, same, seen) for pid in _descendants(parent) if pid != own)
            together = sum(others, _size(parent) - start)
            if together > most and _CALL.unpack(seen[: _CALL.size])[0] == call:
                seen[: _CALL.size] = _CALL.pack(call, together)
            time.sleep(WATCH_SECONDS)
    finally:
        os._exit(0)


def _added(pid: int, same: bytes, seen: mmap.mmap) -> int:
    """What a process has taken at most beside those before it, so that nothing of it is missed between two
    looks. A copy of its parent began with the parent's memory, and a program that has not begun yet still
    has all of it.
    """
    copy, had = _COPY.unpack_from(seen, _CALL.size + pid % _COPIES * _COPY.size)
    if copy == pid:
        return max(0, _largest(pid) - int(had))
    return 0 if _command(pid) == same else _largest(pid)


def _descendants(pid: int) -> Iterator[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has ended
        return
    for child in map(int, children):
        yield child
        yield from _descendants(child)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _size(pid: int | str) -> int:
    """Resident bytes of a process, 0 when it is gone."""
    return _status(pid, b"VmRSS:")


def _largest(pid: int | str) -> int:
    """The most that it has been, of the process itself since its last `_begin_anew`."""
    return _status(pid, b"VmHWM:")


def _status(pid: int | str, name: bytes) -> int:
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            return next((int(line.split()[1]) * 1024 for line in file if line.startswith(name)), 0)
    except OSError:
        return 0


def _most_used(who: int) -> int:
    return resource.getrusage(who).ru_maxrss * _RUSAGE_UNIT
