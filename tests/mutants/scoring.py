"""How many small changes of the pipeline exploration finds: `python -m tests.mutants.scoring`, or `make mutants`.

The pipeline as it is is explored first, world by world as `harness explore` would; what that records, and which
branches each world reached, serves all changes. Each change is then explored in a copy of the pipeline, in a
process of its own, until an invariant breaks: in the worlds, in their order, that reach the changed line. The
others would go exactly as they went. A changed line takes as long as the line that it was, and pages are read
as they were: none of the files that are changed has a part in that. What is scored is kept, so that a run that
was ended goes on where it was, and a higher `--most` with what got away; a change of the pipeline, of the harness
or of the number of worlds begins anew.
"""

import argparse
import faulthandler
import hashlib
import itertools
import multiprocessing
import os
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from multiprocessing.connection import Connection, wait
from pathlib import Path
from unittest import mock

import msgspec

from harness import config
from harness.cloud import latency
from harness.commands.console import Screen
from harness.compute import ledger, policies
from harness.compute.sandbox import CodeBase
from harness.exploration.explorer import Case
from harness.exploration.search import Search
from harness.exploration.world_explorer import WorldExplorer
from harness.exploration.worlds import World
from harness.runs import application, inputs
from harness.runs.invariants import NAMES
from harness.runs.rig import Options, Progress, quiet
from tests import builders
from tests.mutants import equivalents, hunting, operators
from tests.mutants.catalogue import Mutant
from tests.mutants.operators import Change

FILES = tuple(
    f"pipeline/{name}.py" for name in ("state", "opening", "reading", "closing", "burying", "messages")
)
SEEDS = 300
HUNG_SECONDS = 300.0
"""A trial takes a second or two; one that takes so long never ends."""


class Tried(msgspec.Struct, frozen=True):
    """A world of the pipeline as it is, and the branches that it reached."""

    world: World
    taken: tuple[int, ...]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a change: found in the world of a `seed`, after so many worlds that reach it (`tried`), and by
    what; not `found` when it got away.
    """

    number: str
    found: bool
    tried: int
    seed: int = -1
    broken: tuple[str, ...] = ()


class Sound:
    """The pipeline as it is, explored: what is right in each world, and what each one reaches."""

    def __init__(self, seeds: int, jobs: int, kept: Path, progress: Progress = quiet) -> None:
        """kept: file of the worlds; raises `RuntimeError` when the pipeline as it is breaks an invariant."""
        folder = application.pool(builders.CONFIG, progress)
        self.pool = inputs.collect([folder], builders.CONFIG.input_suffixes)
        self.explorer = WorldExplorer(builders.CONFIG, self.pool, _options(builders.PROJECT))
        self.explorer.prepare(progress)
        if not kept.is_file():
            kept.write_bytes(msgspec.json.encode(self._explored(seeds, jobs, progress)))
        self.tried = msgspec.json.decode(kept.read_bytes(), type=list[Tried])

    def reaching(self, change: Change) -> list[Tried]:
        """The worlds in which a change can show. Every other one is of those that go the rarest way on from its
        line, where it has several: what is changed at a fork seldom shows on the way that nearly all go; but
        in these much else breaks, which excuses what is done in vain.
        """
        needed = self.explorer.coverage.around(change.file, change.line)
        found = [one for one in self.tried if needed is None or needed in one.taken]
        ways = self.explorer.coverage.ways(change.file, change.line)
        went = {way: count for way in ways if (count := sum(way in one.taken for one in found))}
        rarest = min(went, key=lambda way: went[way], default=None)
        rare = [one for one in found if rarest in one.taken]
        turns = itertools.chain.from_iterable(itertools.zip_longest(rare, found))
        return list({one.world.seed: one for one in turns if one is not None}.values())

    def _explored(self, seeds: int, jobs: int, progress: Progress) -> list[Tried]:
        search = Search(0, seeds, self.explorer.draw, self.explorer.vary)
        cases = (Case.of(world) if world else None for world in search.worlds())
        found: list[Tried] = []
        with progress("Exploring the pipeline as it is", seeds) as tell:
            for trial in self.explorer.attempts(cases, jobs):
                if trial.failed:
                    raise RuntimeError(f"seed {trial.case.seed}: {trial.violations or trial.error}")
                assert trial.case.world is not None
                search.shown(trial.case.seed, trial.taken | trial.struck_in)
                found.append(Tried(trial.case.world, tuple(sorted(trial.taken))))
                tell(len(found))
        return sorted(found, key=lambda one: one.world.seed)


class _Unwatched:
    """Which branches are taken, the pipeline as it is has told."""

    taken: frozenset[int] = frozenset()
    watching = staticmethod(nullcontext)


class Hunter(WorldExplorer):
    """Explores a changed pipeline."""

    coverage = _Unwatched()


def hunt(change: Change, folder: Path, sound: Sound, most: int | None = None, first: int = 0) -> Verdict:
    """Explores a copy with the change until an invariant breaks or the worlds are out; most: that are tried;
    first: that were tried before, in vain.
    """
    worlds = sound.reaching(change)[:most]
    project = _copy(change, folder)
    with mock.patch.object(policies, "fingerprint", _as_it_was(project, sound.explorer.rig.code)):
        return _hunted_in(worlds, change, project, sound, first)


def _as_it_was(project: Path, sound: CodeBase) -> Callable[..., str]:
    """Names of a copy's modules in the ledger: those of the pipeline as it is."""

    def fingerprint(module: str, code: CodeBase, versions: tuple[str, ...] = ()) -> str:
        with sound.within([builders.PROJECT / Path(folder).relative_to(project) for folder in code.folders]):
            return ledger.fingerprint(module, sound, versions)

    return fingerprint


