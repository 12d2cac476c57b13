"""The worker's work: pages become outcomes, a batch is counted once, and time that runs out loses nothing."""

from pathlib import Path

import msgspec
import pytest
from PIL import Image

from pipeline import burying, documents, messages, ocr, page_reading, reading
from pipeline.failures import PageTooSlow, PageUnreadable
from pipeline.ocr_options import OcrOptions
from pipeline.page_text import PageText
from pipeline.settings import Settings
from tests import builders
from tests.pipeline.test_page_pixels import with_short_counts

SSN = "SSN: 676-84-7081"


def read_batch(world, batch, remaining=lambda: 300.0, event_id="m", **settings) -> reading.Reading:
    return reading.read_batch(
        world.s3,
        world.sqs,
        world.state,
        msgspec.structs.replace(world.settings, **settings),
        batch,
        event_id,
        remaining,
    )


def test_a_batch_is_stored_as_the_seed_shows_it_and_counted(world) -> None:
    batch = world.batch(builders.tiff(builders.page_image("Nothing here"), builders.page_image(SSN)))
    read_batch(world, batch)
    (item,) = [item for item in world.items(batch.file) if item["SK"] == "BATCH#1"]
    assert (item["batchId"], item["pages"], item["status"], item["npiPages"]) == (1, "1-2", "COMPLETED", [2])
    assert 50 < item["confidence"] <= 100
    file = world.metadata(batch.file)
    assert (file["completedBatches"], file["remainingBatches"], file["npiPages"]) == (1, 0, [2])


def test_a_redelivered_batch_is_neither_read_nor_counted_again(world, monkeypatch) -> None:
    batch = world.batch(builders.tiff(builders.page_image(SSN)))
    read_batch(world, batch)
    monkeypatch.setattr(ocr, "read_page", None)
    read_batch(world, batch)
    assert world.metadata(batch.file)["completedBatches"] == 1


def test_a_batch_that_was_stored_but_not_counted_is_counted_by_its_redelivery(world, monkeypatch) -> None:
    batch = world.batch(builders.tiff(builders.page_image(SSN)))
    monkeypatch.setattr(world.state, "count_completed", lambda *_: (_ for _ in ()).throw(ConnectionError()))
    try:
        read_batch(world, batch)
    except ConnectionError:
        monkeypatch.undo()
    assert world.metadata(batch.file)["completedBatches"] == 0
    read_batch(world, batch)
    file = world.metadata(batch.file)
    assert (file["completedBatches"], file["npiPages"]) == (1, [1])


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "packbits", "tiff_adobe_deflate"])
def test_a_page_of_a_large_file_is_read_beyond_byte_counts_that_are_too_small(
    world, compression: str
) -> None:
    """Of a large file only the page's own bytes are fetched at first; those that were not are never decoded."""
    pages = [builders.page_image(text, size=(900, 400)) for text in (SSN, "Nothing here")]
    batch = world.batch(with_short_counts(builders.tiff(*pages, compression=compression), 0.5))
    read_batch(world, batch, whole_file_bytes=64)
    (item,) = [item for item in world.items(batch.file) if item["SK"] == "BATCH#1"]
    assert (item["status"], item["npiPages"]) == ("COMPLETED", [1])
    assert "damaged" not in str(item)


def test_a_bad_page_fails_alone(world) -> None:
    good, bad = builders.page_image(SSN), builders.page_image("x")
    batch = world.batch(builders.tiff(good, bad, good))
    read_batch(world, batch, ocr=msgspec.structs.replace(world.settings.ocr, max_pixels=900 * 240))
    outcomes = world.state.read_file(batch.file.file_id)[1][0][0].outcomes
    assert [bool(outcome.error) for outcome in outcomes] == [False, False, False]
    tall = world.batch(builders.tiff(good, builders.page_image("x", size=(900, 900)), good))
    read_batch(world, tall, ocr=msgspec.structs.replace(world.settings.ocr, max_pixels=900 * 240))
    outcomes = world.state.read_file(tall.file.file_id)[1][0][0].outcomes
    assert [bool(outcome.error) for outcome in outcomes] == [False, True, False]


