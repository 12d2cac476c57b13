"""Line items: what was counted, times its price.

Prices with tiers, and the free tier, hold for a month's total of the account; a line then has the price that
its units cost on average.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from harness.bill.prices import Prices


class Quantity(msgspec.Struct, frozen=True):
    """How much of what was counted: `price` names it in the table of prices, `item` says what it was."""

    price: str
    item: str
    resource: str
    quantity: float


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
    """The bill of one month. Raises `UsageError` when a price is needed that the table lacks."""
    counted = [one for one in quantities if one.quantity]
    totals: dict[str, float] = defaultdict(float)
    for one in counted:
        totals[one.price] += one.quantity
    each = _unit_prices(totals, prices, free_tier)
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


def _unit_prices(totals: Mapping[str, float], prices: Prices, free_tier: bool) -> dict[str, float]:
    left: dict[str, float] = {}
    each = {}
    for item, total in totals.items():
        price = prices.of(item)
        pool = price.pool or item
        free = min(total, left.setdefault(pool, price.free)) if free_tier else 0.0
        left[pool] = left.get(pool, 0.0) - free
        each[item] = price.cost(total, free) / total
    return each
