"""Closing and burying: a file ends once, whatever failed, and heals when its batches are processed after
all.
"""

import json

import msgspec
import pytest
from PIL import Image

from pipeline import burying, closing, opening, reading
from pipeline.messages import BatchMessage, PageRange, StreamBatch, decode_aggregator_failure
from pipeline.results import BatchOutcome, PageOutcome
from pipeline.state import MOST_FAREWELLS, UNCLOSED
from tests import builders


def close(world, file_id: str) -> dict | None:
    closing.close_file(world.s3, world.state, world.settings, file_id)
    try:
        return json.loads(
            world.s3.get_object(Bucket="documents", Key=f"results/{file_id}.json")["Body"].read()
        )
    except world.s3.exceptions.NoSuchKey:
        return None


def two_batches(world):
    ref = world.upload(builders.tiff(builders.page_image("SSN: 676-84-7081"), builders.page_image("b")))
    world.state.create_file(ref, total_pages=2, total_batches=2, fault="", event_id="event")
    return ref


def finish(world, ref, batch_id: int) -> None:
    outcome = BatchOutcome(batch_id, f"{batch_id}-{batch_id}", (PageOutcome(batch_id, 90),))
    world.state.put_batch(ref.file_id, outcome)
    world.state.count_completed(ref.file_id, batch_id, ())


def test_a_file_with_batches_outstanding_is_left_open(world) -> None:
    ref = two_batches(world)
    finish(world, ref, 1)
    assert close(world, ref.file_id) is None
    assert world.metadata(ref)["status"] == "PROCESSING"


def test_of_a_record_that_expired_while_its_last_change_was_on_the_way_nothing_is_closed(world) -> None:
    ref = two_batches(world)
    finish(world, ref, 1)
    finish(world, ref, 2)
    for item in world.items(ref):
        key = {name: {"S": item[name]} for name in ("PK", "SK")}
        if item["SK"] == "METADATA":
            world.dynamodb.delete_item(TableName="NPI_Processing", Key=key)
    assert world.state.read_file(ref.file_id) is None
    assert close(world, ref.file_id) is None


def test_a_counted_out_file_is_closed_once(world) -> None:
    ref = two_batches(world)
    finish(world, ref, 2)
    finish(world, ref, 1)
    assert close(world, ref.file_id)["status"] == "COMPLETED"
    item = world.metadata(ref)
    assert (item["status"], item["isNpiProcessed"]) == ("COMPLETED", True)
    versions = world.s3.list_object_versions(Bucket="documents", Prefix="results/")["Versions"]
    close(world, ref.file_id)
    assert len(world.s3.list_object_versions(Bucket="documents", Prefix="results/")["Versions"]) == len(
        versions
    )


def test_a_batch_counts_once_however_often_it_is_counted(world) -> None:
    ref = two_batches(world)
    for _ in range(3):
        finish(world, ref, 1)
    item = world.metadata(ref)
    assert (item["completedBatches"], item["remainingBatches"]) == (1, 1)


def test_a_buried_batch_closes_its_file_as_partial_with_a_reason(world) -> None:
    ref = two_batches(world)
    finish(world, ref, 1)
    burying.bury_batch(world.state, BatchMessage(ref, 2, PageRange(2, (8,))))
    result = close(world, ref.file_id)
    assert result["status"] == "PARTIAL"
    assert result["pageErrors"] == [{"page": 2, "reason": burying.GIVEN_UP}]


def test_a_buried_batch_that_is_redriven_heals_its_file(world) -> None:
    data = builders.tiff(builders.page_image("SSN: 676-84-7081"))
    batch = world.batch(data)
    burying.bury_batch(world.state, batch)
    assert close(world, batch.file.file_id)["status"] == "FAILED"
    reading.read_batch(world.s3, world.sqs, world.state, world.settings, batch, "m", lambda: 300.0)
    result = close(world, batch.file.file_id)
    assert (result["status"], result["npiPages"], result["pageErrors"]) == ("COMPLETED", [1], [])
    item = world.metadata(batch.file)
    assert (item["completedBatches"], item["failedBatches"], item["remainingBatches"]) == (1, 0, 0)


