"""Opens a file: an upload becomes a METADATA item and batches of pages. May be repeated at any point."""

from typing import TYPE_CHECKING

from pipeline import documents, messages
from pipeline.failures import BadFile
from pipeline.messages import BatchMessage, FileRef
from pipeline.settings import Settings
from pipeline.state import FileRecord, StateTable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

ENTRIES_PER_SEND = 10
"""Entries in one SendMessageBatch (SQS quotas)."""


def open_file(
    s3: "S3Client", sqs: "SQSClient", state: StateTable, settings: Settings, ref: FileRef, event_id: str
) -> bool:
    """Finds the pages of an upload, records the file and sends its batches; returns whether the file is new.

    `event_id` names the message that told of the upload: its own redelivery resumes the work, another message
    about the same upload (S3 delivers at least once) does nothing. A redriven one sends the batches again if
    any of them failed, and opens a file that was buried.
    """
    try:
        chain = documents.read_chain(s3, ref, settings.whole_file_bytes)
    except BadFile as bad:
        known = state.create_file(ref, total_pages=0, total_batches=0, fault=str(bad), event_id=event_id)
        return known is None
    ranges = messages.plan_batches(chain.offsets, settings.batch_pages)
    known = state.create_file(
        ref,
        total_pages=len(chain.offsets),
        total_batches=len(ranges),
        fault=chain.broken or "",
        event_id=event_id,
        left_out=chain.left_out,
    )
    if known:
        if not _goes_on(known, event_id, len(chain.offsets)):
            return False
        # As it was recorded, if with other settings.
        ranges = messages.split_pages(chain.offsets, known.total_batches)
    batches = [
        BatchMessage(ref, number, pages, chain.layout.big, chain.layout.order)
        for number, pages in enumerate(ranges, 1)
    ]
    for start in range(0, len(batches), ENTRIES_PER_SEND):
        _send(sqs, settings.batch_queue_url, batches[start : start + ENTRIES_PER_SEND])
    return known is None


def _goes_on(known: FileRecord, event_id: str, pages: int) -> bool:
    """Whether a message about a file that is known has batches to send: it is the one that began, and there
    is something to do still. Where another delivery of it found that the file is bad, or gone, that stands.
    """
    is_unfinished = known.status == "PROCESSING" or known.failed_batches > 0
    return known.event_id == event_id and is_unfinished and known.total_pages == pages


def _send(sqs: "SQSClient", queue_url: str, batches: list[BatchMessage]) -> None:
    entries: list[SendMessageBatchRequestEntryTypeDef] = [
        {"Id": str(batch.batch_id), "MessageBody": batch.encode()} for batch in batches
    ]
    failed = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries).get("Failed", [])
    if failed:
        raise RuntimeError(
            f"SQS refused {len(failed)} of {len(entries)} batches: {failed[0].get('Message', '')}"
        )
