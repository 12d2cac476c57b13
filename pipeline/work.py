"""The steps of each function, free of Lambda's event shapes: open a file, read a batch, close a file, bury what is dead.

Each takes the clients and values it needs and may be repeated at any point: every write is conditional or the same again.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from pipeline import documents, messages, npi, ocr, pdf, results, tiff
from pipeline.failures import BadFile, PageUnreadable
from pipeline.messages import BatchMessage, FileRef, PageRange
from pipeline.results import BatchOutcome, FileResult, PageOutcome
from pipeline.settings import Settings
from pipeline.state import StateTable, decode_outcomes, encode_outcomes

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

DEADLINE_MARGIN_SECONDS = 10
"""What a worker keeps, beside the time of one page, to store what it has or to hand back the rest."""
ITEM_BYTES = 100_000
"""Outcomes longer than this go to S3: an item may have 400 KB, and every 1 KB of it is billed."""
ENTRIES_PER_SEND = 10
"""Entries in one SendMessageBatch (SQS quotas)."""


def open_file(s3: "S3Client", sqs: "SQSClient", state: StateTable, settings: Settings, ref: FileRef, event_id: str) -> None:
    """Finds the pages of an upload, records the file and sends its batches.

    `event_id` names the message that told of the upload: its own redelivery resumes the work, another message about the same
    upload (S3 delivers at least once) does nothing.
    """
    try:
        chain = documents.read_chain(s3, ref, settings.whole_file_bytes)
    except BadFile as bad:
        state.create_file(ref, total_pages=0, total_batches=0, reason=str(bad), event_id=event_id)
        return
    ranges = messages.plan_batches(chain.offsets, settings.batch_pages)
    known = state.create_file(
        ref,
        total_pages=len(chain.offsets),
        total_batches=len(ranges),
        reason=chain.broken or "",
        event_id=event_id,
    )
    if known and (known.event_id != event_id or known.status != "PROCESSING"):
        return
    batches = [BatchMessage(ref, number, pages, chain.layout.big, chain.layout.order) for number, pages in enumerate(ranges, 1)]
    for start in range(0, len(batches), ENTRIES_PER_SEND):
        _send(sqs, settings.batch_queue_url, batches[start : start + ENTRIES_PER_SEND])


def work_batch(
    s3: "S3Client",
    sqs: "SQSClient",
    state: StateTable,
    settings: Settings,
    batch: BatchMessage,
    remaining_seconds: Callable[[], float],
) -> None:
    """Reads the pages of a batch, stores what they hold and counts the batch.

    A batch that is stored already (a redelivery) is only counted. Pages that the time left is too short for go back to the
    queue, with the outcomes of those that are done.
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
        state.put_batch(file_id, done, _spill(s3, batch.file, done))
    state.count_completed(file_id, batch.batch_id, done.npi_pages)


def close_file(s3: "S3Client", state: StateTable, settings: Settings, file_id: str) -> None:
    """Writes the result of a file whose batches are all counted, and its PDF if configured; does nothing for others."""
    found = state.read_file(file_id)
    if found is None:
        return
    record, stored = found
    if record.status != "PROCESSING" or record.remaining_batches:
        return
    batches = tuple(_unspilled(s3, record.file, batch, key) for batch, key in stored)
    verdict = results.judge(record.total_pages, batches, record.reason)
    pdf_key = _make_pdf(s3, record.file) if settings.pdf_mode == "original" and verdict.status != "FAILED" else ""
    result = FileResult(
        file_id=file_id,
        bucket=record.file.bucket,
        s3_key=record.file.key,
        version_id=record.file.version_id,
        status=verdict.status,
        total_pages=record.total_pages,
        total_batches=record.total_batches,
        npi_pages=verdict.npi_pages,
        npi_percentage=verdict.npi_percentage,
        confidence=verdict.confidence,
        findings=verdict.findings,
        page_errors=verdict.page_errors,
        reason=verdict.reason,
        pdf_key=pdf_key,
        created_at=record.created_at,
    )
    s3.put_object(
        Bucket=record.file.bucket,
        Key=f"results/{file_id}.json",
        Body=msgspec.json.encode(result),
        ContentType="application/json",
    )
    state.close_file(file_id, record, verdict, bool(pdf_key))


