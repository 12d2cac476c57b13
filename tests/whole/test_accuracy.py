"""How much is found on office forms and in labelled lines, by the command that measures it; the floors are what the
eyes are held to.
"""

import fcntl
import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.commands.cli import app
from tests import builders


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Once for all of pytest-xdist's processes: whoever comes first measures, on all cores."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "accuracy"
    folder.mkdir(exist_ok=True)
    out = folder / "out"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (out / "report.html").is_file():
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(builders.PROJECT)
                done = CliRunner().invoke(app, ["accuracy", "--out", str(out)], catch_exceptions=False)
            assert done.exit_code == 0, done.output
    return out


def _kinds(measured: Path, fill: str) -> list[dict]:
    summary = json.loads((measured / "summary.json").read_text())
    return [row for kind, row in summary["kinds"].items() if kind.endswith(f" {fill}")]


def test_every_form_typed_is_found_and_its_types(measured: Path) -> None:
    rows = [row for row in _kinds(measured, "typed") if row["recall"]["whole"]]
    assert len(rows) == 14
    assert all(row["recall"]["share"] == 1 for row in rows)
    assert (
        sum(row["allTypes"]["part"] for row in rows) >= 12
    )  # a cheque's routing number is lost, an SSN on one page suspect


def test_every_form_filled_in_by_hand_is_found_or_suspect(measured: Path) -> None:
    rows = [row for row in _kinds(measured, "hand") if row["recall"]["whole"]]
    assert len(rows) == 14
    assert all(row["recallOrDoubt"]["share"] == 1 for row in rows)


def test_blank_forms_and_papers_without_npi_are_silent(measured: Path) -> None:
    rows = [
        row
        for fill in ("typed", "hand", "blank")
        for row in _kinds(measured, fill)
        if row["accused"]["whole"]
    ]
    assert len(rows) == 3 + 3 + 17
    assert all(row["accused"]["part"] == row["doubted"]["part"] == 0 for row in rows)


def test_the_sample_and_the_lines_keep_their_floor(measured: Path) -> None:
    sets = json.loads((measured / "summary.json").read_text())["sets"]
    sample = next(row for name, row in sets.items() if name.startswith("sample"))
    assert sample["recall"]["share"] == 1
    assert sample["precision"]["share"] == 1
    assert sample["doubted"]["part"] == 0
    assert sets["lines.txt"]["recall"]["share"] >= 0.98
    assert sets["lines.txt"]["accused"]["share"] <= 0.02


def test_bad_scans_are_found_or_suspect_and_their_clean_pages_silent(measured: Path) -> None:
    sets = json.loads((measured / "summary.json").read_text())["sets"]
    bad = next(row for name, row in sets.items() if name.startswith("bad_scans"))
    assert bad["recall"]["whole"] == 19
    assert bad["recall"]["share"] >= 0.9
    assert bad["recallOrDoubt"]["share"] == 1
    assert bad["accused"]["part"] == bad["doubted"]["part"] == 0


def test_the_page_shows_the_tables_and_no_value(measured: Path) -> None:
    page = (measured / "report.html").read_text()
    assert "Which types are missed?" in page
    assert "taxpayer request hand" in page
    truth = json.loads((next((builders.PROJECT / ".harness").glob("office-*")) / "truth.json").read_text())
    values = {one["value"] for file in truth.values() for unit in file for one in unit["npi"]}
    assert not [value for value in values if value in page]


def test_what_is_not_known_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(builders.PROJECT)
    (tmp_path / "a.tif").write_bytes(b"")
    (tmp_path / "bad.txt").write_text("SSN 536-22-8145\n")
    for path, told in ((tmp_path, "give --truth FILE"), (tmp_path / "bad.txt", '"-" for no type')):
        done = CliRunner().invoke(app, ["accuracy", str(path), "--out", str(tmp_path / "out")])
        assert told in str(done.exception)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("corpus", "recall", "precision"), [("npi_forms", 0.98, 0.98), ("npi_hard", 0.95, 0.97)]
)
def test_real_forms_keep_their_floor(
    shared_corpora: Path, tmp_path: Path, corpus: str, recall: float, precision: float
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(builders.PROJECT)
        CliRunner().invoke(
            app,
            ["accuracy", str(shared_corpora / corpus), "--out", str(tmp_path / "out")],
            catch_exceptions=False,
        )
    table = json.loads((tmp_path / "out" / "summary.json").read_text())["all"]
    assert table["recall"]["share"] >= recall
    assert table["precision"]["share"] >= precision
