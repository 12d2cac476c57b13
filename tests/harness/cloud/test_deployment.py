"""The cloud is in this process: dummy credentials, no way to a real endpoint, and a template deployed
whole.
"""

import os

import boto3
import pytest

from harness.cloud import deployment as cloud
from harness.cloud import template
from harness.cloud.latency import Latencies, load
from harness.cloud.wire import RealEndpoint, Wire
from harness.engine.clock import virtual_time
from harness.engine.randomness import Randomness
from harness.faults.dice import Dice
from harness.faults.scenario import CALM
from harness.recorder import Recorder
from tests.builders import PROJECT


@pytest.fixture
def deployed():
    with cloud.deployed(template.load(PROJECT / "template.yaml", {}), seed=1) as made:
        yield made


def test_a_request_to_a_real_endpoint_is_refused() -> None:
    with virtual_time() as kernel, cloud.deployed(template.load(PROJECT / "template.yaml", {}), 1):
        wire = Wire(
            kernel,
            Latencies(load(), Randomness(0).stream("latency")),
            Recorder(),
            Dice(CALM, 0, kernel, Recorder()),
        )
        with wire.connected():
            client = boto3.Session(region_name="us-east-1").client(
                "s3", endpoint_url="https://objects.example.com"
            )
            with pytest.raises(RealEndpoint, match=r"objects\.example\.com was refused"):
                client.list_buckets()


def test_credentials_are_dummies_while_the_cloud_stands_and_gone_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the-users-own")
    with cloud.deployed(template.load(PROJECT / "template.yaml", {}), 1):
        assert os.environ["AWS_ACCESS_KEY_ID"] == cloud.CREDENTIALS["AWS_ACCESS_KEY_ID"]
        assert os.environ["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert os.environ["AWS_ACCESS_KEY_ID"] == "the-users-own"


def test_the_table_is_the_seeds(deployed: cloud.Cloud) -> None:
    table = deployed.client("dynamodb").describe_table(TableName="NPI_Processing")["Table"]
    assert table["KeySchema"] == [
        {"AttributeName": "PK", "KeyType": "HASH"},
        {"AttributeName": "SK", "KeyType": "RANGE"},
    ]
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


def test_visibility_timeouts_are_at_least_six_times_their_functions_timeout(deployed: cloud.Cloud) -> None:
    for source in deployed.system.sqs_sources:
        timeout = deployed.system.functions[source.function].timeout_seconds
        assert int(deployed.queues[source.queue_arn].visibility_timeout) >= 6 * timeout, source.logical_id


def test_every_consumed_queue_has_a_dead_letter_queue(deployed: cloud.Cloud) -> None:
    for source in deployed.system.sqs_sources:
        assert deployed.queues[source.queue_arn].dead_letter_queue is not None


def test_every_spelling_of_the_suffix_is_told_to_the_file_queue(deployed: cloud.Cloud) -> None:
    from itertools import product

    from harness.services.s3_events import matches

    for suffix in ("tif", "tiff"):
        for spelling in map("".join, product(*((letter, letter.upper()) for letter in suffix))):
            told = [
                notification
                for notification in deployed.system.notifications
                if matches(notification, notification.bucket, f"uploads/a.{spelling}", "ObjectCreated:Put")
            ]
            assert len(told) == 1, spelling


def test_the_same_seed_gives_the_same_identifiers() -> None:
    loaded = template.load(PROJECT / "template.yaml", {})
    names = []
    for _ in range(2):
        with cloud.deployed(loaded, seed=5) as made:
            names.append(made.system.buckets)
    assert names[0] == names[1]
