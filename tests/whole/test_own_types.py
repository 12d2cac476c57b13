"""A user's own table of types in the whole system: what it adds is found, and a wrong one is told."""

from pathlib import Path

from tests import builders


def _inputs(folder: Path) -> Path:
    (folder / "in").mkdir()
    page = builders.page_image("Employee ID: E123456")
    (folder / "in" / "a.tif").write_bytes(builders.tiff(page))
    return folder / "in"


def test_what_a_table_adds_is_found_by_the_deployed_system(tmp_path: Path) -> None:
    table = tmp_path / "own.toml"
    table.write_text("[EMPLOYEE_ID]\nform = 'E\\d{6}'\nlabel = 'employee id'\n")
    finished = builders.run(_inputs(tmp_path), parameters={"NpiTable": str(table)})
    assert [one["type"] for one in finished.results["a.tif"]["findings"]] == ["EMPLOYEE_ID"]


def test_a_wrong_table_is_told_by_the_run_and_nothing_passes_for_clean(tmp_path: Path) -> None:
    table = tmp_path / "own.toml"
    table.write_text("[EMPLOYEE_ID]\nform = '('\nlabel = 'employee id'\n")
    finished = builders.run(_inputs(tmp_path), parameters={"NpiTable": str(table)})
    (note,) = [note for note in finished.summary["notes"] if "could not be initialised" in note]
    assert "[EMPLOYEE_ID] form is no regular expression" in note
    assert finished.results["a.tif"]["status"] == "FAILED"
