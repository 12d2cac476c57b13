"""How many small changes of the pipeline exploration finds: `python -m tests.mutants.scoring`, or `make mutants`.

Each change is explored in a copy of the pipeline, in a process of its own, seed by seed until an invariant
breaks. What is scored is kept, so that a run that was ended goes on where it was; a change of the pipeline, of
the harness or of the number of seeds begins anew.
"""

import argparse
import faulthandler
import hashlib
import itertools
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from harness import config
from harness.cloud import latency
from harness.exploration.explorer import Case, Explorer
from harness.faults import scenario
from harness.runs import inputs
from harness.runs.rig import Options, Rig, quiet
from tests import builders
from tests.mutants import equivalents, hunting, operators
from tests.mutants.catalogue import Mutant
from tests.mutants.operators import Change

FILES = tuple(
    f"pipeline/{name}.py" for name in ("state", "opening", "reading", "closing", "burying", "messages")
)
SEEDS = 60
HUNG_SECONDS = 180.0
"""A trial takes a second or two; one that takes so long never ends."""


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What a change is explored in: parameters of the template, and whether what was given up is given back."""

    name: str
    parameters: Mapping[str, str] = {}
    redrive: bool = False


WORLDS = (
    World(name="as it comes"),
    World(name="a page a batch", parameters={"BatchPages": "1"}),
    World(name="one receive, redriven", parameters={"MaxReceives": "1"}, redrive=True),
    World(name="two receives", parameters={"MaxReceives": "2", "BatchPages": "2"}),
    World(name="one retry, redriven", parameters={"AggregatorRetries": "1"}, redrive=True),
)
"""Seed n goes to world n modulo their number. These are what tests/whole explores."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a change: found after so many `seeds` (0 in calm weather), in which world and by what; not
    `found` when it got away.
    """

    number: str
    found: bool
    seeds: int
    world: str = ""
    broken: tuple[str, ...] = ()


def hunt(change: Change | None, folder: Path, seeds: int) -> Verdict:
    """Explores a copy with the change (None: as it is), until an invariant breaks or the seeds are out."""
    number = change.number if change else ""
    project = _copy(change, folder)
    files = inputs.collect([builders.sample()], builders.CONFIG.input_suffixes)[: hunting.FILES]
    weather = scenario.load("hostile")
    explorers: dict[str, Explorer] = {}
    for seed in range(seeds):
        world = WORLDS[seed % len(WORLDS)]
        faulthandler.dump_traceback_later(HUNG_SECONDS, exit=True)
        if world.name not in explorers:
            expected = _rig(builders.PROJECT, world, files).calm(quiet)
            try:
                explorers[world.name] = Explorer(_rig(project, world, files), weather, quiet, expected)
            except Exception as error:  # a change may break whatever it likes
                return Verdict(
                    number=number,
                    found=True,
                    seeds=seed,
                    world=world.name,
                    broken=(f"{type(error).__name__}",),
                )
        if not seed:
            calm = explorers[world.name].attempt(Case(0, scenario.CALM))
            if calm.failed:
                return _found(number, calm, 0, world)
        trial = explorers[world.name].attempt(Case(seed, weather))
        if trial.failed:
            return _found(number, trial, seed + 1, world)
    faulthandler.cancel_dump_traceback_later()
    return Verdict(number=number, found=False, seeds=seeds)


def _found(number: str, trial, seeds: int, world: World) -> Verdict:
    names = {violation.invariant for violation in trial.violations} or {trial.error.partition(":")[0]}
    return Verdict(number=number, found=True, seeds=seeds, world=world.name, broken=tuple(sorted(names)))


def _copy(change: Change | None, folder: Path) -> Path:
    project = hunting.mutated(Mutant(name=change.number if change else "none", changes={}), folder)
    if change:
        file = project / change.file
        file.write_text(change.applied(file.read_text(encoding="utf-8")), encoding="utf-8")
    return project


def _rig(root: Path, world: World, files: list[inputs.InputFile]) -> Rig:
    options = Options(
        template=root / "template.yaml",
        parameters=dict(world.parameters),
        seed=0,
        compute="recorded",
        latencies=latency.load(),
        ledger=builders.LEDGER,
        redrive=world.redrive,
    )
    return Rig(config.load(root), files, options)


def all_changes() -> list[Change]:
    return [
        change
        for file in FILES
        for change in operators.changes(file, (builders.PROJECT / file).read_text(encoding="utf-8"))
    ]


def sample(changes: Sequence[Change], count: int | None) -> list[Change]:
    """The first of them by their numbers: more of them are these and others."""
    return sorted(changes, key=lambda change: change.number)[:count]


def fingerprint(seeds: int) -> str:
    """Names what the verdicts depend on."""
    hasher = hashlib.blake2b(f"{seeds}".encode(), digest_size=6)
    folders = ("pipeline", "harness")
    files = (file for folder in folders for file in sorted((builders.PROJECT / folder).rglob("*.py")))
    for file in (*files, builders.PROJECT / "template.yaml", Path(__file__)):
        hasher.update(file.read_bytes())
    return hasher.hexdigest()


def verdicts(changes: Sequence[Change], seeds: int, jobs: int, kept: Path) -> Iterator[Verdict]:
    """Of each change, as it comes; those in the file `kept` are not hunted again, the others are added."""
    known = {
        verdict.number: verdict
        for line in (kept.read_bytes().splitlines() if kept.is_file() else ())
        for verdict in [msgspec.json.decode(line, type=Verdict)]
    }
    yield from (known[change.number] for change in changes if change.number in known)
    left = [change for change in changes if change.number not in known]
    with ThreadPoolExecutor(jobs) as pool, kept.open("ab") as file:
        for verdict in pool.map(_hunted, left, itertools.repeat(seeds)):
            file.write(msgspec.json.encode(verdict) + b"\n")
            file.flush()
            yield verdict


def _hunted(change: Change, seeds: int) -> Verdict:
    """In a process of its own, which may hang. Raises `RuntimeError` when it fails by itself."""
    command = [sys.executable, "-m", "tests.mutants.scoring", "--one", change.number, "--seeds", str(seeds)]
    done = subprocess.run(command, cwd=builders.PROJECT, capture_output=True, check=False)
    if done.returncode == 0:
        return msgspec.json.decode(done.stdout.splitlines()[-1], type=Verdict)
    if done.stderr.startswith(b"Timeout"):
        return Verdict(number=change.number, found=True, seeds=0, broken=("it hangs",))
    raise RuntimeError(f"{change.file}:{change.line}: {done.stderr.decode()[-2000:]}")


def report(
    changes: Sequence[Change], found: Mapping[str, Verdict], arguments: Mapping[str, str]
) -> list[str]:
    """Lines: the score by file, and each change that got away."""
    lines = ["found   of  score  file"]
    judged = [change for change in changes if change.number in found and change.number not in arguments]
    for file in (*FILES, "all"):
        own = [change for change in judged if file in ("all", change.file)]
        killed = sum(found[change.number].found for change in own)
        share = f"{killed / len(own):6.0%}" if own else "     -"
        lines.append(f"{killed:5} {len(own):4} {share}  {file}")
    first = sum(found[change.number].world == WORLDS[0].name for change in judged)
    broken = Counter(name for change in judged for name in found[change.number].broken)
    lines += ["", f"{first} were found in the world {WORLDS[0].name!r}; what broke first:"]
    lines += [f"{count:5}  {name}" for name, count in broken.most_common()]
    lines += ["", "got away:"]
    for change in sorted(judged, key=lambda one: (one.file, one.line)):
        if not found[change.number].found:
            lines += [
                f"{change.file}:{change.line}, {change.where or 'module'}, {change.operator}",
                f"    {change.was}",
                f"    {change.becomes}",
            ]
    lines += ["", f"called equivalent: {sum(change.number in arguments for change in changes)}"]
    for change in changes:
        if change.number in arguments:
            lines += [f"{change.file}:{change.line}: {change.becomes}", f"    {arguments[change.number]}"]
    return lines


def main(words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description="Scores exploration by small changes of the pipeline.")
    parser.add_argument("--count", type=int, help="changes to score, drawn by lot; all by default")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="emulations of each change, at most")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="processes; all cores by default"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/mutants"), help="folder for verdicts and report"
    )
    parser.add_argument("--one", help=argparse.SUPPRESS)
    chosen = parser.parse_args(words)
    changes = all_changes()
    if chosen.one:
        change = next((change for change in changes if change.number == chosen.one), None)
        with tempfile.TemporaryDirectory() as folder:
            verdict = hunt(change, Path(folder), chosen.seeds)
        print(msgspec.json.encode(verdict).decode())
        return
    chosen.out.mkdir(parents=True, exist_ok=True)
    arguments = equivalents.of(changes, equivalents.load())
    hunted = sample([change for change in changes if change.number not in arguments], chosen.count)
    by_number = {change.number: change for change in hunted}
    found: dict[str, Verdict] = {}
    kept = chosen.out / f"verdicts-{fingerprint(chosen.seeds)}.jsonl"
    try:
        for verdict in verdicts(hunted, chosen.seeds, chosen.jobs, kept):
            found[verdict.number] = verdict
            change = by_number[verdict.number]
            told = (
                f"found, seeds {verdict.seeds}: {'; '.join(verdict.broken)}" if verdict.found else "got away"
            )
            place = f"{change.file}:{change.line} {change.operator}"
            print(f"{len(found)}/{len(hunted)} {place}: {told}", flush=True)
    finally:  # also of what was scored before somebody ended it
        lines = report(changes, found, arguments)
        (chosen.out / "report.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(["", *lines]))


if __name__ == "__main__":
    main(sys.argv[1:])
