"""The AWS SDK in a handler: what it waits for passes in virtual time."""

import time

import pytest

from harness.cloud.latency import Distribution
from tests.conformance.test_sqs_source import SQS_ALLOWED
from tests.conformance.tunnel import MILLISECOND, Tunnel, gaps, queue, row, send

RETRIES = "Boto3 documentation, Retries"
TRANSFERS = "Boto3 documentation, File transfer configuration"
TIMEOUTS = "botocore documentation, Config Reference (read_timeout)"

OTHER = "        Other: {Type: AWS::SQS::Queue, Properties: {QueueName: other}}"
BUCKET = "        Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: big-ones}}"
S3_ALLOWED = "Policies: [{Statement: [{Effect: Allow, Action: 's3:*', Resource: '*'}]}]"

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
    function = f"Timeout: 300, MemorySize: 1769, {SQS_ALLOWED}"
    tunnel.run(
        OTHER + queue(visibility=600, receives=1, function=function),
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
    function = f"Timeout: 900, MemorySize: 1769, {SQS_ALLOWED}"
    began = time.monotonic()
    tunnel.run(
        OTHER + queue(visibility=900, receives=1, function=function),
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
    tunnel.run(BUCKET + queue(function=f"Timeout: 20, MemorySize: 1769, {S3_ALLOWED}"), handler, send("a"))
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

    def put(stage) -> None:
        stage.kernel.sleep(12)
        stage.cloud.s3.put_object(Bucket="big-ones", Key="key", Body=b"x")

    function = f"Timeout: 60, MemorySize: 1769, {S3_ALLOWED}"
    tunnel.run(BUCKET + queue(visibility=60, function=function), handler, send("a"), put)
    assert tunnel.logs == ["there"]
    assert 12 < tunnel.invocations[0].duration_seconds < 16


@row(TIMEOUTS)
@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
def test_a_call_that_is_never_answered_is_given_up_and_tried_again(tunnel: Tunnel, mode: str) -> None:
    """A call of which nothing is heard ends after the client's read_timeout, 60 seconds by default, and the SDK
    tries it again, in each of its modes.
    """
    sending(tunnel, mode, 3, 1, "[hangs]\nonly = [1]")
    assert tunnel.logs == ["done"]
    assert 60 < tunnel.invocations[0].duration_seconds < 62
    assert len(tunnel.messages("sent", "Other")) == 1


@row(RETRIES)
@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
def test_tries_that_all_time_out_end_in_a_read_timeout_error(tunnel: Tunnel, mode: str) -> None:
    """A read timeout counts as a try: when the last one has timed out, its ReadTimeoutError is the caller's."""
    handler = f"""
        import boto3, time
        from botocore.config import Config
        from botocore.exceptions import ReadTimeoutError
        def handler(event, context):
            options = Config(read_timeout=5, retries={{"mode": "{mode}", "total_max_attempts": 3}})
            began = time.time()
            try:
                boto3.client("sqs", config=options).list_queues()
            except ReadTimeoutError:
                print(int(time.time() - began))
    """
    function = f"Timeout: 60, MemorySize: 1769, {SQS_ALLOWED}"
    tunnel.run(queue(visibility=60, function=function), handler, send("a"), faults="[hangs]\nrate = 1.0")
    assert 15 <= int(*tunnel.logs) <= 18
    assert tunnel.calls("ListQueues") == []


CLIENTS = {
    "client": 'boto3.client("s3", config=options).put_object(Bucket="big-ones", Key="key", Body=b"x")',
    "session": 'boto3.Session().client("s3", config=options).put_object(Bucket="big-ones", Key="key", Body=b"x")',
    "resource": 'boto3.resource("s3", config=options).Object("big-ones", "key").put(Body=b"x")',
    "transfer": 'boto3.client("s3", config=options).upload_fileobj(io.BytesIO(b"x"), "big-ones", "key")',
    "parts": 'boto3.client("s3", config=options).upload_fileobj(io.BytesIO(b"x" * 9_000_000), "big-ones", "key")',
}


@row(TIMEOUTS)
@pytest.mark.parametrize("way", CLIENTS)
def test_every_way_to_make_a_client_takes_its_read_timeout(tunnel: Tunnel, way: str) -> None:
    """The read_timeout of a client's Config is that of all its calls, also of a resource's and of transfers."""
    handler = f"""
        import boto3, io
        from botocore.config import Config
        def handler(event, context):
            options = Config(read_timeout=7)
            {CLIENTS[way]}
            print("done")
    """
    function = f"Timeout: 50, MemorySize: 1769, {S3_ALLOWED}"
    tunnel.run(
        BUCKET + queue(visibility=60, function=function), handler, send("a"), faults="[hangs]\nonly = [1]"
    )
    assert tunnel.logs == ["done"]
    assert 7 < tunnel.invocations[0].duration_seconds < 11


@row(TIMEOUTS)
@pytest.mark.parametrize("seconds", ["60", "None"])
def test_a_function_that_times_out_first_never_hears_of_its_client(tunnel: Tunnel, seconds: str) -> None:
    """A read_timeout beyond the function's own timeout, or none at all, ends nothing: the function times out."""
    handler = f"""
        import boto3
        from botocore.config import Config
        def handler(event, context):
            boto3.client("sqs", config=Config(read_timeout={seconds})).list_queues()
            print("done")
    """
    function = f"Timeout: 30, MemorySize: 1769, {SQS_ALLOWED}"
    tunnel.run(queue(visibility=60, function=function), handler, send("a"), faults="[hangs]\nonly = [1]")
    first, second = tunnel.invocations
    assert first.duration_seconds == 30
    assert first.error
    assert (second.error, tunnel.logs) == ("", ["done"])


@row(TIMEOUTS)
def test_a_call_whose_answer_comes_too_late_is_done_all_the_same(tunnel: Tunnel) -> None:
    """A client that has given up knows nothing of what the service did: a message that it was sending may be in
    the queue.
    """
    handler = """
        import boto3
        from botocore.config import Config
        from botocore.exceptions import ReadTimeoutError
        def handler(event, context):
            sqs = boto3.client("sqs", config=Config(read_timeout=4, retries={"total_max_attempts": 1}))
            try:
                sqs.send_message(QueueUrl="https://sqs.us-east-1.amazonaws.com/123456789012/other", MessageBody="x")
            except ReadTimeoutError:
                print("given up")
    """
    slow = {**MILLISECOND, "sqs.SendMessage": Distribution(median_ms=9000, sigma=0)}
    function = f"Timeout: 20, MemorySize: 1769, {SQS_ALLOWED}"
    tunnel.run(OTHER + queue(function=function), handler, send("a"), latencies=slow)
    assert tunnel.logs == ["given up"]
    assert tunnel.invocations[0].duration_seconds == 4
    assert len(tunnel.messages("sent", "Other")) == 1


@row(TIMEOUTS)
def test_a_long_poll_beyond_the_read_timeout_is_given_up(tunnel: Tunnel) -> None:
    """A ReceiveMessage that waits longer than its client's read_timeout ends in a ReadTimeoutError; a message that
    comes later is for the next one.
    """
    handler = """
        import boto3, time
        from botocore.config import Config
        from botocore.exceptions import ReadTimeoutError
        def handler(event, context):
            sqs = boto3.client("sqs", config=Config(read_timeout=5, retries={"total_max_attempts": 1}))
            url, began = "https://sqs.us-east-1.amazonaws.com/123456789012/other", time.time()
            try:
                sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)
            except ReadTimeoutError:
                print(round(time.time() - began, 1))
            time.sleep(10)
            print(sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"])
    """
    function = f"Timeout: 60, MemorySize: 1769, {SQS_ALLOWED}"
    tunnel.run(
        OTHER + queue(visibility=60, function=function),
        handler,
        send("a"),
        send("late", queue="Other", at=10),
    )
    assert tunnel.logs == ["5.0", "late"]
