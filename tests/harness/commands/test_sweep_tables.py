"""What is said of a sweep in words."""

from harness.commands import sweep_tables

WORDS = {"input": ["file", "files"]}


def said(error: str = "", **edges: float) -> list[str]:
    names = ("timeouts", "errors", "handedBack", "throttles", "refused", "partial", "failed")
    point = {
        "parameters": {"BatchPages": "5"},
        "error": error,
        "edges": dict.fromkeys(names, 0.0) | edges,
        "violations": [],
    }
    return list(sweep_tables.troubles({"words": WORDS, "points": [point]}))


def test_counts_of_one_seed_are_whole_and_means_have_a_digit() -> None:
    assert said(failed=3.0, timeouts=1.25) == ["BatchPages=5: 1.2 timed out, 3 files failed"]
    assert said(handedBack=12_345.0) == ["BatchPages=5: 12,345 handed back"]


def test_what_went_well_is_not_mentioned_and_what_broke_is_alone() -> None:
    assert said() == []
    assert said("every file failed; harness run says why", failed=3.0) == [
        "BatchPages=5: every file failed; harness run says why"
    ]
