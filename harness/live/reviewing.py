"""A review of what a living system has found: a sample of units is drawn, and a person's verdicts kept."""

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from harness.config import ResultFields
from harness.errors import UsageError
from harness.runs.results import Outcome
from harness.tuning import review as reviews
from harness.tuning.review import MARKED, UNMARKED, Judged, Judgement, Review, Stratum

MOST_DRAWN = 10_000


class Reviewing:
    """Kept in a file that only its owner can read; one that is there is gone on with. Raises `UsageError`."""

    def __init__(self, path: Path, fields: ResultFields) -> None:
        self._path, self._fields = path, fields
        self._lock = threading.Lock()
        self.review = reviews.load(path) if path.is_file() else None

    def draw(self, outcomes: Mapping[str, Outcome], wanted: int, seed: int) -> None:
        """Draws so many units of each stratum; what was judged before is gone. Raises `UsageError`."""
        if not 1 <= wanted <= MOST_DRAWN or seed < 0:
            raise UsageError(f"from 1 to {MOST_DRAWN} are drawn, by a seed from 0")
        strata: dict[Stratum, list[Judged]] = {MARKED: [], UNMARKED: []}
        for key, outcome in sorted(outcomes.items()):
            for unit in range(1, outcome.units + 1):
                judged = self._unit(key, unit, outcome)
                strata[judged.stratum].append(judged)
        generator = np.random.default_rng(seed)
        drawn = [
            those[place]
            for those in strata.values()
            for place in sorted(generator.permutation(len(those))[:wanted].tolist())
        ]
        if not drawn:
            raise UsageError("nothing can be drawn: there is no result yet")
        population = {stratum: len(those) for stratum, those in strata.items()}
        order = generator.permutation(len(drawn)).tolist()  # so that nobody knows what the next one is
        self.review = Review(
            seed=seed, wanted=wanted, population=population, units=[drawn[place] for place in order]
        )
        self._keep()

    def judge(self, place: int, verdict: str) -> None:
        """Raises `UsageError` where there is no such unit, or it cannot be that."""
        review = self.review
        if review is None or not 0 <= place < len(review.units):
            raise UsageError("there is no such unit in the sample")
        try:
            judgement = msgspec.convert(verdict, Judgement)
        except msgspec.ValidationError:
            raise UsageError(f"{verdict} is none of right, wrong, missed") from None
        if review.units[place].stratum == UNMARKED and judgement == "wrong":
            raise UsageError("nothing is marked here that could be wrong: right or missed")
        review.units[place].verdict = judgement
        self._keep()

    def told(self) -> dict[str, Any]:
        """What the page shows."""
        if self.review is None:
            return {"units": [], "measures": None}
        return {
            "seed": self.review.seed,
            "units": msgspec.to_builtins(self.review.units),
            "measures": msgspec.to_builtins(reviews.measure(self.review)),
        }

    def _unit(self, key: str, unit: int, outcome: Outcome) -> Judged:
        found = [one for one in outcome.findings if one.get(self._fields.error_unit) == unit]
        confidences = [float(one.get(self._fields.finding_confidence) or 0.0) for one in found]
        return Judged(
            key=key,
            unit=unit,
            stratum="marked" if unit in outcome.marked else "unmarked",
            types=sorted({str(one.get(self._fields.finding_type, "")) for one in found}),
            confidence=max(confidences, default=0.0),
        )

    def _keep(self) -> None:
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part = self._path.with_suffix(".part")
            with open(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(self.review), indent=1))
            part.replace(self._path)
