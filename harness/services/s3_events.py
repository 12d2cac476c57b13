"""S3's event notifications: every object created or removed is told to the queues that a bucket is configured for.

Source: Amazon S3 user guide, "Event message structure" and "Supported event types". Events come at least once and late; keys are
URL-encoded with + for space, slashes as they are.
"""

import datetime
import json
from urllib.parse import quote_plus

from harness.addresses import bucket_and_key
from harness.cloud import ACCOUNT, Cloud
from harness.kernel import Kernel
from harness.latency import Latencies
from harness.region import REGION
from harness.template import Notification
from harness.wire import Exchange, Wire

EVENTS = {
    "PutObject": "ObjectCreated:Put",
    "CopyObject": "ObjectCreated:Copy",
    "CompleteMultipartUpload": "ObjectCreated:CompleteMultipartUpload",
    "DeleteObject": "ObjectRemoved:Delete",
}


class S3Events:
    def __init__(self, kernel: Kernel, cloud: Cloud, wire: Wire, latencies: Latencies, notifications: tuple[Notification, ...]) -> None:
        self._kernel, self._cloud, self._latencies, self._notifications = kernel, cloud, latencies, notifications
        self._sequence = 0
        self._underway = 0
        wire.observe("s3", self._on_call)

    @property
    def is_idle(self) -> bool:
        return not self._underway

    def _on_call(self, exchange: Exchange) -> None:
        event = EVENTS.get(exchange.operation)
        if event is None:
            return
        bucket, key = bucket_and_key(exchange.url)
        for notification in self._notifications:
            if matches(notification, bucket, key, event):
                self._sequence += 1
                body = self._body(event, bucket, key, exchange, self._sequence)
                self._underway += 1
                self._kernel.spawn("s3:notifications", lambda arn=notification.queue_arn, body=body: self._deliver(arn, body))  # type: ignore[misc]

    def _deliver(self, queue_arn: str, body: str) -> None:
        try:
            self._kernel.sleep(self._latencies.draw("event", "s3"))
            self._cloud.sqs.send_message(QueueUrl=self._cloud.queue_url(queue_arn), MessageBody=body)
        finally:
            self._underway -= 1

    def _body(self, event: str, bucket: str, key: str, exchange: Exchange, sequence: int) -> str:
        stored = self._cloud.stored_object(bucket, key)
        described: dict[str, object] = {
            "key": quote_plus(key, safe="/"),
            "sequencer": f"{sequence:016X}",
        }
        if stored is not None and event.startswith("ObjectCreated"):
            described |= {"size": stored.size, "eTag": stored.etag.strip('"')}
        headers = {name.lower(): value for name, value in exchange.headers.items()}
        if version := headers.get("x-amz-version-id"):
            described["versionId"] = version
        now = datetime.datetime.now(datetime.UTC)
        record = {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": REGION,
            "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z",
            "eventName": event,
            "userIdentity": {"principalId": f"AWS:{ACCOUNT}"},
            "requestParameters": {"sourceIPAddress": "127.0.0.1"},
            "responseElements": {"x-amz-request-id": f"{sequence:016X}"},
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "notification",
                "bucket": {"name": bucket, "ownerIdentity": {"principalId": ACCOUNT}, "arn": f"arn:aws:s3:::{bucket}"},
                "object": described,
            },
        }
        return json.dumps({"Records": [record]})


def matches(notification: Notification, bucket: str, key: str, event: str) -> bool:
    """Whether a notification is configured for this event: prefix and suffix are compared by case."""
    wanted = notification.event.removeprefix("s3:")
    kind = event.startswith(wanted[:-1]) if wanted.endswith("*") else event == wanted
    return kind and notification.bucket == bucket and key.startswith(notification.prefix) and key.endswith(notification.suffix)
