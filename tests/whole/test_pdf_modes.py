"""PDFs through the whole system: what each mode leaves in S3, in calm weather and in bad, and that no value
of a redacted file is ever on the wire.
"""

import json
import shutil
import zlib
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image

from harness.cloud import backends
from harness.faults import scenario
from harness.recorder import Compute, Invocation, SideWork
from harness.runs import run as runs
from pipeline import ocr
from pipeline.ocr_options import OcrOptions
from tests import builders
from tests.pipeline.pdf_reading import everything_in, image_of

NAMES = ("file00001.tiff", "file00003.tiff")
LATE = {"BatchPages": "10", "WorkerTimeout": "120", "OcrPageTimeout": "100"}
"""Where the slowest page takes `LONGEST` seconds, workers hand pages back."""
LONGEST = 80


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chosen = tmp_path_factory.mktemp("uploads")
    for name in NAMES:
        shutil.copy(builders.sample() / name, chosen)
    return chosen


def planted() -> set[str]:
    truth = json.loads((builders.sample() / "truth.json").read_text())
    return {npi["value"] for name in NAMES for page in truth[name] for npi in page["npi"]}


def pdfs(made: runs.Run) -> dict[str, bytes]:
    """By the name of the upload."""
    return {name: made.emulation.results[made.results[name]["pdfKey"]] for name in NAMES}


def texts(document: bytes) -> list[str]:
    return [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(document)]


@pytest.fixture(scope="module")
def calm(folder: Path) -> dict[str, tuple[runs.Run, list[bytes]]]:
    """A run of each mode, and all that was on its wire but for the scans."""
    made = {}
    for mode in ("none", "original", "searchable", "redacted"):
        wire: list[bytes] = []
        original = backends.answer

        def overheard(service, request, wire=wire, original=original):
            answered = original(service, request)
            if "/uploads/" not in request.url:
                wire.extend(
                    part if isinstance(part, bytes) else str(part).encode()
                    for part in (request.body or b"", answered[2])
                )
            return answered

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(backends, "answer", overheard)
            made[mode] = builders.run(folder, parameters={"PdfMode": mode, "OcrFindings": "full"}), wire
    return made


def unpacked(part: bytes) -> bytes:
    try:
        return zlib.decompress(part)
    except zlib.error:
        return part


@pytest.mark.parametrize("mode", ["none", "original", "searchable", "redacted"])
def test_a_pdf_is_created_where_one_is_asked_for(calm, mode: str) -> None:
    made, _ = calm[mode]
    items = [item for items in made.emulation.items.values() for item in items if item["SK"] == "METADATA"]
    assert [item["isPdfCreated"] for item in items] == [mode != "none"] * len(NAMES)
    assert all(bool(made.results[name]["pdfKey"]) == (mode != "none") for name in NAMES)
    assert all(made.results[name]["pdfReason"] == "" for name in NAMES)


def test_a_run_leaves_the_pdfs_beside_the_results(calm, tmp_path: Path) -> None:
    made, _ = calm["redacted"]
    runs.write(made, tmp_path)
    assert {path.name for path in (tmp_path / "results").iterdir()} == {
        f"{name}.{kind}" for name in NAMES for kind in ("json", "pdf")
    }
    assert (tmp_path / "results" / f"{NAMES[0]}.pdf").read_bytes() == pdfs(made)[NAMES[0]]


def of_kind(made: runs.Run, kind: type) -> list:
    return [event for event in made.emulation.recorder.events if isinstance(event, kind)]


def closing(made: runs.Run) -> list[Invocation]:
    return [one for one in of_kind(made, Invocation) if one.function == "AggregatorFunction"]


def test_who_makes_pdfs_is_billed_for_them_and_needs_memory(calm) -> None:
    none, redacted = calm["none"][0], calm["redacted"][0]
    images = of_kind(redacted, SideWork)
    assert len(images) == sum(made["totalPages"] for made in redacted.results.values()) > 0
    assert {image.request for image in images} <= {one.request for one in closing(redacted)}
    by_pdfs = sum(image.cpu_seconds for image in images)
    assert by_pdfs > 0
    assert sum(one.compute_seconds for one in closing(redacted)) > by_pdfs
    least, most = (max(one.max_memory_mb for one in closing(made)) for made in (none, redacted))
    assert least + 30 < most < 180  # libraries, and a page of two to four million pixels


def test_pages_are_read_once_whatever_is_made_of_them(calm) -> None:
    """The work on PDFs is none on pages, as tables and invariants count them."""
    read = {mode: len(of_kind(made, Compute)) for mode, (made, _) in calm.items()}
    assert set(read.values()) == {read["none"]}
    assert of_kind(calm["none"][0], SideWork) == []


