"""Bills that AWS itself publishes, line by line, from the meter to the dollars. Where an example uses a former
price, that stands in the test. The examples of DynamoDB's guide are in tests/harness/cloud/test_capacity.py.
"""

import msgspec
import pytest

from harness.bill import meter, prices
from harness.bill.bill import bill
from harness.bill.prices import Price, Prices
from harness.cloud.system import Function
from tests.conformance.tunnel import Tunnel, queue, send

LIST = prices.load()


def formerly(**changed: Price) -> Prices:
    return msgspec.structs.replace(
        LIST, prices=LIST.prices | {name.replace("__", "."): one for name, one in changed.items()}
    )


FORMER_LAMBDA = formerly(
    lambda__duration__x86_64=Price(
        service="AWS Lambda", unit="GB-second", price=0.00001667, free=400_000, pool="lambda.duration"
    )
)
"""The price of a GB-second that the Lambda pricing page's examples were worked out with."""


@pytest.fixture(scope="module")
def function(tmp_path_factory: pytest.TempPathFactory) -> Function:
    made = Tunnel(tmp_path_factory.mktemp("function"))
    return made.run(queue(), "def handler(event, context): pass").system.functions["Function"]


def lambda_bill(
    one: Function, table: Prices, *functions: tuple[int, float, float], free_tier: bool = True
) -> list[float]:
    """[duration, requests] in dollars, of functions of (memory in MB, millions of invocations, seconds)."""
    used = []
    for number, (memory, millions, seconds) in enumerate(functions):
        named = msgspec.structs.replace(one, logical_id=f"F{number}", memory_mb=memory)
        count = round(millions * 1e6)
        used += meter.of_function(named, count, round(count * seconds * 1000))
    made = bill(used, table, free_tier).lines
    return [
        sum(line.dollars for line in made if line.item.startswith(item)) for item in ("duration", "requests")
    ]


@pytest.mark.parametrize(
    ("functions", "duration", "requests"),
    [
        ([(512, 3, 1.0)], 18.34, 0.40),
        ([(128, 30, 0.2)], 5.83, 5.80),
        ([(128, 25, 0.2), (448, 5, 0.5), (1024, 2.5, 1.0)], 63.66, 6.30),
    ],
)
def test_lambda_pricing_page(function: Function, functions, duration: float, requests: float) -> None:
    """AWS Lambda pricing, examples 1 to 3: with the free tier, shared by all functions."""
    assert lambda_bill(function, FORMER_LAMBDA, *functions) == [
        pytest.approx(duration, abs=0.005),
        pytest.approx(requests, abs=0.005),
    ]


def test_lambda_tiers(function: Function) -> None:
    """AWS compute blog, "Introducing tiered pricing for AWS Lambda": 75 million invocations of 60 seconds with 2
    GB are 9 billion GB-seconds, 3 billion of them at 10 % less: 145,000 dollars instead of 150,000.
    """
    duration, _ = lambda_bill(function, LIST, (2048, 75, 60.0), free_tier=False)
    assert duration == pytest.approx(145_000, rel=1e-5)
    assert 9e9 * LIST.of("lambda.duration.x86_64").tiers[0][1] == pytest.approx(150_000, rel=1e-5)


MARCH = 31
FORMER_S3 = formerly(
    s3__storage__STANDARD=Price(
        service="Amazon S3", unit="GB-month", tiers=((0, 0.140), (1_024, 0.125), (51_200, 0.110))
    )
)
"""The prices of one of the years in which S3's FAQ had this example."""


@pytest.mark.parametrize(
    ("table", "dollars"), [(FORMER_S3, 6_602.36), (LIST, 51_200 * 0.023 + 1_700 * 0.022)]
)
def test_s3_storage_over_a_month(table: Prices, dollars: float) -> None:
    """Amazon S3 FAQ, "How will I be charged and billed": 100 GB for 15 days of March, and 100 TB for the other
    16, are 52,900 GB-months, which reach into the next tier.
    """
    parts = [(107_374_182_400, 15), (109_951_162_777_600, 16)]
    used = [meter.of_bucket("b", size, days / MARCH) for size, days in parts]
    made = bill(used, table)
    assert sum(line.quantity for line in made.lines) == pytest.approx(52_900, abs=0.5)
    assert made.total == pytest.approx(dollars, abs=0.05)


def test_sqs_chunks(tunnel: Tunnel) -> None:
    """Amazon SQS pricing: 256 KB in one call are billed as four requests."""
    tunnel.run(queue(), "def handler(event, context): pass", send("x" * 262_144))
    emulation = tunnel.emulation
    usage = meter.Usage(events=emulation.recorder.events, system=emulation.system)
    counted = {line.item: line for line in bill(meter.quantities(usage), LIST).lines}
    assert counted["SendMessage requests"].quantity == 4
    assert counted["SendMessage requests"].dollars == pytest.approx(4 * 0.40 / 1e6)
    assert counted["ReceiveMessage requests"].quantity == 4
