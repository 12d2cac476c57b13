"""A `harness serve` in a process of its own, and an AWS client for it, as a user has them."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests import builders

HARNESS = [str(Path(sys.executable).with_name("harness")), "--json", "serve", "--port", "0"]
KEYS = {"aws_access_key_id": "any", "aws_secret_access_key": "any", "region_name": "us-east-1"}
PATIENCE_SECONDS = 90


class Cloud:
    def __init__(self, process: subprocess.Popen[str], told: dict[str, Any]) -> None:
        self.process = process
        self.url, self.page, self.token = told["url"], told["page"], told["token"]
        self.ready_seconds = told["readySeconds"]
        self.bucket, _, self.prefix = told["uploads"].removeprefix("s3://").partition("/")

    def client(self, service: str, **keys: str) -> Any:
        config = Config(retries={"max_attempts": 0}, max_pool_connections=200, read_timeout=PATIENCE_SECONDS)
        return boto3.client(service, endpoint_url=self.url, config=config, **{**KEYS, **keys})

    def put(self, file: Path, name: str = "") -> None:
        self.client("s3").put_object(
            Bucket=self.bucket, Key=self.prefix + (name or file.name), Body=file.read_bytes()
        )

    def results(self, count: int, patience_seconds: float = PATIENCE_SECONDS) -> list[dict[str, Any]]:
        """The results, as soon as there are so many."""
        s3 = self.client("s3")
        ends = time.monotonic() + patience_seconds
        while time.monotonic() < ends:
            listed = s3.list_objects_v2(Bucket=self.bucket, Prefix="results/").get("Contents", [])
            if len(listed) >= count:
                bodies = [s3.get_object(Bucket=self.bucket, Key=one["Key"])["Body"].read() for one in listed]
                return [json.loads(body) for body in bodies]
            time.sleep(0.1)
        raise AssertionError(f"{len(listed)} of {count} results came")

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> bytes:
        """A request of the page's."""
        method = "POST" if body is not None else "GET"
        request = urllib.request.Request(
            f"{self.url}/_live/api/{path}", body, {"X-Harness": "1", **headers}, method=method
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return bytes(answer.read())

    def state(self) -> dict[str, Any]:
        """What the page is told first."""
        with urllib.request.urlopen(f"{self.url}/_live/api/events", timeout=PATIENCE_SECONDS) as events:
            return json.loads(events.readline().removeprefix(b"data: "))

    def wait(self, true: Any) -> dict[str, Any]:
        """The first state of which something is true."""
        ends = time.monotonic() + PATIENCE_SECONDS
        while not true(state := self.state()):
            assert time.monotonic() < ends, state
            time.sleep(0.1)
        return state

    def end(self) -> str:
        """Ctrl-C; what it said at last."""
        self.process.send_signal(signal.SIGINT)
        return _ended(self.process)


@contextmanager
def serving(*options: str | Path, environment: dict[str, str] | None = None) -> Iterator[Cloud]:
    process = subprocess.Popen(
        [*HARNESS, *map(str, options)],
        cwd=builders.PROJECT,
        env={**os.environ, "PYTHONFAULTHANDLER": "1", **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.stderr.read() if process.stderr else ""
        yield Cloud(process, json.loads(line))
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            _ended(process)


def _ended(process: subprocess.Popen[str]) -> str:
    """What it said at last; where it does not end, what each of its threads was at."""
    try:
        said, errors = process.communicate(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        said, errors = process.communicate()
    assert process.returncode == 0, errors
    return said
