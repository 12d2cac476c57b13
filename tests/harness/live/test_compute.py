"""Calls that nobody has recorded yet are made while the loop goes on, and what happens is what a run has later."""

import pickle
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from harness.compute.ledger import Entry
from harness.live.workers import Program, Task, Workers
from tests.harness.live.cloud import serving

TOY = """
    import hashlib, json, os, time, urllib.parse
    import boto3

    S3 = boto3.client("s3")

    def work(data: bytes) -> str:
        until = time.process_time() + 0.05 + int(data) % 5 * 0.06
        while time.process_time() < until:
            pass
        return hashlib.sha256(data).hexdigest()

    def crash(data: bytes) -> str:
        os._exit(3)

    def handler(event, context):
        for record in event["Records"]:
            for told in json.loads(record["body"]).get("Records", []):
                bucket, key = told["s3"]["bucket"]["name"], urllib.parse.unquote_plus(told["s3"]["object"]["key"])
                found = work(S3.get_object(Bucket=bucket, Key=key)["Body"].read())
                answer = json.dumps({"key": key, "status": "COMPLETED", "found": found})
                S3.put_object(Bucket=bucket, Key="results/" + key.rpartition("/")[2], Body=answer)
"""
PROJECT = """
    [tool.harness]
    inputs = "Bucket/uploads/"
    results = "Bucket/results/"
    input_suffixes = [".txt"]

    [tool.harness.result]
    key = "key"
    status = "status"

    [[tool.harness.record]]
    function = "toy:work"
    key = ["data"]
    modelled = { median_seconds = 0.1, sigma = 0.1, value = "" }
"""
TEMPLATE = """
    AWSTemplateFormatVersion: '2010-09-09'
    Transform: AWS::Serverless-2016-10-31
    Resources:
      Bucket:
        Type: AWS::S3::Bucket
        Properties:
          NotificationConfiguration:
            QueueConfigurations:
              [{Event: 's3:ObjectCreated:*', Queue: !GetAtt Queue.Arn, Filter: {S3Key: {Rules: [{Name: prefix, Value: uploads/}]}}}]
      Queue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 60}}
      Function:
        Type: AWS::Serverless::Function
        Properties:
          {Handler: toy.handler, Runtime: python3.13, CodeUri: ., Timeout: 20, MemorySize: 1024,
            Policies: [{Statement: [{Effect: Allow, Action: 's3:*', Resource: '*'}]}],
            Events: {E: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn, BatchSize: 2}}}}
"""
FILES = 8


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in (("toy.py", TOY), ("pyproject.toml", PROJECT), ("template.yaml", TEMPLATE)):
        (tmp_path / name).write_text(textwrap.dedent(text))
    (tmp_path / "inputs").mkdir()
    for number in range(FILES):
        (tmp_path / "inputs" / f"{number}.txt").write_text(str(number))
    return tmp_path


def test_a_session_that_must_still_work_leaves_the_trace_of_a_run_that_finds_it_all_done(
    project: Path,
) -> None:
    with serving(
        "--speed", "max", "--paused", "--template", project / "template.yaml", "--out", project / "served"
    ) as cloud:
        uploads = []
        for number in range(FILES):
            uploads.append(threading.Thread(target=cloud.put, args=(project / "inputs" / f"{number}.txt",)))
            uploads[-1].start()
            cloud.wait(lambda state, number=number: state["clients"] == number + 1)
        cloud.ask("act/go", b"")
        cloud.results(FILES)
        cloud.wait(lambda state: state["idle"])
        cloud.end()
    harness = Path(sys.executable).with_name("harness")
    command = [
        harness,
        "--quiet",
        "run",
        project / "inputs",
        "--template",
        project / "template.yaml",
        "--out",
        project / "run",
    ]
    subprocess.run(command, check=True)
    served, run = ((project / name / "trace.jsonl").read_bytes() for name in ("served", "run"))
    assert b'"event":"compute"' in run
    assert served == run


class TestWorkers:
    @pytest.fixture
    def workers(self, project: Path) -> Iterator[Workers]:
        made = Workers(Program(str(project), (str(project),), ("toy.handler",)), 1)
        made.start()
        yield made
        made.close()

    def test_a_task_gives_what_the_ledger_keeps(self, workers: Workers) -> None:
        entry = done(workers, "toy:work", b"4", limit=10.0)
        assert isinstance(entry, Entry)
        assert 0.29 <= entry.cpu_seconds < 0.6
        assert entry.memory_bytes is not None

    def test_what_it_has_taken_so_far_is_never_more_than_it_is_told_to_have_taken(
        self, workers: Workers
    ) -> None:
        outcome: SimpleQueue[Any] = SimpleQueue()
        task = Task("toy:work", pickle.dumps(((b"4",), {})), outcome.put, limit_seconds=10.0)
        workers.submit(task)
        seen = []
        while outcome.empty():
            seen.append(task.cpu_seconds())
            time.sleep(0.002)
        seen.append(task.cpu_seconds())
        assert seen == sorted(seen)
        assert seen[-1] == pytest.approx(outcome.get().cpu_seconds, abs=1e-6)
        assert len([one for one in seen if one > 0]) > 5 or sys.platform != "linux"

    def test_a_task_that_kills_its_process_is_told_as_such_and_the_next_has_another(
        self, workers: Workers
    ) -> None:
        assert done(workers, "toy:crash", b"0", limit=10.0) is None
        assert isinstance(done(workers, "toy:work", b"0", limit=10.0), Entry)

    def test_a_task_without_a_limit_gives_its_value_or_its_error(self, workers: Workers) -> None:
        assert len(done(workers, "toy:work", b"0")) == 64
        assert isinstance(done(workers, "toy:work", b"no number"), ValueError)

    def test_code_that_has_changed_is_what_runs_next(self, workers: Workers, project: Path) -> None:
        assert len(done(workers, "toy:work", b"0")) == 64
        toy = project / "toy.py"
        toy.write_text(toy.read_text().replace("sha256", "sha512"))
        workers.renew()
        assert len(done(workers, "toy:work", b"0")) == 128


def done(workers: Workers, function: str, data: bytes, limit: float | None = None) -> Any:
    outcome: SimpleQueue[Any] = SimpleQueue()
    workers.submit(Task(function, pickle.dumps(((data,), {})), outcome.put, limit_seconds=limit))
    return outcome.get(timeout=60)
