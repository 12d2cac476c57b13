"""A base revision beside the working tree: each in a folder of its own, which goes when the comparison ends,
and what differs between the two.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from harness.errors import UsageError

PREFIX = "harness-guard-"
"""Of the folders with worktrees; the number of the process that it is for follows."""


class Change(msgspec.Struct, frozen=True):
    """A file that differs from the base, with lines added and removed; None where it has no lines, or git
    knows nothing of it.
    """

    path: str
    added: int | None
    removed: int | None


class Repository:
    """The git repository that a folder lies in. Raises `UsageError` when there is none."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("git") is None:
            raise UsageError("git is not installed: a base revision is taken from it")
        self.folder = folder.resolve()
        top = _git(self.folder, "rev-parse", "--show-toplevel")
        if top is None:
            raise UsageError(f"{folder} lies in no git repository: there is no base to compare with")
        self.top = Path(top)

    def commit(self, revision: str, called: str = "--base ") -> str:
        """The commit that a revision names. Raises `UsageError` when it is not here; called: what stands
        before it in the message.
        """
        named = self.find(revision)
        if named is not None:
            return named
        if _git(self.top, "rev-parse", "--is-shallow-repository") == "true":
            raise UsageError(
                f"{called}{revision} is not in this shallow clone: git fetch --unshallow gets all of its "
                f"history (in CI: fetch-depth: 0)"
            )
        raise UsageError(f"{called}{revision} names no commit of {self.top}")

    def find(self, revision: str) -> str | None:
        """The commit that a revision names, if there is one."""
        return _git(
            self.top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
        )

    def title(self, commit: str) -> str:
        """Its short name and the first line of its message."""
        return _must(self.top, "log", "-1", "--no-show-signature", "--format=%h %s", commit)

    @contextlib.contextmanager
    def side_by_side(self, commit: str) -> Iterator[tuple[Path, Path]]:
        """The folder as it was then and as it is now: see `beside`."""
        with self.beside({"base": commit, "tree": None}) as (base, tree):
            yield base, tree

    @contextlib.contextmanager
    def beside(self, sides: Mapping[str, str | None]) -> Iterator[list[Path]]:
        """The folder as it was at each commit, in a worktree of that name, and as it is now where there is
        none, in a copy: what is edited meanwhile is not measured, and all lie at places alike, since a
        process is a little faster at some than at others. All are removed in the end. Raises `UsageError`
        when the folder was not there, or the disk is full.
        """
        self._forget_stale()
        within = self.folder.relative_to(self.top.resolve())
        with tempfile.TemporaryDirectory(
            prefix=f"{PREFIX}{os.getpid()}-", ignore_cleanup_errors=True
        ) as made:
            places = {name: Path(made).resolve() / name for name in sides}
            trees = [places[name] for name, commit in sides.items() if commit is not None]
            try:
                for name, commit in sides.items():
                    place = places[name]
                    if commit is None:
                        self._copy(place)
                        continue
                    _must(self.top, "worktree", "add", "--quiet", "--detach", "--force", str(place), commit)
                    if not (place / within).is_dir():
                        raise UsageError(f"the {name} {commit[:10]} has no folder {within}")
                yield [place / within for place in places.values()]
            finally:
                for tree in trees:
                    self._remove(tree)

    def _copy(self, tree: Path) -> None:
        """The working tree, with what is not committed, without what git ignores."""
        told = _must(self.top, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
        for name in set(filter(None, told.split("\0"))):
            file = self.top / name
            if file.is_symlink() or file.is_file():  # else it is deleted, or another repository
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, tree / name, follow_symlinks=False)

    def changes(self, commit: str, paths: Iterable[str]) -> list[Change]:
        """How the working tree, with what is not committed, differs from a commit in these files of the
        folder.
        """
        chosen = sorted(set(paths))
        if not chosen:
            return []
        told = _must(
            self.folder,
            "diff",
            "--no-ext-diff",
            "--numstat",
            "--no-renames",
            "--relative",
            "-z",
            commit,
            "--",
            *chosen,
        )
        changed = []
        for line in filter(None, told.split("\0")):
            added, removed, path = line.split("\t", 2)
            changed.append(Change(path, _number(added), _number(removed)))
        new = _must(self.folder, "ls-files", "--others", "--exclude-standard", "-z", "--", *chosen)
        changed += [Change(path, None, None) for path in filter(None, new.split("\0"))]
        return sorted(changed, key=lambda change: change.path)

    def _remove(self, tree: Path) -> None:
        _git(self.top, "worktree", "remove", "--force", "--force", str(tree))
        shutil.rmtree(tree, ignore_errors=True)
        _git(self.top, "worktree", "prune")

    def _forget_stale(self) -> None:
        """Worktrees of commands that were killed."""
        listed = _git(self.top, "worktree", "list", "--porcelain") or ""
        for line in listed.splitlines():
            word, _, path = line.partition(" ")
            parent = Path(path).parent
            if word != "worktree" or not parent.name.startswith(PREFIX):
                continue
            owner = parent.name.removeprefix(PREFIX).partition("-")[0]
            if owner.isdigit() and not _is_alive(int(owner)):
                self._remove(Path(path))
                shutil.rmtree(parent, ignore_errors=True)


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _run(folder: Path, arguments: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    # Where a hook calls, git's own variables name another repository or index.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(  # noqa: S603 git's arguments are ours, but for the revision, which follows --end-of-options
        ["git", *arguments],  # noqa: S607 the user's own git
        cwd=folder,
        env={**variables, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        errors="surrogateescape",
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C means the command, which still has to tidy up
        check=False,
    )


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None when it fails."""
    done = _run(folder, arguments)
    return None if done.returncode else done.stdout.strip()


def _must(folder: Path, *arguments: str) -> str:
    done = _run(folder, arguments)
    if done.returncode:
        said = (done.stderr.strip() or "it does not say why").splitlines()[-1]
        raise UsageError(f"git {arguments[0]} failed: {said}")
    return done.stdout.strip("\n")
