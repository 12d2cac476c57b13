"""How much memory a call needs: by how much it makes its process larger, and the programs that it starts.

A recording process is a copy of the harness, which is large itself: what counts is how far a call takes it
beyond what it was when it began, with what earlier calls have left there, as in an environment that lives on.
Linux keeps the largest resident size of every process, and begins anew when it is told (VmHWM and
/proc/PID/clear_refs, proc(5)). That of a call's children is read while they live, by a watcher: what
getrusage(2) says of a command is at least the size of whoever started it. Where there is no /proc,
getrusage's maxima stand in, which are those of all calls of the process so far.
"""

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
"""Between two looks at the children: a program that is gone sooner is not seen, and costs no memory that
matters.
"""

_RUSAGE_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes that getrusage counts ru_maxrss in."""
_SEEN = struct.Struct("=QQQ")
"""Number of the call, and the largest sizes seen: of a copy of the process, of another program."""


def peak_bytes(pid: int | str = "self") -> int | None:
    """The largest resident size of a process that has been; None where that is not known."""
    return _status(pid, b"VmHWM:")


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
        self._seen = mmap.mmap(-1, _SEEN.size)
        self._start = _status("self", b"VmRSS:") if _begin_anew() else None
        if self._start is None:
            self._start_used = _most_used(resource.RUSAGE_SELF)
        elif not (parent := os.getpid(), os.fork())[1]:
            _watch(parent, self._seen)

    def begin(self) -> None:
        """A call begins."""
        self._call += 1
        self._seen[:] = _SEEN.pack(self._call, 0, 0)
        if self._start is not None:
            _begin_anew()

    def bytes(self) -> int:
        """What the call has needed until now, beyond what the process was when the gauge was made."""
        if self._start is None:
            used = max(_most_used(resource.RUSAGE_SELF), _most_used(resource.RUSAGE_CHILDREN))
            return max(0, used - self._start_used)
        _, copy, program = _SEEN.unpack(self._seen[:])
        largest: int = max(peak_bytes() or 0, copy)
        return max(0, largest - self._start) + int(program)


def _begin_anew() -> bool:
    """The largest size of this process is its present one from now on, where the system knows how."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _watch(parent: int, seen: mmap.mmap) -> NoReturn:
    """The watcher's whole life. The size of a copy of its parent holds the parent's: it is no addition."""
    try:
        own, same = os.getpid(), _command(parent)
        while os.getppid() == parent:
            call, copy, program = _SEEN.unpack(seen[:])
            for pid in _descendants(parent):
                if pid == own or (size := peak_bytes(pid)) is None:
                    continue
                if _command(pid) == same:
                    copy = max(copy, size)
                else:
                    program = max(program, size)
            if _SEEN.unpack(seen[:])[0] == call:
                seen[:] = _SEEN.pack(call, copy, program)
            time.sleep(WATCH_SECONDS)
    finally:
        os._exit(0)


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


def _status(pid: int | str, name: bytes) -> int | None:
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            for line in file:
                if line.startswith(name):
                    return int(line.split()[1]) * 1024
    except OSError:
        return None
    return None


def _most_used(who: int) -> int:
    return resource.getrusage(who).ru_maxrss * _RUSAGE_UNIT
