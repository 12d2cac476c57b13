"""The AWS SDK in a handler: what it waits for passes in virtual time."""

import time

import pytest

from tests.conformance.test_sqs_source import SQS_ALLOWED
from tests.conformance.tunnel import Tunnel, gaps, queue, row, send

RETRIES = "Boto3 documentation, Retries"
TRANSFERS = "Boto3 documentation, File transfer configuration"

SENDING = """
    import boto3
    from botocore.config import Config
    def handler(event, context):
        sqs = boto3.client("sqs", config=Config(retries={{"mode": "{mode}", "max_attempts": {attempts}}}))
        url = "https://sqs.us-east-1.amazonaws.com/123456789012/other"
        for _ in range({times}):
            sqs.send_message(QueueUrl=url, MessageBody="x")
        print("done")
"""


def sending(tunnel: Tunnel, mode: str, attempts: int, times: int, faults: str) -> list[float]:
    """When a function's calls of SendMessage were answered, seconds."""
    other = "        Other: {Type: AWS::SQS::Queue, Properties: {QueueName: other}}"
    function = f"Timeout: 300, MemorySize: 1769, {SQS_ALLOWED}"
    tunnel.run(
        other + queue(visibility=600, receives=1, function=function),
        SENDING.format(mode=mode, attempts=attempts, times=times),
        send("a"),
        faults=faults,
    )
    return [call.t for call in tunnel.calls("SendMessage", "Function")]


@row(RETRIES)
@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
def test_the_pauses_between_retries_pass_in_virtual_time(tunnel: Tunnel, mode: str) -> None:
    """Between its tries of a throttled call the SDK pauses, at most twice as long each time, and never more
    than 20 seconds: in virtual time, in each of its modes.
    """
    began = time.monotonic()
    times = sending(tunnel, mode, 7, 1, "[throttled]\nonly = [1]\nrepeats = [6, 6]")
    assert time.monotonic() - began < 10
    assert tunnel.logs == ["done"]
    pauses = gaps(times)
    assert len(pauses) == 6
    if mode != "adaptive":  # which also holds its calls back
        assert all(0 < pause <= min(2**number, 20) + 0.01 for number, pause in enumerate(pauses))
    assert sum(pauses) > 1


@row(RETRIES)
def test_adaptive_retries_hold_further_calls_back(tunnel: Tunnel) -> None:
    """In adaptive mode the SDK limits its own rate when it was throttled: also calls that succeed wait for
    their turn, in virtual time.
    """
    faults = "[throttled]\nonly = [3]\nrepeats = [2, 2]"
    freely = gaps(sending(tunnel, "standard", 5, 12, faults))[-8:]
    held = gaps(sending(tunnel, "adaptive", 5, 12, faults))[-8:]
    assert max(freely) < 0.01
    assert min(held) > 0.1


@row(RETRIES)
def test_a_long_poll_whose_retries_are_used_up_pauses_in_virtual_time(tunnel: Tunnel) -> None:
    """When its quota of retries is used up the SDK still pauses before it gives up a long poll, so that callers
    in a loop do not hammer the service.
    """
    handler = """
        import boto3, time
        from botocore.config import Config
        def handler(event, context):
            sqs = boto3.client("sqs", config=Config(retries={"mode": "standard", "total_max_attempts": 2}))
            for _ in range(130):  # the quota is good for a hundred retries
                try:
                    sqs.receive_message(QueueUrl="https://sqs.us-east-1.amazonaws.com/123456789012/other")
                except sqs.exceptions.ClientError:
                    pass
            print("done")
    """
    other = "        Other: {Type: AWS::SQS::Queue, Properties: {QueueName: other}}"
    function = f"Timeout: 900, MemorySize: 1769, {SQS_ALLOWED}"
    began = time.monotonic()
    tunnel.run(
        other + queue(visibility=900, receives=1, function=function),
        handler,
        send("a"),
        faults="[throttled]\nrate = 1.0",
    )
    assert tunnel.logs == ["done"]
    assert time.monotonic() - began < 10


@row(TRANSFERS)
def test_a_transfer_in_parts_needs_no_threads(tunnel: Tunnel) -> None:
    """upload_file and download_fileobj move an object in parts; here one after the other, in virtual time."""
    handler = """
        import boto3, io
        from boto3.s3.transfer import TransferConfig
        def handler(event, context):
            s3 = boto3.client("s3")
            parts = TransferConfig(multipart_threshold=6_000_000, multipart_chunksize=6_000_000)
            s3.upload_fileobj(io.BytesIO(b"x" * 14_000_000), "big-ones", "key", Config=parts)
            got = io.BytesIO()
            s3.download_fileobj("big-ones", "key", got, Config=parts)
            print(len(got.getvalue()))
    """
    policy = "Policies: [{Statement: [{Effect: Allow, Action: 's3:*', Resource: '*'}]}]"
    bucket = "        Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: big-ones}}"
    tunnel.run(bucket + queue(function=f"Timeout: 20, MemorySize: 1769, {policy}"), handler, send("a"))
    assert tunnel.logs == ["14000000"]
    assert len(tunnel.calls("UploadPart")) == 3


def test_a_waiter_waits_in_virtual_time(tunnel: Tunnel) -> None:
    """A waiter asks again after its delay until what it waits for is there."""
    handler = """
        import boto3
        def handler(event, context):
            boto3.client("s3").get_waiter("object_exists").wait(Bucket="big-ones", Key="key")
            print("there")
    """
    policy = "Policies: [{Statement: [{Effect: Allow, Action: 's3:*', Resource: '*'}]}]"
    bucket = "        Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: big-ones}}"

    def put(stage) -> None:
        stage.kernel.sleep(12)
        stage.cloud.s3.put_object(Bucket="big-ones", Key="key", Body=b"x")

    function = f"Timeout: 60, MemorySize: 1769, {policy}"
    tunnel.run(bucket + queue(visibility=60, function=function), handler, send("a"), put)
    assert tunnel.logs == ["there"]
    assert 12 < tunnel.invocations[0].duration_seconds < 16
