"""The PDF of a file, from the words that its workers kept to the object in S3, whatever fails on the way."""

import json
import subprocess
import sys
import zlib

import msgspec
import pytest
from PIL import Image

from pipeline import closing, messages, ocr, pdf, reading, text_layer
from pipeline.messages import BatchMessage
from pipeline.page_text import PageText
from pipeline.results import BatchOutcome, PageOutcome
from tests import builders
from tests.pipeline.pdf_reading import image_of, text_of

SSN = "676-84-7081"


def lettered(*names: str) -> bytes:
    """A page for each name, with an SSN below it."""
    return builders.tiff(*(builders.page_image(f"{name}\nSSN: {SSN}", size=(900, 300)) for name in names))


def read(world, batch: BatchMessage, mode: str, remaining=lambda: 300.0) -> None:
    settings = msgspec.structs.replace(world.settings, pdf_mode=mode)
    reading.read_batch(world.s3, world.sqs, world.state, settings, batch, "m", remaining)


def close(world, batch: BatchMessage, mode: str, remaining=lambda: 300.0, **settings) -> dict:
    chosen = msgspec.structs.replace(world.settings, pdf_mode=mode, **settings)
    closing.close_file(world.s3, world.state, chosen, batch.file.file_id, remaining)
    return json.loads(stored(world, f"results/{batch.file.file_id}.json"))


def stored(world, key: str) -> bytes:
    return world.s3.get_object(Bucket="documents", Key=key)["Body"].read()


def keys(world, prefix: str) -> list[str]:
    return [
        one["Key"] for one in world.s3.list_objects_v2(Bucket="documents", Prefix=prefix).get("Contents", [])
    ]


def pdf_of(world, batch: BatchMessage, mode: str, **settings) -> bytes:
    return stored(world, close(world, batch, mode, **settings)["pdfKey"])


def rest(world) -> BatchMessage:
    """What a worker handed back."""
    (body,) = world.sent()
    return messages.decode_batch(body)


def after_a_page():
    """Time that is up after the first page."""
    return iter([5.0]).__next__


def test_a_searchable_pdf_holds_what_was_read(world) -> None:
    batch = world.batch(lettered("Zebra", "Quartz"))
    read(world, batch, "searchable")
    document = pdf_of(world, batch, "searchable")
    assert ["Zebra" in text_of(document, 0), "Quartz" in text_of(document, 1)] == [True, True]
    assert SSN in text_of(document, 1)
    assert world.metadata(batch.file)["isPdfCreated"] is True


def test_a_redacted_value_leaves_the_worker_nowhere(world) -> None:
    batch = world.batch(lettered("Zebra"))
    read(world, batch, "redacted")
    (key,) = keys(world, "work/")
    kept = zlib.decompress(stored(world, key))
    assert b"Zebra" in kept
    assert SSN.encode() not in kept
    document = pdf_of(world, batch, "redacted")
    assert "Zebra" in text_of(document)
    assert SSN not in text_of(document)
    assert world.metadata(batch.file)["isPdfCreated"] is True


def test_words_of_a_suspect_page_are_kept_for_a_searchable_pdf_alone(world, monkeypatch) -> None:
    """What was missed on it may be among them."""
    monkeypatch.setattr(reading.npi, "examine", lambda *_: ((), "much ink and few words"))
    for mode, kept in (("searchable", 1), ("redacted", 0)):
        batch = world.batch(lettered(mode))
        read(world, batch, mode)
        assert len(keys(world, f"work/{batch.file.file_id}/")) == kept
        withheld = close(world, batch, mode)["withheldPages"]
        assert [one["reason"] for one in withheld] == [pdf.IN_DOUBT] * (1 - kept)


@pytest.mark.parametrize("mode", ["none", "original"])
def test_without_words_in_the_pdf_a_worker_says_and_writes_what_it_always_did(world, mode: str) -> None:
    batch = world.batch(lettered("Zebra", "Quartz"))
    read(world, batch, mode, after_a_page())
    (body,) = world.sent()
    assert "textParts" not in json.loads(body)
    read(world, messages.decode_batch(body), mode)
    (item,) = [item for item in world.items(batch.file) if item["SK"] == "BATCH#1"]
    assert "textParts" not in item
    assert keys(world, "work/") == []


def test_pages_that_were_read_before_a_batch_was_handed_back_keep_their_text(world) -> None:
    batch = world.batch(lettered("Zebra", "Quartz", "Violet"))
    read(world, batch, "searchable", after_a_page())
    read(world, rest(world), "searchable", after_a_page())
    read(world, rest(world), "searchable")
    document = pdf_of(world, batch, "searchable")
    assert [word in text_of(document, page) for page, word in enumerate(("Zebra", "Quartz", "Violet"))] == [
        True
    ] * 3


