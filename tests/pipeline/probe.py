"""Reads a file's pages as a worker would, in a process of its own with a worker's memory, and tells how it
went.
"""

import contextlib
import multiprocessing
import resource
import time
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from pipeline import page_image, tiff
from pipeline.failures import BadFile, PageUnreadable
from pipeline.ocr_options import OcrOptions
from tests import builders

MEMORY_MB = 1769
"""Of the worker (template.yaml's default): what its process may have in all."""
PAGE_SECONDS = 60.0
MOST_PAGES = 4
"""Pages of a file that are decoded; the chain itself is followed to its end."""


class Report(msgspec.Struct, frozen=True):
    """`outcomes`: a reason, or "read", for each page; `seconds` of the slowest step; `peak_mb` of the process
    until now.
    """

    outcomes: tuple[str, ...]
    seconds: float
    peak_mb: int


class Crashed(Exception):
    """The process died."""


class Prober:
    """A process that reads file after file; made anew when one kills it."""

    def __init__(self) -> None:
        self._process: multiprocessing.Process | None = None
        self._pipe: Connection | None = None

    def read(self, data: bytes) -> Report:
        """Raises `Crashed` when the process died or took longer than a page may."""
        if self._process is None:
            self._start()
        assert self._pipe is not None
        self._pipe.send_bytes(data)
        try:
            if self._pipe.poll(PAGE_SECONDS * 2):
                return msgspec.msgpack.decode(self._pipe.recv_bytes(), type=Report)
        except EOFError:
            pass
        self.close()
        raise Crashed

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._process = None

    def _start(self) -> None:
        context = multiprocessing.get_context("fork")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()


def _serve(pipe: Connection) -> None:
    limit = MEMORY_MB * 2**20
    used = (
        int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    )  # the fork has the tests' own memory too
    resource.setrlimit(resource.RLIMIT_AS, (used + limit, used + limit))
    with contextlib.suppress(EOFError):
        while True:
            pipe.send_bytes(msgspec.msgpack.encode(_read(pipe.recv_bytes())))


def _read(data: bytes) -> Report:
    outcomes, slowest = [], 0.0
    began = time.perf_counter()
    try:
        chain = tiff.read_chain(lambda offset, size: data[offset : offset + size], len(data))
    except BadFile as bad:
        return _report([str(bad)], time.perf_counter() - began)
    for offset in chain.offsets[:MOST_PAGES]:
        began = time.perf_counter()
        outcomes.append(_page(data, chain, offset))
        slowest = max(slowest, time.perf_counter() - began)
    return _report(outcomes, slowest)


def _page(data: bytes, chain: tiff.Chain, offset: int) -> str:
    try:
        list(tiff.page_extents(lambda at, size: data[at : at + size], len(data), chain.layout, offset))
        page_image.load(builders.page_file(data, chain.layout, offset), OcrOptions().max_pixels)
    except PageUnreadable as unreadable:
        return str(unreadable)
    return "read"


def _report(outcomes: list[str], seconds: float) -> Report:
    return Report(tuple(outcomes), seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
