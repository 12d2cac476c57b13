"""Reads a batch: its pages become outcomes, stored and counted. May be repeated at any point: every write is
conditional or the same.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from pipeline import documents, npi, ocr, results, tiff
from pipeline.failures import BadFile, PageUnreadable
from pipeline.messages import BatchMessage, FileRef, PageRange
from pipeline.results import BatchOutcome, PageOutcome
from pipeline.settings import Settings
from pipeline.state import StateTable, decode_outcomes, encode_outcomes

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

DEADLINE_MARGIN_SECONDS = 10
"""What a worker keeps, beside the time of one page, to store what it has or to hand back the rest."""


def read_batch(
    s3: "S3Client",
    sqs: "SQSClient",
    state: StateTable,
    settings: Settings,
    batch: BatchMessage,
    remaining_seconds: Callable[[], float],
) -> None:
    """Reads the pages of a batch, stores what they hold and counts the batch.

    A batch that is stored already (a redelivery) is only counted. Pages that the time left is too short for
    go back to the queue, with the outcomes of those that are done.
    """
    file_id = batch.file.file_id
    done = state.finished_batch(file_id, batch.batch_id)
    if done is None:
        outcomes, left = _read_pages(s3, settings, batch, remaining_seconds)
        if left is not None:
            carried = msgspec.Raw(encode_outcomes(outcomes).encode())
            sqs.send_message(
                QueueUrl=settings.batch_queue_url,
                MessageBody=msgspec.structs.replace(batch, pages=left, done=carried).encode(),
            )
            return
        pages = f"{outcomes[0].page}-{outcomes[-1].page}"
        done = BatchOutcome(batch.batch_id, pages, outcomes, results.npi_pages(outcomes))
        state.put_batch(file_id, done, _spill(s3, settings.item_bytes, batch.file, done))
    state.count_completed(file_id, batch.batch_id, done.npi_pages)


def _read_pages(
    s3: "S3Client", settings: Settings, batch: BatchMessage, remaining_seconds: Callable[[], float]
) -> tuple[tuple[PageOutcome, ...], PageRange | None]:
    """Outcomes of the batch so far, and the pages that there was no time for.

    At least one page is read, so that a batch never goes round without progress.
    """
    outcomes = list(decode_outcomes(bytes(batch.done)))
    table = npi.load_table(settings.npi_table)
    offsets, first = batch.pages.offsets, batch.pages.first
    layout = tiff.Layout(batch.byte_order, batch.big_tiff)
    pages = documents.read_pages(s3, batch.file, layout, offsets, settings.whole_file_bytes)
    for index in range(len(offsets)):
        if index and remaining_seconds() < settings.ocr.page_timeout + DEADLINE_MARGIN_SECONDS:
            return tuple(outcomes), PageRange(first + index, offsets[index:])
        number = first + index
        try:
            text = ocr.read_page(next(pages), settings.ocr)
        except PageUnreadable as unreadable:
            outcomes.append(PageOutcome(number, error=str(unreadable)))
        except BadFile as bad:
            outcomes += [PageOutcome(first + rest, error=str(bad)) for rest in range(index, len(offsets))]
            break
        else:
            findings, suspect = npi.examine(number, text, table)
            confidence = npi.page_confidence(text, findings)
            outcomes.append(PageOutcome(number, confidence, findings, suspect=suspect))
    return tuple(outcomes), None


def _spill(s3: "S3Client", item_bytes: int, ref: FileRef, batch: BatchOutcome) -> str:
    """The S3 key that the outcomes were put under because an item cannot hold them; "" when it can."""
    encoded = encode_outcomes(batch.outcomes)
    if len(encoded) <= item_bytes:
        return ""
    key = f"work/{ref.file_id}/{batch.batch_id}.json"
    s3.put_object(Bucket=ref.bucket, Key=key, Body=encoded.encode())
    return key
