"""Counts the instructions that a process and its children carry out, by perf_event_open(2).

Their number hardly depends on what else the machine does, as times do. Not every machine shows it: a virtual
one often has no counters, and a kernel may keep them to itself.
"""

import ctypes
import errno
import os
import platform
import struct
from typing import Self

from harness.errors import UsageError

HARDWARE, SOFTWARE = 0, 1
"""Types of events (linux/perf_event.h)."""
INSTRUCTIONS, PAGE_FAULTS = 1, 2
"""Events of those types."""
_CALL = {"x86_64": 298, "aarch64": 241}
"""Number of the system call by machine."""
_ATTRIBUTES = struct.Struct("=IIQQQQQIIQ")
"""struct perf_event_attr as far as its first version reaches."""
_INHERIT, _EXCLUDE_KERNEL, _EXCLUDE_HYPERVISOR = 1 << 1, 1 << 5, 1 << 6
_CLOSE_ON_EXEC = 8


class Counter:
    """Of a process that was just started, and of all that it starts from then on."""

    def __init__(self, process: int, kind: int = HARDWARE, event: int = INSTRUCTIONS) -> None:
        """Raises `UsageError` where it cannot be read."""
        self._file = _opened(process, kind, event)

    def read(self) -> int:
        return int.from_bytes(os.read(self._file, 8), "little")

    def close(self) -> None:
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _opened(process: int, kind: int, event: int) -> int:
    number = _CALL.get(platform.machine()) if platform.system() == "Linux" else None
    if number is None:
        raise UsageError(
            f"--count instructions: {platform.system()} on {platform.machine()} is not known to count them; "
            f"leave the option out"
        )
    flags = _INHERIT | _EXCLUDE_KERNEL | _EXCLUDE_HYPERVISOR
    fields = [kind, _ATTRIBUTES.size, event, 0, 0, 0, flags] + [0] * 3
    attributes = ctypes.create_string_buffer(_ATTRIBUTES.pack(*fields))
    library = ctypes.CDLL(None, use_errno=True)
    file: int = library.syscall(number, attributes, process, -1, -1, _CLOSE_ON_EXEC)
    if file < 0:
        raise UsageError(f"--count instructions: {why_not(ctypes.get_errno())}; leave the option out")
    return file


def why_not(number: int) -> str:
    """What perf_event_open's error says of this machine."""
    if number in (errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP):
        return "this machine's processor shows no counter of instructions, as virtual ones often do not"
    if number in (errno.EACCES, errno.EPERM):
        return "the kernel keeps the counter to itself (kernel.perf_event_paranoid must be 2 or less)"
    return f"the kernel does not count them ({os.strerror(number)})"