def test_a_batch_that_was_finished_after_all_is_not_buried(world) -> None:
    ref = two_batches(world)
    finish(world, ref, 1)
    burying.bury_batch(world.state, BatchMessage(ref, 1, PageRange(1, (8,))))
    item = world.metadata(ref)
    assert (item["completedBatches"], item["failedBatches"]) == (1, 0)


def test_a_buried_file_closes_as_failed_with_a_reason(world) -> None:
    ref = world.upload(b"whatever")
    burying.bury_file(world.state, ref, "event")
    result = close(world, ref.file_id)
    assert (result["status"], result["reason"]) == ("FAILED", burying.GIVEN_UP)


def test_a_buried_file_closes_while_a_batch_of_it_is_handed_back(world) -> None:
    """Its batches were sent before its event was given up."""
    data = builders.tiff(builders.page_image("one"), builders.page_image("two"))
    batch = msgspec.structs.replace(world.batch(data), file=world.upload(data))
    burying.bury_file(world.state, batch.file, "event")
    reading.read_batch(world.s3, world.sqs, world.state, world.settings, batch, "m", lambda: 0.0)
    assert close(world, batch.file.file_id)["status"] == "FAILED"


def test_a_file_whose_event_died_says_of_each_page_why_it_was_not_processed(world) -> None:
    """Its controller recorded it, and was ended before it had sent all batches."""
    ref = world.upload(b"whatever")
    world.state.create_file(ref, total_pages=5, total_batches=2, fault="", event_id="event")
    first = BatchOutcome(1, "1-2", (PageOutcome(1, 90), PageOutcome(2, 90)))
    world.state.put_batch(ref.file_id, first)
    world.state.count_completed(ref.file_id, 1, ())
    burying.bury_file(world.state, ref, "event")
    result = close(world, ref.file_id)
    assert result["status"] == "PARTIAL"
    assert [(error["page"], error["reason"]) for error in result["pageErrors"]] == [
        (page, burying.GIVEN_UP) for page in (3, 4, 5)
    ]


def test_a_file_of_many_batches_is_buried_however_often_that_breaks_off(world, monkeypatch) -> None:
    """Found by exploration: sixty batches are some two hundred calls, which in hostile weather never went well
    in a row; each attempt began anew, and the file stayed in work for ever."""
    ref = world.upload(b"whatever")
    world.state.create_file(ref, total_pages=60, total_batches=60, fault="", event_id="event")
    calls = 0
    really = world.dynamodb.update_item

    def sometimes(**request) -> object:
        nonlocal calls
        calls += 1
        if calls % 8 == 0:
            raise ConnectionError
        return really(**request)

    monkeypatch.setattr(world.dynamodb, "update_item", sometimes)
    attempts = 0
    while attempts < 20:
        attempts += 1
        try:
            burying.bury_file(world.state, ref, "event")
            break
        except ConnectionError:
            pass
    assert attempts < 20
    file = world.metadata(ref)
    assert (file["failedBatches"], file["remainingBatches"]) == (60, 0)


def test_a_file_without_readable_pages_gets_no_pdf_and_closes(world) -> None:
    ref = world.upload(b"whatever")
    world.state.create_file(ref, total_pages=1, total_batches=1, fault="", event_id="event")
    finish(world, ref, 1)
    settings = msgspec.structs.replace(world.settings, pdf_mode="original")
    closing.close_file(world.s3, world.state, settings, ref.file_id)
    item = world.metadata(ref)
    assert (item["status"], item["isPdfCreated"]) == ("COMPLETED", False)


def test_a_batch_that_was_stored_but_never_counted_is_counted_when_it_is_buried(world) -> None:
    batch = world.batch(builders.tiff(Image.new("1", (400, 400), 1)))
    outcome = BatchOutcome(1, "1-1", (PageOutcome(1),))
    world.state.put_batch(batch.file.file_id, outcome)
    burying.bury_batch(world.state, batch)
    closing.close_file(world.s3, world.state, world.settings, batch.file.file_id)
    assert (world.metadata(batch.file)["completedBatches"], world.metadata(batch.file)["status"]) == (
        1,
        "COMPLETED",
    )


