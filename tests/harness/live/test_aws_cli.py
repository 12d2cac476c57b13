"""The AWS CLI as PyPI has it, in an environment of its own, against `harness serve`."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import builders
from tests.harness.live.cloud import serving

ENVIRONMENT = builders.PROJECT / ".harness" / "awscli"


@pytest.fixture(scope="module")
def aws() -> Path:
    """The CLI's program; installed once beside the project."""
    program = ENVIRONMENT / "bin" / "aws"
    if not program.exists():
        uv = Path(sys.executable).with_name("uv")
        try:
            subprocess.run([uv, "venv", "--quiet", "--clear", ENVIRONMENT], check=True, capture_output=True)
            subprocess.run(
                [uv, "pip", "install", "--quiet", "--python", ENVIRONMENT / "bin" / "python", "awscli"],
                check=True,
                capture_output=True,
                timeout=300,
            )
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"awscli cannot be installed here: {error}")
    return program


def test_the_aws_cli_uploads_lists_and_reads(aws: Path, tmp_path: Path) -> None:
    file = sorted(builders.sample().glob("*.tiff"))[0]
    large = tmp_path / "large.tiff"
    large.write_bytes(file.read_bytes() + bytes(9 * 2**20))  # more than 8 MB: the CLI uploads it in parts
    with serving("--speed", "max") as cloud:

        def run(*words: str | Path) -> str:
            command = [aws, "--endpoint-url", cloud.url, "--region", "us-east-1", *words]
            keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_CONFIG_FILE": os.devnull}
            done = subprocess.run(
                command, env={**os.environ, **keys}, capture_output=True, text=True, timeout=120
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        assert cloud.bucket in run("s3", "ls")
        for one in (file, large):
            run("s3", "cp", one, f"s3://{cloud.bucket}/uploads/{one.name}")
        listed: list[str] = []
        ends = time.monotonic() + 90
        while len(listed) < 2 and time.monotonic() < ends:
            listed = [
                line.split()[-1] for line in run("s3", "ls", f"s3://{cloud.bucket}/results/").splitlines()
            ]
        run("s3", "sync", f"s3://{cloud.bucket}/results/", tmp_path / "results")
        results = {
            one["s3Key"]: one
            for one in map(json.loads, map(Path.read_text, (tmp_path / "results").iterdir()))
        }
        assert results[f"uploads/{file.name}"]["status"] == "COMPLETED"
        assert results["uploads/large.tiff"]["npiPages"] == results[f"uploads/{file.name}"]["npiPages"]
        queues = json.loads(run("sqs", "list-queues"))["QueueUrls"]
        assert any("BatchQueue" in queue for queue in queues)
        (table,) = json.loads(run("dynamodb", "list-tables"))["TableNames"]
        assert json.loads(run("dynamodb", "scan", "--table-name", table))["Count"] >= 2
