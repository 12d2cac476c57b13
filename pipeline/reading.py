"""Reads a batch: its pages become outcomes, stored and counted. May be repeated at any point: every write is
conditional or the same.
"""

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from pipeline import documents, npi, page_reading, results, text_layer, tiff
from pipeline.documents import PageFile
from pipeline.failures import BadFile, PageTooSlow, PageUnreadable
from pipeline.messages import BatchMessage, FileRef, PageRange
from pipeline.npi.tables import Table
from pipeline.ocr_options import OcrOptions
from pipeline.page_text import DAMAGED, Finding, PageText
from pipeline.results import BatchOutcome, PageOutcome
from pipeline.settings import Settings
from pipeline.state import StateTable, decode_outcomes, encode_outcomes
from pipeline.text_layer import PageLayer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

DEADLINE_MARGIN_SECONDS = 10
"""What a worker keeps, beside the time of one page, to store what it has or to hand back the rest."""


class Reading(msgspec.Struct, frozen=True):
    """What one invocation did of a batch: outcomes of the pages that it read, seconds that OCR took of each
    that could be decoded, and whether it handed the rest back. Nothing of a batch that was stored already.
    """

    outcomes: tuple[PageOutcome, ...] = ()
    ocr_seconds: tuple[float, ...] = ()
    handed_back: bool = False


def read_batch(
    s3: "S3Client",
    sqs: "SQSClient",
    state: StateTable,
    settings: Settings,
    batch: BatchMessage,
    event_id: str,
    remaining_seconds: Callable[[], float],
) -> Reading:
    """Reads the pages of a batch, stores what they hold and counts the batch; returns what that took.

    A batch that is stored already (a redelivery) is only counted. Pages that the time left is too short for
    go back to the queue, with the outcomes of those that are done, unless another message has brought them
    there. event_id: of the message that the batch came by.
    """
    file_id = batch.file.file_id
    done = state.finished_batch(file_id, batch.batch_id)
    reading = Reading()
    if done is None:
        seconds: list[float] = []
        outcomes, layers, left = _read_pages(s3, settings, batch, remaining_seconds, seconds)
        reading = Reading(
            outcomes[len(decode_outcomes(bytes(batch.done))) :], tuple(seconds), left is not None
        )
        text_parts = _store_text(s3, batch, layers)
        if left is not None:
            carried = msgspec.Raw(encode_outcomes(outcomes).encode())
            rest = msgspec.structs.replace(batch, pages=left, done=carried)
            if text_parts:
                rest = msgspec.structs.replace(rest, text_parts=text_parts)
            if not state.hand_on(file_id, batch.batch_id, left.first, event_id):
                return msgspec.structs.replace(reading, handed_back=False)
            sqs.send_message(QueueUrl=settings.batch_queue_url, MessageBody=rest.encode())
            return reading
        pages = f"{outcomes[0].page}-{outcomes[-1].page}"
        done = BatchOutcome(
            batch.batch_id, pages, outcomes, results.npi_pages(outcomes), text_parts=text_parts
        )
        state.put_batch(file_id, done, _spill(s3, settings.item_bytes, batch.file, done))
    state.count_completed(file_id, batch.batch_id, done.npi_pages)
    return reading