def test_pages_that_time_is_too_short_for_go_back_with_what_is_done(world) -> None:
    batch = world.batch(
        builders.tiff(builders.page_image(SSN), *(builders.page_image("page") for _ in range(2)))
    )
    left = iter([5.0])
    read_batch(world, batch, remaining=lambda: next(left))
    assert world.metadata(batch.file)["completedBatches"] == 0
    (body,) = world.sent()
    rest = messages.decode_batch(body)
    assert (str(rest.pages), rest.batch_id) == ("2-3", 1)
    read_batch(world, rest)
    (item,) = [item for item in world.items(batch.file) if item["SK"] == "BATCH#1"]
    assert (item["pages"], item["npiPages"]) == ("1-3", [1])
    assert world.metadata(batch.file)["remainingBatches"] == 0


def test_a_batch_with_no_time_at_all_still_makes_progress(world) -> None:
    batch = world.batch(builders.tiff(*(builders.page_image("page") for _ in range(3))))
    rounds = 0
    waiting = [batch]
    while waiting:
        read_batch(world, waiting.pop(), remaining=lambda: 0.0, event_id=f"m{rounds}")
        waiting = [messages.decode_batch(body) for body in world.sent()]
        rounds += 1
    assert rounds == 3
    assert world.metadata(batch.file)["completedBatches"] == 1


def test_a_batch_that_comes_twice_and_is_handed_back_does_not_become_many(world) -> None:
    """Each message of it is read three times here, as if its invocation were ended after it had sent the rest:
    27 would read the last page.
    """
    batch = world.batch(builders.tiff(*(builders.page_image("page") for _ in range(4))))
    rounds = []
    waiting = [("m", batch)]
    while waiting:
        rounds.append(len(waiting))
        for name, some in waiting * 3:
            read_batch(world, some, remaining=lambda: 0.0, event_id=name)
        waiting = [(f"{body} {at}", messages.decode_batch(body)) for at, body in enumerate(world.sent())]
    assert rounds == [1, 3, 3, 3], "the first of three comes farther, and the others stop"
    assert world.metadata(batch.file)["completedBatches"] == 1


def test_a_message_that_is_delivered_twice_at_once_is_handed_back_by_the_delivery_that_lives(world) -> None:
    """World 2209: the delivery that had come farther was ended before it had sent the rest, and the other one,
    since somebody had come farther, sent nothing.
    """
    batch = world.batch(builders.tiff(*(builders.page_image("page") for _ in range(4))))
    assert world.state.hand_on(batch.file.file_id, 1, 3, "m")
    assert read_batch(world, batch, remaining=lambda: 0.0, event_id="m").handed_back
    (rest,) = world.sent()
    assert str(messages.decode_batch(rest).pages) == "2-4"
    assert not world.state.hand_on(batch.file.file_id, 1, 2, "another")


def test_what_is_finished_is_not_handed_back(world) -> None:
    batch = world.batch(builders.tiff(*(builders.page_image("page") for _ in range(2))))

    def meanwhile() -> float:
        read_batch(world, batch, event_id="another")
        return 0.0

    assert not read_batch(world, batch, remaining=meanwhile).handed_back
    assert world.sent() == []
    assert world.metadata(batch.file)["completedBatches"] == 1


def test_what_was_buried_and_is_redriven_is_handed_back_anew(world) -> None:
    batch = world.batch(builders.tiff(*(builders.page_image("page") for _ in range(3))))
    for _ in range(2):  # it is given up twice, each time while its rest waits
        read_batch(world, batch, remaining=lambda: 0.0)
        (rest,) = world.sent()
        read_batch(world, messages.decode_batch(rest), remaining=lambda: 0.0, event_id="rest")
        assert len(world.sent()) == 1
        burying.bury_batch(world.state, batch)
        assert world.metadata(batch.file)["failedBatches"] == 1
    read_batch(world, batch, event_id="m")
    assert world.metadata(batch.file)["completedBatches"] == 1


def test_a_file_that_is_gone_gives_each_page_its_reason(world) -> None:
    batch = world.batch(builders.tiff(builders.page_image("a"), builders.page_image("b")))
    world.s3.delete_object(Bucket="documents", Key=batch.file.key, VersionId=batch.file.version_id)
    read_batch(world, batch)
    outcomes = world.state.read_file(batch.file.file_id)[1][0][0].outcomes
    assert ["deleted" in outcome.error for outcome in outcomes] == [True, True]


def test_outcomes_too_long_for_an_item_go_to_s3(world) -> None:
    batch = world.batch(builders.tiff(builders.page_image(SSN)))
    read_batch(world, batch, item_bytes=10)
    ((outcome, key),) = world.state.read_file(batch.file.file_id)[1]
    assert outcome.outcomes == ()
    assert key == f"work/{batch.file.file_id}/1.json"
    assert b"676-84" not in world.s3.get_object(Bucket="documents", Key=key)["Body"].read()


