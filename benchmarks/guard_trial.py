"""The guard on trial: `make guard-trial`, or `python -m benchmarks.guard_trial`.

A worktree of HEAD is compared with HEAD, while another process keeps a core busy: twenty times as it is, ten
times with a tenth more CPU time spent on every page, and ten times with as much on the pages of one kind. The
extra time is real: the page's own is measured, and a tenth of it spun away inside `read_page`. Each run is a
line of a file; what is there already of the same commit is not run again.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import guarded
from fixtures import guarded as pages
from harness import config
from harness.runs import application
from harness.tuning.revisions import Repository

PROJECT = Path(__file__).parent.parent
SLOWDOWN = 0.10
IDENTICAL, EACH_WAY = 20, 10
MOST_MEDIAN_SECONDS, MOST_SECONDS, MOST_MISSED = 120, 300, 1
BUSY = "while True: sum(range(10000))"
SPUN = """

_plainly_read = read_page


def read_page(page, options):
    import resource

    def spent():
        used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(one.ru_utime + one.ru_stime for one in used)

    began = spent()
    text = _plainly_read(page, options)
    if not {slow} or page.content.hex() in {slow}:
        ends = time.process_time() + {share} * (spent() - began)
        while time.process_time() < ends:
            pass
    return text
"""

Trial = tuple[str, str]
"""What is slowed ("" nothing, "all", or a kind), and the trial's name."""


def trials() -> list[Trial]:
    """By turns, so that the first ones tell of each way."""
    kinds = list(pages.KINDS)
    slow = [(kind, f"{kind} slower, {number}") for number in range(EACH_WAY) for kind in ("all", "one")]
    slow = [
        (kinds[at // 2 % len(kinds)] if what == "one" else what, name) for at, (what, name) in enumerate(slow)
    ]
    identical = [("", f"identical, {number}") for number in range(IDENTICAL)]
    return [trial for both in zip(identical, slow, strict=True) for trial in both]


def run(trial: Trial, tree: Path, commit: str) -> dict[str, Any]:
    """One comparison of the tree with HEAD."""
    slow, name = trial
    reading = tree / "pipeline" / "ocr.py"
    plain = reading.read_text()
    out = tree / "runs" / "guard"
    busy = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        if slow:
            digests = [] if slow == "all" else contents(tree, slow)
            reading.write_text(plain + SPUN.format(slow=digests, share=SLOWDOWN))
        began = time.monotonic()
        harness = str(Path(sys.executable).with_name("harness"))
        command = [harness, "guard", "--base", commit, "--out", str(out)]
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - began
        if done.returncode not in (0, 1):
            raise SystemExit(f"{name}: {done.stderr.strip()}")
    finally:
        reading.write_text(plain)
        busy.kill()
        busy.wait()
    numbers = json.loads((out / "summary.json").read_text())
    kept = {key: numbers[key] for key in ("verdict", "slower", "undecided", "looks", "pairs", "kinds")}
    load = os.getloadavg()[0]
    return {"commit": commit, "trial": name, "slow": slow, "seconds": seconds, "load": load, **kept}


def contents(tree: Path, kind: str) -> list[str]:
    """What names the pages of a kind."""
    known = config.load(tree)
    assert known.guard is not None
    found = []
    for maker, files in known.guard.made.items():
        folder = application.made(known, maker, files)
        truth = json.loads((folder / "truth.json").read_text())
        for file in [file for file, held in truth.items() if held[0]["kind"] == kind]:
            found += [call.args[0].content.hex() for call in guarded.readings((folder / file).read_bytes())]
    return found


def table(rows: list[dict[str, Any]]) -> str:
    """What came of the trials so far, by what was slowed."""
    lines = [
        "| slowed by a tenth | runs | found slower | seconds, median | most | highest lower bound | pairs |",
        "|---|---|---|---|---|---|---|",
    ]
    for slow in dict.fromkeys(row["slow"] for row in rows):
        of_it = [row for row in rows if row["slow"] == slow]
        seconds = [row["seconds"] for row in of_it]
        lows = [max(one["low"] for one in row["kinds"].values()) for row in of_it if row["kinds"]]
        lines.append(
            f"| {slow or 'nothing'} | {len(of_it)} | {sum(row['verdict'] == 'slower' for row in of_it)} "
            f"| {median(seconds):.0f} | {max(seconds):.0f} | {max(lows, default=0):.3f} "
            f"| {median(row['pairs'] for row in of_it):.0f} |"
        )
    return "\n".join(lines)


def failings(rows: list[dict[str, Any]]) -> list[str]:
    """What the guard was asked and did not do."""
    said = Counter((bool(row["slow"]), row["verdict"] == "slower") for row in rows)
    seconds = [row["seconds"] for row in rows]
    found = {
        f"{said[False, True]} false alarms": said[False, True] > 0,
        f"{said[True, False]} slowdowns missed": said[True, False] > MOST_MISSED,
        f"a median of {median(seconds):.0f} s": median(seconds) > MOST_MEDIAN_SECONDS,
        f"a run of {max(seconds):.0f} s": max(seconds) > MOST_SECONDS,
    }
    return [failing for failing, is_so in found.items() if is_so]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--most", type=int, default=2 * IDENTICAL, help="runs of this call, at most")
    options.add_argument("--file", type=Path, default=PROJECT / "runs" / "guard-trial.jsonl")
    given = options.parse_args()
    repository = Repository(PROJECT)
    commit = repository.commit("HEAD")
    given.file.parent.mkdir(parents=True, exist_ok=True)
    lines = given.file.read_text().splitlines() if given.file.is_file() else []
    rows = [row for row in map(json.loads, lines) if row["commit"] == commit]
    left = [trial for trial in trials() if trial[1] not in {row["trial"] for row in rows}][: given.most]
    with repository.side_by_side(commit) as (tree, _):
        for number, trial in enumerate(left, 1):
            rows.append(run(trial, tree, commit))
            with given.file.open("a") as kept:
                kept.write(json.dumps(rows[-1]) + "\n")
            told = rows[-1]
            print(
                f"{number} of {len(left)}: {told['trial']} ({told['slow'] or 'nothing'} slowed): "
                f"{told['verdict']} in {told['seconds']:.0f} s",
                file=sys.stderr,
            )
    print(table(rows))
    failed = failings(rows)
    print(f"Not as wanted: {', '.join(failed)}" if failed else "As wanted, as far as it went.")
    return bool(failed)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("interrupted; what was run is kept", file=sys.stderr)
        sys.exit(130)
