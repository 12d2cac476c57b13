"""What was measured once: CPU seconds, memory and values of recorded calls, the handlers' own compute between
calls, and their imports.

A recorded call is found by content: the function's code (and all of the application's that it imports), the
versions of the libraries that it names, and the arguments that decide its result. The file lies in .harness/
beside the project, readable by its owner
only: what it holds of a user's documents is as private as they are.
"""

import hashlib
import importlib.metadata
import math
import os
import sqlite3
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec

from harness.compute import modules
from harness.compute.sandbox import CodeBase

BUSY_SECONDS = 120.0
"""How long one run waits for another one that writes into the same ledger."""
CACHED_BYTES = 2**17
"""Of a value that is kept in memory, too: larger ones (images) are read again each time."""


class Entry(msgspec.Struct, frozen=True):
    """A recorded call: CPU seconds at one vCPU, and its value (msgpack), or the error it raised
    ("module:Class" and message).

    limit_seconds: real seconds that it was allowed, if it took them all; with more it might have given
    something else. memory_bytes: what it needed beyond what its process had; None where nobody measured it,
    as in ledgers of before.
    """

    cpu_seconds: float
    value: bytes
    error: str = ""
    limit_seconds: float = math.inf
    memory_bytes: int | None = None


class Ledger:
    """A SQLite file, or memory when `path` is None."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._db = sqlite3.connect(path or ":memory:", timeout=BUSY_SECONDS)
        self._db.executescript(
            "CREATE TABLE IF NOT EXISTS results (key BLOB PRIMARY KEY, cpu REAL, value BLOB, error TEXT, "
            "seconds REAL) WITHOUT ROWID;"
            "DROP TABLE IF EXISTS calls;"
            "CREATE TABLE IF NOT EXISTS segments (code TEXT, label TEXT, cpu REAL, PRIMARY KEY (code, "
            "label));"
            "CREATE TABLE IF NOT EXISTS memory (key BLOB PRIMARY KEY, bytes INTEGER) WITHOUT ROWID;"
            "CREATE TABLE IF NOT EXISTS bases (code TEXT PRIMARY KEY, bytes INTEGER);"
            "CREATE TABLE IF NOT EXISTS identity (id TEXT);"
            "INSERT INTO identity SELECT hex(randomblob(8)) WHERE NOT EXISTS (SELECT 1 FROM identity);"
        )
        self._calls: dict[bytes, Entry] = {}

    @property
    def id(self) -> str:
        """Names the ledger: another one holds other measurements of the same calls."""
        (name,) = self._db.execute("SELECT id FROM identity").fetchone()
        return str(name)

    def call(self, key: bytes) -> Entry | None:
        if key not in self._calls:
            row = self._db.execute(
                "SELECT cpu, value, error, seconds, bytes FROM results LEFT JOIN memory USING (key) "
                "WHERE key = ?",
                (key,),
            ).fetchone()
            if row is None:
                return None
            entry = Entry(*row)
            if len(entry.value) > CACHED_BYTES:
                return entry
            self._calls[key] = entry
        return self._calls[key]

    def keep_call(self, key: bytes, entry: Entry) -> None:
        """Keeps it unless it is known: a run at the same time may have measured it first, and what is kept
        changes only when it was cut short by a lower limit.
        """
        with self._db:
            kept = self._db.execute(
                "INSERT INTO results VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET cpu = excluded.cpu, "
                "value = excluded.value, "
                "error = excluded.error, seconds = excluded.seconds WHERE excluded.seconds > seconds",
                (key, entry.cpu_seconds, entry.value, entry.error, entry.limit_seconds),
            )
            if kept.rowcount:
                self._db.execute("INSERT OR REPLACE INTO memory VALUES (?, ?)", (key, entry.memory_bytes))
        self._calls.pop(key, None)

    def segments(self, code: str) -> dict[str, float]:
        """CPU seconds between two calls of a handler with this code, by label."""
        return dict(self._db.execute("SELECT label, cpu FROM segments WHERE code = ?", (code,)).fetchall())

    def keep_segments(self, code: str, segments: Mapping[str, float]) -> None:
        """Keeps those that are not known yet: what was measured first stays, so that runs can be repeated
        exactly.
        """
        with self._db:
            self._db.executemany(
                "INSERT OR IGNORE INTO segments VALUES (?, ?, ?)",
                [(code, label, cpu) for label, cpu in segments.items()],
            )

    def base_bytes(self, code: str) -> int | None:
        """What a process takes that has imported a handler with this code; None where nobody measured it."""
        row = self._db.execute("SELECT bytes FROM bases WHERE code = ?", (code,)).fetchone()
        return None if row is None else row[0]

    def keep_base(self, code: str, memory_bytes: int) -> None:
        """Keeps it unless it is known already."""
        with self._db:
            self._db.execute("INSERT OR IGNORE INTO bases VALUES (?, ?)", (code, memory_bytes))

    def close(self) -> None:
        self._db.close()


MEASURED = "2026-11: threads as the function's environment says, the allocator as a process of its own has it"
"""How calls are measured; what was measured otherwise is measured again."""


def fingerprint(module: str, code: CodeBase, versions: tuple[str, ...] = ()) -> str:
    """Names the code of a module with all of the application's modules that it imports, and versions of
    distributions.
    """
    return _fingerprint(module, code, code.folders, versions)


@cache
def _fingerprint(module: str, code: CodeBase, folders: tuple[str, ...], versions: tuple[str, ...]) -> str:
    hasher = hashlib.blake2b(digest_size=12)
    for name, path in sorted(modules.reached([module], code).items()):
        hasher.update(f"{name}\0".encode() + path.read_bytes())
    for distribution in versions:
        hasher.update(f"{distribution}={_version(distribution)}\0".encode())
    return hasher.hexdigest()


def forget() -> None:
    """The application's files have changed: they are read again when their names are asked for."""
    _fingerprint.cache_clear()
    _brought_by.cache_clear()


def brought_by(module: str, code: CodeBase) -> frozenset[str]:
    """The application's modules that are imported when this one is, as the statements at the top of each say:
    not those that a function of theirs imports when it runs.
    """
    return _brought_by(module, code, code.folders)


@cache
def _brought_by(module: str, code: CodeBase, folders: tuple[str, ...]) -> frozenset[str]:
    return frozenset(modules.reached([module], code, only_top=True))


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "none"
