"""Where the time of a file goes: each moment between upload and result belongs to one kind of doing."""

from collections.abc import Iterable
from operator import itemgetter

import msgspec

READS = frozenset({"GetObject", "HeadObject", "GetItem", "BatchGetItem", "Query", "Scan", "ListObjectsV2"})
"""Operations that bring something; all others are taken to leave something."""
KINDS = ("work", "reading", "writing", "running", "cold start", "waiting")
"""What a moment is counted as when several go on at once: the first of them. `running`: in a handler, and
none of the former; `waiting`: no invocation has it.
"""


class Doing(msgspec.Struct, frozen=True):
    """Something of a kind that goes on from start to end, in virtual seconds; key: the object that it is
    about, if it is about one.
    """

    kind: str
    start: float
    end: float
    key: str = ""


def of_span(start: float, begun: float, end: float) -> tuple[Doing, ...]:
    """What an invocation is by itself: a cold start, if it has one, and a handler that runs."""
    running = Doing("running", begun, end)
    return (Doing("cold start", start, begun), running) if begun > start else (running,)


def parts(uploaded: float, finished: float, doings: Iterable[Doing]) -> dict[str, float]:
    """Seconds by kind; they add up to those between upload and result."""
    moves = []
    for doing in doings:
        start, end = max(doing.start, uploaded), min(doing.end, finished)
        if end > start:
            moves += [(start, 1, doing.kind), (end, -1, doing.kind)]
    moves.sort(key=itemgetter(0))
    spent = dict.fromkeys(KINDS, 0.0)
    open_now = dict.fromkeys(KINDS, 0)
    before = uploaded
    for time, change, kind in moves:
        spent[_counted(open_now)] += time - before
        open_now[kind] += change
        before = time
    spent[_counted(open_now)] += finished - before
    return spent


def _counted(open_now: dict[str, int]) -> str:
    return next((kind for kind in KINDS if open_now[kind]), "waiting")
