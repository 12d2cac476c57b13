"""Images told of in the queue -> thumbnails in the bucket, and a line about each image."""

import io
import json
import os
from typing import Any
from urllib.parse import unquote_plus

import boto3
from PIL import Image, UnidentifiedImageError

S3 = boto3.client("s3")
WIDTHS = [int(width) for width in os.environ["WIDTHS"].split(",")]


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    failures = []
    for record in event["Records"]:
        try:
            for upload in json.loads(record["body"]).get("Records", []):
                shrink(upload["s3"]["bucket"]["name"], unquote_plus(upload["s3"]["object"]["key"]))
        except Exception:  # of this image; the others of the batch are done
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def shrink(bucket: str, key: str) -> None:
    stem = key.removeprefix("in/").rpartition(".")[0]
    told: dict[str, Any] = {"key": key, "status": "MADE", "thumbnails": 0, "square": [], "failed": []}
    told["reason"] = ""
    try:
        image = Image.open(io.BytesIO(S3.get_object(Bucket=bucket, Key=key)["Body"].read()))
        for number, width in enumerate(WIDTHS, start=1):
            small = image.resize((width, max(1, image.height * width // image.width)))
            made = io.BytesIO()
            small.save(made, "PNG")
            S3.put_object(Bucket=bucket, Key=f"out/{stem}.{width}.png", Body=made.getvalue())
            told["thumbnails"] += 1
            if small.width == small.height:
                told["square"].append(number)
    except UnidentifiedImageError:
        told |= {"status": "NO_IMAGE", "reason": "no image that Pillow knows"}
    S3.put_object(Bucket=bucket, Key=f"out/{stem}.json", Body=json.dumps(told).encode())
