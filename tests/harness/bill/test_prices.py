"""The table of prices: replaced in part, refused when it is wrong, each price with its page."""

from pathlib import Path

import pytest

from harness.bill import prices
from harness.bill.bill import Quantity, bill
from harness.errors import UsageError


def test_every_built_in_price_has_its_page() -> None:
    table = prices.load()
    assert table.date is not None
    assert all(price.page.startswith("https://aws.amazon.com/") for price in table.prices.values())


def test_a_table_of_ones_own_replaces_what_it_names(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        'region = "eu-central-1"\n[prices."kms.requests"]\nservice = "AWS KMS"\nunit = "request"\nprice = 1\n'
    )
    table = prices.load(own)
    charged = bill([Quantity("kms.requests", "r", "k", 3), Quantity("lambda.requests", "r", "f", 10)], table)
    assert [line.dollars for line in charged.lines] == [3.0, pytest.approx(2e-6)]
    assert charged.region == "eu-central-1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prices = 3", "own.toml is wrong"),
        ("[prices.a]\nservice = 's'\nunit = 'u'\nprice = -1\n", "a needs prices"),
        ("[prices.a]\nservice = 's'\nunit = 'u'\ntiers = [[5, 1.0]]\n", "a needs prices"),
        ("[prices.a]\nservice = 's'\nunit = 'u'\nprize = 1\n", "prize"),
        ("[prices.a]\nservice = 's'\nunit = 'u'\n", "a needs either a price or tiers"),
        ("[prices.a]\nservice = 's'\nunit = 'u'\nprice = nan\n", "a needs prices"),
        ("[prices.a]\nservice = 's'\nunit = 'u'\ntiers = [[0, inf]]\n", "a needs prices"),
        ("[prices", "own.toml is wrong"),
    ],
)
def test_a_table_that_is_wrong_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(UsageError, match=said):
        prices.load(tmp_path / "own.toml")


def test_a_price_that_is_needed_and_lacking_is_named() -> None:
    with pytest.raises(UsageError, match=r"has no price for s3\.storage\.GLACIER"):
        bill([Quantity("s3.storage.GLACIER", "storage", "b", 1)], prices.load())


def test_what_lies_there_for_months_is_priced_month_by_month() -> None:
    """60 TB for a year reach the second tier in each month, by 10 TB; 30 GB of a table's have 25 free each month."""
    table = prices.load()
    (line,) = bill([Quantity("s3.storage.STANDARD", "storage", "b", 12 * 61_440, 12)], table).lines
    assert line.dollars == pytest.approx(12 * (51_200 * 0.023 + 10_240 * 0.022))
    below = [Quantity("s3.storage.STANDARD", "storage", "b", 12 * 6_000, 12)]
    assert bill(below, table).total == pytest.approx(12 * 6_000 * 0.023)
    stored = [Quantity("dynamodb.storage", "storage", "t", 3 * 30, 3)]
    assert bill(stored, table, free_tier=True).total == pytest.approx(3 * 5 * 0.25)
    # Beside it, what lies there for the first month only: that month pays for both together.
    both = [*stored, Quantity("dynamodb.storage", "storage", "u", 10)]
    assert bill(both, table, free_tier=True).total == pytest.approx((15 + 5 + 5) * 0.25)
    assert bill([Quantity("dynamodb.storage", "storage", "t", 15, 0.5)], table, free_tier=True).total == 0


def test_the_free_tier_is_taken_off_a_months_total_and_shared_by_a_pool() -> None:
    used = [
        Quantity("lambda.duration.x86_64", "x86", "f", 300_000),
        Quantity("lambda.duration.arm64", "arm", "g", 300_000),
    ]
    table = prices.load()
    first, second = bill(used, table, free_tier=True).lines
    assert first.dollars == 0
    assert second.dollars == pytest.approx(200_000 * 0.0000133334)
    assert bill(used, table).total == pytest.approx(300_000 * (0.0000166667 + 0.0000133334))
