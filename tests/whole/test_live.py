"""The cross-check: what the virtual run says is what the same handlers do in real time, against moto over
HTTP with nothing patched.
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import builders
from tests.builders import PROJECT
from tests.whole.live import plain

FILES = 20
VOLATILE = {
    "PK",
    "bucket",
    "versionId",
    "eventId",
    "createdAt",
    "updatedAt",
    "processedAt",
    "expiresAt",
    "fileId",
}
"""What differs from run to run: identifiers and times."""


@pytest.fixture
def server() -> Iterator[int]:
    """The port of a moto server in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port
    finally:
        process.kill()
        process.wait()


def files(folder: Path) -> None:
    """Small files of every fate: with NPI, without, of several batches, partly damaged, no TIFF at all."""
    for number in range(FILES):
        pages = [
            builders.page_image(f"SSN: 676-84-70{number:02d}" if page % 2 else f"page {page}")
            for page in range(1 + number % 4)
        ]
        data = builders.tiff(*pages, compression="tiff_lzw")
        if number % 7 == 3:
            data = data[: len(data) // 2]
        if number % 9 == 5:
            data = b"not a TIFF, file " + str(number).encode()
        (folder / f"{number:02d}.tif").write_bytes(data)


def lasting(values: dict) -> dict:
    return {name: value for name, value in values.items() if name not in VOLATILE}


def test_a_live_run_and_a_virtual_run_agree(tmp_path: Path, server: int) -> None:
    files(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "tests.whole.live", str(tmp_path), str(server)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    live = json.loads(done.stdout.splitlines()[-1])
    virtual = builders.run(tmp_path, parameters={"BatchPages": "2"})

    assert {key: lasting(result) for key, result in live["results"].items()} == {
        f"uploads/{name}": lasting(result) for name, result in virtual.results.items()
    }
    statuses = {result["status"] for result in live["results"].values()}
    assert statuses == {"COMPLETED", "FAILED", "PARTIAL"}

    emulated = json.loads(json.dumps(virtual.emulation.items["StateTable"], default=plain))
    assert sorted(map(comparable, live["items"])) == sorted(map(comparable, emulated))

    for queue, test_events in (
        ("FileQueue", 1),
        ("BatchQueue", 0),
    ):  # moto sends no s3:TestEvent when a bucket is configured
        for action in ("received", "deleted"):
            assert (
                live["counts"][f"{queue} {action}"] == virtual.summary["queues"][queue][action] - test_events
            )


def comparable(item: dict) -> str:
    kept = lasting(item)
    if "npiPages" in kept:
        kept["npiPages"] = sorted(kept["npiPages"])
    return json.dumps(kept, sort_keys=True)
