"""What a folder for results may hold before a command writes into it: nothing, or what its own kind left."""

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.runs import out_folder
from harness.runs.out_folder import LOCK, Kind

SWEEP = Kind("sweep", ("summary.json",), ("pictures",), kept="points", summaries=("sweep", "search"))


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_json", ".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_what_another_command_left_is_not_replaced(tmp_path: Path) -> None:
    write(tmp_path, summary_json='{"kind": "run"}')
    with (
        pytest.raises(UsageError, match="holds something that is no sweep"),
        out_folder.held(tmp_path, SWEEP),
    ):
        pass
    assert (tmp_path / "summary.json").read_text() == '{"kind": "run"}'


@pytest.mark.parametrize("text", ["", "not JSON", "[]", '{"kind": 3}', "{}", "\x00"])
def test_a_summary_of_somebody_else_is_not_replaced(tmp_path: Path, text: str) -> None:
    write(tmp_path, summary_json=text)
    with pytest.raises(UsageError, match="holds something that is no sweep"):
        out_folder.check(tmp_path, "sweep", "points", ("sweep", "search"))


@pytest.mark.parametrize("kind", ["sweep", "search"])
def test_what_its_own_kind_left_is_replaced_but_for_what_it_keeps(tmp_path: Path, kind: str) -> None:
    write(tmp_path, summary_json=f'{{"kind": "{kind}"}}', points__a="kept", pictures__b="", note="mine")
    with out_folder.held(tmp_path, SWEEP):
        left = {path.name for path in tmp_path.iterdir()}
    assert left == {LOCK, "points", "note"}


def test_points_alone_go_on_and_points_among_other_things_are_somebody_elses(tmp_path: Path) -> None:
    write(tmp_path, points__a="")
    with out_folder.held(tmp_path, SWEEP):
        pass
    write(tmp_path, pictures__cat="dear")
    with pytest.raises(UsageError, match="holds something"), out_folder.held(tmp_path, SWEEP):
        pass
    assert (tmp_path / "pictures" / "cat").read_text() == "dear"


def test_one_that_is_being_written_to_says_so_whatever_it_holds_by_now(tmp_path: Path) -> None:
    with out_folder.held(tmp_path, SWEEP):
        write(tmp_path, half="")
        with pytest.raises(UsageError, match="another harness is writing to"):
            out_folder.check(tmp_path, "compare")
        with (
            pytest.raises(UsageError, match="another harness is writing to"),
            out_folder.held(tmp_path, SWEEP),
        ):
            pass
    assert not (tmp_path / LOCK).exists()


def test_what_a_killed_command_of_its_kind_left_is_replaced(tmp_path: Path) -> None:
    write(tmp_path, half="", pictures__b="", **{LOCK: "sweep"})
    with pytest.raises(UsageError, match="holds something that is no run"):
        out_folder.check(tmp_path, "run")
    with out_folder.held(tmp_path, SWEEP):
        assert not (tmp_path / "pictures").exists()
