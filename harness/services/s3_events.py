"""S3's event notifications: every object created or removed is told to the queues that a bucket is configured
for.

Source: Amazon S3 user guide, "Event message structure" and "Supported event types". Events come at least once
and late; keys are URL-encoded with + for space, slashes as they are.
"""

import datetime
import json
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, quote_plus, urlsplit
from xml.etree import ElementTree

import msgspec

from harness.cloud.addresses import bucket_and_key
from harness.cloud.deployment import ACCOUNT
from harness.cloud.system import Notification
from harness.cloud.wire import Exchange
from harness.region import REGION
from harness.services.lineage import Chain, Lineage
from harness.services.stage import Stage

EVENTS = {
    "PutObject": "ObjectCreated:Put",
    "CopyObject": "ObjectCreated:Copy",
    "CompleteMultipartUpload": "ObjectCreated:CompleteMultipartUpload",
}
REMOVED, MARKED = "ObjectRemoved:Delete", "ObjectRemoved:DeleteMarkerCreated"
"""An object or one of its versions is gone; a versioned object is hidden under a delete marker."""


class Change(msgspec.Struct, frozen=True):
    """What a call did to one object. `version`: the id of the version made or removed, "" where there is
    none.
    """

    event: str
    key: str
    version: str = ""


class S3Events:
    def __init__(self, stage: Stage, lineage: Lineage) -> None:
        self._kernel, self._cloud, self._latencies, self._dice = (
            stage.kernel,
            stage.cloud,
            stage.latencies,
            stage.dice,
        )
        self._notifications = stage.cloud.system.notifications
        self._lineage = lineage
        self._sequence = 0
        self._underway = 0
        stage.wire.observe("s3", self._on_call)

    @property
    def is_idle(self) -> bool:
        return not self._underway

    def _on_call(self, exchange: Exchange) -> None:
        bucket = bucket_and_key(exchange.url)[0]
        for change in changes(exchange):
            if exchange.caller == "client" and change.event.startswith("ObjectCreated"):
                self._interfere(bucket, change.key)
            for notification in self._notifications:
                if matches(notification, bucket, change.key, change.event):
                    self._sequence += 1
                    body = self._body(change, bucket, self._sequence)
                    late = self._dice.strike("late_event", change.key)
                    self._tell(notification.queue_arn, body, late.seconds if late else 0.0)
                    if again := self._dice.strike("duplicate_event", change.key):
                        self._tell(notification.queue_arn, body, again.seconds)
                    if other := self._dice.strike("removal_event", change.key):
                        marker = f"marker-{self._sequence}" if change.version else ""
                        kind = MARKED if marker else REMOVED
                        told = self._body(Change(kind, change.key, marker), bucket, self._sequence)
                        self._tell(notification.queue_arn, told, other.seconds)

    def _interfere(self, bucket: str, key: str) -> None:
        """Somebody else overwrites or removes what a client has just put."""
        stored = self._cloud.stored_object(bucket, key)
        if strike := self._dice.strike("overwritten", key):
            body = stored.value + b"\0"
            self._later(strike.seconds, lambda: self._cloud.s3.put_object(Bucket=bucket, Key=key, Body=body))
        if strike := self._dice.strike("removed", key):
            chosen = {"VersionId": stored.version_id} if stored.version_id else {}
            self._later(
                strike.seconds, lambda: self._cloud.s3.delete_object(Bucket=bucket, Key=key, **chosen)
            )

    def _later(self, seconds: float, act: Callable[[], object]) -> None:
        def wait_and_act() -> None:
            self._kernel.sleep(seconds)
            act()

        self._spawn("somebody", wait_and_act)

    def configured(self) -> None:
        """Tells each queue that notifications were configured, as S3 does ("Configuring a bucket for
        notifications", step 3).
        """
        for queue_arn, bucket in dict.fromkeys((one.queue_arn, one.bucket) for one in self._notifications):
            now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            told = {
                "Service": "Amazon S3",
                "Event": "s3:TestEvent",
                "Time": now,
                "Bucket": bucket,
                "RequestId": "0",
                "HostId": "0",
            }
            self._tell(queue_arn, json.dumps(told), 0.0)

    def _tell(self, queue_arn: str, body: str, late: float) -> None:
        chain = self._lineage.current()
        self._spawn("s3:notifications", lambda: self._deliver(queue_arn, body, late, chain))

    def _deliver(self, queue_arn: str, body: str, late: float, chain: Chain) -> None:
        self._kernel.sleep(self._latencies.draw("event", "s3") + late)
        with self._lineage.carried(chain):
            self._cloud.sqs.send_message(QueueUrl=self._cloud.queue_url(queue_arn), MessageBody=body)

    def _spawn(self, name: str, act: Callable[[], object]) -> None:
        """A process that keeps the run from ending before it is done."""

        def run() -> None:
            try:
                act()
            finally:
                self._underway -= 1

        self._underway += 1
        self._kernel.spawn(name, run)

    def _body(self, change: Change, bucket: str, sequence: int) -> str:
        stored = self._cloud.stored_object(bucket, change.key)
        described: dict[str, object] = {
            "key": quote_plus(change.key, safe="/"),
            "sequencer": f"{sequence:016X}",
        }
        if stored is not None and change.event.startswith("ObjectCreated"):
            described |= {"size": stored.size, "eTag": stored.etag.strip('"')}
        if change.version:
            described["versionId"] = change.version
        now = datetime.datetime.now(datetime.UTC)
        record = {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": REGION,
            "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z",
            "eventName": change.event,
            "userIdentity": {"principalId": f"AWS:{ACCOUNT}"},
            "requestParameters": {"sourceIPAddress": "127.0.0.1"},
            "responseElements": {"x-amz-request-id": f"{sequence:016X}"},
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "notification",
                "bucket": {
                    "name": bucket,
                    "ownerIdentity": {"principalId": ACCOUNT},
                    "arn": f"arn:aws:s3:::{bucket}",
                },
                "object": described,
            },
        }
        return json.dumps({"Records": [record]})


