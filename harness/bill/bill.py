"""Line items: what was counted, times its price.

Prices with tiers, and the free tier, hold for a month's total of the account: what lies there for several
months begins anew in each of them. A line has the price that its units cost on average.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import msgspec

from harness.bill.prices import Prices


class Quantity(msgspec.Struct, frozen=True):
    """How much of what was counted: `price` names it in the table of prices, `item` says what it was. months:
    over which it is spread evenly; what is used at once, or within a month, belongs to the first.
    """

    price: str
    item: str
    resource: str
    quantity: float
    months: float = 1.0


class Line(msgspec.Struct, frozen=True, rename="camel"):
    """quantity x unit price = dollars (or what the table's currency is)."""

    service: str
    item: str
    resource: str
    quantity: float
    unit: str
    unit_price: float
    dollars: float


class Bill(msgspec.Struct, frozen=True, rename="camel"):
    total: float
    currency: str
    region: str
    price_date: str
    free_tier: bool
    lines: tuple[Line, ...]


def bill(quantities: Iterable[Quantity], prices: Prices, free_tier: bool = False) -> Bill:
    """The bill of the first month and of those after it for which something is kept. Raises `UsageError` when
    a price is needed that the table lacks.
    """
    counted = [one for one in quantities if one.quantity]
    each = _unit_prices(counted, prices, free_tier)
    lines = tuple(
        Line(
            service=prices.of(one.price).service,
            item=one.item,
            resource=one.resource,
            quantity=one.quantity,
            unit=prices.of(one.price).unit,
            unit_price=each[one.price],
            dollars=one.quantity * each[one.price],
        )
        for one in counted
    )
    return Bill(
        total=sum(line.dollars for line in lines),
        currency=prices.currency,
        region=prices.region,
        price_date=prices.date.isoformat() if prices.date else "",
        free_tier=free_tier,
        lines=lines,
    )


def _unit_prices(counted: Sequence[Quantity], prices: Prices, free_tier: bool) -> dict[str, float]:
    """What a unit of each price costs on average, over all months."""
    dollars: dict[str, float] = defaultdict(float)
    totals: dict[str, float] = defaultdict(float)
    for begin, end in pairwise(sorted({0.0, *(max(1.0, one.months) for one in counted)})):
        a_month: dict[str, float] = defaultdict(float)  # in each of the months from `begin` to `end`
        for one in counted:
            if max(1.0, one.months) >= end:
                a_month[one.price] += one.quantity / max(1.0, one.months)
        for item, cost in _month(a_month, prices, free_tier).items():
            dollars[item] += cost * (end - begin)
            totals[item] += a_month[item] * (end - begin)
    return {item: dollars[item] / total for item, total in totals.items()}


def _month(totals: Mapping[str, float], prices: Prices, free_tier: bool) -> dict[str, float]:
    """Dollars of a month in which so much of each was used."""
    left: dict[str, float] = {}
    cost = {}
    for item, total in totals.items():
        price = prices.of(item)
        pool = price.pool or item
        free = min(total, left.setdefault(pool, price.free if free_tier else 0.0))
        left[pool] -= free
        cost[item] = price.cost(total, free)
    return cost
