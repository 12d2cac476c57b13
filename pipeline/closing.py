"""Closes a file: the outcomes of its batches become its result in S3, and a PDF if configured. May be
repeated at any point.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from pipeline import results
from pipeline.messages import FileRef
from pipeline.results import BatchOutcome, FileResult, WithheldPage
from pipeline.settings import Settings
from pipeline.state import UNCLOSED, StateTable, decode_outcomes

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def close_file(
    s3: "S3Client",
    state: StateTable,
    settings: Settings,
    file_id: str,
    remaining_seconds: Callable[[], float] = lambda: math.inf,
) -> str:
    """Writes the result of a file whose batches are all counted, and its PDF if configured; does nothing for
    others. Returns the status that it closed the file with, "" where it did not.

    The result of a file that was given up (`StateTable.give_up_closing`) says just that. A PDF that there is
    no time for (`remaining_seconds`) is no reason to hold back the result.
    """
    record, stored = state.read_file(file_id) or (None, ())
    if record is None or record.status != "PROCESSING" or record.remaining_batches:
        return ""
    stored_after_all = [
        batch for batch, _ in stored if not batch.failure and batch.batch_id in record.failed_batch_ids
    ]
    if (
        stored_after_all
    ):  # counted as failed while a worker was storing them; the count that is put right wakes us again
        for batch in stored_after_all:
            state.count_completed(file_id, batch.batch_id, batch.npi_pages)
        return ""
    batches = tuple(_unspilled(s3, record.file, batch, key) for batch, key in stored)
    verdict = results.judge(record.total_pages, batches, UNCLOSED if record.unclosed else record.fault)
    pdf_key = pdf_reason = ""
    withheld: tuple[tuple[int, str], ...] = ()
    if settings.pdf_mode != "none" and verdict.status != "FAILED":
        from pipeline import file_pdf  # most installations want no PDF, and none of its cold start

        made = file_pdf.make(
            s3, settings, record.file, record.total_pages, verdict, batches, remaining_seconds
        )
        pdf_key, pdf_reason, withheld = made.key, made.reason, made.withheld
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
        suspect_pages=verdict.suspect_pages,
        left_out=record.left_out,
        reason=verdict.reason,
        pdf_key=pdf_key,
        pdf_reason=pdf_reason,
        withheld_pages=tuple(WithheldPage(page, why) for page, why in withheld),
        created_at=record.created_at,
    )
    s3.put_object(
        Bucket=record.file.bucket,
        Key=f"results/{file_id}.json",
        Body=msgspec.json.encode(result),
        ContentType="application/json",
    )
    return verdict.status if state.close_file(file_id, record, verdict, bool(pdf_key)) else ""


def _unspilled(s3: "S3Client", ref: FileRef, batch: BatchOutcome, key: str) -> BatchOutcome:
    if not key:
        return batch
    encoded = s3.get_object(Bucket=ref.bucket, Key=key)["Body"].read()
    return msgspec.structs.replace(batch, outcomes=decode_outcomes(encoded))