def changes(exchange: Exchange) -> Iterator[Change]:
    """What a call changed, of which S3 may tell. A delete that names no version hides an object of a
    versioned bucket; of DeleteObjects, each object is told of ("Supported event types").
    """
    key = bucket_and_key(exchange.url)[1]
    headers = {name.lower(): value for name, value in exchange.headers.items()}
    version = headers.get("x-amz-version-id", "")
    match exchange.operation:
        case "DeleteObject":
            names_version = "versionId" in parse_qs(urlsplit(exchange.url).query)
            yield Change(MARKED if version and not names_version else REMOVED, key, version)
        case "DeleteObjects":
            for deleted in _elements(exchange.answer, "Deleted"):
                if marker := deleted.get("DeleteMarkerVersionId"):
                    yield Change(REMOVED if "VersionId" in deleted else MARKED, deleted["Key"], marker)
                else:
                    yield Change(REMOVED, deleted["Key"], deleted.get("VersionId", ""))
        case operation if operation in EVENTS:
            yield Change(EVENTS[operation], key, version)


def _elements(answer: bytes, name: str) -> Iterator[dict[str, str]]:
    """The elements of a name in an answer of S3's, each with its own elements' text."""
    for element in ElementTree.fromstring(answer):  # noqa: S314 it comes from this process
        if element.tag.rpartition("}")[2] == name:
            yield {inner.tag.rpartition("}")[2]: inner.text or "" for inner in element}


def matches(notification: Notification, bucket: str, key: str, event: str) -> bool:
    """Whether a notification is configured for this event: prefix and suffix are compared by case."""
    wanted = notification.event.removeprefix("s3:")
    kind = event.startswith(wanted[:-1]) if wanted.endswith("*") else event == wanted
    return (
        kind
        and notification.bucket == bucket
        and key.startswith(notification.prefix)
        and key.endswith(notification.suffix)
    )
