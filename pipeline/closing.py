"""Closes a file: the outcomes of its batches become its result in S3, and a PDF if configured. May be
repeated at any point.
"""

from typing import TYPE_CHECKING

import msgspec

from pipeline import documents, results
from pipeline.failures import BadFile
from pipeline.messages import FileRef
from pipeline.results import BatchOutcome, FileResult
from pipeline.settings import Settings
from pipeline.state import UNCLOSED, StateTable, decode_outcomes

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def close_file(s3: "S3Client", state: StateTable, settings: Settings, file_id: str) -> None:
    """Writes the result of a file whose batches are all counted, and its PDF if configured; does nothing for
    others.

    The result of a file that was given up (`StateTable.give_up_closing`) says just that.
    """
    found = state.read_file(file_id)
    if found is None:
        return
    record, stored = found
    if record.status != "PROCESSING" or record.remaining_batches:
        return
    stored_after_all = [
        batch for batch, _ in stored if not batch.failure and batch.batch_id in record.failed_batch_ids
    ]
    if (
        stored_after_all
    ):  # counted as failed while a worker was storing them; the count that is put right wakes us again
        for batch in stored_after_all:
            state.count_completed(file_id, batch.batch_id, batch.npi_pages)
        return
    batches = tuple(_unspilled(s3, record.file, batch, key) for batch, key in stored)
    verdict = results.judge(record.total_pages, batches, UNCLOSED if record.unclosed else record.fault)
    pdf_key = (
        _make_pdf(s3, record.file) if settings.pdf_mode == "original" and verdict.status != "FAILED" else ""
    )
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
        created_at=record.created_at,
    )
    s3.put_object(
        Bucket=record.file.bucket,
        Key=f"results/{file_id}.json",
        Body=msgspec.json.encode(result),
        ContentType="application/json",
    )
    state.close_file(file_id, record, verdict, bool(pdf_key))


def _unspilled(s3: "S3Client", ref: FileRef, batch: BatchOutcome, key: str) -> BatchOutcome:
    if not key:
        return batch
    encoded = s3.get_object(Bucket=ref.bucket, Key=key)["Body"].read()
    return msgspec.structs.replace(batch, outcomes=decode_outcomes(encoded))


def _make_pdf(s3: "S3Client", ref: FileRef) -> str:
    """The key of the PDF; "" when the file cannot become one, which is no reason to hold back its result."""
    from pipeline import (
        pdf,
    )  # with its libraries it would triple the cold start, and most installations want no PDF

    try:
        document = pdf.original(documents.read_whole(s3, ref))
    except (BadFile, pdf.NoPdf):
        return ""
    key = f"results/{ref.file_id}.pdf"
    s3.put_object(Bucket=ref.bucket, Key=key, Body=document, ContentType="application/pdf")
    return key
