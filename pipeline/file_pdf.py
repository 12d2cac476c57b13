"""Makes the PDF of a file and leaves it in S3: page by page from the TIFF, by what the workers found.

A file that cannot become one keeps its result: it says why. May be repeated; the same file gives the same
bytes. The libraries that this needs take 0.1 s of a cold start: it is imported when there is a PDF to make.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec
from botocore.exceptions import ClientError

from pipeline import documents, pdf, text_layer
from pipeline.failures import BadFile
from pipeline.messages import FileRef
from pipeline.pdf import NoPdf, PageOrder
from pipeline.results import BatchOutcome, PageOutcome, Verdict
from pipeline.settings import Settings
from pipeline.text_layer import PageLayer
from pipeline.uploading import Upload

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CLOSING_SECONDS = 15.0
"""What is kept, beside twice the time of the slowest page, to end the document and to write the result."""
OWN_MEGABYTES = 200
"""Of the function's memory that no page may take: libraries, a part of the upload, a small file."""
_GONE = frozenset({"NoSuchKey", "404"})


class Made(msgspec.Struct, frozen=True):
    """key: where the PDF lies, "" when there is none; reason: why there is none; withheld: (page, reason)."""

    key: str = ""
    reason: str = ""
    withheld: tuple[tuple[int, str], ...] = ()


def make(
    s3: "S3Client",
    settings: Settings,
    ref: FileRef,
    total_pages: int,
    verdict: Verdict,
    batches: Sequence[BatchOutcome],
    remaining_seconds: Callable[[], float],
) -> Made:
    """The PDF of all pages of a file, in the mode of the settings. `remaining_seconds`: of the function's
    time.
    """
    key = f"results/{ref.file_id}.pdf"
    try:
        chain = documents.read_chain(s3, ref, settings.whole_file_bytes)
        if len(chain.offsets) != total_pages:
            raise NoPdf(f"{len(chain.offsets)} pages are found now, {total_pages} were before")
        pages = documents.read_pages(s3, ref, chain.layout, chain.offsets, settings.whole_file_bytes)
        layers = _layers(s3, ref, batches) if settings.keeps_text else None
        orders = _Orders(settings.pdf_mode, verdict, batches, layers)
        memory = max(1, settings.aws_lambda_function_memory_size - OWN_MEGABYTES) * 2**20
        clock = _Clock(remaining_seconds, total_pages)
        with Upload(s3, ref.bucket, key, "application/pdf") as upload:
            withheld = pdf.write(upload.write, settings.pdf_mode, pages, orders.of, memory, clock.go_on)
    except (BadFile, NoPdf) as reason:
        return Made(reason=str(reason))
    return Made(key, withheld=tuple(withheld.items()))


class _Orders:
    """What is to be made of each page."""

    def __init__(
        self, mode: str, verdict: Verdict, batches: Sequence[BatchOutcome], layers: text_layer.Layers | None
    ) -> None:
        self._mode, self._layers = mode, layers
        self._outcomes = {one.page: one for batch in batches for one in batch.outcomes}
        self._unread = {one.page for one in verdict.page_errors}

    def of(self, page: int) -> PageOrder:
        if self._layers is None:
            return PageOrder()
        outcome = self._outcomes.get(page, PageOutcome(page, error=pdf.UNKNOWN))
        is_unread = page in self._unread or bool(outcome.error)
        if self._mode == text_layer.REDACTED and (is_unread or outcome.suspect):
            return PageOrder(withheld=pdf.DAMAGED if is_unread else pdf.IN_DOUBT)
        layer = None if is_unread else self._layers.of(page)
        if self._mode == text_layer.REDACTED:
            return _redacted(layer, outcome)
        return PageOrder(layer.text if layer else None)


def _redacted(layer: PageLayer | None, outcome: PageOutcome) -> PageOrder:
    """Only what was kept of the very reading that gave the findings tells what may be shown."""
    if layer is None or not layer.is_of(outcome.findings):
        return PageOrder(withheld=pdf.UNKNOWN)
    return PageOrder(layer.text, (*layer.hidden, *layer.repeated))


class _Clock:
    """Ends a document that the function's time is too short for: better none than a file that is tried again
    and again.
    """

    def __init__(self, remaining_seconds: Callable[[], float], total_pages: int) -> None:
        self._remaining, self._total = remaining_seconds, total_pages
        self._slowest = 0.0
        self._before: float | None = None

    def go_on(self, page: int) -> None:
        """Raises `NoPdf` when there may not be time for another page."""
        left = self._remaining()
        if self._before is not None:
            self._slowest = max(self._slowest, self._before - left)
        self._before = left
        if left < CLOSING_SECONDS + 2 * self._slowest:
            raise NoPdf(
                f"the aggregator's time is up at page {page} of {self._total}: "
                f"it needs a higher AggregatorTimeout, or more AggregatorMemory"
            )


def _layers(s3: "S3Client", ref: FileRef, batches: Sequence[BatchOutcome]) -> text_layer.Layers:
    parts = [
        (text_layer.key(ref.file_id, batch.batch_id, pages), pages)
        for batch in batches
        for pages in batch.text_parts
    ]
    return text_layer.Layers(parts, lambda key: _fetch(s3, ref.bucket, key))


def _fetch(s3: "S3Client", bucket: str, key: str) -> bytes | None:
    try:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            return None
        raise
