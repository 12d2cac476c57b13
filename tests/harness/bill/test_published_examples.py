"""Bills that AWS itself publishes, line by line. Where an example uses a former price, that stands in the test."""

import pytest

from harness.bill import prices
from harness.bill.bill import Quantity, bill
from harness.bill.prices import Price, Prices

LIST = prices.load()
FORMER_LAMBDA = Prices(
    prices=LIST.prices
    | {
        "lambda.duration.x86_64": Price(
            service="AWS Lambda", unit="GB-second", price=0.00001667, free=400_000, pool="lambda.duration"
        )
    }
)
"""The price of a GB-second that the Lambda pricing page's examples were worked out with."""


def lambda_bill(table: Prices, *functions: tuple[int, float, float], free_tier: bool = True) -> list[float]:
    """[duration, requests] in dollars, of functions of (memory in MB, millions of invocations, seconds)."""
    used = [
        Quantity("lambda.duration.x86_64", "duration", str(memory), millions * 1e6 * seconds * memory / 1024)
        for memory, millions, seconds in functions
    ]
    asked = [Quantity("lambda.requests", "requests", str(one[0]), one[1] * 1e6) for one in functions]
    return [sum(line.dollars for line in bill(part, table, free_tier).lines) for part in (used, asked)]


@pytest.mark.parametrize(
    ("functions", "duration", "requests"),
    [
        ([(512, 3, 1.0)], 18.34, 0.40),
        ([(128, 30, 0.2)], 5.83, 5.80),
        ([(128, 25, 0.2), (448, 5, 0.5), (1024, 2.5, 1.0)], 63.66, 6.30),
    ],
)
def test_lambda_pricing_page(functions, duration: float, requests: float) -> None:
    """AWS Lambda pricing, examples 1 to 3: with the free tier, shared by all functions."""
    assert lambda_bill(FORMER_LAMBDA, *functions) == [
        pytest.approx(duration, abs=0.005),
        pytest.approx(requests, abs=0.005),
    ]


def test_lambda_tiers() -> None:
    """AWS compute blog, "Introducing tiered pricing for AWS Lambda": 75 million invocations of 60 seconds with 2
    GB are 9 billion GB-seconds, 3 billion of them at 10 % less: 145,000 dollars instead of 150,000.
    """
    duration, _ = lambda_bill(LIST, (2048, 75, 60.0), free_tier=False)
    assert duration == pytest.approx(145_000, rel=1e-5)
    assert 9e9 * LIST.of("lambda.duration.x86_64").tiers[0][1] == pytest.approx(150_000, rel=1e-5)


def test_s3_storage_tiers() -> None:
    """Amazon S3 pricing: 23 dollars for each of the first 50 TB, by the thousand GB, 22 for the next 450."""
    line = bill([Quantity("s3.storage.STANDARD", "storage", "b", 61_440)], LIST).lines[0]
    assert line.dollars == pytest.approx(51_200 * 0.023 + 10_240 * 0.022)
    assert line.quantity * line.unit_price == pytest.approx(line.dollars)