def test_two_workers_with_the_same_batch_do_not_write_over_each_others_text(world) -> None:
    """One is short of time and hands back, the other one reads all; then the rest is read, too."""
    batch = world.batch(lettered("Zebra", "Quartz"))
    read(world, batch, "searchable")
    world.dynamodb.delete_item(
        TableName="NPI_Processing",
        Key={"PK": {"S": f"FILE#{batch.file.file_id}"}, "SK": {"S": "BATCH#1"}},
    )
    read(world, batch, "searchable", after_a_page())
    late = rest(world)
    read(world, batch, "searchable")
    read(world, late, "searchable")
    document = pdf_of(world, batch, "searchable")
    assert ["Zebra" in text_of(document, 0), "Quartz" in text_of(document, 1)] == [True, True]


@pytest.mark.parametrize("write", ["put_batch", "count_completed"])
def test_a_worker_that_dies_between_its_writes_leaves_nothing_undone(world, monkeypatch, write: str) -> None:
    batch = world.batch(lettered("Zebra"))
    monkeypatch.setattr(world.state, write, lambda *_: (_ for _ in ()).throw(ConnectionError()))
    with pytest.raises(ConnectionError):
        read(world, batch, "redacted")
    before = {key: stored(world, key) for key in keys(world, "work/")}
    monkeypatch.undo()
    read(world, batch, "redacted")
    assert {key: stored(world, key) for key in keys(world, "work/")} == before
    assert "Zebra" in text_of(pdf_of(world, batch, "redacted"))


def test_an_aggregator_that_dies_before_it_closes_makes_the_same_pdf_again(world, monkeypatch) -> None:
    batch = world.batch(lettered("Zebra"))
    read(world, batch, "searchable")
    monkeypatch.setattr(world.state, "close_file", lambda *_: (_ for _ in ()).throw(ConnectionError()))
    with pytest.raises(ConnectionError):
        close(world, batch, "searchable")
    (key,) = [key for key in keys(world, "results/") if key.endswith(".pdf")]
    before = stored(world, key)
    monkeypatch.undo()
    assert pdf_of(world, batch, "searchable") == before


def test_a_text_layer_that_is_gone_costs_the_text_or_withholds_the_page(world) -> None:
    shown = {}
    for mode in ("searchable", "redacted"):
        batch = world.batch(lettered(mode))
        read(world, batch, mode)
        for key in keys(world, f"work/{batch.file.file_id}/"):
            world.s3.delete_object(Bucket="documents", Key=key)
        shown[mode] = close(world, batch, mode)
        document = stored(world, shown[mode]["pdfKey"])
        assert (
            text_of(document) == {"searchable": "", "redacted": f"Page 1 is withheld: {pdf.UNKNOWN}."}[mode]
        )
    assert shown["searchable"]["withheldPages"] == []
    assert shown["redacted"]["withheldPages"] == [{"page": 1, "reason": pdf.UNKNOWN}]


def test_a_text_layer_of_another_reading_withholds_the_page(world) -> None:
    batch = world.batch(lettered("Zebra"))
    read(world, batch, "redacted")
    (key,) = keys(world, "work/")
    (layer,) = text_layer.decode(stored(world, key))
    other = msgspec.structs.replace(layer, hidden=())
    world.s3.put_object(Bucket="documents", Key=key, Body=text_layer.encode([other]))
    assert close(world, batch, "redacted")["withheldPages"] == [{"page": 1, "reason": pdf.UNKNOWN}]


def finished(world, *outcomes: PageOutcome) -> BatchMessage:
    """A file of white pages whose batch is stored with these outcomes."""
    batch = world.batch(builders.tiff(*(Image.new("1", (600, 600), 1) for _ in outcomes)))
    world.state.put_batch(
        batch.file.file_id,
        BatchOutcome(1, f"1-{len(outcomes)}", outcomes, text_parts=(f"1-{len(outcomes)}",)),
    )
    layers = [text_layer.PageLayer(one.page, PageText(600, 600)) for one in outcomes]
    key = text_layer.key(batch.file.file_id, 1, f"1-{len(outcomes)}")
    world.s3.put_object(Bucket="documents", Key=key, Body=text_layer.encode(layers))
    world.state.count_completed(batch.file.file_id, 1, ())
    return batch


def test_a_redacted_pdf_withholds_what_was_not_surely_read(world) -> None:
    batch = finished(
        world, PageOutcome(1, 90), PageOutcome(2, error="damaged"), PageOutcome(3, 90, suspect="ink")
    )
    result = close(world, batch, "redacted")
    assert result["withheldPages"] == [
        {"page": 2, "reason": pdf.DAMAGED},
        {"page": 3, "reason": pdf.IN_DOUBT},
    ]
    document = stored(world, result["pdfKey"])
    assert ["withheld" in text_of(document, page) for page in range(3)] == [False, True, True]
    assert image_of(document, 0).size == (600, 600)


