"""A table of prices out of AWS's own price list files: offers of a service in JSON or CSV, as downloaded.

Source: AWS Billing user guide, "Reading your service price list files". A product is found by its service and
by its usage type, which begins with a code of the region everywhere but in us-east-1.
"""

import csv
import datetime
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from harness.bill.prices import Price, Prices
from harness.errors import UsageError

PRODUCTS = {
    ("AWSLambda", "Request"): "lambda.requests",
    ("AWSLambda", "Lambda-GB-Second"): "lambda.duration.x86_64",
    ("AWSLambda", "Lambda-GB-Second-ARM"): "lambda.duration.arm64",
    ("AWSLambda", "Lambda-Storage-GB-Second"): "lambda.storage",
    ("AWSQueueService", "Requests-Tier1"): "sqs.requests.standard",
    ("AWSQueueService", "Requests-FIFO-Tier1"): "sqs.requests.fifo",
    ("AmazonDynamoDB", "WriteRequestUnits"): "dynamodb.writes",
    ("AmazonDynamoDB", "ReadRequestUnits"): "dynamodb.reads",
    ("AmazonDynamoDB", "TimedStorage-ByteHrs"): "dynamodb.storage",
    ("AmazonDynamoDB", "TimedPITRStorage-ByteHrs"): "dynamodb.pitr",
    ("AmazonS3", "Requests-Tier1"): "s3.requests.write",
    ("AmazonS3", "Requests-Tier2"): "s3.requests.read",
    ("AmazonS3", "TimedStorage-ByteHrs"): "s3.storage.STANDARD",
    ("AmazonS3", "TimedStorage-SIA-ByteHrs"): "s3.storage.STANDARD_IA",
    ("AmazonS3", "TimedStorage-GIR-ByteHrs"): "s3.storage.GLACIER_IR",
    ("AmazonS3", "Retrieval-SIA"): "s3.retrieval.STANDARD_IA",
    ("AmazonS3", "Retrieval-GIR"): "s3.retrieval.GLACIER_IR",
    ("AmazonS3", "Requests-SIA-Tier1"): "s3.requests.write.STANDARD_IA",
    ("AmazonS3", "Requests-SIA-Tier2"): "s3.requests.read.STANDARD_IA",
    ("AmazonS3", "Requests-GIR-Tier1"): "s3.requests.write.GLACIER_IR",
    ("AmazonS3", "Requests-GIR-Tier2"): "s3.requests.read.GLACIER_IR",
    ("AmazonECS", "Fargate-vCPU-Hours:perCPU"): "fargate.vcpu.x86_64",
    ("AmazonECS", "Fargate-GB-Hours"): "fargate.gb.x86_64",
    ("AmazonECS", "Fargate-ARM-vCPU-Hours:perCPU"): "fargate.vcpu.arm64",
    ("AmazonECS", "Fargate-ARM-GB-Hours"): "fargate.gb.arm64",
    ("AmazonCloudWatch", "DataProcessing-Bytes"): "logs.ingested",
    ("AmazonCloudWatch", "TimedStorage-ByteHrs"): "logs.stored",
    ("AmazonCloudWatch", "CW:MetricMonitorUsage"): "cloudwatch.metrics",
    ("AmazonCloudWatch", "CW:AlarmMonitorUsage"): "cloudwatch.alarms",
    ("AmazonCloudWatch", "CW:HighResAlarmMonitorUsage"): "cloudwatch.alarms.high_resolution",
    ("AmazonCloudWatch", "CW:CompositeAlarmMonitorUsage"): "cloudwatch.alarms.composite",
    ("AmazonCloudWatch", "DashboardsUsageHour"): "cloudwatch.dashboards",
    ("awskms", "KMS-Requests"): "kms.requests",
}
"""(service code, usage type without its region) -> what the table calls it."""

_REGION_CODE = re.compile(r"^[A-Z]{2,4}\d?-")
_END = {"inf", ""}


class _Rate(msgspec.Struct, frozen=True):
    """One step of a product's price: dollars a unit from `start` units a month on."""

    service: str
    usage: str
    region: str
    start: float
    dollars: float


