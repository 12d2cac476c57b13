"""The main job: runs the system on a user's files and writes what came of it.

With recorded compute the run is rehearsed until the ledger holds all it needs; the run itself then does no OCR and is the same
every time.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from harness.runs import out_folder, summary
from harness.config import Config, ResultFields
from harness.runs.emulation import Emulation
from harness.faults.scenario import CALM
from harness.runs.inputs import InputFile
from harness.runs.rig import Options, Progress, Rig, by_upload

OWN_FILES = ("summary.json", "files.json", "trace.jsonl", "report.html")


class FileLine(msgspec.Struct, frozen=True, rename="camel"):
    """A line of files.json: an input by its name, where it was put and its result taken from, and what came of it."""

    name: str
    upload_key: str
    result_key: str
    status: str
    pages: int
    npi_pages: list[int]
    reason: str
    found: list[str]


class Run(msgspec.Struct, frozen=True):
    """A finished run: its summary, a line for each file, and the results by the name of their input."""

    summary: dict[str, Any]
    files: list[FileLine]
    results: dict[str, dict[str, Any]]
    emulation: Emulation


def run(config: Config, inputs: Sequence[InputFile], options: Options, progress: Progress) -> Run:
    """Raises `UsageError` for a template that is wrong."""
    began = time.monotonic()
    rig = Rig(config, inputs, options)
    expected = rig.results(rig.emulate(CALM, options.seed, progress)) if options.faults.faults and options.compute == "recorded" else None
    emulation = rig.emulate(options.faults, options.seed, progress)
    results, checked, violations = rig.check(emulation, expected)
    fields = rig.fields
    before = by_upload(emulation.given_up, fields.key) if emulation.given_up is not None else None
    numbers = summary.summarize(
        emulation,
        results,
        fields,
        seed=options.seed,
        compute=options.compute,
        cpu_factor=options.cpu_factor,
        parameters=rig.template.parameters,
        faults=options.faults.name,
        checked=checked,
        violations=violations,
        before_redrive=before,
        real_seconds=time.monotonic() - began,
    )
    found = [(file.name, key, results[key][0]) for file, key in zip(inputs, rig.keys, strict=True) if results.get(key)]
    lines = [_file_line(name, key, result, fields) for name, key, result in found]
    named = {name: _public(result) for name, _, result in found}
    return Run(numbers, lines, named, emulation)


def write(finished: Run, out: Path) -> None:
    """Writes summary.json, files.json, trace.jsonl and the results into a folder prepared by `prepare`."""
    (out / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(finished.summary), indent=2))
    (out / "files.json").write_bytes(msgspec.json.format(msgspec.json.encode(finished.files), indent=1))
    finished.emulation.recorder.write(out / "trace.jsonl")
    for name, result in finished.results.items():
        path = out / "results" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2))


def prepare(out: Path) -> None:
    """An empty folder for a run, see `out_folder.prepare`. Raises `UsageError`."""
    out_folder.prepare(out, "run", OWN_FILES, "results")


def _file_line(name: str, upload_key: str, result: dict[str, Any], fields: ResultFields) -> FileLine:
    return FileLine(
        name=name,
        upload_key=upload_key,
        result_key=result["_key"],
        status=result[fields.status],
        pages=result[fields.pages],
        npi_pages=result[fields.npi_pages],
        reason=result[fields.reason],
        found=sorted({finding[fields.finding_type] for finding in result.get(fields.findings, ())}),
    )


def _public(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name != "_key"}