def _hunted_in(worlds: Sequence[Tried], change: Change, project: Path, sound: Sound, first: int) -> Verdict:
    faulthandler.dump_traceback_later(HUNG_SECONDS, exit=True)
    try:
        explorer = Hunter(config.load(project), sound.pool, _options(project), sound.explorer)
    except Exception as error:  # a change may break whatever it likes
        return Verdict(number=change.number, found=True, tried=0, broken=(type(error).__name__,))
    for number, one in enumerate(worlds[first:], first + 1):
        faulthandler.dump_traceback_later(HUNG_SECONDS, exit=True)
        trial = explorer.attempt(Case.of(one.world))
        if trial.failed:
            names = {violation.invariant for violation in trial.violations} or {trial.error[:80]}
            return Verdict(
                number=change.number,
                found=True,
                tried=number,
                seed=one.world.seed,
                broken=tuple(sorted(names)),
            )
    faulthandler.cancel_dump_traceback_later()
    return Verdict(number=change.number, found=False, tried=len(worlds))


def _copy(change: Change, folder: Path) -> Path:
    project = hunting.mutated(Mutant(name=change.number, changes={}), folder)
    file = project / change.file
    file.write_text(change.applied(file.read_text(encoding="utf-8")), encoding="utf-8")
    return project


def _options(root: Path) -> Options:
    return Options(
        template=root / "template.yaml",
        parameters={},
        seed=0,
        compute="recorded",
        latencies=latency.load(),
        ledger=builders.LEDGER,
    )


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
    others = [builders.PROJECT / name for name in ("template.yaml", "pyproject.toml", "fixtures/pool.py")]
    for file in (*files, *others, Path(__file__)):
        hasher.update(file.read_bytes())
    return hasher.hexdigest()


def verdicts(
    changes: Sequence[Change], sound: Sound, jobs: int, kept: Path, most: int | None = None
) -> Iterator[Verdict]:
    """Of each change, as it comes; those in the file `kept` are not hunted again, or go on where more worlds
    are to be tried; what is new is added.
    """
    known = {
        verdict.number: verdict
        for line in (kept.read_bytes().splitlines() if kept.is_file() else ())
        for verdict in [msgspec.json.decode(line, type=Verdict)]
    }
    tried = {
        number: verdict.tried
        for number, verdict in known.items()
        if not verdict.found and (most is None or verdict.tried < most)
    }
    yield from (known[change.number] for change in changes if change.number in known.keys() - tried.keys())
    left = iter(
        [
            (change, tried.get(change.number, 0))
            for change in changes
            if change.number not in known or change.number in tried
        ]
    )
    with kept.open("ab") as file:
        for verdict in _hunted(left, sound, jobs, most):
            file.write(msgspec.json.encode(verdict) + b"\n")
            file.flush()
            yield verdict