def _read_pages(
    s3: "S3Client",
    settings: Settings,
    batch: BatchMessage,
    remaining_seconds: Callable[[], float],
    seconds: list[float],
) -> tuple[tuple[PageOutcome, ...], list[PageLayer], PageRange | None]:
    """Outcomes of the batch so far, the text layers of the pages read now, if the PDF needs them, and the
    pages that there was no time for.

    At least one page is read, so that a batch never goes round without progress. What OCR took of each is
    added to `seconds`.
    """
    outcomes = list(decode_outcomes(bytes(batch.done)))
    layers: list[PageLayer] = []
    table = npi.load_table(settings.npi_table)
    options = _options(settings.ocr, table)
    offsets, first = batch.pages.offsets, batch.pages.first
    layout = tiff.Layout(batch.byte_order, batch.big_tiff)
    pages = documents.read_pages(s3, batch.file, layout, offsets, settings.whole_file_bytes)
    for index in range(len(offsets)):
        if index and remaining_seconds() < settings.ocr.page_timeout + DEADLINE_MARGIN_SECONDS:
            return tuple(outcomes), layers, PageRange(first + index, offsets[index:])
        number = first + index
        try:
            page = next(pages)
            text = _page_text(s3, batch.file, page, options, seconds, remaining_seconds)
        except PageUnreadable as unreadable:
            outcomes.append(PageOutcome(number, error=str(unreadable)))
        except BadFile as bad:
            outcomes += [PageOutcome(first + rest, error=str(bad)) for rest in range(index, len(offsets))]
            break
        else:
            as_read, suspect = npi.examine(number, msgspec.structs.replace(text, skew=0.0), table)
            findings = tuple(_as_scanned(text, finding) for finding in as_read)
            confidence = npi.page_confidence(text, findings)
            outcomes.append(PageOutcome(number, confidence, findings, suspect=suspect))
            if settings.keeps_text and text_layer.is_kept(settings.pdf_mode, suspect):
                layers.append(text_layer.of_page(settings.pdf_mode, number, text, as_read))
    return tuple(outcomes), layers, None


def _options(options: OcrOptions, table: Table) -> OcrOptions:
    if table.has_digits:
        return options
    # A type of letters may stand where no number is.
    return msgspec.structs.replace(options, findings="full")


def _page_text(
    s3: "S3Client",
    ref: FileRef,
    page: PageFile,
    options: OcrOptions,
    seconds: list[float],
    remaining_seconds: Callable[[], float],
) -> PageText:
    """The words of a page; where its data are damaged, or end too early, by what lies beyond its byte counts
    as well, when that helps and in the time that is left. Raises `PageUnreadable`.
    """
    text: PageText | None = None
    failure: PageUnreadable | None = None
    try:
        text = _timed(page, options, seconds)
    except PageTooSlow:  # more of its data would not make it quicker
        raise
    except PageUnreadable as unreadable:
        failure = unreadable
    if text is not None and not text.doubt.startswith(DAMAGED):
        return text
    left = min(options.page_timeout, remaining_seconds() - DEADLINE_MARGIN_SECONDS)
    if left >= 1:
        wide = documents.widened(s3, ref, page)
        with contextlib.suppress(PageUnreadable):
            if wide is not None:
                return _timed(wide, msgspec.structs.replace(options, page_timeout=int(left)), seconds)
    if text is None:
        raise failure or PageUnreadable("the page could not be read")
    return text


def _timed(page: PageFile, options: OcrOptions, seconds: list[float]) -> PageText:
    began = time.perf_counter()
    try:
        return page_reading.read_page(page, options)
    finally:
        seconds.append(time.perf_counter() - began)


def _as_scanned(text: PageText, finding: Finding) -> Finding:
    return msgspec.structs.replace(finding, box=text.as_scanned(finding.box))


def _store_text(s3: "S3Client", batch: BatchMessage, layers: list[PageLayer]) -> tuple[str, ...]:
    """The runs of the batch's pages whose text layers lie in S3, when those of the pages read now do, too.

    A run has an object of its own, which names its pages: two workers with the same batch, whose times run
    out at different pages, do not write over each other.
    """
    earlier = () if batch.text_parts is msgspec.UNSET else batch.text_parts
    if not layers:
        return earlier
    pages = f"{layers[0].page}-{layers[-1].page}"
    s3.put_object(
        Bucket=batch.file.bucket,
        Key=text_layer.key(batch.file.file_id, batch.batch_id, pages),
        Body=text_layer.encode(layers),
    )
    return (*earlier, pages)


def _spill(s3: "S3Client", item_bytes: int, ref: FileRef, batch: BatchOutcome) -> str:
    """The S3 key that the outcomes were put under because an item cannot hold them; "" when it can."""
    encoded = encode_outcomes(batch.outcomes)
    if len(encoded) <= item_bytes:
        return ""
    key = f"work/{ref.file_id}/{batch.batch_id}.json"
    s3.put_object(Bucket=ref.bucket, Key=key, Body=encoded.encode())
    return key
