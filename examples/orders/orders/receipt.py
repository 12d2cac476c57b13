"""Priced orders in the table's stream -> receipts in a queue."""

import json
import os
from typing import Any

import boto3

SQS = boto3.client("sqs")


def handler(event: dict[str, Any], context: Any) -> None:
    for record in event["Records"]:
        image = record["dynamodb"]["NewImage"]
        receipt = {
            "id": image["id"]["S"],
            "status": "PAID",
            "items": len(image["lines"]["L"]),
            "discounted": [],
            "rejected": [],
            "reason": "",
            "total": int(image["total"]["N"]),
        }
        SQS.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(receipt))