def table(files: Iterable[Path], known: Prices, region: str | None) -> Prices:
    """The prices in these files, by `known`'s units and free tiers. Raises `UsageError`."""
    rates: list[_Rate] = []
    dates: list[datetime.date] = []
    for file in files:
        found, published = _read(file)
        if not found:
            raise UsageError(
                f"{file} has no price that is needed here: is it the price list of another service?"
            )
        rates += found
        dates.append(published)
    regions = sorted({rate.region for rate in rates})
    if region is None and len(regions) > 1:
        raise UsageError(f"the files have prices of {', '.join(regions)}: choose one with --region")
    chosen = region or regions[0]
    steps: dict[str, dict[float, float]] = defaultdict(dict)
    for rate in rates:
        if rate.region == chosen:
            steps[PRODUCTS[rate.service, rate.usage]][rate.start] = rate.dollars
    if not steps:
        raise UsageError(f"the files have no prices of {chosen}; they have those of {', '.join(regions)}")
    return Prices(
        prices={item: _price(known.prices.get(item), one) for item, one in sorted(steps.items())},
        region=chosen,
        date=max(dates),
    )


def toml(prices: Prices) -> str:
    """The table as a file that `--prices` takes."""
    lines = [
        "# Made of AWS's price list files by `harness prices`.",
        "",
        f'region = "{prices.region}"',
        f'currency = "{prices.currency}"',
        *([f"date = {prices.date.isoformat()}"] if prices.date else []),
    ]
    for item, price in prices.prices.items():
        lines += ["", f'[prices."{item}"]', f'service = "{price.service}"', f'unit = "{price.unit}"']
        if len(price.tiers) > 1:
            steps = ", ".join(f"[{start!r}, {_plain(dollars)}]" for start, dollars in price.tiers)
            lines.append(f"tiers = [{steps}]")
        else:
            lines.append(f"price = {_plain(price.tiers[0][1])}")
        lines += [f"free = {price.free!r}"] * bool(price.free) + [f'pool = "{price.pool}"'] * bool(price.pool)
        lines += [f'page = "{price.page}"'] * bool(price.page)
    return "\n".join(lines) + "\n"


def _plain(number: float) -> str:
    return f"{number:.15f}".rstrip("0") + ("0" if number == int(number) else "")


def _price(known: Price | None, steps: Mapping[float, float]) -> Price:
    """A first step that costs nothing is a free tier."""
    tiers = sorted(steps.items())
    free = known.free if known else 0.0
    if len(tiers) > 1 and tiers[0][1] == 0:
        free, tiers = tiers[1][0], [(0.0, tiers[1][1]), *tiers[2:]]
    base = known or Price(service="", unit="unit")
    return msgspec.structs.replace(base, price=None, per=1, free=free, tiers=tuple(tiers))


def _read(file: Path) -> tuple[list[_Rate], datetime.date]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise UsageError(f"cannot read the price list {file}: {reason}") from error
    try:
        if text.lstrip().startswith("{"):
            content = json.loads(text)
            return list(_of_json(content)), _date(content["publicationDate"])
        return _of_csv(text)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, StopIteration) as error:
        lacking = f": {error} is lacking" if isinstance(error, KeyError) else ""
        raise UsageError(f"{file} is no price list file of AWS (an offer in JSON or CSV){lacking}") from error


def _date(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text[:10])


def _of_json(content: Mapping[str, Any]) -> Iterator[_Rate]:
    for sku, product in content["products"].items():
        attributes = product["attributes"]
        service = attributes.get("servicecode", content["offerCode"])
        usage = _REGION_CODE.sub("", attributes.get("usagetype", ""))
        if (service, usage) not in PRODUCTS or attributes.get("regionCode", "") in ("", "global"):
            continue
        for term in content["terms"]["OnDemand"].get(sku, {}).values():
            for step in term["priceDimensions"].values():
                yield _Rate(
                    service,
                    usage,
                    attributes["regionCode"],
                    float(step["beginRange"]),
                    float(step["pricePerUnit"]["USD"]),
                )


def _of_csv(text: str) -> tuple[list[_Rate], datetime.date]:
    """Five lines of what the file is, then a head and a row for each step of a price."""
    rows = list(csv.reader(text.splitlines()))
    head = next(number for number, row in enumerate(rows) if row and row[0] == "SKU")
    told = {row[0]: row[1] for row in rows[:head] if len(row) > 1}
    rates = []
    for row in rows[head + 1 :]:
        one = dict(zip(rows[head], row, strict=False))
        service, usage = one["serviceCode"], _REGION_CODE.sub("", one["usageType"])
        region = one.get("Region Code", "")
        if (service, usage) not in PRODUCTS or one["TermType"] != "OnDemand" or region in ("", "global"):
            continue
        start = 0.0 if one["StartingRange"].lower() in _END else float(one["StartingRange"])
        rates.append(_Rate(service, usage, region, start, float(one["PricePerUnit"])))
    return rates, _date(told["Publication Date"])
