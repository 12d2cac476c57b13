"""The run of the sample that projections go by: kept for as long as it would come out the same."""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from harness.cloud import latency
from harness.commands import project
from harness.commands.console import Screen
from harness.compute import ledger
from harness.config import Config
from harness.fleet import calibration
from harness.runs import run as runs
from harness.runs import sampled, scope
from harness.runs.rig import Options, quiet
from tests import builders


@pytest.fixture(scope="module")
def finished() -> runs.Run:
    return builders.run(builders.sample(), compute="modelled")


class Place:
    """A copy of the project, in which a run of the sample is counted, not made."""

    def __init__(self, folder: Path, finished: runs.Run, monkeypatch: pytest.MonkeyPatch) -> None:
        shutil.copytree(builders.PROJECT / "pipeline", folder / "pipeline")
        shutil.copy(builders.PROJECT / "template.yaml", folder)
        self.sample = Path(shutil.copytree(builders.sample(), folder / "sample"))
        self.config: Config = msgspec.structs.replace(builders.CONFIG, root=folder)
        self.options = Options(
            template=folder / "template.yaml",
            parameters={},
            seed=0,
            compute="recorded",
            latencies=latency.load(),
            ledger=folder / ".harness" / "ledger.sqlite",
        )
        self.finished, self.runs = finished, 0
        monkeypatch.setattr(sampled.application, "sample", lambda config: self.sample)
        monkeypatch.setattr(sampled.runs, "run", self._run)

    def _run(self, *_: object) -> runs.Run:
        self.runs += 1
        return self.finished

    def run(self) -> sampled.Sampled:
        ledger.forget()  # as each command is a process of its own
        return sampled.of(self.config, self.options, quiet)

    @property
    def kept(self) -> list[Path]:
        return sorted((self.config.root / ".harness" / sampled.FOLDER).glob("*"))


@pytest.fixture
def place(tmp_path: Path, finished: runs.Run, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, finished, monkeypatch)


def test_the_samples_run_is_kept_as_it_was(place: Place) -> None:
    place.options.ledger.parent.mkdir()
    made, again = place.run(), place.run()
    assert place.runs == 1
    assert again.calibration == made.calibration == place.finished.calibration
    assert again.events == made.events == list(place.finished.emulation.recorder.events)
    assert msgspec.json.encode(again.summary) == msgspec.json.encode(place.finished.summary)


def _source(place: Place, _: pytest.MonkeyPatch) -> None:
    with (place.config.root / "pipeline" / "reading.py").open("a", encoding="utf-8") as file:
        file.write("\n# changed\n")


def _template(place: Place, _: pytest.MonkeyPatch) -> None:
    with place.options.template.open("a", encoding="utf-8") as file:
        file.write("\n# changed\n")


def _parameter(place: Place, _: pytest.MonkeyPatch) -> None:
    place.options = msgspec.structs.replace(place.options, parameters={"PdfMode": "original"})


def _latencies(place: Place, _: pytest.MonkeyPatch) -> None:
    slow = {name: msgspec.structs.replace(one, sigma=0.0) for name, one in place.options.latencies.items()}
    place.options = msgspec.structs.replace(place.options, latencies=slow)


def _file(place: Place, _: pytest.MonkeyPatch) -> None:
    first = min(place.sample.glob("*.tiff"))
    first.write_bytes(first.read_bytes() + b"\0")


def _recordings(place: Place, _: pytest.MonkeyPatch) -> None:
    place.options.ledger.unlink()


def _harness(_: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope, "_harness", lambda: ["another"])


CHANGES = [_source, _template, _parameter, _latencies, _file, _recordings, _harness]


@pytest.mark.parametrize("change", CHANGES)
def test_what_decides_the_samples_run_has_it_made_anew(
    change: Callable[[Place, pytest.MonkeyPatch], None], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.options.ledger.parent.mkdir()
    place.run()
    change(place, monkeypatch)
    place.run()
    assert place.runs == 2


def test_a_torn_file_is_as_if_it_were_not_there(place: Place) -> None:
    place.options.ledger.parent.mkdir()
    made = place.run()
    (kept,) = place.kept
    kept.write_bytes(kept.read_bytes()[:-100])
    assert place.run() == made
    assert place.runs == 2
    assert place.kept == [kept]
    place.run()
    assert place.runs == 2


def test_only_the_latest_runs_are_kept(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampled, "MOST_KEPT", 2)
    place.options.ledger.parent.mkdir()
    for seed in range(4):
        place.options = msgspec.structs.replace(place.options, seed=seed)
        place.run()
    assert len(place.kept) == 2
    place.run()
    assert place.runs == 4, "the last one is among them"


def test_a_run_that_was_interrupted_is_not_kept(place: Place) -> None:
    place.options.ledger.parent.mkdir()
    emulation = msgspec.structs.replace(place.finished.emulation, interrupted=True)
    place.finished = msgspec.structs.replace(place.finished, emulation=emulation)
    place.run()
    assert not place.kept


def test_a_calibration_that_is_named_is_taken_as_it_is(
    finished: runs.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "calibration.json"
    file.write_bytes(msgspec.json.encode(finished.calibration))
    monkeypatch.setattr(sampled, "of", lambda *_: pytest.fail("the sample is run"))
    known, run = project._calibration(builders.CONFIG, None, file, {}, Screen())
    assert (known, run) == (calibration.load(file), None)
