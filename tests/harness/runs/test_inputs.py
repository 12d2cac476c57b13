"""Which files are taken, under which names; what cannot be read is named and never passed over."""

import os
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.runs import inputs


def test_a_folder_gives_its_files_by_their_paths_and_a_file_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("deep/a.TIFF", "b.tif", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert [file.name for file in inputs.collect([tmp_path], (".tif", ".tiff"))] == ["b.tif", "deep/a.TIFF"]
    assert [file.name for file in inputs.collect([tmp_path / "deep" / "a.TIFF"], ())] == ["a.TIFF"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.symlink_to("/no/such/place"), "it points to nothing"),
        (os.mkfifo, "no file but a pipe"),
    ],
)
def test_what_is_no_file_is_named(tmp_path: Path, spoil, said: str) -> None:
    (tmp_path / "a.tif").write_bytes(b"x")
    spoil(tmp_path / "b.tif")
    with pytest.raises(UsageError, match=f"b.tif cannot be read: .*{said}"):
        inputs.collect([tmp_path], (".tif",))


def test_a_file_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.tif").write_bytes(b"x")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may read everything
    with pytest.raises(UsageError, match=r"a\.tif cannot be read: permission denied"):
        inputs.collect([tmp_path], ())


def test_two_inputs_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.tif").write_bytes(b"x")
    names = [file.name for file in inputs.collect([tmp_path / "one", tmp_path / "two"], ())]
    assert names == ["a.tif", "two/a.tif"]
