"""The packages run from themselves alone, as Lambda lays them out: with its Python, its boto3, and nothing else on the
path. What they call is moto's server, in a process of its own.

Skipped where the package index cannot be reached, or where there is no Python of Lambda's version.
"""

import json
import platform
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from deploy import packages
from tests.builders import run, sample

RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py")
"""What Lambda's Python runtime brings: the SDK and what it needs (AWS Lambda developer guide, "Runtime dependencies in
Python")."""
ACCESS = {"aws_access_key_id": "none", "aws_secret_access_key": "none", "region_name": "us-east-1"}
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine(), "")


@pytest.fixture(scope="module")
def lambda_python() -> str:
    """A Python of Lambda's version, with nothing of this environment."""
    versions = Path.home() / ".pyenv" / "versions"
    for command in (f"python{packages.PYTHON}", *map(str, versions.glob(f"{packages.PYTHON}.*/bin/python"))):
        if (found := shutil.which(command)) and not subprocess.run(
            [found, "-c", ""], capture_output=True
        ).returncode:
            return found
    pytest.skip(f"there is no python{packages.PYTHON} here, which is Lambda's")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if sys.platform != "linux" or not ARCHITECTURE:
        pytest.skip("packages for Lambda run on Linux")
    out = tmp_path_factory.mktemp("packages")
    try:
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("PIP_RETRIES", "1")
            packages.build_all(ARCHITECTURE, out)
    except packages.IndexUnreachable as error:
        pytest.skip(str(error))
    return out


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runtime")
    site = Path(boto3.__file__).parents[1]
    for name in RUNTIME:
        (folder / name).symlink_to(site / name)
    return folder


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [Path(sys.executable).with_name("moto_server"), "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{url}/moto-api/data.json", timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield url
    finally:
        server.terminate()
        server.wait()


class Stack:
    """Bucket, queues and table; and functions that are run from their packages."""

    def __init__(self, endpoint: str, python: str, built: Path, runtime: Path) -> None:
        self._python, self._built, self._runtime, self._endpoint = python, built, runtime, endpoint
        self.s3 = boto3.client("s3", endpoint_url=endpoint, **ACCESS)
        self.sqs = boto3.client("sqs", endpoint_url=endpoint, **ACCESS)
        self.table = boto3.client("dynamodb", endpoint_url=endpoint, **ACCESS)
        self.s3.create_bucket(Bucket="documents")
        self.batches = self.sqs.create_queue(QueueName="batches")["QueueUrl"]
        self.parked = self.sqs.create_queue(QueueName="parked")["QueueUrl"]
        self.table.create_table(
            TableName="state",
            KeySchema=[
                {"AttributeName": "PK", "KeyType": "HASH"},
                {"AttributeName": "SK", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "PK", "AttributeType": "S"},
                {"AttributeName": "SK", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )

    def invoke(self, function: str, event: object) -> dict[str, Any]:
        """In a fresh interpreter: a cold start."""
        done = subprocess.run(
            [self._python, "-I", "-S", "-B", Path(__file__).with_name("lambda_layout.py")],
            input=json.dumps({"handler": f"{packages.FUNCTIONS[function]}.handler", "event": event}),
            env={
                "LAMBDA_TASK_ROOT": str(self._built / function),
                "RUNTIME": str(self._runtime),
                "AWS_ENDPOINT_URL": self._endpoint,
                "AWS_ACCESS_KEY_ID": "none",
                "AWS_SECRET_ACCESS_KEY": "none",
                "AWS_REGION": "us-east-1",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_LAMBDA_FUNCTION_NAME": function,
                "TABLE_NAME": "state",
                "BATCH_QUEUE_URL": self.batches,
                "PARKED_QUEUES": json.dumps({"arn:aws:sqs:us-east-1:123456789012:dead": self.parked}),
                "OMP_THREAD_LIMIT": "1",
            },
            cwd="/",
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return told


@pytest.fixture(scope="module")
def stack(endpoint: str, lambda_python: str, built: Path, runtime: Path) -> Stack:
    return Stack(endpoint, lambda_python, built, runtime)


def message(body: str, queue: str) -> dict[str, Any]:
    record = {
        "messageId": "m-1",
        "receiptHandle": "r-1",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{queue}",
        "awsRegion": "us-east-1",
    }
    return {"Records": [record]}


def upload(stack: Stack, key: str, data: bytes) -> str:
    etag = stack.s3.put_object(Bucket="documents", Key=key, Body=data)["ETag"]
    told = {
        "bucket": {"name": "documents"},
        "object": {"key": key, "size": len(data), "eTag": etag.strip('"')},
    }
    return json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": told}]})


@pytest.mark.parametrize("function", packages.FUNCTIONS)
def test_a_function_is_imported_from_its_package_and_the_runtime_alone(stack: Stack, function: str) -> None:
    assert stack.invoke(function, None)["outside"] == []


def test_a_file_goes_through_all_functions_from_their_packages(stack: Stack) -> None:
    file = sorted(sample().rglob("*.tiff"))[0]
    body = upload(stack, f"uploads/{file.name}", file.read_bytes())
    assert stack.invoke("ControllerFunction", message(body, "files"))["answer"] == {"batchItemFailures": []}
    sent = stack.sqs.receive_message(QueueUrl=stack.batches)["Messages"]
    assert len(sent) == 1
    assert stack.invoke("WorkerFunction", message(sent[0]["Body"], "batches"))["answer"] == {
        "batchItemFailures": []
    }
    item = next(one for one in stack.table.scan(TableName="state")["Items"] if one["SK"]["S"] == "METADATA")
    assert item["remainingBatches"] == {"N": "0"}
    record = {
        "eventID": "1",
        "eventName": "MODIFY",
        "eventSource": "aws:dynamodb",
        "dynamodb": {"Keys": {"PK": item["PK"], "SK": item["SK"]}, "NewImage": item, "SequenceNumber": "1"},
    }
    assert stack.invoke("AggregatorFunction", {"Records": [record]})["answer"] == {"batchItemFailures": []}
    (found,) = stack.s3.list_objects_v2(Bucket="documents", Prefix="results/")["Contents"]
    result = json.loads(stack.s3.get_object(Bucket="documents", Key=found["Key"])["Body"].read())
    emulated = next(line for line in run(sample()).files if line.name == file.name)
    assert (result["status"], result["npiPages"]) == ("COMPLETED", emulated.marked)


def test_a_dead_letter_is_parked_from_the_package(stack: Stack) -> None:
    assert stack.invoke("DeadLetterFunction", message("no batch", "dead"))["answer"] == {
        "batchItemFailures": []
    }
    (parked,) = stack.sqs.receive_message(QueueUrl=stack.parked)["Messages"]
    assert parked["Body"] == "no batch"


def test_packages_are_the_same_byte_for_byte_when_they_are_made_again(built: Path, tmp_path: Path) -> None:
    packages.build("AggregatorFunction", ARCHITECTURE, tmp_path / "another" / "place")
    packages.zip_folder(tmp_path / "another" / "place", tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (built / "AggregatorFunction.zip").read_bytes()


def test_only_what_reads_pages_is_large(built: Path) -> None:
    sizes = {function: packages.size_bytes(built / function) / 2**20 for function in packages.FUNCTIONS}
    assert sizes["ControllerFunction"] < 10 > sizes["DeadLetterFunction"]
    assert sizes["WorkerFunction"] * 2**20 < packages.LIMIT_BYTES
    assert not list((built / "AggregatorFunction").glob("tess*"))


def test_packages_for_the_other_processor_are_made_here_too(tmp_path: Path, built: Path) -> None:
    other = next(name for name in packages.MACHINES if name != ARCHITECTURE)
    packages.build("DeadLetterFunction", other, tmp_path / "package")
    machines = {packages.machine(path) for path in (tmp_path / "package").rglob("*.so")}
    assert machines == {packages.MACHINES[other]}


def test_the_tunnel_runs_what_was_built_as_it_runs_the_sources(built: Path) -> None:
    here, there = run(sample()).summary, run(sample(), template=built / "template.yaml").summary
    assert there["traceDigest"] == here["traceDigest"]
    assert there["bill"] == here["bill"]