def test_a_batch_that_is_stored_while_its_file_is_buried_moves_over_before_the_verdict(world) -> None:
    batch = world.batch(builders.tiff(Image.new("1", (400, 400), 1)))
    world.state.count_failed(batch.file.file_id, 1)
    world.state.put_batch(batch.file.file_id, BatchOutcome(1, "1-1", (PageOutcome(1),)))
    for _ in range(2):  # the first wakes the second, by the count that it puts right
        closing.close_file(world.s3, world.state, world.settings, batch.file.file_id)
    metadata = world.metadata(batch.file)
    assert (metadata["completedBatches"], metadata["failedBatches"], metadata["status"]) == (
        1,
        0,
        "COMPLETED",
    )


def test_a_buried_file_is_opened_again_by_its_redriven_event(world) -> None:
    ref = world.upload(builders.tiff(Image.new("1", (400, 400), 1)))
    burying.bury_file(world.state, ref, "event")
    closing.close_file(world.s3, world.state, world.settings, ref.file_id)
    assert world.metadata(ref)["status"] == "FAILED"
    opening.open_file(world.s3, world.sqs, world.state, world.settings, ref, "event")
    assert (world.metadata(ref)["status"], world.metadata(ref)["totalPages"]) == ("PROCESSING", 1)
    assert len(world.sent()) == 1


def test_a_redriven_event_sends_again_what_failed_and_a_duplicate_does_not(world) -> None:
    ref = world.upload(builders.tiff(Image.new("1", (400, 400), 1)))
    opening.open_file(world.s3, world.sqs, world.state, world.settings, ref, "event")
    world.sent()
    burying.bury_file(world.state, ref, "event")
    closing.close_file(world.s3, world.state, world.settings, ref.file_id)
    opening.open_file(
        world.s3, world.sqs, world.state, world.settings, ref, "another message about the same upload"
    )
    assert world.sent() == []
    opening.open_file(world.s3, world.sqs, world.state, world.settings, ref, "event")
    assert len(world.sent()) == 1


class _Meanwhile:
    """S3, where something happens just before a result is written."""

    def __init__(self, s3, act) -> None:
        self._s3, self._act = s3, act

    def put_object(self, **request):
        self._act()
        return self._s3.put_object(**request)


def test_a_buried_file_that_is_opened_while_it_is_being_closed_stays_open(world) -> None:
    ref = world.upload(builders.tiff(Image.new("1", (400, 400), 1)))
    burying.bury_file(world.state, ref, "event")
    s3 = _Meanwhile(
        world.s3, lambda: opening.open_file(world.s3, world.sqs, world.state, world.settings, ref, "event")
    )
    assert closing.close_file(s3, world.state, world.settings, ref.file_id) == ""
    assert (world.metadata(ref)["status"], world.metadata(ref)["totalPages"]) == ("PROCESSING", 1)


def test_a_buried_file_that_is_not_closed_yet_may_be_buried_again(world) -> None:
    """World 216: its event was redriven and given up once more, before the aggregator could close it; to cut
    no pages into no batches was a division by zero, for which its dead letter came again for four days."""
    ref = world.upload(builders.tiff(Image.new("1", (400, 400), 1)))
    for _ in range(2):
        burying.bury_file(world.state, ref, "event")
    assert close(world, ref.file_id)["reason"] == burying.GIVEN_UP


def test_an_unclosed_file_that_is_given_back_while_that_is_being_said_stays_open(world) -> None:
    ref = two_batches(world)
    finish(world, ref, 1)
    finish(world, ref, 2)
    assert world.state.give_up_closing(ref.file_id)
    s3 = _Meanwhile(world.s3, lambda: world.state.reopen(ref.file_id))
    assert closing.close_file(s3, world.state, world.settings, ref.file_id) == ""
    assert close(world, ref.file_id)["status"] == "COMPLETED"


def test_a_file_that_is_given_up_while_it_is_being_closed_is_closed_for_good(world) -> None:
    """World 41: it was reopened, though COMPLETED, when what had been parked about it was redriven."""
    ref = two_batches(world)
    finish(world, ref, 1)
    finish(world, ref, 2)
    s3 = _Meanwhile(world.s3, lambda: world.state.give_up_closing(ref.file_id))
    assert closing.close_file(s3, world.state, world.settings, ref.file_id) == "COMPLETED"
    world.state.reopen(ref.file_id)
    assert world.metadata(ref)["status"] == "COMPLETED"
    assert not world.state.give_up_closing(ref.file_id), "nothing of it is to be parked"


