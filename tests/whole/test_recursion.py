"""Large batches of slow pages: workers hand back, more often than Lambda lets a function feed itself."""

import shutil
from pathlib import Path

import pytest

from harness.runs import run as runs
from tests import builders

PAGES = 60
SLOW = {"BatchPages": "60", "WorkerTimeout": "120", "OcrPageTimeout": "100"}
"""With a slow vCPU a worker has time for a page or two."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    page = builders.page_image("Nothing but a few words to read, and no number among them.")
    chosen = tmp_path / "uploads"
    chosen.mkdir()
    (chosen / "long.tif").write_bytes(builders.tiff(*[page] * PAGES))
    return chosen


def read(folder: Path, template: Path = builders.PROJECT / "template.yaml") -> runs.Run:
    return builders.run(folder, compute="modelled", cpu_factor=12.0, parameters=SLOW, template=template)


def test_a_batch_may_be_handed_back_more_often_than_sixteen_times(folder: Path) -> None:
    made = read(folder)
    assert made.summary["invocations"]["WorkerFunction"]["count"] > 16
    assert made.results["long.tif"]["status"] == "COMPLETED"
    assert made.summary["invariants"]["violations"] == []


def test_without_the_templates_leave_the_pages_would_be_lost_and_this_is_said(
    folder: Path, tmp_path: Path
) -> None:
    root = builders.CONFIG.root
    text = (root / "template.yaml").read_text()
    assert "RecursiveLoop: Allow" in text
    other = tmp_path / "copy"
    other.mkdir()
    (other / "template.yaml").write_text(text.replace("RecursiveLoop: Allow", "RecursiveLoop: Terminate"))
    shutil.copytree(root / "pipeline", other / "pipeline")
    made = read(folder, other / "template.yaml")
    assert made.summary["invocations"]["WorkerFunction"]["count"] == 16
    assert made.summary["invocations"]["WorkerFunction"]["loopsStopped"] > 0
    assert made.results["long.tif"]["status"] != "COMPLETED"
