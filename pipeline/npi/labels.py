"""What a text says of a value that it stands before, or over: that it is of a type, of another, or nothing.

Every detector asks that of a value which has its form, and forms carry the same texts on page after page:
what was looked up or weighed is remembered for some thousands of texts.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from pipeline.npi.detectors import ELSE, HEADS, Detector
from pipeline.npi.expressions import Expression, Together

NAMED, UNNAMED, OTHER = "named", "unnamed", "other"
NOWHERE = (-1, -1)
MOST_TEXTS = 4096
"""Of which it is remembered what they say."""
LETTER = re.compile(r"[A-Za-z]|#")
"""In a text that can name anything."""
_VALUE = re.compile(r"\d[\d/.-]{3,}\d")
"""Another value: what stands before it names that."""

Span = tuple[int, int]


class _Said(NamedTuple):
    """own: the last label in a text of each detector; others: those that can silence a value; otherwise: what
    it says of a value where neither is in it.
    """

    own: dict[int, Span]
    others: list[tuple[int, Span]]
    otherwise: str


class Labels:
    """The labels of detectors, by the detectors' places; and at the place behind them those of what is no
    NPI.
    """

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self._detectors = detectors
        self._patterns = (*(detector.label for detector in detectors), ELSE)
        self._together = Together(self._patterns)
        kinds = [*(detector.type for detector in detectors), ""]
        self._alike = [
            {place for place, kind in enumerate(kinds) if kind == detector.type or kind in detector.alike}
            for detector in detectors
        ]
        self.last_in = lru_cache(MOST_TEXTS)(self._last_in)
        self.standing = lru_cache(2 * MOST_TEXTS)(self._standing)
        self._said = lru_cache(MOST_TEXTS)(self._said_by)

    def maybe_in(self, text: str) -> frozenset[int]:
        """Places of the labels that a text may have; all others it has not."""
        return self._together.may_match(text)

    def _last_in(self, text: str) -> dict[int, Span]:
        """The last label in a text of each place."""
        spans = {place: last(self._patterns[place], text) for place in self.maybe_in(text)}
        return {place: span for place, span in spans.items() if span != NOWHERE}

    def _standing(self, place: int, text: str, is_head: bool) -> str:
        """What a text says of a detector's value: a head of those below it, another text of what follows."""
        said, detector, alike = self._said(text, is_head), self._detectors[place], self._alike[place]
        own = said.own.get(place, NOWHERE)
        if own[1] >= 0 and not is_head and len(text) - own[1] > detector.near:
            own = NOWHERE
        others = [span for other, span in said.others if other not in alike]
        if own == NOWHERE:
            return OTHER if others else said.otherwise
        for start, end in others:
            holds = start <= own[0] and end >= own[1] and end - start > own[1] - own[0]
            if holds or start >= own[1]:
                return OTHER
        return NAMED

    def _said_by(self, text: str, is_head: bool) -> _Said:
        """Behind another value a text speaks of the next one only; a head, of all of them."""
        if not LETTER.search(text):
            return _Said({}, [], UNNAMED)
        labels = self.last_in(text)
        if is_head:
            return _Said(labels, [*labels.items()], OTHER if HEADS.search(text) else UNNAMED)
        since = max([match.end() for match in _VALUE.finditer(text)], default=0)
        return _Said(labels, [one for one in labels.items() if one[1][0] >= since], UNNAMED)


def last(pattern: Expression, text: str) -> Span:
    """(start, end) of the last match. The label nearest to the value is the last."""
    found = NOWHERE
    for match in pattern.finditer(text):
        if match.end() > match.start():
            found = match.span()
    return found
