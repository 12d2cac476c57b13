"""Buries what is dead: a message that nobody could process is recorded as failed, so that its file still
closes.
"""

from typing import TYPE_CHECKING

from pipeline.messages import BatchMessage, FileRef, StreamBatch, split_pages
from pipeline.state import GIVEN_UP, StateTable, decode_outcomes, file_id_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient

MOST_READS = 100
"""Reads of a stream that look for a batch of it; one is enough but for AWS's empty answers."""


def bury_batch(state: StateTable, batch: BatchMessage) -> None:
    """Records a batch that no worker could process, so that its file still closes."""
    _give_up(state, batch.file.file_id, batch.batch_id, _all_pages(batch))


def bury_file(state: StateTable, ref: FileRef, event_id: str) -> None:
    """Records a file that no controller could open. Batches that were sent all the same still heal it, as
    they finish. One that breaks off at any of many batches goes on from there when it is repeated.
    """
    known = state.create_file(ref, total_pages=0, total_batches=0, fault=GIVEN_UP, event_id=event_id)
    if known and known.event_id == event_id:
        pages = split_pages(tuple(range(known.total_pages)), known.total_batches)
        for batch_id, some in enumerate(pages, 1):
            if batch_id not in known.counted_batch_ids:
                _give_up(state, ref.file_id, batch_id, str(some))


def bury_results(streams: "DynamoDBStreamsClient", state: StateTable, batch: StreamBatch) -> tuple[str, ...]:
    """Lets the files close as FAILED whose last change, in these records of the stream, the aggregator could
    not process.

    Returns their ids; files that are closed by now are not among them. Raises `ClientError` when the stream
    has forgotten the records, which it does after 24 hours.
    """
    return tuple(file_id for file_id in _changed_files(streams, batch) if state.give_up_closing(file_id))


def _changed_files(streams: "DynamoDBStreamsClient", batch: StreamBatch) -> list[str]:
    """Ids of the files in a batch of the stream, in the order of their changes."""
    found: dict[str, None] = {}
    iterator = streams.get_shard_iterator(
        StreamArn=batch.stream_arn,
        ShardId=batch.shard_id,
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        SequenceNumber=batch.start_sequence_number,
    )["ShardIterator"]
    for _ in range(MOST_READS):
        answer = streams.get_records(ShardIterator=iterator)
        for record in answer["Records"]:
            found[file_id_of(record["dynamodb"]["Keys"]["PK"]["S"])] = None
            if record["dynamodb"]["SequenceNumber"] == batch.end_sequence_number:
                return list(found)
        iterator = answer["NextShardIterator"]  # a shard does not end before a record that it has
    raise RuntimeError(
        f"the stream did not show its records {batch.start_sequence_number} to {batch.end_sequence_number}"
    )


def _give_up(state: StateTable, file_id: str, batch_id: int, pages: str) -> None:
    """Records a batch as failed and counts it, unless a worker has stored it: then all that failed was to
    count it.
    """
    state.put_failed_batch(file_id, batch_id, pages, GIVEN_UP)
    done = state.finished_batch(file_id, batch_id)
    if done is not None:
        state.count_completed(file_id, batch_id, done.npi_pages)
    else:
        state.count_failed(file_id, batch_id)


def _all_pages(batch: BatchMessage) -> str:
    """The whole batch, also when only its last pages were left in the message."""
    last = batch.pages.first + len(batch.pages.offsets) - 1
    done = decode_outcomes(bytes(batch.done))
    return f"{done[0].page if done else batch.pages.first}-{last}"
