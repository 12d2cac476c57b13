"""The whole on the sample corpus: real pages go through the real template and handlers, and the results are
the truth.
"""

import io
import json
from pathlib import Path

import pikepdf
import pytest

from harness.recorder import Invocation
from harness.runs import run as runs
from tests import builders


@pytest.fixture(scope="module")
def sample() -> Path:
    return builders.sample()


@pytest.fixture(scope="module")
def finished(sample: Path) -> runs.Run:
    return builders.run(sample)


def metadata(finished: runs.Run) -> list[dict]:
    return [item for item in finished.emulation.items["StateTable"] if item["SK"] == "METADATA"]


def test_the_pages_with_npi_are_those_of_the_truth(sample: Path, finished: runs.Run) -> None:
    truth = json.loads((sample / "truth.json").read_text())
    found = {name: result["npiPages"] for name, result in finished.results.items()}
    planted = {
        name: [number for number, page in enumerate(pages, 1) if page["npi"]] for name, pages in truth.items()
    }
    assert found == planted


def test_every_type_is_found_where_it_was_planted_and_nowhere_else(sample: Path, finished: runs.Run) -> None:
    truth = json.loads((sample / "truth.json").read_text())
    for name, pages in truth.items():
        planted = sorted((number, npi["type"]) for number, page in enumerate(pages, 1) for npi in page["npi"])
        found = sorted((finding["page"], finding["type"]) for finding in finished.results[name]["findings"])
        assert found == planted, name


def test_the_boxes_lie_on_the_planted_text(sample: Path, finished: runs.Run) -> None:
    truth = json.loads((sample / "truth.json").read_text())
    for name, pages in truth.items():
        for number, page in enumerate(pages, 1):
            for npi in page["npi"]:
                (finding, *_) = [
                    finding
                    for finding in finished.results[name]["findings"]
                    if (finding["page"], finding["type"]) == (number, npi["type"])
                ]
                left, top, right, bottom = finding["box"]
                assert left < right
                assert top < bottom
                assert npi["box"][0] - 60 <= left <= npi["box"][2] + 60


def test_the_table_holds_the_seeds_items_key_by_key(finished: runs.Run) -> None:
    for item in metadata(finished):
        assert item["PK"].startswith("FILE#")
        assert item["status"] == "COMPLETED"
        assert item["totalBatches"] == item["completedBatches"]
        assert item["remainingBatches"] == item["failedBatches"] == 0
        assert item["isNpiProcessed"] is True
        assert item["isPdfCreated"] is False
        assert item["createdAt"] <= item["updatedAt"] < item["expiresAt"]
        batches = [
            other
            for other in finished.emulation.items["StateTable"]
            if other["PK"] == item["PK"] and other["SK"] != "METADATA"
        ]
        assert sorted(batch["SK"] for batch in batches) == [
            f"BATCH#{number}" for number in range(1, int(item["totalBatches"]) + 1)
        ]
        for batch in batches:
            assert {"batchId", "pages", "status", "npiPages", "confidence", "processedAt"} <= batch.keys()
            assert batch["status"] == "COMPLETED"
        assert sorted(page for batch in batches for page in batch["npiPages"]) == sorted(item["npiPages"])


def test_the_table_and_the_results_agree(finished: runs.Run) -> None:
    by_key = {item["s3Key"]: item for item in metadata(finished)}
    assert len(by_key) == len(finished.results)
    for name, result in finished.results.items():
        item = by_key[f"uploads/{name}"]
        assert result["npiPages"] == item["npiPages"]
        assert result["npiPercentage"] == float(item["npiPercentage"])
        assert result["fileId"] == item["PK"].removeprefix("FILE#")


def test_nothing_is_left_or_lost(finished: runs.Run) -> None:
    assert finished.summary["invariants"]["violations"] == []
    assert all(leftover.messages == 0 for leftover in finished.emulation.leftovers.values())
    assert len(finished.emulation.results) == len(finished.results)


def test_the_aggregator_wakes_once_a_file(finished: runs.Run) -> None:
    invocations = [event for event in finished.emulation.recorder.events if isinstance(event, Invocation)]
    woken = sum(event.records for event in invocations if event.function == "AggregatorFunction")
    assert woken == len(finished.results)


