"""Batches: balanced, complete, never larger than asked; file ids name an upload; notifications decode as S3
sends them.
"""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import messages
from pipeline.messages import BatchMessage, FileRef, PageRange


def test_sixteen_pages_at_fifteen_are_eight_and_eight() -> None:
    assert [len(batch.offsets) for batch in messages.plan_batches(tuple(range(16)), 15)] == [8, 8]


@given(st.integers(1, 300), st.integers(1, 40))
def test_batches_are_balanced_and_hold_every_page_once(pages: int, batch_pages: int) -> None:
    batches = messages.plan_batches(tuple(range(pages)), batch_pages)
    sizes = [len(batch.offsets) for batch in batches]
    assert [offset for batch in batches for offset in batch.offsets] == list(range(pages))
    assert max(sizes) <= batch_pages
    assert max(sizes) - min(sizes) <= 1
    assert [batch.first for batch in batches] == [1 + sum(sizes[:number]) for number in range(len(sizes))]


def test_the_same_version_is_the_same_file_and_a_new_version_another() -> None:
    one = FileRef("bucket", "a.tif", 10, "etag", "v1")
    assert one.file_id == FileRef("bucket", "a.tif", 10, "other", "v1").file_id
    assert one.file_id != FileRef("bucket", "a.tif", 10, "etag", "v2").file_id
    assert FileRef("bucket", "a.tif", 10, "e1").file_id != FileRef("bucket", "a.tif", 10, "e2").file_id


def test_a_batch_message_survives_the_queue() -> None:
    batch = BatchMessage(FileRef("bucket", "a.tif", 10, "etag"), 2, PageRange(11, (100, 200)), True, ">")
    assert messages.decode_batch(batch.encode()) == batch
    assert str(batch.pages) == "11-12"


def notification(key: str, event: str = "ObjectCreated:Put") -> str:
    described = {"key": key, "size": 5, "eTag": "e", "versionId": "v", "sequencer": "1"}
    return json.dumps(
        {"Records": [{"eventName": event, "s3": {"bucket": {"name": "b"}, "object": described}}]}
    )


def test_keys_are_url_decoded_with_plus_for_space() -> None:
    (ref,) = messages.decode_uploads(notification("uploads/scan+1+%C3%BC%2B.tif"))
    assert ref.key == "uploads/scan 1 ü+.tif"


def test_the_test_event_of_s3_and_removals_are_no_uploads() -> None:
    assert messages.decode_uploads('{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}') == []
    assert messages.decode_uploads(notification("a.tif", "ObjectRemoved:Delete")) == []


@pytest.mark.parametrize("body", ["", "not json", "[]", "{}", '{"Records": [{}]}'])
def test_a_message_that_is_no_notification_is_refused(body: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        messages.decode_uploads(body)
