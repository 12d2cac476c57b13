"""The comparison of ways to read a page: what it counts, and what a worker needs for large colour pages."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks import ways
from fixtures import office

MOST_MB = 600


def test_a_worker_reads_ten_colour_pages_in_little_memory() -> None:
    """300 dpi letters in 24 bits: the process and its largest child, what they share counted twice."""
    command = [sys.executable, "-m", "benchmarks.ways", "--probe", "tesserocr, flag"]
    env = os.environ | {"BEGAN_CPU": "0"}
    row = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout
    _, way, _started, peak_mb, package_mb, _ = (cell.strip() for cell in row.split("|"))
    assert way == "tesserocr, flag"
    assert float(peak_mb) < MOST_MB
    assert float(package_mb) < 250  # what a zip package may have


def test_each_way_is_counted_on_the_same_pages(tmp_path: Path) -> None:
    office.make(tmp_path, 1, 5)
    chosen = list(ways.pages(tmp_path))[:3]
    assert all(page.npi for page in chosen)
    tallies = ways.compare(chosen, [ways.PLAIN, "tesserocr, flag"])
    plain, flag = tallies.values()
    assert plain.found == flag.found == len(chosen)
    assert min(flag.seconds, plain.seconds) > 0
    table = ways.table(chosen, tallies).splitlines()
    assert table[2].startswith(f"| {ways.PLAIN} | ")
    assert table[2].split("|")[3].strip() == "1.00"
    assert table[3].split("|")[4].strip() == "3 of 3"
