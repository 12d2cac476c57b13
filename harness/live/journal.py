"""The state of a living system that is kept in a folder: what came from outside, and when.

Everything else follows from that, since the same requests at the same times lead to the same events. So
nothing is written down of queues, tables and environments at work; who goes on plays what came before once
more, as fast as it goes, with all pages that were read in the ledger. When code or template have changed
meanwhile, the same uploads have gone through what is there now.

The folder holds users' documents: only its owner can read it.
"""

import fcntl
import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import msgspec

from harness.errors import UsageError
from harness.live.requests import Outside

ENTRIES, BODIES, LOCK = "journal.jsonl", "bodies", ".in-use"


class Came(msgspec.Struct, frozen=True, tag="request"):
    """A request; `body`: the digest that names its body."""

    t: float
    request: Outside
    body: str = ""


class Done(msgspec.Struct, frozen=True, tag="action"):
    """What a button did."""

    t: float
    action: str
    value: str = ""


class Began(msgspec.Struct, frozen=True, tag="began"):
    """A session; names: what buckets, queues and tables were called in it, by logical id."""

    t: float
    names: dict[str, str]


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The session was ended."""

    t: float


Entry = Came | Done | Began | Ended


class Journal:
    """Raises `UsageError` for a folder that is none, somebody else's, or in use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            there = {entry.name for entry in folder.iterdir()}
            if there - {ENTRIES, BODIES, LOCK}:
                raise UsageError(f"{folder} holds something that is no state: give --state another folder")
            if folder.stat().st_uid != os.getuid():
                raise UsageError(f"{folder} is somebody else's: give --state another folder")
            folder.chmod(stat.S_IRWXU)
            (folder / BODIES).mkdir(mode=0o700, exist_ok=True)
            self._lock = _opened(folder / LOCK)
            self._file = _opened(folder / ENTRIES)
        except OSError as error:
            raise UsageError(f"cannot keep the state in {folder}: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another harness serve keeps its state in {folder}") from None

    def read(self, names: Mapping[str, str]) -> list[Entry]:
        """What came before, with the present names. Raises `UsageError` when it is damaged."""
        entries: list[Entry] = []
        renamed: dict[str, str] = {}
        decoder = msgspec.json.Decoder(Entry)
        *lines, torn = (self._folder / ENTRIES).read_bytes().split(b"\n")
        if torn:  # it was killed while it wrote; what it wrote of had not happened yet
            os.truncate(self._folder / ENTRIES, sum(len(line) + 1 for line in lines))
        for number, line in enumerate(lines, 1):
            try:
                entry: Entry = decoder.decode(line)
                if isinstance(entry, Began):
                    renamed = {old: names[key] for key, old in entry.names.items() if key in names}
                elif isinstance(entry, Came):
                    body = (self._folder / BODIES / entry.body).read_bytes() if entry.body else b""
                    entry = Came(entry.t, _renamed(entry.request, body, renamed))
            except (msgspec.DecodeError, OSError) as error:
                raise UsageError(f"{self._folder / ENTRIES}, line {number}, is damaged: {error}") from error
            entries.append(entry)
        return entries

    def keep(self, entry: Entry) -> None:
        """Writes down what happens now."""
        if isinstance(entry, Came):
            digest = self._body(entry.request.body) if entry.request.body else ""
            entry = Came(entry.t, msgspec.structs.replace(entry.request, body=b""), digest)
        self._file.write(msgspec.json.encode(entry).decode() + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()
        self._lock.close()

    def _body(self, body: bytes) -> str:
        digest = hashlib.blake2b(body, digest_size=20).hexdigest()
        path = self._folder / BODIES / digest
        if not path.exists():
            part = path.with_suffix(".part")
            with open(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
                file.write(body)
            part.rename(path)
        return digest


def _opened(path: Path) -> TextIO:
    return open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), "a", encoding="utf-8")


def _renamed(request: Outside, body: bytes, names: Mapping[str, str]) -> Outside:
    """The request, with what it names as it is called now. Bodies of uploads stay as they are."""
    path = request.path
    for old, new in names.items():
        if path == f"/{old}" or path.startswith(f"/{old}/"):
            path = f"/{new}{path[len(old) + 1 :]}"
        if request.service != "s3":
            body = body.replace(old.encode(), new.encode())
    return msgspec.structs.replace(request, path=path, body=body)
