"""S3's event notifications."""

import json

import pytest

from tests.conformance.tunnel import Tunnel, bucket, put, row

STRUCTURE = "S3 user guide, Event message structure"
KINDS = "S3 user guide, Supported event types for SQS, SNS, and Lambda"
FILTERING = "S3 user guide, Configuring event notifications using object key name filtering"

PRINT = """
    def handler(event, context):
        for record in event["Records"]:
            print(record["body"])
"""


VERSIONED = "VersioningConfiguration: {Status: Enabled}"


def told(tunnel: Tunnel) -> list[dict]:
    return [record for text in tunnel.logs for record in json.loads(text).get("Records", [])]


@row(STRUCTURE)
def test_an_upload_is_told_to_the_queue(tunnel: Tunnel) -> None:
    """An object that is created is told to the configured queue, with bucket, key, size and ETag."""
    tunnel.run(bucket(), PRINT, put("uploads/a.tif", b"12345"))
    (record,) = told(tunnel)
    assert record["eventName"] == "ObjectCreated:Put"
    assert (record["s3"]["object"]["key"], record["s3"]["object"]["size"]) == ("uploads/a.tif", 5)
    assert record["s3"]["object"]["eTag"] == "827ccb0eea8a706c4c34a16891f84e7b"


@row(STRUCTURE)
@pytest.mark.parametrize(
    ("key", "encoded"),
    [
        ("a b.tif", "a+b.tif"),
        ("x/y z/ü.tif", "x/y+z/%C3%BC.tif"),
        ("a+b.tif", "a%2Bb.tif"),
        ("50%.tif", "50%25.tif"),
    ],
)
def test_keys_are_url_encoded_with_plus_for_space(tunnel: Tunnel, key: str, encoded: str) -> None:
    """The key of an event is URL-encoded, a space as +, a slash as it is."""
    tunnel.run(bucket(), PRINT, put(key))
    assert told(tunnel)[0]["s3"]["object"]["key"] == encoded


@row(STRUCTURE)
def test_sequencers_order_the_events_of_a_key(tunnel: Tunnel) -> None:
    """The sequencers of a key's events, compared as strings, tell their order."""
    tunnel.run(bucket(), PRINT, put("a"), put("a", at=5.0), put("a", at=9.0))
    sequencers = [record["s3"]["object"]["sequencer"] for record in told(tunnel)]
    assert sequencers == sorted(set(sequencers))


@row(STRUCTURE)
def test_a_versioned_bucket_tells_the_version(tunnel: Tunnel) -> None:
    """Events of a bucket with versioning carry the version id, those of others do not."""
    tunnel.run(bucket(versioning="VersioningConfiguration: {Status: Enabled}"), PRINT, put("a"))
    assert told(tunnel)[0]["s3"]["object"]["versionId"]
    tunnel.run(bucket(), PRINT, put("a"))
    assert "versionId" not in told(tunnel)[0]["s3"]["object"]


@row(FILTERING)
def test_prefix_and_suffix_must_both_match_by_case(tunnel: Tunnel) -> None:
    """An event is told only when the key has the prefix and the suffix; both are compared by case."""
    rules = "{Name: prefix, Value: in/}, {Name: suffix, Value: .tif}"
    tunnel.run(bucket(rules), PRINT, *(put(key) for key in ("in/a.tif", "in/a.TIF", "out/a.tif", "in/a.txt")))
    assert [record["s3"]["object"]["key"] for record in told(tunnel)] == ["in/a.tif"]


@row(KINDS)
def test_only_the_configured_kinds_of_event_are_told(tunnel: Tunnel) -> None:
    """A configuration for s3:ObjectRemoved:* is not told of uploads."""

    def remove(stage) -> None:
        stage.kernel.sleep(5)
        stage.cloud.s3.delete_object(Bucket=stage.cloud.system.buckets["Bucket"], Key="a")

    tunnel.run(bucket(event="s3:ObjectRemoved:*"), PRINT, put("a"), remove)
    assert [record["eventName"] for record in told(tunnel)] == ["ObjectRemoved:Delete"]


@row("S3 user guide, Amazon S3 Event Notifications")
def test_events_come_some_time_after_the_upload(tunnel: Tunnel) -> None:
    """Events are typically delivered within seconds: the delay is drawn for each, so two may overtake one
    another.
    """
    from harness.cloud.latency import load

    tunnel.run(
        bucket(), PRINT, *(put(f"{number}", at=0.01 * number) for number in range(30)), latencies=load()
    )
    keys = [int(record["s3"]["object"]["key"]) for record in told(tunnel)]
    assert sorted(keys) == list(range(30))
    assert keys != sorted(keys)


@row("S3 user guide, Configuring a bucket for notifications")
def test_a_test_event_comes_when_notifications_are_configured(tunnel: Tunnel) -> None:
    """When notifications are configured, S3 sends the message s3:TestEvent to each destination."""
    tunnel.run(bucket(), PRINT)
    (text,) = tunnel.logs
    assert json.loads(text)["Event"] == "s3:TestEvent"
    assert "Records" not in json.loads(text)


@row("S3 user guide, Amazon S3 Event Notifications")
def test_an_event_may_be_told_twice(tunnel: Tunnel) -> None:
    """Event notifications are delivered at least once: one may come again, with the same sequencer (at a rate
    of the scenario's).
    """
    tunnel.run(bucket(), PRINT, put("a"), put("b"), faults="[duplicate_event]\nonly = [1]")
    records = told(tunnel)
    assert sorted(record["s3"]["object"]["key"] for record in records) == ["a", "a", "b"]
    assert len({record["s3"]["object"]["sequencer"] for record in records}) == 2


