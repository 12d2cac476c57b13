"""What a recorded call really allocates is bounded by its function's memory, and told in the run's numbers."""

import json
from pathlib import Path

import pytest

from tests.harness.commands.test_command import harness

PROJECT = """
[tool.harness]
inputs = "Queue"
input_suffixes = [".json"]

[[tool.harness.record]]
function = "app:work"
key = ["megabytes"]
modelled = { median_seconds = 0.01, sigma = 0.1, value = 0 }
"""
TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: 60, RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 1}}
  Dead: {Type: AWS::SQS::Queue}
  Function:
    Type: AWS::Serverless::Function
    Properties:
      {Handler: app.handler, Runtime: python3.13, CodeUri: ., Timeout: 10, MemorySize: MEMORY,
       Events: {E: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn, BatchSize: 1}}}}
"""
HANDLER = """
import json
def work(megabytes: int) -> int:
    return bytearray(megabytes << 20).count(1)
def handler(event, context):
    work(json.loads(event["Records"][0]["body"])["megabytes"])
"""
LITTLE, MUCH = 20, 300


def run(folder: Path, memory: int, compute: str) -> tuple[dict, dict[str, int]]:
    """(what summary.json says of the function, outcomes of invocations -> how many) of two inputs."""
    (folder / "inputs").mkdir(exist_ok=True)
    for megabytes in (LITTLE, MUCH):
        (folder / "inputs" / f"{megabytes}.json").write_text(json.dumps({"megabytes": megabytes}))
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "template.yaml").write_text(TEMPLATE.replace("MEMORY", str(memory)))
    (folder / "app.py").write_text(HANDLER)
    out = folder / "out"
    done = harness(
        "run",
        folder / "inputs",
        "--template",
        folder / "template.yaml",
        "--compute",
        compute,
        "--out",
        out,
    )
    assert "Numbers" in done.stdout, done.stdout + done.stderr
    outcomes: dict[str, int] = {}
    for line in (out / "trace.jsonl").read_text().splitlines():
        if (event := json.loads(line))["event"] == "invocation":
            outcomes[event["outcome"]] = outcomes.get(event["outcome"], 0) + 1
    return json.loads((out / "summary.json").read_text())["invocations"]["Function"], outcomes


def test_a_call_that_allocates_more_than_the_function_has_is_killed(tmp_path: Path) -> None:
    function, outcomes = run(tmp_path, 256, "recorded")
    assert outcomes == {"success": 1, "killed": 1}
    assert (function["memoryMb"], function["maxMemoryMb"], function["memoryUnknown"]) == (256, 256, 0)


def test_what_was_used_stands_beside_what_is_configured(tmp_path: Path) -> None:
    function, outcomes = run(tmp_path, 1024, "recorded")
    assert outcomes == {"success": 2}
    assert function["memoryMb"] == 1024
    assert MUCH < function["maxMemoryMb"] < MUCH + 100
    assert function["maxMemoryMbP99"] <= function["maxMemoryMb"]
    assert "of MB" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize("compute", ["measured", "modelled"])
def test_compute_that_is_not_recorded_says_nothing_of_memory(tmp_path: Path, compute: str) -> None:
    function, outcomes = run(tmp_path, 256, compute)
    assert outcomes == {"success": 2}
    assert (function["maxMemoryMb"], function["memoryUnknown"]) == (None, 2)
