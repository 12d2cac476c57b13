"""Two revisions, each run by its own code: `harness run` of its own tree, in a process of its own, on the
same inputs with the same seeds.

What is recorded is shared. A seed's runs of both sides have one ledger, which names a page's reading by the
code that reads it and by the versions of its libraries: what is the same on both sides is measured once, and
no noise of this machine makes a difference of it. What is not the same is measured anew for each seed, in
turns, which side comes first changing from seed to seed; so the noise of that is in the intervals.
"""

import contextlib
import importlib.metadata
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec

from harness import config as configs
from harness.config import Config
from harness.errors import UsageError
from harness.fleet import calibration as calibrations
from harness.fleet.study import Progress
from harness.tuning import measures, requirements
from harness.tuning.comparison import Ran, Side
from harness.tuning.revisions import Repository

TREE = "."
"""The working tree, in the place of a revision."""
SIDES = ("a", "b")
ENTER = "from harness.commands.cli import main; main()"
"""Imports what lies in the folder that it is started in before anything that is installed."""
SECONDS_BETWEEN_SIGNS = 5.0


class Revision(msgspec.Struct, frozen=True):
    """name: as the user says it; commit: None for the working tree."""

    name: str
    title: str
    commit: str | None


def revision(repository: Repository, name: str) -> Revision:
    """Raises `UsageError` when it is not here."""
    if name == TREE:
        return Revision(name, f"the working tree on {repository.title('HEAD')}", None)
    commit = repository.commit(name, "")
    return Revision(name, repository.title(commit), commit)


def taken(folder: Path, config: Config) -> Ran:
    """A run that lies in a folder; config: of the project that it is of. Raises `UsageError`."""
    found = measures.take(folder, config.result)
    known: calibrations.Calibration | str = "too little was done in its run, or its system has another shape"
    if (folder / "calibration.json").is_file():
        try:
            known = calibrations.load(folder)
        except UsageError as error:
            known = str(error)
    return Ran(taken=found, calibration=known, config=config)


@contextlib.contextmanager
def both(
    repository: Repository,
    config: Config,
    revisions: tuple[Revision, Revision],
    paths: Sequence[Path],
    seeds: Sequence[int],
    out: Path,
    progress: Progress,
) -> Iterator[tuple[Side, Side]]:
    """Both sides, with a run for each seed, left in out/runs; their trees stay for as long as the context
    lasts, since the fleet needs their templates. An interrupt leaves the seeds that both sides have, if there
    are any. Raises `UsageError` when a side cannot be run.
    """
    done: tuple[list[Ran], list[Ran]] = ([], [])
    with (
        repository.beside(dict(zip(SIDES, (one.commit for one in revisions), strict=True))) as trees,
        tempfile.TemporaryDirectory(prefix="harness-compare-", ignore_cleanup_errors=True) as kept,
    ):
        starts = [[str(_python(config, tree, progress)), "-c", ENTER, "run"] for tree in trees]
        ledgers = _Ledgers(Path(kept), trees)
        with contextlib.suppress(_Enough), progress("Running both sides", 2 * len(seeds)) as tell:
            for place, seed in enumerate(seeds):
                pair: dict[int, Ran] = {}
                ledgers.turn()
                for side in (0, 1) if place % 2 == 0 else (1, 0):
                    into = (out / "runs" / f"{SIDES[side]}-{seed}").resolve()
                    told = [*map(str, (path.resolve() for path in paths)), "--seed", str(seed)]
                    with _ending(bool(done[1])):
                        _run(
                            [*starts[side], *told, "--out", str(into)],
                            into,
                            trees[side],
                            revisions[side].title,
                            partial(tell, 2 * place + len(pair)),
                        )
                    pair[side] = taken(into, configs.load(trees[side]))
                    ledgers.ran()
                    tell(2 * place + len(pair))
                for side, runs in enumerate(done):
                    runs.append(pair[side])
        a, b = (
            Side(name=one.name, title=one.title, runs=tuple(runs))
            for one, runs in zip(revisions, done, strict=True)
        )
        yield a, b


class _Enough(Exception):
    """Interrupted, with something to show."""


@contextlib.contextmanager
def _ending(has_pairs: bool) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if has_pairs:
            raise _Enough from None
        raise


def _run(command: Sequence[str], into: Path, tree: Path, title: str, sign: Callable[[], None]) -> None:
    """In a session of its own: Ctrl-C means the command, which ends this and all that it started."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    process = subprocess.Popen(  # noqa: S603 our own command, by the environment's Python
        command,
        cwd=tree,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        while True:
            try:
                _, said = process.communicate(timeout=SECONDS_BETWEEN_SIGNS)
                break
            except subprocess.TimeoutExpired:
                sign()
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    # 1: an invariant failed, which is counted, unless Python ended with it.
    if process.returncode not in (0, 1) or not (into / "summary.json").is_file():
        lines = said.strip().splitlines() or ["it does not say why"]
        raise UsageError(f"{title} cannot be run: {lines[-1].removeprefix('harness: ')}")


class _Ledgers:
    """Both trees' .harness is one folder, a new one for each seed. As long as whoever runs second finds
    measured all that it needs, nothing but the seed differs, and the next seed may have the same.
    """

    def __init__(self, kept: Path, trees: Sequence[Path]) -> None:
        self._kept, self._links = kept, [tree / ".harness" for tree in trees]
        self._held: list[int] = []
        self._number = 0

    def turn(self) -> None:
        """Before the runs of a seed."""
        if not self._held or self._held[-1] != self._held[-2]:
            self._number += 1
            folder = self._kept / str(self._number)
            folder.mkdir()
            for link in self._links:
                link.unlink(missing_ok=True)
                link.symlink_to(folder, target_is_directory=True)
        self._held = []

    def ran(self) -> None:
        """After each of the two."""
        self._held.append(_held(self._kept / str(self._number) / "ledger.sqlite"))


def _held(ledger: Path) -> int:
    """How much is recorded there, in whatever tables."""
    if not ledger.is_file():
        return 0
    with contextlib.closing(sqlite3.connect(ledger)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return sum(db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables)  # noqa: S608 names that SQLite gave


def _python(config: Config, tree: Path, progress: Progress) -> Path:
    """Of the environment that a tree runs in: this one, unless its lock file has something of what a run
    needs in another version.
    """
    lock = tree / config.guard.lock if config.guard and config.guard.lock else None
    if lock is None or not lock.is_file():
        return Path(sys.executable)
    here = {
        requirements.normalized(one.name): one.version
        for one in importlib.metadata.distributions()
        if one.name
    }
    wanted = requirements.pins(lock.read_text(encoding="utf-8"))
    recorded = {name for one in config.record for name in one.versions}
    needed = requirements.needed_by({*recorded, *_dependencies(tree)})
    if not requirements.differing(wanted, here, needed):
        return Path(sys.executable)
    return requirements.environment(config.root, lock, progress)


def _dependencies(tree: Path) -> list[str]:
    """What the project in a folder says that it needs to run."""
    try:
        project = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
        return list(project.get("dependencies", []))
    except (OSError, ValueError):
        return []
