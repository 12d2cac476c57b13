"""How a quantity of an invocation follows from its work: a line without negative parts, and what is left."""

import itertools
from collections.abc import Sequence

import msgspec
import numpy as np

WORTH_IT = 1e-6
"""A term more must take away this share of what is unexplained, or it is left out."""


class Line(msgspec.Struct, frozen=True, rename="camel"):
    """per_record x records + per_page x pages + fixed, of an invocation; residuals: what was measured beyond
    that.
    """

    per_record: float = 0.0
    per_page: float = 0.0
    fixed: float = 0.0
    residuals: tuple[float, ...] = ()

    def at(self, records: float, pages: float, invocations: float = 1.0) -> float:
        """The sum over so many invocations with so much work in all."""
        return self.per_record * records + self.per_page * pages + self.fixed * invocations


def fit(
    records: Sequence[float], pages: Sequence[float], values: Sequence[float], keep: bool = False
) -> Line:
    """The line of least squares that has no negative part, of as few terms as explain the values; where two
    explain them alike, records come before pages and both before a fixed part.
    """
    measured = np.asarray(values, dtype=float)
    if not len(measured) or not measured.any():
        return Line(residuals=(0.0,) if keep else ())
    columns = np.column_stack([records, pages, np.ones(len(measured))]).astype(float)
    best, least, chosen = np.zeros(3), float((measured**2).sum()), 0
    for count in (1, 2, 3):
        for terms in itertools.combinations(range(3), count):
            part = columns[:, list(terms)]
            solution, *_ = np.linalg.lstsq(part, measured, rcond=None)
            if (solution < 0).any() or np.linalg.matrix_rank(part) < count:
                continue
            error = float(((part @ solution - measured) ** 2).sum())
            if error < least * (1 - WORTH_IT) - 1e-18 * count or (not chosen and error <= least):
                best, least, chosen = np.zeros(3), error, count
                best[list(terms)] = solution
    residuals = tuple(float(one) for one in measured - columns @ best) if keep else ()
    return Line(float(best[0]), float(best[1]), float(best[2]), residuals)