def _hunted(
    changes: Iterator[tuple[Change, int]], sound: Sound, jobs: int, most: int | None = None
) -> Iterator[Verdict]:
    """Each in a process of its own, which has what is right and may hang. changes: with how many worlds were
    tried before.
    """
    context = multiprocessing.get_context("fork")
    running: dict[Connection, Change] = {}
    while True:
        while len(running) < jobs and (following := next(changes, None)) is not None:
            change, first = following
            answer, ours = context.Pipe(duplex=False)
            asked = (change, sound, ours, most, first)
            context.Process(target=_hunt_and_tell, args=asked).start()  # may have children, who compute
            ours.close()
            running[answer] = change
        if not running:
            return
        for answer in wait(list(running)):
            assert isinstance(answer, Connection)
            change = running.pop(answer)
            try:
                told = answer.recv()
            except EOFError:  # the watch over it has ended the process
                told = Verdict(number=change.number, found=True, tried=0, broken=("it hangs",))
            if isinstance(told, str):
                raise RuntimeError(f"{change.file}:{change.line}: {told}")
            yield told


def _hunt_and_tell(change: Change, sound: Sound, answer: Connection, most: int | None, first: int) -> None:
    try:
        with tempfile.TemporaryDirectory() as folder:
            answer.send(hunt(change, Path(folder), sound, most, first))
    except Exception:
        answer.send(traceback.format_exc())


def report(
    changes: Sequence[Change], found: Mapping[str, Verdict], arguments: Mapping[str, str]
) -> list[str]:
    """Lines: the score by file, what broke, and each change that got away. An invariant that no change breaks may
    look at nothing.
    """
    lines = ["found   of  score  file"]
    judged = [change for change in changes if change.number in found and change.number not in arguments]
    for file in (*FILES, "all"):
        own = [change for change in judged if file in ("all", change.file)]
        killed = sum(found[change.number].found for change in own)
        share = f"{killed / len(own):6.0%}" if own else "     -"
        lines.append(f"{killed:5} {len(own):4} {share}  {file}")
    broken = Counter(name for change in judged for name in found[change.number].broken)
    lines += ["", "what broke first:"]
    lines += [f"{count:5}  {name}" for name, count in broken.most_common()]
    lines += ["", "no change broke:", *(f"       {name}" for name in NAMES if name not in broken)]
    lines += ["", "got away:"]
    for change in sorted(judged, key=lambda one: (one.file, one.line)):
        if not found[change.number].found:
            lines += [
                f"{change.file}:{change.line}, {change.where or 'module'}, {change.operator}, "
                f"reached in {found[change.number].tried} worlds",
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
    parser.add_argument("--seeds", type=int, default=SEEDS, help="worlds")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="processes; all cores by default"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/mutants"), help="folder for verdicts and report"
    )
    parser.add_argument("--most", type=int, help="of the worlds that reach a change, at most; all by default")
    parser.add_argument("--only", default="", help="changes of a file whose name has this in it")
    chosen = parser.parse_args(words)
    changes = all_changes()
    chosen.out.mkdir(parents=True, exist_ok=True)
    arguments = equivalents.of(changes, equivalents.load())
    left = [change for change in changes if change.number not in arguments and chosen.only in change.file]
    hunted = sample(left, chosen.count)
    by_number = {change.number: change for change in hunted}
    found: dict[str, Verdict] = {}
    name = fingerprint(chosen.seeds)
    sound = Sound(chosen.seeds, chosen.jobs, chosen.out / f"worlds-{name}.json", Screen().progress)
    try:
        kept = chosen.out / f"verdicts-{name}.jsonl"
        for verdict in verdicts(hunted, sound, chosen.jobs, kept, chosen.most):
            found[verdict.number] = verdict
            change = by_number[verdict.number]
            told = (
                f"found, world {verdict.seed}, tried {verdict.tried}: {'; '.join(verdict.broken)}"
                if verdict.found
                else f"got away in {verdict.tried}"
            )
            place = f"{change.file}:{change.line} {change.operator}"
            print(f"{len(found)}/{len(hunted)} {place}: {told}", flush=True)
    finally:  # also of what was scored before somebody ended it
        lines = report(changes, found, arguments)
        (chosen.out / "report.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(["", *lines]))


if __name__ == "__main__":
    main(sys.argv[1:])