def bury_batch(state: StateTable, batch: BatchMessage, receives: int) -> None:
    """Records a batch that no worker could process, so that its file still closes."""
    file_id = batch.file.file_id
    pages = _all_pages(batch)
    state.put_failed_batch(file_id, batch.batch_id, pages, f"not processed: given up after {receives} attempts")
    if state.finished_batch(file_id, batch.batch_id) is None:
        state.count_failed(file_id, batch.batch_id)


def bury_file(state: StateTable, ref: FileRef, event_id: str, receives: int) -> None:
    """Records a file that no controller could open. Batches that were sent all the same still heal it, as they finish."""
    reason = f"not processed: given up after {receives} attempts to find its pages"
    known = state.create_file(ref, total_pages=0, total_batches=0, reason=reason, event_id=event_id)
    if known and known.status == "PROCESSING" and known.event_id == event_id:
        for batch_id in range(1, known.total_batches + 1):
            state.count_failed(ref.file_id, batch_id)


def _read_pages(
    s3: "S3Client", settings: Settings, batch: BatchMessage, remaining_seconds: Callable[[], float]
) -> tuple[tuple[PageOutcome, ...], PageRange | None]:
    """Outcomes of the batch so far, and the pages that there was no time for.

    At least one page is read, so that a batch never goes round without progress.
    """
    outcomes = list(decode_outcomes(bytes(batch.done)))
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
            findings = npi.detect(number, text)
            outcomes.append(PageOutcome(number, npi.page_confidence(text, findings), findings))
    return tuple(outcomes), None


def _send(sqs: "SQSClient", queue_url: str, batches: list[BatchMessage]) -> None:
    entries: list[SendMessageBatchRequestEntryTypeDef] = [
        {"Id": str(batch.batch_id), "MessageBody": batch.encode()} for batch in batches
    ]
    failed = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries).get("Failed", [])
    if failed:
        raise RuntimeError(f"SQS refused {len(failed)} of {len(entries)} batches: {failed[0].get('Message', '')}")


def _spill(s3: "S3Client", ref: FileRef, batch: BatchOutcome) -> str:
    """The S3 key that the outcomes were put under because an item cannot hold them; "" when it can."""
    encoded = encode_outcomes(batch.outcomes)
    if len(encoded) <= ITEM_BYTES:
        return ""
    key = f"work/{ref.file_id}/{batch.batch_id}.json"
    s3.put_object(Bucket=ref.bucket, Key=key, Body=encoded.encode())
    return key


def _unspilled(s3: "S3Client", ref: FileRef, batch: BatchOutcome, key: str) -> BatchOutcome:
    if not key:
        return batch
    encoded = s3.get_object(Bucket=ref.bucket, Key=key)["Body"].read()
    return msgspec.structs.replace(batch, outcomes=decode_outcomes(encoded))


def _make_pdf(s3: "S3Client", ref: FileRef) -> str:
    """The key of the PDF; "" when the file cannot become one, which is no reason to hold back its result."""
    try:
        document = pdf.original(documents.read_whole(s3, ref))
    except (BadFile, pdf.NoPdf):
        return ""
    key = f"results/{ref.file_id}.pdf"
    s3.put_object(Bucket=ref.bucket, Key=key, Body=document, ContentType="application/pdf")
    return key


def _all_pages(batch: BatchMessage) -> str:
    """The whole batch, also when only its last pages were left in the message."""
    last = batch.pages.first + len(batch.pages.offsets) - 1
    done = decode_outcomes(bytes(batch.done))
    return f"{done[0].page if done else batch.pages.first}-{last}"
