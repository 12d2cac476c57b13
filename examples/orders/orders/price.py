"""Orders -> priced items in the table."""

import json
import os
from typing import Any

import boto3

TABLE = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event: dict[str, Any], context: Any) -> None:
    for record in event["Records"]:
        order = json.loads(record["body"])
        TABLE.put_item(
            Item={
                "id": order["id"],
                "lines": order["lines"],
                "total": sum(line["cents"] for line in order["lines"]),
            }
        )
