"""Results: what the batches come to, and a schema that documents it."""

from pathlib import Path

import msgspec

from pipeline import results
from pipeline.page_text import Finding
from pipeline.results import BatchOutcome, PageOutcome


def outcome(page: int, npi: bool = False, error: str = "", confidence: int = 90) -> PageOutcome:
    findings = (Finding(page, "SSN", 90, (0, 0, 1, 1), "***-**-**81"),) if npi else ()
    return PageOutcome(page, 0 if error else confidence, findings, error)


def judge(total: int, *batches: BatchOutcome, fault: str = "") -> results.Verdict:
    return results.judge(total, batches, fault)


def test_a_file_whose_pages_were_all_read_is_completed() -> None:
    verdict = judge(
        3,
        BatchOutcome(2, "3-3", (outcome(3, npi=True),)),
        BatchOutcome(1, "1-2", (outcome(2), outcome(1, npi=True))),
    )
    assert (verdict.status, verdict.npi_pages, verdict.npi_percentage, verdict.reason) == (
        "COMPLETED",
        (1, 3),
        66.67,
        "",
    )


def test_the_seeds_example_of_three_in_five_is_sixty_percent() -> None:
    pages = tuple(outcome(page, npi=page in (2, 4, 5)) for page in range(1, 6))
    assert judge(5, BatchOutcome(1, "1-5", pages)).npi_percentage == 60


def test_a_page_error_makes_the_file_partial_and_is_named() -> None:
    verdict = judge(2, BatchOutcome(1, "1-2", (outcome(1), outcome(2, error="damaged"))))
    assert (verdict.status, verdict.reason) == ("PARTIAL", "1 of 2 pages could not be searched")
    assert verdict.page_errors[0].reason == "damaged"


def test_a_failed_batch_counts_against_each_of_its_pages() -> None:
    verdict = judge(
        5,
        BatchOutcome(1, "1-3", (outcome(1), outcome(2), outcome(3))),
        BatchOutcome(2, "4-5", failure="given up"),
    )
    assert verdict.status == "PARTIAL"
    assert [error.page for error in verdict.page_errors] == [4, 5]


def test_a_file_of_which_nothing_was_read_has_failed() -> None:
    assert (
        judge(1, BatchOutcome(1, "1-1", (outcome(1, error="damaged"),))).reason
        == "the only page could not be searched: damaged"
    )
    assert judge(0, fault="not a TIFF").status == "FAILED"


def test_a_page_that_no_batch_tells_of_is_an_error() -> None:
    verdict = judge(2, BatchOutcome(1, "1-1", (outcome(1),)))
    assert (verdict.status, [error.page for error in verdict.page_errors]) == ("PARTIAL", [2])


def test_a_chain_that_breaks_makes_the_file_partial() -> None:
    assert (
        judge(1, BatchOutcome(1, "1-1", (outcome(1),)), fault="the chain of pages breaks").status == "PARTIAL"
    )


def test_confidence_is_the_mean_of_pages_that_were_read() -> None:
    assert (
        judge(
            3,
            BatchOutcome(
                1, "1-3", (outcome(1, confidence=80), outcome(2, confidence=90), outcome(3, error="x"))
            ),
        ).confidence
        == 85
    )


def test_the_schema_in_docs_is_that_of_the_code() -> None:
    """Renew it with `python -m pipeline.results > docs/result.schema.json`."""
    documented = msgspec.json.decode((Path(__file__).parents[2] / "docs" / "result.schema.json").read_bytes())
    assert documented == msgspec.json.decode(msgspec.json.encode(results.schema()))


def test_suspect_pages_are_told_with_their_reason_and_leave_the_status_alone() -> None:
    """They were searched, so the file is COMPLETED; whoever reads only npiPages is told that more may be there."""
    outcomes = (PageOutcome(1, 96), PageOutcome(2, 60, suspect="the page is dark all over"))
    verdict = results.judge(2, (BatchOutcome(1, "1-2", outcomes),), "")
    assert (verdict.status, verdict.npi_pages) == ("COMPLETED", ())
    assert [(one.page, one.reason) for one in verdict.suspect_pages] == [(2, "the page is dark all over")]
