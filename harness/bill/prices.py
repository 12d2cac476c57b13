"""The one place that knows a price: a dated table, which a user may replace in part or in whole."""

import datetime
import itertools
import tomllib
from importlib import resources
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import UsageError


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one unit costs, in the table's currency.

    price: of `per` units; tiers: instead, (units of a month from which on, price) with the lowest first. One
    of the two is told.
    free: units a month that the free tier gives; pool: prices of one pool share that.
    """

    service: str
    unit: str
    price: float | None = None
    per: int = 1
    tiers: tuple[tuple[float, float], ...] = ()
    free: float = 0.0
    pool: str = ""
    page: str = ""

    def cost(self, quantity: float, skipped: float = 0.0) -> float:
        """Of this many units of one month, `skipped` of which are free: the first ones."""
        steps = [*(self.tiers or ((0.0, self.price or 0.0),)), (float("inf"), 0.0)]
        total = 0.0
        for (start, price), (end, _) in itertools.pairwise(steps):
            total += max(0.0, min(quantity, end) - max(start, skipped)) * price / self.per
        return total


class Prices(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of prices by what is counted."""

    prices: dict[str, Price]
    region: str = "us-east-1"
    currency: str = "USD"
    date: datetime.date | None = None
    source: str = "the built-in table"

    def of(self, item: str) -> Price:
        """Raises `UsageError` when the table has no such price."""
        try:
            return self.prices[item]
        except KeyError:
            raise UsageError(f"{self.source} has no price for {item}, which is needed here") from None


def load(file: Path | None = None) -> Prices:
    """The built-in table, entries of `file` replacing its own. Raises `UsageError`."""
    built_in = resources.files("harness.bill").joinpath("prices.toml").read_text(encoding="utf-8")
    table = _parse(built_in, "the built-in price table")
    if file is None:
        return table
    try:
        given = _parse(file.read_text(encoding="utf-8"), f"the price table {file}")
    except OSError as error:
        raise UsageError(f"cannot read the price table {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"the price table {file} is wrong: {error}") from error
    return msgspec.structs.replace(given, prices=table.prices | given.prices)


def _parse(text: str, name: str) -> Prices:
    try:
        raw: dict[str, Any] = tomllib.loads(text)
        table = msgspec.convert(raw | {"source": name}, Prices)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"{name} is wrong: {error}") from error
    for item, price in table.prices.items():
        if (price.price is None) == (not price.tiers):
            raise UsageError(f"{name} is wrong: {item} needs either a price or tiers")
        asked = [one for _, one in price.tiers] or [price.price or 0.0]
        starts = [start for start, _ in price.tiers] or [0.0]
        told = [*asked, *starts, price.free]
        if not all(map(isfinite, told)) or min(told) < 0 or price.per < 1 or starts != sorted({0.0, *starts}):
            raise UsageError(f"{name} is wrong: {item} needs prices, per and tiers from 0 up")
    return table
