"""A bill in the columns of FOCUS, the FinOps Open Cost and Usage Specification 1.0, which cost tools read.

Source: focus.finops.org, "FOCUS Specification" 1.0, the columns that usage rows fill.
"""

import csv
import datetime
from typing import TextIO

from harness.bill.bill import Bill, Line

PROVIDER = "AWS"
CATEGORIES = {
    "AWS Lambda": "Compute",
    "Amazon SQS": "Integration",
    "Amazon DynamoDB": "Databases",
    "Amazon S3": "Storage",
    "Amazon CloudWatch": "Management and Governance",
    "Amazon CloudWatch Logs": "Management and Governance",
    "AWS KMS": "Security",
}


def write(file: TextIO, bill: Bill, account: str, begin: datetime.datetime, end: datetime.datetime) -> None:
    """The bill as CSV; `begin` and `end` of the time charged for, in UTC."""
    rows = [_row(line, bill, account, begin, end) for line in bill.lines]
    writer = csv.DictWriter(file, list(_row(_NOTHING, bill, account, begin, end)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


_NOTHING = Line("", "", "", 0.0, "", 0.0, 0.0)


def _row(
    line: Line, bill: Bill, account: str, begin: datetime.datetime, end: datetime.datetime
) -> dict[str, object]:
    month = begin.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return {
        "BilledCost": line.dollars,
        "BillingAccountId": account,
        "BillingAccountName": account,
        "BillingCurrency": bill.currency,
        "BillingPeriodEnd": _utc((month + datetime.timedelta(days=32)).replace(day=1)),
        "BillingPeriodStart": _utc(month),
        "ChargeCategory": "Usage",
        "ChargeClass": "",
        "ChargeDescription": f"{line.service} {line.item} of {line.resource}",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": _utc(end),
        "ChargePeriodStart": _utc(begin),
        "ConsumedQuantity": line.quantity,
        "ConsumedUnit": line.unit,
        "ContractedCost": line.dollars,
        "ContractedUnitPrice": line.unit_price,
        "EffectiveCost": line.dollars,
        "InvoiceIssuerName": PROVIDER,
        "ListCost": line.dollars,
        "ListUnitPrice": line.unit_price,
        "PricingCategory": "Standard",
        "PricingQuantity": line.quantity,
        "PricingUnit": line.unit,
        "ProviderName": PROVIDER,
        "PublisherName": PROVIDER,
        "RegionId": bill.region,
        "RegionName": bill.region,
        "ResourceId": line.resource,
        "ResourceName": line.resource,
        "ResourceType": line.service,
        "ServiceCategory": CATEGORIES.get(line.service, "Other"),
        "ServiceName": line.service,
        "SkuId": f"{line.service}/{line.item}",
        "SkuPriceId": f"{line.service}/{line.item}/{bill.price_date}",
        "SubAccountId": account,
        "SubAccountName": account,
    }


def _utc(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