def test_a_large_file_is_read_page_by_page(world, monkeypatch) -> None:
    data = builders.tiff(*(Image.effect_noise((700, 700), 90) for _ in range(6)))
    batch = world.batch(data)
    fetched = []
    get = world.s3.get_object
    monkeypatch.setattr(
        world.s3, "get_object", lambda **request: fetched.append(request.get("Range")) or get(**request)
    )
    monkeypatch.setattr(ocr, "read_page", lambda page, options: PageText(1, 1))
    last = msgspec.structs.replace(batch, pages=messages.PageRange(6, batch.pages.offsets[5:]))
    read_batch(world, last, whole_file_bytes=1000)
    read = sum(
        int(end) - int(start) + 1
        for start, end in (span.removeprefix("bytes=").split("-") for span in fetched)
    )
    assert read < 0.6 * len(data)


def test_the_header_of_a_large_file_is_fetched_once_for_all_its_pages(world, monkeypatch) -> None:
    batch = world.batch(builders.tiff(*(Image.effect_noise((700, 700), 90) for _ in range(6))))
    fetched = []
    get = world.s3.get_object
    monkeypatch.setattr(
        world.s3, "get_object", lambda **request: fetched.append(request.get("Range")) or get(**request)
    )
    monkeypatch.setattr(ocr, "read_page", lambda page, options: PageText(1, 1))
    monkeypatch.setattr(documents, "MERGE_GAP_BYTES", 0)
    read_batch(world, batch, whole_file_bytes=1000)
    assert (
        sum(span.startswith("bytes=0-") for span in fetched) == 2
    )  # as a block of the walk, and with page 1
    outcomes = world.state.read_file(batch.file.file_id)[1][0][0].outcomes
    assert [outcome.error for outcome in outcomes] == [""] * 6


def test_a_page_that_took_too_long_is_not_tried_with_more_of_its_data(world, monkeypatch) -> None:
    batch = world.batch(builders.tiff(*(Image.effect_noise((700, 700), 90) for _ in range(2))))
    asked = []

    def slow(page, options: OcrOptions) -> PageText:
        asked.append(page.offset)
        raise PageTooSlow("OCR took longer than 60 s")

    monkeypatch.setattr(page_reading, "read_page", slow)
    read_batch(world, batch, whole_file_bytes=1000)
    assert asked == list(batch.pages.offsets)


@pytest.mark.parametrize(("left", "limits"), [(300.0, [60, 60]), (69.9, [60, 59]), (10.5, [60])])
def test_a_damaged_page_is_tried_with_more_of_its_data_in_the_time_that_is_left(
    world, monkeypatch, left: float, limits: list[int]
) -> None:
    """What is kept back for one page is not less for a page that takes two attempts."""
    data = bytearray(builders.tagged(bytes(400_000), {256: 640, 257: 640, 258: 8, 259: 8, 262: 1}, counts=9))
    batch = world.batch(bytes(data))
    asked = []

    def damaged(page, options: OcrOptions) -> PageText:
        asked.append((page.is_wide, options.page_timeout))
        raise PageUnreadable("the image data is damaged")

    monkeypatch.setattr(page_reading, "read_page", damaged)
    read_batch(world, batch, remaining=lambda: left, whole_file_bytes=1000)
    assert asked == [(is_wide, limit) for is_wide, limit in zip((False, True), limits, strict=False)]


def test_a_pdf_with_words_needs_all_pages_read_in_full() -> None:
    with pytest.raises(ValueError, match="PDF_MODE=redacted needs OCR_FINDINGS=full"):
        Settings(
            table_name="t",
            pdf_mode="redacted",
            ocr=OcrOptions(findings="flag"),
        )


@pytest.mark.parametrize(("table", "findings"), [("", "flag"), ("[NAME]\non = true\n", "full")])
def test_a_type_of_letters_needs_each_page_read_in_full(
    world, monkeypatch, tmp_path: Path, table: str, findings: str
) -> None:
    """Where all types have digits, a page without any need not be."""
    asked: list[str] = []

    def read(page, options: OcrOptions) -> PageText:
        asked.append(options.findings)
        return PageText()

    own = tmp_path / "own.toml"
    own.write_text(table)
    monkeypatch.setattr(page_reading, "read_page", read)
    read_batch(
        world,
        world.batch(builders.tiff(builders.page_image("Jane"))),
        npi_table=str(own) if table else "",
        ocr=OcrOptions(findings="flag"),
    )
    assert asked == [findings]
