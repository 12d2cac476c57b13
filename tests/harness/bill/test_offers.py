"""Price list files as AWS publishes them, in JSON and in CSV, become a table that `--prices` takes."""

import json
from pathlib import Path

import pytest

from harness.bill import offers, prices
from harness.errors import UsageError


def product(service: str, usage: str, region: str, *steps: tuple[str, str, str]) -> dict:
    """(first unit, last unit, dollars) a step."""
    return {"service": service, "usage": usage, "region": region, "steps": steps}


LAMBDA = [
    product("AWSLambda", "EUC1-Request", "eu-central-1", ("0", "Inf", "0.0000002000")),
    product(
        "AWSLambda",
        "EUC1-Lambda-GB-Second",
        "eu-central-1",
        ("0", "6000000000", "0.0000166667"),
        ("6000000000", "Inf", "0.0000150000"),
    ),
    product("AWSLambda", "EUC1-Lambda-Provisioned-Concurrency", "eu-central-1", ("0", "Inf", "0.5")),
]
TABLE = [
    product("AmazonDynamoDB", "TimedStorage-ByteHrs", "us-east-1", ("0", "25", "0"), ("25", "Inf", "0.25")),
    product("AmazonDynamoDB", "WriteRequestUnits", "us-east-1", ("0", "Inf", "0.000000625")),
]


def as_json(path: Path, products: list[dict]) -> Path:
    content: dict = {
        "offerCode": products[0]["service"],
        "publicationDate": "2026-11-02T09:00:00Z",
        "products": {},
    }
    terms: dict = {}
    for number, one in enumerate(products):
        sku = f"SKU{number}"
        content["products"][sku] = {
            "sku": sku,
            "attributes": {
                "servicecode": one["service"],
                "usagetype": one["usage"],
                "regionCode": one["region"],
            },
        }
        steps = {
            f"{sku}.T.{place}": {"beginRange": low, "endRange": high, "pricePerUnit": {"USD": dollars}}
            for place, (low, high, dollars) in enumerate(one["steps"])
        }
        terms[sku] = {f"{sku}.T": {"priceDimensions": steps}}
    path.write_text(json.dumps(content | {"terms": {"OnDemand": terms}}))
    return path


def as_csv(path: Path, products: list[dict]) -> Path:
    lines = [
        '"FormatVersion","v1.0"',
        '"Disclaimer","for information"',
        '"Publication Date","2026-11-03T09:00:00Z"',
        '"Version","20261103"',
        f'"OfferCode","{products[0]["service"]}"',
        '"SKU","TermType","StartingRange","EndingRange","Unit","PricePerUnit","Currency","serviceCode","usageType","Region Code"',
    ]
    for number, one in enumerate(products):
        for low, high, dollars in one["steps"]:
            fields = (
                f"S{number}",
                "OnDemand",
                low,
                high,
                "u",
                dollars,
                "USD",
                one["service"],
                one["usage"],
                one["region"],
            )
            lines.append(",".join(f'"{field}"' for field in fields))
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("write", [as_json, as_csv])
def test_prices_tiers_and_free_tiers_are_read(tmp_path: Path, write) -> None:
    made = offers.table([write(tmp_path / "lambda", LAMBDA)], prices.load(), None)
    (tmp_path / "made.toml").write_text(offers.toml(made))
    table = prices.load(tmp_path / "made.toml")
    assert table.region == "eu-central-1"
    assert table.of("lambda.requests").cost(1e6) == pytest.approx(0.2)
    assert table.of("lambda.duration.x86_64").cost(7e9) == pytest.approx(6e9 * 0.0000166667 + 1e9 * 0.000015)
    assert table.of("lambda.duration.x86_64").free == 400_000  # not in the file: kept
    assert table.of("kms.requests") == prices.load().of("kms.requests")

    made = offers.table([write(tmp_path / "table", TABLE)], prices.load(), None)
    assert made.of("dynamodb.storage").free == 25
    assert made.of("dynamodb.storage").cost(30, skipped=25) == pytest.approx(5 * 0.25)
    assert made.of("dynamodb.writes").cost(1e6) == pytest.approx(0.625)


def test_a_file_of_several_regions_needs_one_to_be_chosen(tmp_path: Path) -> None:
    both = as_json(
        tmp_path / "both.json", [LAMBDA[0], product("AWSLambda", "Request", "us-east-1", ("0", "Inf", "0.1"))]
    )
    with pytest.raises(UsageError, match="eu-central-1, us-east-1: choose one with --region"):
        offers.table([both], prices.load(), None)
    assert offers.table([both], prices.load(), "us-east-1").of("lambda.requests").cost(1) == 0.1
    with pytest.raises(UsageError, match="no prices of mars-1"):
        offers.table([both], prices.load(), "mars-1")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}", "is no price list file"),
        ("a,b\n", "is no price list file"),
        (
            '{"products": {"a": {}}, "offerCode": "x", "publicationDate": "2026-01-01"}',
            "is no price list file",
        ),
    ],
)
def test_what_is_no_price_list_is_one_line(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "file").write_text(content)
    with pytest.raises(UsageError, match=said):
        offers.table([tmp_path / "file"], prices.load(), None)


def test_the_price_list_of_another_service_is_told(tmp_path: Path) -> None:
    other = as_csv(
        tmp_path / "other", [product("AmazonEC2", "BoxUsage:c7g.xlarge", "us-east-1", ("0", "Inf", "0.1"))]
    )
    with pytest.raises(UsageError, match="no price that is needed here"):
        offers.table([other], prices.load(), None)
