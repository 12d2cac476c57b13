"""Pareto fronts: what no other setting beats in both of two things at once."""

from collections.abc import Sequence


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Places of the points that no other one is at least as low as in both, and lower in one; of equal ones
    the first; by the first coordinate.
    """
    order = sorted(range(len(points)), key=lambda place: (*points[place], place))
    found, lowest = [], float("inf")
    for place in order:
        if points[place][1] < lowest:
            found.append(place)
            lowest = points[place][1]
    return found
