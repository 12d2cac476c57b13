"""How fast a living cloud is: `python -m tests.harness.live.measure [FILES]` prints what docs/serve.md shows."""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import ImageDraw

from tests import builders
from tests.harness.live.cloud import HARNESS, serving


def main(files: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ready, taken = [], {}
        for speed in ("1", "max"):
            with serving("--speed", speed) as cloud:
                ready.append(cloud.ready_seconds)
                for number in range(4):
                    page = one_page(folder / f"{speed}-{number}.tiff")
                    began = time.monotonic()
                    cloud.put(page)
                    cloud.results(number + 1)
                    taken.setdefault(speed, []).append(time.monotonic() - began)
        print(f"from start to ready: {statistics.median(ready):.1f} s")
        for speed, (first, *others) in taken.items():
            print(f"speed {speed}: one page, cold {first:.1f} s, warm {statistics.median(others):.1f} s")
        (folder / "corpus").mkdir()
        for number in range(files):
            several_pages(folder / "corpus" / f"{number:03}.tiff", 1 + number % 3)
        drop, run = folder / "drop", folder / "run"
        drop.mkdir()
        with serving("--speed", "max", "--drop", drop, "--state", folder / "state") as cloud:
            began = time.monotonic()
            for file in (folder / "corpus").glob("*.tiff"):
                shutil.copy(file, drop)
            served = by_key(cloud.results(files, 1_200))
            print(f"{files} files dropped at once, none known: {time.monotonic() - began:.0f} s")
        with serving("--speed", "max", "--state", folder / "state") as cloud:
            print(f"ready again with the state of these {files}: {cloud.ready_seconds:.1f} s")
            assert by_key(cloud.results(files)) == served
        began = time.monotonic()
        subprocess.run(
            [HARNESS[0], "--quiet", "run", folder / "corpus", "--out", run], cwd=builders.PROJECT, check=True
        )
        print(f"harness run on them, all known: {time.monotonic() - began:.0f} s")
        found = by_key([json.loads(path.read_text()) for path in (run / "results").rglob("*.json")])
        print(f"the same results: {served == found} ({len(served)} and {len(found)})")


def by_key(results: list[dict]) -> dict[str, dict]:
    """Results but for what names the very upload and its time."""
    own = ("fileId", "versionId", "createdAt")
    return {one["s3Key"]: {name: value for name, value in one.items() if name not in own} for one in results}


def one_page(path: Path) -> Path:
    """A page that nobody has read before."""
    return several_pages(path, 1)


def several_pages(path: Path, count: int) -> Path:
    """Each with a number of its own, most of them with an SSN."""
    pages = []
    for number in range(count):
        own = time.time_ns()
        text = f"SSN 219-09-{own // 1000 % 9000 + 1000}" if number < 2 else "Nothing to be found here"
        pages.append(builders.page_image(text, size=(1700, 2200)))
        ImageDraw.Draw(pages[-1]).text((100, 1000), str(own), fill=0)
    path.write_bytes(builders.tiff(*pages))
    return path


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