@row("S3 user guide, Amazon S3 Event Notifications")
def test_an_event_may_come_late(tunnel: Tunnel) -> None:
    """Events are typically delivered in seconds but can sometimes take a minute or longer (at a rate of the
    scenario's).
    """
    tunnel.run(
        bucket(), PRINT, put("a"), put("b", at=1.0), faults="[late_event]\nonly = [1]\nseconds = [90.0, 90.0]"
    )
    assert [record["s3"]["object"]["key"] for record in told(tunnel)] == ["b", "a"]
    assert tunnel.messages("received")[-1].t > 90


@row(KINDS)
def test_a_multipart_upload_is_told_once_complete(tunnel: Tunnel) -> None:
    """A multipart upload is told as s3:ObjectCreated:CompleteMultipartUpload, when it is completed."""

    def upload(stage) -> None:
        s3, name = stage.cloud.s3, stage.cloud.system.buckets["Bucket"]
        started = s3.create_multipart_upload(Bucket=name, Key="big")["UploadId"]
        part = s3.upload_part(Bucket=name, Key="big", UploadId=started, PartNumber=1, Body=b"x" * 100)
        stage.kernel.sleep(5)
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        s3.complete_multipart_upload(Bucket=name, Key="big", UploadId=started, MultipartUpload=parts)

    tunnel.run(bucket(), PRINT, upload)
    (record,) = told(tunnel)
    assert (record["eventName"], record["s3"]["object"]["size"]) == (
        "ObjectCreated:CompleteMultipartUpload",
        100,
    )


@row(KINDS)
def test_a_delete_marker_is_told_as_such(tunnel: Tunnel) -> None:
    """When an object of a versioned bucket is deleted without naming a version, s3:ObjectRemoved:
    DeleteMarkerCreated is told, with the marker's version.
    """
    made: list[str] = []

    def remove(stage) -> None:
        stage.kernel.sleep(5)
        name = stage.cloud.system.buckets["Bucket"]
        made.append(stage.cloud.s3.delete_object(Bucket=name, Key="a")["VersionId"])

    tunnel.run(bucket(event="s3:ObjectRemoved:*", versioning=VERSIONED), PRINT, put("a"), remove)
    (record,) = told(tunnel)
    assert record["eventName"] == "ObjectRemoved:DeleteMarkerCreated"
    assert record["s3"]["object"]["versionId"] == made[0]


@row(KINDS)
@pytest.mark.parametrize(
    ("event", "names"),
    [("s3:ObjectRemoved:Delete", []), ("s3:ObjectRemoved:DeleteMarkerCreated", ["DeleteMarkerCreated"])],
)
def test_delete_markers_are_a_kind_of_event_of_their_own(
    tunnel: Tunnel, event: str, names: list[str]
) -> None:
    """A configuration for s3:ObjectRemoved:Delete is not told of delete markers, one for
    s3:ObjectRemoved:DeleteMarkerCreated is.
    """

    def remove(stage) -> None:
        stage.kernel.sleep(5)
        stage.cloud.s3.delete_object(Bucket=stage.cloud.system.buckets["Bucket"], Key="a")

    tunnel.run(bucket(event=event, versioning=VERSIONED), PRINT, put("a"), remove)
    assert [record["eventName"].rpartition(":")[2] for record in told(tunnel)] == names


@row(KINDS)
def test_a_version_that_is_deleted_for_good_is_told_as_a_delete(tunnel: Tunnel) -> None:
    """When a version is named, it is deleted permanently, and s3:ObjectRemoved:Delete is told; so it is of
    several at once.
    """

    def remove(stage) -> None:
        stage.kernel.sleep(5)
        s3, name = stage.cloud.s3, stage.cloud.system.buckets["Bucket"]
        first, second = (s3.put_object(Bucket=name, Key="a", Body=b"x")["VersionId"] for _ in range(2))
        s3.delete_object(Bucket=name, Key="a", VersionId=first)
        s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "a", "VersionId": second}]})
        made.extend((first, second))

    made: list[str] = []
    tunnel.run(bucket(event="s3:ObjectRemoved:*", versioning=VERSIONED), PRINT, remove)
    assert {record["eventName"] for record in told(tunnel)} == {"ObjectRemoved:Delete"}
    assert [record["s3"]["object"]["versionId"] for record in told(tunnel)] == made


@row(KINDS)
@pytest.mark.parametrize(
    ("versioning", "name"),
    [("", "ObjectRemoved:Delete"), (VERSIONED, "ObjectRemoved:DeleteMarkerCreated")],
)
def test_each_object_of_a_multi_object_delete_is_told(tunnel: Tunnel, versioning: str, name: str) -> None:
    """DeleteObjects tells of each object that it deleted."""

    def remove(stage) -> None:
        stage.kernel.sleep(5)
        named = {"Objects": [{"Key": "a b"}, {"Key": "c&d"}]}
        stage.cloud.s3.delete_objects(Bucket=stage.cloud.system.buckets["Bucket"], Delete=named)

    uploads = (put("a b"), put("c&d"), put("e"))
    tunnel.run(bucket(event="s3:ObjectRemoved:*", versioning=versioning), PRINT, *uploads, remove)
    assert {record["eventName"] for record in told(tunnel)} == {name}
    assert sorted(record["s3"]["object"]["key"] for record in told(tunnel)) == ["a+b", "c%26d"]