def failure_of(world, first, last=None) -> StreamBatch:
    """What Lambda tells of the latest change of a file's METADATA, or of those from one file's to another's,
    when the aggregator has failed for it too often.
    """
    arn, shard, records = world.changes()

    def number(ref) -> str:
        key = f"FILE#{ref.file_id}"
        changes = [record["dynamodb"] for record in records if record["dynamodb"]["Keys"]["PK"]["S"] == key]
        return changes[-1]["SequenceNumber"]

    info = {
        "shardId": shard,
        "startSequenceNumber": number(first),
        "endSequenceNumber": number(last or first),
        "streamArn": arn,
        "batchSize": 1,
    }
    body = {
        "requestContext": {"condition": "RetryAttemptsExhausted"},
        "version": "1.0",
        "DDBStreamBatchInfo": info,
    }
    return decode_aggregator_failure(json.dumps(body))


def test_a_file_that_cannot_be_put_together_is_closed_as_failed_and_heals(world) -> None:
    """A batch's item makes the aggregator fail, until somebody mends it."""
    ref, other = two_batches(world), world.upload(b"another")
    world.state.create_file(other, total_pages=1, total_batches=1, fault="", event_id="event")
    finish(world, ref, 1)
    finish(world, ref, 2)
    broken = {"PK": {"S": f"FILE#{ref.file_id}"}, "SK": {"S": "BATCH#1"}}
    sound = world.dynamodb.get_item(TableName="NPI_Processing", Key=broken)["Item"]
    world.dynamodb.put_item(TableName="NPI_Processing", Item={**sound, "outcomes": {"S": "no JSON"}})
    with pytest.raises(msgspec.DecodeError):
        close(world, ref.file_id)

    assert burying.bury_results(world.streams, world.state, failure_of(world, ref)) == (ref.file_id,)
    result = close(world, ref.file_id)
    assert (result["status"], result["reason"]) == ("FAILED", UNCLOSED)
    assert world.metadata(ref)["status"] == "FAILED"
    assert world.metadata(other)["status"] == "PROCESSING"
    assert burying.bury_results(world.streams, world.state, failure_of(world, ref)) == (
        ref.file_id,
    )  # told of twice: kept twice

    world.dynamodb.put_item(TableName="NPI_Processing", Item=sound)
    world.state.reopen(ref.file_id)
    assert close(world, ref.file_id)["status"] == "COMPLETED"
    assert burying.bury_results(world.streams, world.state, failure_of(world, ref)) == ()


def test_of_several_records_that_are_given_up_at_once_each_file_is(world) -> None:
    """And none behind them; each file once, whatever changes of it lie between."""
    files = [world.upload(b"no tiff", f"uploads/{number}.tif") for number in range(4)]
    for ref in files:
        world.state.create_file(ref, total_pages=0, total_batches=0, fault="no TIFF", event_id="event")
    buried = burying.bury_results(world.streams, world.state, failure_of(world, files[1], files[2]))
    assert buried == (files[1].file_id, files[2].file_id)
    assert "unclosed" not in world.metadata(files[0])
    assert "unclosed" not in world.metadata(files[3])


def test_the_aggregator_is_woken_a_few_times_to_say_that_it_failed_and_then_no_more(world) -> None:
    ref = world.upload(b"no tiff")
    world.state.create_file(ref, total_pages=0, total_batches=0, fault="no TIFF", event_id="event")
    changes = []
    for _ in range(MOST_FAREWELLS + 3):
        assert burying.bury_results(world.streams, world.state, failure_of(world, ref)) == (ref.file_id,)
        changes.append(len(world.changes()[2]))
    assert changes[-1] == changes[MOST_FAREWELLS - 1] == MOST_FAREWELLS + 1


@pytest.mark.parametrize(
    "body", ["{}", '{"unclosedFiles": []}', "no JSON", '{"DDBStreamBatchInfo": {"shardId": "s"}}']
)
def test_what_is_no_failure_of_the_aggregator_is_told_apart(body: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_aggregator_failure(body)
