"""The controller's work: repeated at any point it opens a file once, and a duplicate event does nothing."""

import msgspec
import pytest
from PIL import Image

from pipeline import messages, opening
from tests import builders


def pages(count: int) -> bytes:
    return builders.tiff(*(Image.new("1", (40, 40), 1) for _ in range(count)))


def open_file(world, ref, event: str = "event-1", batch_pages: int = 10) -> None:
    settings = msgspec.structs.replace(world.settings, batch_pages=batch_pages)
    opening.open_file(world.s3, world.sqs, world.state, settings, ref, event)


def test_a_file_becomes_metadata_and_balanced_batches(world) -> None:
    ref = world.upload(pages(23))
    open_file(world, ref)
    item = world.metadata(ref)
    assert (item["totalPages"], item["totalBatches"], item["remainingBatches"], item["status"]) == (
        23,
        3,
        3,
        "PROCESSING",
    )
    batches = sorted((messages.decode_batch(body) for body in world.sent()), key=lambda batch: batch.batch_id)
    assert [str(batch.pages) for batch in batches] == ["1-7", "8-15", "16-23"]


def test_more_batches_than_one_request_takes_are_all_sent(world) -> None:
    ref = world.upload(pages(25))
    open_file(world, ref, batch_pages=1)
    assert len(world.sent()) == 25


def test_the_redelivery_of_an_event_sends_the_batches_again_and_counts_nothing(world) -> None:
    ref = world.upload(pages(2))
    open_file(world, ref)
    world.sent()
    open_file(world, ref)
    assert len(world.sent()) == 1
    assert world.metadata(ref)["completedBatches"] == 0


def test_another_event_about_the_same_upload_does_nothing(world) -> None:
    ref = world.upload(pages(2))
    open_file(world, ref)
    world.sent()
    open_file(world, ref, event="a duplicate of S3")
    assert world.sent() == []


def test_a_redelivery_after_the_settings_changed_sends_the_batches_that_were_recorded(world) -> None:
    ref = world.upload(pages(5))
    open_file(world, ref, batch_pages=2)
    first = world.sent()
    open_file(world, ref, batch_pages=10)
    assert sorted(world.sent()) == sorted(first)


def test_a_file_that_was_recorded_as_gone_is_not_opened_by_a_slower_delivery(world) -> None:
    """One delivery of the event found nothing to read; another had read the pages before the file was
    deleted.
    """
    ref = world.upload(pages(1))
    world.state.create_file(ref, total_pages=0, total_batches=0, fault="gone", event_id="event-1")
    open_file(world, ref)
    assert world.sent() == []


def test_a_file_that_was_recorded_with_other_pages_is_not_sent_again(world) -> None:
    """As by an earlier version of the code: batches of both would not share out its pages."""
    ref = world.upload(pages(2))
    world.state.create_file(ref, total_pages=3, total_batches=2, fault="", event_id="event-1")
    open_file(world, ref)
    assert world.sent() == []


def test_a_bad_file_is_recorded_with_its_reason_and_without_batches(world) -> None:
    ref = world.upload(b"not a TIFF, but long enough")
    open_file(world, ref)
    item = world.metadata(ref)
    assert (item["totalBatches"], item["remainingBatches"], item["status"]) == (0, 0, "PROCESSING")
    assert "TIFF header" in item["fault"]
    assert world.sent() == []


def test_a_file_that_was_deleted_is_recorded_with_that_reason(world) -> None:
    ref = world.upload(pages(1))
    world.s3.delete_object(Bucket="documents", Key=ref.key, VersionId=ref.version_id)
    open_file(world, ref)
    assert "deleted before it could be read" in world.metadata(ref)["fault"]


@pytest.mark.parametrize("whole_file_bytes", [10, 10**9])
def test_large_files_are_walked_by_ranges_and_give_the_same_batches(world, whole_file_bytes: int) -> None:
    import msgspec

    ref = world.upload(builders.tiff(*(Image.effect_noise((400, 400), 90) for _ in range(5))))
    settings = msgspec.structs.replace(world.settings, whole_file_bytes=whole_file_bytes, batch_pages=2)
    opening.open_file(world.s3, world.sqs, world.state, settings, ref, "event")
    assert sorted(str(messages.decode_batch(body).pages) for body in world.sent()) == ["1-1", "2-3", "4-5"]
