"""Another finder is given the words that ours was given, and is judged by the same truth."""

from pathlib import Path

import msgspec
import pytest

from harness.commands import choices
from harness.errors import UsageError
from harness.runs.rig import quiet
from harness.tuning import examination
from tests import builders

LINES = builders.PROJECT / "fixtures" / "lines.txt"


def _config(**against: str):
    accuracy = msgspec.structs.replace(builders.CONFIG.accuracy, against=against)
    return msgspec.structs.replace(builders.CONFIG, accuracy=accuracy)


@pytest.fixture(scope="module")
def options():
    return choices.options(builders.CONFIG, None, {}, seed=0)


def test_our_own_finder_as_the_other_finds_the_same_in_lines(options) -> None:
    config = _config(own="pipeline.npi.typed:find")
    found = examination.by_others(
        config, LINES, None, options, {"own": examination.other(config, "own")}, quiet
    )
    assert found["own"] == examination.examine(config, LINES, None, options, quiet)


def test_it_is_given_the_recorded_words_of_each_page(options, tmp_path: Path, monkeypatch) -> None:
    """The sample's first file is in the ledger when it was examined: nothing is recognised again."""
    from pipeline import engines

    (tmp_path / "file00000.tiff").write_bytes((builders.sample() / "file00000.tiff").read_bytes())
    (tmp_path / "truth.json").write_bytes((builders.sample() / "truth.json").read_bytes())
    config = _config(own="pipeline.npi.typed:find")
    ours = examination.examine(config, tmp_path, None, options, quiet)
    monkeypatch.setattr(engines, "engine", None)
    given: list[str] = []

    def nothing(texts):
        given.extend(texts)
        return [[] for _ in texts]

    (theirs,) = examination.by_others(config, tmp_path, None, options, {"none": nothing}, quiet).values()
    assert [unit.place for unit in theirs] == [unit.place for unit in ours]
    assert [unit.wanted for unit in theirs] == [unit.wanted for unit in ours]
    assert not any(unit.found for unit in theirs)
    for text, unit in zip(given, ours, strict=True):
        assert all(one.value in text for one in unit.wanted)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nobody", r"no finder nobody is known: \[tool.harness.accuracy\] against names missing, absent"),
        ("missing", "the finder missing .* cannot be imported"),
        ("absent", r"the extra \[absent\] installs it"),
    ],
)
def test_a_finder_that_is_not_there_is_told(name: str, told: str, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "finder_of_others.py").write_text("def find(texts):\n    import nowhere_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    config = _config(missing="nowhere.at_all:find", absent="finder_of_others:find")
    with pytest.raises(UsageError, match=told):
        examination.other(config, name)


def test_presidio_finds_a_labelled_number() -> None:
    pytest.importorskip("presidio_analyzer", reason="the extra [presidio] is not installed")
    from benchmarks import presidio

    marks = presidio.find(["SSN: 536-22-8145", "the path along the river"])
    assert marks == [[{"type": "SSN", "masked": "***-**-**45"}], []]