def test_the_same_recorded_run_twice_has_the_same_digest(sample: Path, finished: runs.Run) -> None:
    assert builders.run(sample).summary["traceDigest"] == finished.summary["traceDigest"]


def test_another_seed_gives_another_run_with_the_same_results(sample: Path, finished: runs.Run) -> None:
    other = builders.run(sample, seed=1)
    assert other.summary["traceDigest"] != finished.summary["traceDigest"]
    assert pages_of(other) == pages_of(finished)


@pytest.mark.parametrize("pages", ["1", "2"])
def test_the_batch_size_does_not_change_the_results(sample: Path, finished: runs.Run, pages: str) -> None:
    assert pages_of(builders.run(sample, parameters={"BatchPages": pages})) == pages_of(finished)


def test_live_and_recorded_compute_give_the_same_results(
    tmp_path: Path, sample: Path, finished: runs.Run
) -> None:
    name = "file00000.tiff"
    (tmp_path / name).write_bytes((sample / name).read_bytes())
    live = builders.run(tmp_path, compute="measured")
    assert live.results[name]["findings"] == finished.results[name]["findings"]
    assert live.summary["ocr"]["cpuSeconds"] > 0


def test_a_slower_vcpu_makes_the_same_run_slower(sample: Path, finished: runs.Run) -> None:
    slower = builders.run(sample, cpu_factor=2.0)
    assert pages_of(slower) == pages_of(finished)
    worker, before = (
        one.summary["invocations"]["WorkerFunction"]["durationP50"] for one in (slower, finished)
    )
    assert 1.7 < worker / before < 2.1


def test_modelled_compute_needs_no_ocr_and_is_the_same_everywhere(sample: Path) -> None:
    modelled = builders.run(sample, compute="modelled")
    assert modelled.summary["ocr"]["cpuSeconds"] > 0
    assert modelled.summary["pages"]["npi"] == 0
    assert modelled.summary["traceDigest"] == builders.run(sample, compute="modelled").summary["traceDigest"]


def test_a_pdf_holds_every_page_of_the_scan(tmp_path: Path, sample: Path) -> None:
    name = "file00001.tiff"
    (tmp_path / name).write_bytes((sample / name).read_bytes())
    made = builders.run(tmp_path, parameters={"PdfMode": "original"})
    key = made.results[name]["pdfKey"]
    with pikepdf.open(io.BytesIO(made.emulation.results[key])) as document:
        assert len(document.pages) == made.results[name]["totalPages"]
    assert metadata(made)[0]["isPdfCreated"] is True


def test_no_value_leaves_the_worker(sample: Path, finished: runs.Run) -> None:
    truth = json.loads((sample / "truth.json").read_text())
    values = {npi["value"] for pages in truth.values() for page in pages for npi in page["npi"]}
    emulation = finished.emulation
    left = (
        b"".join(emulation.results.values()).decode()
        + repr(emulation.items)
        + repr(emulation.recorder.events)
    )
    assert [value for value in values if value in left] == []


def pages_of(finished: runs.Run) -> dict[str, tuple]:
    return {
        name: (result["status"], result["npiPages"], result["findings"])
        for name, result in finished.results.items()
    }


def test_without_an_engine_every_file_still_closes_with_a_reason_and_the_run_says_why(
    tmp_path: Path, sample: Path
) -> None:
    name = "file00000.tiff"
    (tmp_path / name).write_bytes((sample / name).read_bytes())
    finished = builders.run(
        tmp_path, parameters={"OcrEngine": "pytesseract", "OcrTesseract": "/no/tesseract", "MaxReceives": "2"}
    )
    assert "nothing is given up without a cause" in {
        violation["invariant"] for violation in finished.summary["invariants"]["violations"]
    }  # nothing struck, so it is the system itself that is wrong
    assert finished.results[name]["status"] == "FAILED"
    assert "every attempt failed" in finished.results[name]["reason"]
    assert finished.summary["queues"]["BatchQueue"]["redriven"] == 1
    assert finished.emulation.leftovers["BatchParkedQueue"].messages == 1
    (note,) = [note for note in finished.summary["notes"] if "could not be initialised" in note]
    assert "no Tesseract found for OCR_TESSERACT='/no/tesseract'" in note
