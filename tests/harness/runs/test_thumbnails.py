"""Small pictures for a run's page: what was found is framed, and nothing of its value is left."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.errors import UsageError
from harness.runs import inputs, thumbnails
from harness.runs.results import Outcome
from harness.runs.rig import quiet
from tests import builders

SSN = "SSN 536-22-8765"


def outcome(**fields: object) -> Outcome:
    values = {
        "stored": "results/a.json",
        "upload": "uploads/a",
        "status": "COMPLETED",
        "units": 2,
        "marked": [1],
        "errors": [],
        "suspects": [],
        "reason": "",
        "findings": [],
        "missing": (),
        "whole": {},
    }
    return Outcome(**(values | fields))


def index(out: Path) -> dict:
    return json.loads((out / "thumbnails" / "index.json").read_text())


@pytest.fixture
def file(tmp_path: Path) -> inputs.InputFile:
    path = tmp_path / "a.tiff"
    path.write_bytes(builders.tiff(builders.page_image(SSN), builders.page_image("nothing here")))
    return inputs.InputFile("a.tiff", path)


def test_marked_and_suspect_pages_have_pictures_and_no_others(file: inputs.InputFile, tmp_path: Path) -> None:
    found = [{"page": 1, "type": "SSN", "box": [140, 80, 520, 130], "masked": "***-**-**65"}]
    thumbnails.leave(builders.CONFIG, [(file, outcome(findings=found))], "npi", tmp_path / "out", quiet)
    (shown,) = index(tmp_path / "out")["a.tiff"]
    assert (shown["unit"], shown["found"]) == (1, "SSN ***-**-**65")
    with Image.open(tmp_path / "out" / "thumbnails" / shown["file"]) as picture:
        assert picture.width == thumbnails.WIDTH
    doubtful = outcome(marked=[], suspects=[{"page": 2, "reason": "much ink"}])
    thumbnails.leave(builders.CONFIG, [(file, doubtful)], "npi", tmp_path / "other", quiet)
    (shown,) = index(tmp_path / "other")["a.tiff"]
    assert (shown["unit"], shown["found"]) == (2, "much ink")


def test_all_pages_have_pictures_where_all_are_asked_for(file: inputs.InputFile, tmp_path: Path) -> None:
    thumbnails.leave(builders.CONFIG, [(file, outcome())], "all", tmp_path / "out", quiet)
    assert [shown["unit"] for shown in index(tmp_path / "out")["a.tiff"]] == [1, 2]


def test_a_page_that_cannot_be_shown_has_none_and_the_others_have(tmp_path: Path) -> None:
    path = tmp_path / "broken.tiff"
    path.write_bytes(b"II*\0 no TIFF at all")
    broken = inputs.InputFile("broken.tiff", path)
    thumbnails.leave(builders.CONFIG, [(broken, outcome())], "npi", tmp_path / "out", quiet)
    assert index(tmp_path / "out") == {}


def test_nothing_of_a_value_is_left_in_its_picture() -> None:
    """The picture is the same whatever stood in the box."""
    box = [140, 70, 560, 140]
    pictures = []
    for text in ("SSN 536-22-8765", "SSN 111-11-1111", "SSN"):
        page = builders.page_image(text)
        pictures.append(np.asarray(thumbnails.small(page, [box])))
    assert (pictures[0] == pictures[1]).all()
    assert (pictures[0] == pictures[2]).all()
    assert (pictures[0] != np.asarray(thumbnails.small(builders.page_image("SSN 536-22-8765"), []))).any()


def test_what_is_asked_for_is_known() -> None:
    assert thumbnails.check(builders.CONFIG, "npi") == "npi"
    with pytest.raises(UsageError, match="--thumbnails some: it is one of npi, all, none"):
        thumbnails.check(builders.CONFIG, "some")
