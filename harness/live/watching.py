"""Folders that are watched: one for files that are to be uploaded, and those of the application's code.

They are looked at again and again, which every file system allows.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import md5
from pathlib import Path

from harness.errors import UsageError
from harness.live.session import Session

LOOK_SECONDS = 0.5
AT_ONCE = 8
"""Uploads."""
Stamp = tuple[int, int]
"""Size and time of the last change."""


class DropFolder:
    """Uploads what is laid into a folder, when it has not changed from one look to the next; and again when
    it does later. What lies in the cloud as it is needs no upload. say: told of what is not taken. Raises
    `UsageError`.
    """

    def __init__(
        self,
        session: Session,
        folder: Path,
        suffixes: Sequence[str],
        most_bytes: int,
        say: Callable[[str], None],
    ) -> None:
        if not folder.is_dir():
            raise UsageError(f"--drop {folder} is no folder")
        self._session, self._folder, self._most_bytes, self._say = session, folder, most_bytes, say
        self._suffixes = tuple(suffix.lower() for suffix in suffixes) or ("",)
        self._seen: dict[Path, Stamp] = {}
        self._taken: dict[Path, Stamp] = {}
        self._watch = _Watch(self._look)

    def start(self) -> None:
        self._watch.start()

    def close(self) -> None:
        self._watch.close()

    def _look(self) -> None:
        now = _stamps(self._folder, self._suffixes)
        due = [file for file, stamp in sorted(now.items()) if self._seen.get(file) == stamp]
        self._seen = now
        fresh = [file for file in due if self._taken.get(file) != now[file]]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for file in fresh:
                self._taken[file] = now[file]
                pool.submit(self._upload, file)

    def _upload(self, file: Path) -> None:
        name = file.relative_to(self._folder).as_posix()
        try:
            if file.stat().st_size > self._most_bytes:
                self._say(f"{file} is not uploaded: it is larger than --max-upload allows")
                return
            body = file.read_bytes()
            if self._lies_there(name, body):
                return
            answer = self._session.upload(name, body)
            if answer.status >= 300:
                self._say(f"{file} is not uploaded: the answer is {answer.status}")
        except (OSError, UnicodeError) as error:
            self._say(f"{file} is not uploaded: {error}")

    def _lies_there(self, name: str, body: bytes) -> bool:
        """Whether the very same object does, from before. A queue does not know."""
        world = self._session.world
        if not world.bucket:
            return False
        cloud = self._session.stage.cloud
        stored = self._session.look(lambda: cloud.stored_object(world.bucket, world.prefix + name))
        tag = getattr(stored, "etag", "")
        return str(tag).strip('"') == md5(body, usedforsecurity=False).hexdigest()


class CodeWatch:
    """Calls `changed` with the names of the modules' files that were changed."""

    def __init__(
        self, folders: Sequence[Path], names: frozenset[str], changed: Callable[[list[str]], None]
    ) -> None:
        self._roots = [
            root
            for folder in folders
            for name in sorted(names)
            for root in (folder / name, folder / f"{name}.py")
            if root.exists()
        ]
        self._changed = changed
        self._known = self._stamps()
        self._watch = _Watch(self._look)

    def start(self) -> None:
        self._watch.start()

    def close(self) -> None:
        self._watch.close()

    def _stamps(self) -> dict[Path, Stamp]:
        return {file: stamp for root in self._roots for file, stamp in _stamps(root, (".py",)).items()}

    def _look(self) -> None:
        now = self._stamps()
        changed = sorted(
            path.name for path in now.keys() | self._known.keys() if now.get(path) != self._known.get(path)
        )
        self._known = now
        if changed:
            self._changed(changed)


class _Watch:
    """A thread that looks until it is closed."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._is_over.set()

    def _run(self) -> None:
        while not self._is_over.wait(LOOK_SECONDS):
            self._look()


def _stamps(root: Path, suffixes: tuple[str, ...]) -> dict[Path, Stamp]:
    """Of the files in a folder, or of this one; without hidden ones."""
    files = [root] if root.is_file() else root.rglob("*")
    found = {}
    for file in files:
        try:
            if file.name.lower().endswith(suffixes) and not file.name.startswith(".") and file.is_file():
                known = file.stat()
                found[file] = (known.st_size, known.st_mtime_ns)
        except OSError:  # it is gone meanwhile
            continue
    return found
