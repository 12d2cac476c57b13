"""What the system says of a file: outcomes of pages are merged into one result, the JSON document that S3
receives.

Pure: takes what the table holds and returns the result. `python -m pipeline.results` prints the JSON Schema
of the result, which docs/result.schema.json keeps for readers.
"""

from typing import Any, Literal

import msgspec

from pipeline.page_text import Finding

SCHEMA_VERSION = "1.2"

FileStatus = Literal["COMPLETED", "PARTIAL", "FAILED"]


class PageOutcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a worker found on one page. `confidence` in percent: how sure the verdict is; `error`: why it
    could not be read; `suspect`: why there may be more on it than was found.
    """

    page: int
    confidence: int = 0
    findings: tuple[Finding, ...] = ()
    error: str = ""
    suspect: str = ""


class PageError(msgspec.Struct, frozen=True):
    """A page that could not be searched, and why."""

    page: int
    reason: str


class SuspectPage(msgspec.Struct, frozen=True):
    """A page that was searched, but may hold more than was found, and why: a person should look at it."""

    page: int
    reason: str


class WithheldPage(msgspec.Struct, frozen=True):
    """A page that the redacted PDF does not show, and why."""

    page: int
    reason: str


class BatchOutcome(msgspec.Struct, frozen=True):
    """A batch as the table holds it: its pages' outcomes, or why it failed as a whole (`pages` like
    "1-10"). text_parts: runs of its pages whose text layers lie in S3.
    """

    batch_id: int
    pages: str
    outcomes: tuple[PageOutcome, ...] = ()
    npi_pages: tuple[int, ...] = ()
    failure: str = ""
    text_parts: tuple[str, ...] = ()


class FileResult(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The result of one file.

    status: COMPLETED (every page searched), PARTIAL (some pages could not be: see pageErrors), FAILED (none
    could: see reason).
    npiPages: numbers of the pages with NPI, from 1, ascending; npiPercentage: their share of all pages.
    suspectPages: pages whose reading is in doubt: those that are not in npiPages too must not be taken for
    clean.
    leftOut: images of the file that are no pages, such as thumbnails, and why.
    confidence: mean confidence of the pages' verdicts, in percent.
    pdfKey: where the PDF lies, in the same bucket; pdfReason: why there is none, where one is configured;
    withheldPages: pages in whose place a redacted PDF has a notice.
    """

    schema_version: str = SCHEMA_VERSION
    file_id: str
    bucket: str
    s3_key: str = msgspec.field(name="s3Key")
    version_id: str = ""
    status: FileStatus
    total_pages: int
    total_batches: int
    npi_pages: tuple[int, ...] = ()
    npi_percentage: float = 0
    confidence: int = 0
    findings: tuple[Finding, ...] = ()
    page_errors: tuple[PageError, ...] = ()
    suspect_pages: tuple[SuspectPage, ...] = ()
    left_out: tuple[str, ...] = ()
    reason: str = ""
    pdf_key: str = ""
    pdf_reason: str = ""
    withheld_pages: tuple[WithheldPage, ...] = ()
    created_at: int = 0


def npi_pages(outcomes: tuple[PageOutcome, ...]) -> tuple[int, ...]:
    """Numbers of the pages with findings, ascending."""
    return tuple(sorted({outcome.page for outcome in outcomes if outcome.findings}))


def mean_confidence(outcomes: tuple[PageOutcome, ...]) -> int:
    """Of the pages that could be read, in percent; 0 when none could."""
    read = [outcome.confidence for outcome in outcomes if not outcome.error]
    return round(sum(read) / len(read)) if read else 0


def percentage(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


class Verdict(msgspec.Struct, frozen=True):
    """What the outcomes of all batches come to; see the fields of `FileResult`."""

    status: FileStatus
    npi_pages: tuple[int, ...]
    npi_percentage: float
    confidence: int
    findings: tuple[Finding, ...]
    page_errors: tuple[PageError, ...]
    suspect_pages: tuple[SuspectPage, ...]
    reason: str


def judge(total_pages: int, batches: tuple[BatchOutcome, ...], fault: str) -> Verdict:
    """Merges the batches of a file; `fault`: what is wrong with it as a whole ("" for nothing).

    Every page is accounted for: one that no batch tells of is an error.
    """
    outcomes = tuple(
        sorted((outcome for batch in batches for outcome in batch.outcomes), key=lambda outcome: outcome.page)
    )
    errors = [PageError(outcome.page, outcome.error) for outcome in outcomes if outcome.error]
    for batch in batches:
        if batch.failure:
            first, last = map(int, batch.pages.split("-"))
            errors += [PageError(page, batch.failure) for page in range(first, last + 1)]
    accounted = {outcome.page for outcome in outcomes} | {error.page for error in errors}
    errors += [
        PageError(page, "not processed") for page in range(1, total_pages + 1) if page not in accounted
    ]
    errors.sort(key=lambda error: error.page)
    found = npi_pages(outcomes)
    return Verdict(
        status=_status(total_pages, len(errors), fault),
        npi_pages=found,
        npi_percentage=percentage(len(found), total_pages),
        confidence=mean_confidence(outcomes),
        findings=tuple(finding for outcome in outcomes for finding in outcome.findings),
        page_errors=tuple(errors),
        suspect_pages=tuple(SuspectPage(one.page, one.suspect) for one in outcomes if one.suspect),
        reason=fault or _reason(total_pages, errors),
    )


def _status(total_pages: int, errors: int, fault: str) -> FileStatus:
    if errors >= total_pages:
        return "FAILED"
    return "PARTIAL" if errors or fault else "COMPLETED"


def _reason(total_pages: int, errors: list[PageError]) -> str:
    if not errors:
        return ""
    if len(errors) < total_pages:
        return f"{len(errors)} of {total_pages} pages could not be searched"
    if total_pages == 1:
        return f"the only page could not be searched: {errors[0].reason}"
    return f"none of the {total_pages} pages could be searched; page 1: {errors[0].reason}"


def schema() -> dict[str, Any]:
    """The JSON Schema of `FileResult`."""
    return msgspec.json.schema(FileResult)


if __name__ == "__main__":
    print(msgspec.json.format(msgspec.json.encode(schema()), indent=2).decode())