def test_all_modes_find_the_same(calm) -> None:
    found = [[made.results[name]["findings"] for name in NAMES] for made, _ in calm.values()]
    assert found == found[:1] * len(calm)


def test_searchable_text_holds_the_values_and_redacted_text_all_but_them(calm) -> None:
    values = planted()
    searchable, redacted = (
        "\n".join(text for document in pdfs(calm[mode][0]).values() for text in texts(document))
        for mode in ("searchable", "redacted")
    )
    assert len(values) > 5
    assert sum(value in searchable for value in values) >= 0.9 * len(values)
    assert [value for value in values if value in redacted] == []
    assert len(redacted) > 0.9 * len(searchable)


def test_no_value_of_a_redacted_file_is_on_the_wire_or_in_its_pdf(calm) -> None:
    made, wire = calm["redacted"]
    said = b"\0".join(map(unpacked, wire)) + b"".join(map(everything_in, pdfs(made).values()))
    values = {
        form for value in planted() for form in (value.encode(), value.encode("utf-16-be").hex().encode())
    }
    assert [value for value in values if value in said] == []
    searchable = b"\0".join(map(unpacked, calm["searchable"][1]))
    assert any(value in searchable for value in values)  # such a search finds what is there


def test_nothing_of_a_value_is_read_when_the_redacted_images_are_read_again(calm) -> None:
    name = NAMES[1]
    document = pdfs(calm["redacted"][0])[name]
    truth = json.loads((builders.sample() / "truth.json").read_text())[name]
    values = [(page, npi["value"]) for page, one in enumerate(truth) for npi in one["npi"]]
    said = []
    for page in range(len(truth)):
        image = image_of(document, page)
        read = ocr.read_page(
            builders.first_page(builders.tiff(image, dpi=(image.width / 8.5,) * 2)), OcrOptions()
        )
        said.append("".join(filter(str.isalnum, "".join(word.text for word in read.words))))
    assert sum(len(text) > 100 for text in said) >= 3  # one page is blank
    assert [value for page, value in values if "".join(filter(str.isalnum, value)) in said[page]] == []


def test_without_words_in_the_pdf_workers_make_the_same_calls(calm) -> None:
    def calls(mode: str) -> list[str]:
        return [
            f"{event.service} {event.operation}"
            for event in calm[mode][0].emulation.recorder.events
            if getattr(event, "caller", "").startswith("WorkerFunction")
        ]

    assert sorted(calls("none")) == sorted(calls("original"))
    more = len(calls("searchable")) - len(calls("none"))
    assert more == calls("searchable").count("s3 PutObject") == 2  # one a batch


@pytest.mark.parametrize("mode", ["searchable", "redacted"])
def test_pdfs_are_the_same_when_much_goes_wrong(folder: Path, calm, mode: str) -> None:
    made = builders.run(
        folder, seed=2, faults=scenario.load("rough"), parameters={"PdfMode": mode, "OcrFindings": "full"}
    )
    assert pdfs(made) == pdfs(calm[mode][0])


@pytest.mark.parametrize("mode", ["searchable", "redacted"])
def test_pdfs_are_the_same_when_workers_hand_pages_back(folder: Path, calm, mode: str) -> None:
    pages = [event for event in calm[mode][0].emulation.recorder.events if isinstance(event, Compute)]
    slower = LONGEST / max(page.cpu_seconds for page in pages)
    made = builders.run(folder, work_factor=slower, parameters={"PdfMode": mode, **LATE})
    parts = [
        item["textParts"] for items in made.emulation.items.values() for item in items if "textParts" in item
    ]
    assert any(len(part) > 1 for part in parts)
    assert pdfs(made) == pdfs(calm[mode][0])


def test_a_pdf_that_is_uploaded_in_parts_is_billed_part_by_part(tmp_path: Path) -> None:
    pages = [Image.effect_noise((1500, 1500), 120) for _ in range(5)]
    (tmp_path / "noise.tif").write_bytes(builders.tiff(*pages))
    made = builders.run(tmp_path, compute="modelled", parameters={"PdfMode": "original"})
    document = made.emulation.results[made.results["noise.tif"]["pdfKey"]]
    assert len(pypdfium2.PdfDocument(document)) == 5
    billed = {line.item: line.quantity for line in made.bill.lines if line.item.endswith("Upload requests")}
    assert billed == {"CreateMultipartUpload requests": 1, "CompleteMultipartUpload requests": 1}
    assert made.summary["invariants"]["violations"] == []