def test_a_page_whose_batch_failed_is_withheld(world) -> None:
    batch = world.batch(builders.tiff(Image.new("1", (400, 400), 1), Image.new("1", (400, 400), 1)))
    file_id = batch.file.file_id
    world.state.put_batch(file_id, BatchOutcome(1, "1-1", (PageOutcome(1, 90),), text_parts=("1-1",)))
    layer = text_layer.encode([text_layer.PageLayer(1, PageText(400, 400))])
    world.s3.put_object(Bucket="documents", Key=text_layer.key(file_id, 1, "1-1"), Body=layer)
    world.state.count_completed(file_id, 1, ())
    result = close(world, batch, "redacted")
    assert (result["status"], result["withheldPages"]) == ("PARTIAL", [{"page": 2, "reason": pdf.DAMAGED}])


def test_a_file_that_cannot_become_a_pdf_says_why(world) -> None:
    batch = finished(world, PageOutcome(1, 90))
    result = close(world, batch, "original", aws_lambda_function_memory_size=200)
    assert result["status"] == "COMPLETED"
    assert "page 1: its 600 x 600 pixels need more memory than the aggregator has" in result["pdfReason"]
    assert result["pdfKey"] == ""
    assert world.metadata(batch.file)["isPdfCreated"] is False


def test_a_file_that_is_gone_gets_no_pdf_and_closes(world) -> None:
    batch = finished(world, PageOutcome(1, 90))
    world.s3.delete_object(Bucket="documents", Key=batch.file.key, VersionId=batch.file.version_id)
    result = close(world, batch, "searchable")
    assert (result["status"], "deleted" in result["pdfReason"]) == ("COMPLETED", True)


def noisy(world, count: int) -> BatchMessage:
    """A file whose pages take more than a part of an upload."""
    batch = world.batch(builders.tiff(*(Image.effect_noise((1500, 1500), 120) for _ in range(count))))
    outcomes = tuple(PageOutcome(page, 90) for page in range(1, count + 1))
    world.state.put_batch(batch.file.file_id, BatchOutcome(1, f"1-{count}", outcomes))
    world.state.count_completed(batch.file.file_id, 1, ())
    return batch


def test_a_long_pdf_is_uploaded_in_parts(world) -> None:
    batch = noisy(world, 6)
    document = pdf_of(world, batch, "original")
    assert len(document) > 10 * 2**20
    assert [image_of(document, page).size for page in range(6)] == [(1500, 1500)] * 6
    assert world.s3.list_multipart_uploads(Bucket="documents").get("Uploads", []) == []


def test_a_pdf_that_there_is_no_time_for_is_none_and_leaves_nothing_behind(world) -> None:
    batch = noisy(world, 6)
    left = iter([300, 280, 250, 220, 190, 20])
    result = close(world, batch, "original", remaining=lambda: next(left))
    assert "time is up at page 6 of 6" in result["pdfReason"]
    assert (result["status"], result["pdfKey"]) == ("COMPLETED", "")
    assert [key for key in keys(world, "results/") if key.endswith(".pdf")] == []
    assert world.s3.list_multipart_uploads(Bucket="documents").get("Uploads", []) == []


def test_a_failed_file_gets_no_pdf(world, monkeypatch) -> None:
    batch = world.batch(lettered("Zebra"))
    monkeypatch.setattr(ocr, "read_page", lambda *_: (_ for _ in ()).throw(reading.PageUnreadable("damaged")))
    read(world, batch, "redacted")
    result = close(world, batch, "redacted")
    assert (result["status"], result["pdfKey"]) == ("FAILED", "")
    assert keys(world, "work/") == []


@pytest.mark.parametrize(
    "mode", ["searchable", *(pytest.param(one, marks=pytest.mark.slow) for one in ("original", "redacted"))]
)
def test_a_thousand_pages_take_no_more_memory_than_four_hundred(mode: str, record_property) -> None:
    peaks = {}
    for pages in (400, 1000):
        command = [sys.executable, "-m", "tests.pipeline.probe_pdf", mode, str(pages)]
        told = subprocess.run(command, cwd=builders.PROJECT, capture_output=True, text=True, check=True)
        peaks[pages], pdf_megabytes, seconds, parts = map(float, told.stdout.split())
        record_property(
            f"PDF, {mode}, {pages} pages",
            f"{peaks[pages]:.0f} MB of memory, {pdf_megabytes:.0f} MB, {seconds * 1000 / pages:.1f} ms a page",
        )
    assert parts > 1
    assert peaks[1000] < peaks[400] + 12  # its TIFF, and its PDF, have 15 MB more each
    assert peaks[1000] < 128
