"""A base revision lies beside the working tree for as long as a comparison lasts; what cannot be had is said."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.tuning.revisions import PREFIX, Change, Repository
from tests.harness.tuning.trees import commit, git


def test_base_and_working_tree_lie_side_by_side_and_are_gone_afterwards(tmp_path: Path) -> None:
    first = commit(tmp_path, {"a.py": "1\n", "gone.py": "\n", ".gitignore": "ignored\n"})
    commit(tmp_path, {"a.py": "2\n"})
    for name, text in {"a.py": "3\n", "new.py": "\n", "ignored": "\n"}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "gone.py").unlink()
    with Repository(tmp_path).side_by_side(first) as (base, tree):
        assert [(folder / "a.py").read_text() for folder in (base, tree)] == ["1\n", "3\n"]
        assert {path.name for path in tree.iterdir()} == {"a.py", "new.py", ".gitignore"}
        assert len(str(base)) == len(str(tree))
    assert not base.exists()
    assert not tree.exists()
    assert len(git(tmp_path, "worktree", "list").splitlines()) == 1


def test_they_are_gone_also_when_it_is_interrupted(tmp_path: Path) -> None:
    head = commit(tmp_path, {"a.py": ""})
    with pytest.raises(KeyboardInterrupt), Repository(tmp_path).side_by_side(head) as (base, _):
        raise KeyboardInterrupt
    assert not base.parent.exists()
    assert len(git(tmp_path, "worktree", "list").splitlines()) == 1


def test_what_a_killed_command_left_is_removed_by_the_next_and_what_runs_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = commit(tmp_path / "project", {"a.py": ""})
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, running = (tmp_path / f"{PREFIX}{number}-x" / "base" for number in (ended.pid, os.getppid()))
    for tree in (left, running):
        git(tmp_path / "project", "worktree", "add", "--detach", str(tree), head)
    with Repository(tmp_path / "project").side_by_side(head):
        pass
    assert not left.parent.exists()
    assert running.exists()


def test_a_project_may_lie_within_a_repository(tmp_path: Path) -> None:
    head = commit(tmp_path, {"inner/a.py": "1\n", "outer.py": "1\n"})
    for name in ("inner/a.py", "outer.py"):
        (tmp_path / name).write_text("2\n")
    repository = Repository(tmp_path / "inner")
    with repository.side_by_side(head) as (base, tree):
        assert [(folder / "a.py").read_text() for folder in (base, tree)] == ["1\n", "2\n"]
    assert repository.changes(head, ["a.py"]) == [Change("a.py", 1, 1)]


def test_changes_are_those_of_the_files_that_are_asked_for(tmp_path: Path) -> None:
    head = commit(tmp_path, {"a.py": "1\n2\n", "same.py": "", "gone.py": "1\n", "other.py": ""})
    (tmp_path / "a.py").write_text("1\n3\n4\n")
    (tmp_path / "other.py").write_text("changed")
    (tmp_path / "new name.py").write_text("not known to git")
    (tmp_path / "gone.py").unlink()
    asked = ["a.py", "same.py", "gone.py", "new name.py", "never.py"]
    assert Repository(tmp_path).changes(head, asked) == [
        Change("a.py", 2, 1),
        Change("gone.py", 0, 1),
        Change("new name.py", None, None),
    ]


@pytest.mark.parametrize("revision", ["nonsense", "HEAD~7", "0" * 40, "--help", ""])
def test_a_revision_that_there_is_not(revision: str, tmp_path: Path) -> None:
    commit(tmp_path, {"a.py": ""})
    with pytest.raises(UsageError, match=f"--base {revision} names no commit of {tmp_path}"):
        Repository(tmp_path).commit(revision)


def test_a_file_is_no_commit(tmp_path: Path) -> None:
    commit(tmp_path, {"a.py": ""})
    with pytest.raises(UsageError, match="names no commit"):
        Repository(tmp_path).commit("HEAD:a.py")


def test_a_shallow_clone_that_lacks_it_says_how_to_get_it(tmp_path: Path) -> None:
    first = commit(tmp_path / "whole", {"a.py": ""})
    commit(tmp_path / "whole", {"a.py": "2"})
    git(tmp_path, "clone", "--quiet", "--depth", "1", (tmp_path / "whole").as_uri(), "shallow")
    for revision in (first, "HEAD~1"):
        with pytest.raises(UsageError, match="not in this shallow clone: git fetch --unshallow"):
            Repository(tmp_path / "shallow").commit(revision)


def test_a_folder_outside_of_git(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lies in no git repository"):
        Repository(tmp_path)


def test_a_machine_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="git is not installed"):
        Repository(tmp_path)


def test_a_base_from_before_the_project(tmp_path: Path) -> None:
    first = commit(tmp_path, {"readme": ""})
    commit(tmp_path, {"inner/a.py": ""})
    with (
        pytest.raises(UsageError, match=f"the base {first[:10]} has no folder inner"),
        Repository(tmp_path / "inner").side_by_side(first),
    ):
        pass
    assert len(git(tmp_path, "worktree", "list").splitlines()) == 1


def test_what_a_hook_sets_does_not_mislead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = commit(tmp_path / "project", {"a.py": ""})
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert Repository(tmp_path / "project").commit("HEAD") == head


def test_two_revisions_lie_beside_each_other(tmp_path: Path) -> None:
    first = commit(tmp_path, {"a.py": "1\n"})
    second = commit(tmp_path, {"a.py": "2\n"})
    with Repository(tmp_path).beside({"a": second, "b": first}) as trees:
        assert [(tree / "a.py").read_text() for tree in trees] == ["2\n", "1\n"]
        assert [tree.name for tree in trees] == ["a", "b"]
    with Repository(tmp_path).beside({"a": first, "b": first}) as trees:  # a revision with itself
        assert [(tree / "a.py").read_text() for tree in trees] == ["1\n", "1\n"]
    assert len(git(tmp_path, "worktree", "list").splitlines()) == 1
    assert Repository(tmp_path).find("nonsense") is None
