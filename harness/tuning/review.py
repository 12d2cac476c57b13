"""A person's verdicts on a sample of units, and what they say of all units that it was drawn from.

The sample is stratified: so many of the units that the system marked, and so many of those that it did not.
Each stratum says something of itself alone (of the marked ones how many are rightly so, of the others how
many are missed), and both together, each for as many units as it stands for, say how many of all that should
be marked are. No value is kept: a verdict names the unit, the types that were found, and how sure the system
was.
"""

import math
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from harness.errors import UsageError
from harness.tuning.accuracy import Share, share

KIND = "review"
MARKED: Final = "marked"
UNMARKED: Final = "unmarked"
Stratum = Literal["marked", "unmarked"]
Judgement = Literal["right", "wrong", "missed"]
"""Right: all that was found stands there, and nothing else should have been found. Wrong: nothing of it does.
Missed: something that should have been found was not, whatever else was.
"""
Z_BOTH = 2.241402727604947
"""Of the normal distribution: 97.5 % lie within so many standard deviations. Two intervals of 97.5 % hold
both with 95 % at least (Bonferroni).
"""
WANTED_RECALL = 0.99


class Judged(msgspec.Struct, rename="camel", kw_only=True):
    """A unit of the sample: its input's key and its number; types that were found on it, the highest
    confidence among them in percent, and what a person said ("" until then).
    """

    key: str
    unit: int
    stratum: Stratum
    types: list[str] = []
    confidence: float = 0.0
    verdict: Judgement | Literal[""] = ""


class Review(msgspec.Struct, rename="camel", kw_only=True):
    """The draw, so that it can be made again, and its verdicts. population: units of each stratum; wanted:
    how many were to be drawn of each.
    """

    kind: Literal["review"] = "review"
    seed: int
    wanted: int
    population: dict[Stratum, int]
    units: list[Judged]


def load(path: Path) -> Review:
    """Raises `UsageError`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Review)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no review of harness serve: {error}") from error


def measure(review: Review) -> dict[str, Any]:
    """What the verdicts so far say: precision and misses with Wilson's intervals of 95 %; recall, with one
    that both together allow; and the confidence below which marks could be left out.
    """
    marked = [one for one in review.units if one.stratum == MARKED and one.verdict]
    others = [one for one in review.units if one.stratum == UNMARKED and one.verdict]
    rightly = [one for one in marked if one.verdict != "wrong"]
    missed = sum(one.verdict == "missed" for one in others)
    complete = sum(one.verdict == "right" for one in rightly)
    return {
        "judged": {MARKED: len(marked), UNMARKED: len(others)},
        "drawn": {
            stratum: sum(one.stratum == stratum for one in review.units) for stratum in (MARKED, UNMARKED)
        },
        "population": dict(review.population),
        "precision": share(len(rightly), len(marked)),
        "complete": share(complete, len(rightly)),
        "missed": share(missed, len(others)),
        "recall": _recall(review, len(rightly), len(marked), missed, len(others)),
        "threshold": _threshold(review, marked, missed, len(others)),
    }


def verdicts(review: Review) -> dict[str, Any]:
    """The row of a review among sets whose truth is known; its recall is weighted by strata."""
    found = measure(review)
    recall, precision = found["recall"], found["precision"]
    f1 = None
    if recall.share and precision.share:
        f1 = 2 * recall.share * precision.share / (recall.share + precision.share)
    nothing = share(0, 0)
    return {
        "units": sum(found["judged"].values()),
        "recall": recall,
        "recallOrDoubt": nothing,
        "allTypes": found["complete"],
        "precision": precision,
        "f1": f1,
        "accused": nothing,
        "doubted": nothing,
    }


def _recall(review: Review, rightly: int, marked: int, missed: int, others: int) -> Share:
    """Of all units that should be marked those that are: part and whole are those of the sample."""
    if not marked or (not others and review.population[UNMARKED]):
        return Share(rightly, rightly + missed, None, None, None)
    right, lost = share(rightly, marked, Z_BOTH), share(missed, others, Z_BOTH)
    ends = [
        _weighted(review, *pair)
        for pair in (
            (right.share, lost.share),
            (right.low, lost.high),
            (right.high, lost.low),
        )
    ]
    return Share(rightly, rightly + missed, ends[0], ends[1], ends[2])


def _weighted(review: Review, right: float | None, lost: float | None) -> float | None:
    found = review.population[MARKED] * (right or 0.0)
    missed = review.population[UNMARKED] * (lost or 0.0)
    return found / (found + missed) if found + missed else None


def _threshold(review: Review, marked: list[Judged], missed: int, others: int) -> dict[str, Any]:
    """The highest confidence that a mark may be asked for while recall stays above what is wanted, and what
    it would do; None where recall is not above it anyway, or nothing is known yet. units: on how many rightly
    marked ones that rests.
    """
    nothing = {"wanted": WANTED_RECALL, "confidence": None, "recall": None, "precision": None, "units": 0}
    if not marked or (not others and review.population[UNMARKED]):
        return nothing
    each = review.population[MARKED] / len(marked)
    lost = review.population[UNMARKED] * missed / others if others else 0.0
    rightly = [one for one in marked if one.verdict != "wrong"]
    should = each * len(rightly) + lost
    best = nothing
    for confidence in sorted({math.floor(one.confidence) for one in rightly}):
        kept = [one for one in marked if one.confidence >= confidence]
        right = sum(one.verdict != "wrong" for one in kept)
        recall = each * right / should
        if recall > WANTED_RECALL:
            best = {
                "wanted": WANTED_RECALL,
                "confidence": confidence,
                "recall": recall,
                "precision": right / len(kept),
                "units": len(rightly),
            }
    return best
