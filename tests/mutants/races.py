"""Deliberate races of the pipeline, and how soon each is met: with `--schedules`, and in the same worlds in
which each call happens when its latency says. `python -m tests.mutants.races [seeds [words]]` prints the table of
docs/faults.md.

None of them needs a fault, a second delivery or a redrive; all are right in the order in which calls mostly
come. Words after the number of seeds choose the races whose names hold one of them.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from harness import config
from harness.cloud import latency
from harness.exploration.explorer import Trial
from harness.exploration.schedules import ScheduleExplorer
from harness.exploration.world_explorer import WorldExplorer
from harness.runs import application, inputs
from harness.runs.rig import Options, quiet
from tests import builders
from tests.mutants.catalogue import Mutant
from tests.mutants.hunting import mutated

SEEDS = 100
INPUTS = frozenset(
    {"one.tif", "two words.tiff", "three.tif", "last page unreadable.tif", "a text.tif", "zeros.tif"}
)
"""Of the pool, those that worlds are made of here: of up to five pages, for time."""
RACES = (
    Mutant(
        name="batches sent before their file is recorded",
        changes={
            "pipeline/opening.py": (
                (
                    "    known = state.create_file(\n        ref,\n        total_pages=len",
                    "    early = [\n"
                    "        BatchMessage(ref, number, pages, chain.layout.big, chain.layout.order)\n"
                    "        for number, pages in enumerate(ranges, 1)\n"
                    "    ]\n"
                    "    for start in range(0, len(early), ENTRIES_PER_SEND):\n"
                    "        _send(sqs, settings.batch_queue_url, early[start : start + ENTRIES_PER_SEND])\n"
                    "    known = state.create_file(\n        ref,\n        total_pages=len",
                ),
                (
                    "        _send(sqs, settings.batch_queue_url, batches[start : start + ENTRIES_PER_SEND])",
                    "        pass",
                ),
            )
        },
    ),
    Mutant(
        name="record written again once the batches are sent",
        changes={
            "pipeline/opening.py": (
                (
                    "        _send(sqs, settings.batch_queue_url, batches[start : start + ENTRIES_PER_SEND])",
                    "        _send(sqs, settings.batch_queue_url, batches[start : start + ENTRIES_PER_SEND])\n"
                    "    if not known:\n"
                    "        state.put_sent()",
                ),
            ),
            "pipeline/state.py": (
                (
                    "        old = self._put_new(item)\n",
                    "        self._sent = item\n        old = self._put_new(item)\n",
                ),
                (
                    "    def finished_batch(",
                    "    def put_sent(self) -> None:\n"
                    '        item = {**self._sent, "sentAt": int(time.time())}\n'
                    "        self._client.put_item(TableName=self._table, Item=_dump(item))\n\n"
                    "    def finished_batch(",
                ),
            ),
        },
    ),
    Mutant(
        name="counter read, then written",
        changes={
            "pipeline/state.py": (
                (
                    '        old = self._update(\n            file_id,\n            "ADD countedBatches :ids, completedBatches :one "\n'
                    '            "SET remainingBatches = remainingBatches - :one, npiPages',
                    "        key = _dump(_key(file_id, METADATA))\n"
                    "        seen = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)\n"
                    '        left = int(seen["Item"]["remainingBatches"]["N"]) - 1 if "Item" in seen else 0\n'
                    '        old = self._update(\n            file_id,\n            "ADD countedBatches :ids, completedBatches :one "\n'
                    '            "SET remainingBatches = :left, npiPages',
                ),
                (
                    '                ":id": batch_id,\n                ":one": 1,\n                ":npi": list',
                    '                ":id": batch_id,\n                ":left": left,\n'
                    '                ":one": 1,\n                ":npi": list',
                ),
            )
        },
    ),
    Mutant(
        name="marked pages read, then written",
        changes={
            "pipeline/state.py": (
                (
                    '        old = self._update(\n            file_id,\n            "ADD countedBatches :ids, completedBatches :one "\n'
                    '            "SET remainingBatches = remainingBatches - :one, npiPages = list_append(npiPages, :npi), "',
                    "        key = _dump(_key(file_id, METADATA))\n"
                    "        seen = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)\n"
                    '        before = _load(seen.get("Item", {})).get("npiPages", [])\n'
                    '        old = self._update(\n            file_id,\n            "ADD countedBatches :ids, completedBatches :one "\n'
                    '            "SET remainingBatches = remainingBatches - :one, npiPages = :npi, "',
                ),
                (
                    '                ":one": 1,\n                ":npi": list(npi_pages),\n                ":now"',
                    '                ":one": 1,\n                ":npi": [*before, *npi_pages],\n                ":now"',
                ),
            )
        },
    ),
    Mutant(
        name="latest version read, not the uploaded one",
        changes={"pipeline/documents.py": (("    if ref.version_id:\n", "    if False:\n"),)},
    ),
)


class Met(msgspec.Struct, frozen=True):
    """After how many seeds a race was met, 0 for not at all: with latencies alone, and with a schedule."""

    latencies: int
    schedules: int
    broken: tuple[str, ...]


def explorer(project: Path, sound: WorldExplorer | None = None) -> ScheduleExplorer:
    """Of the schedules of a copy of the pipeline; sound: of the pipeline itself, which says what is right. No
    PDFs, for time.
    """
    pool = inputs.collect([application.pool(builders.CONFIG, quiet)], builders.CONFIG.input_suffixes)
    files = [file for file in pool if file.name in INPUTS]
    options = Options(
        template=project / "template.yaml",
        parameters={"PdfMode": "none"},
        seed=0,
        compute="recorded",
        latencies=latency.load(),
        ledger=builders.LEDGER,
    )
    return ScheduleExplorer(config.load(project), files, options, sound)


def hunt(explorer: ScheduleExplorer, first_seed: int, seeds: int, alone: bool = True) -> Met:
    """Tries seed by seed until the race is met; alone: also by latencies alone, however long that takes."""
    latencies = schedules = 0
    broken: tuple[str, ...] = ()
    for number, case in enumerate(explorer.seeds(first_seed, seeds), 1):
        plain = explorer.plain(case)
        if plain.failed and not latencies:
            latencies, broken = number, broken or _broken(plain)
        if not schedules and plain.calls:
            trial = explorer.attempt(explorer.scheduled(case, plain.calls))
            if trial.failed:
                schedules, broken = number, _broken(trial)
        if schedules and (latencies or not alone):
            break
    return Met(latencies, schedules, broken)


def _broken(trial: Trial) -> tuple[str, ...]:
    return tuple(sorted({violation.invariant for violation in trial.violations})) or (trial.error,)


def main(words: Sequence[str]) -> None:
    seeds = int(words[0]) if words else SEEDS
    chosen = words[1:]
    sound = explorer(builders.PROJECT)
    sound.prepare(quiet)
    print("| deliberate bug | latencies alone | with a schedule | broken |\n|---|---|---|---|", flush=True)
    for race in RACES:
        if chosen and not any(word in race.name for word in chosen):
            continue
        with tempfile.TemporaryDirectory() as folder:
            met = hunt(explorer(mutated(race, Path(folder)), sound), 0, seeds)
        told = [str(number) if number else f"not in {seeds}" for number in (met.latencies, met.schedules)]
        print(f"| {race.name} | {' | '.join(told)} | {'; '.join(met.broken)} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
