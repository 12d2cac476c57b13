"""The main job: runs the system on a user's files and writes what came of it.

With recorded compute the run is rehearsed until the ledger holds all it needs; the run itself then does no OCR and is the same
every time.
"""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from harness import clients, invariants, recording, summary, template
from harness.compute import Measured, Modelled, Policy, Recorded
from harness.config import Config, ResultFields
from harness.emulation import Emulation, Setting, emulate
from harness.environment import CodeBase
from harness.errors import UsageError
from harness.faults.scenario import CALM, Scenario
from harness.inputs import InputFile
from harness.latency import Distribution
from harness.ledger import Ledger
from harness.places import Place
from harness.randomness import Randomness

ComputeKind = Literal["measured", "recorded", "modelled"]

OWN_FILES = ("summary.json", "files.json", "trace.jsonl", "report.html")
BINARY_SUFFIXES = (".pdf",)
"""Results of these kinds stand beside the JSON results and are not read."""
MOST_REHEARSALS = 8
"""A handler that asks for other work at every rehearsal is not a function of its inputs, and cannot be recorded."""


class Progress(Protocol):
    """Shows how far a long step is; a context that gives a function to tell the number done."""

    def __call__(self, title: str, total: int) -> AbstractContextManager[Callable[[int], None]]: ...


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a user chooses. `parameters` are the template's; `ledger` is where recorded compute is kept;
    `cpu_factor`: how many times longer a Lambda vCPU takes than this machine's core.
    """

    template: Path
    parameters: dict[str, str]
    seed: int
    compute: ComputeKind
    latencies: dict[str, Distribution]
    ledger: Path
    cpu_factor: float = 1.0
    faults: Scenario = CALM


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
    if config.result is None or not config.inputs or not config.results:
        raise UsageError("pyproject.toml has no [tool.harness] with inputs, results and result: say where files go and results appear")
    began = time.monotonic()
    loaded = template.load(options.template, options.parameters)
    uploads = Place.parse(config.inputs)
    setting = Setting(
        template=loaded,
        clients=clients.of_files(inputs, uploads, loaded),
        results=Place.parse(config.results),
        seed=options.seed,
        latencies=options.latencies,
        recorded=config.record,
        faults=options.faults,
        stream_shards=config.stream_shards,
        cpu_factor=options.cpu_factor,
    )
    handlers = [resource["Properties"]["Handler"] for resource in loaded.functions()]
    code = CodeBase(list(loaded.code.values()), handlers)
    emulation = _emulate(setting, code, options, progress)
    results = _by_upload(emulation.results, config.result.key)
    keys = [uploads.prefix + file.name for file in inputs]
    checked, violations = invariants.check(invariants.Evidence(emulation, keys, results, config.result))
    numbers = summary.summarize(
        emulation,
        results,
        config.result,
        seed=options.seed,
        compute=options.compute,
        cpu_factor=options.cpu_factor,
        parameters=loaded.parameters,
        checked=checked,
        violations=violations,
        real_seconds=time.monotonic() - began,
    )
    found = [(file.name, key, results[key][0]) for file, key in zip(inputs, keys, strict=True) if results.get(key)]
    lines = [_file_line(name, key, result, config.result) for name, key, result in found]
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
    """An empty folder for a run. An earlier run in it is replaced; anything else is left alone. Raises `UsageError`."""
    if out.is_file():
        raise UsageError(f"{out} is a file: give --out a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / "summary.json").is_file():
        raise UsageError(f"{out} holds something that is no run: give --out another folder, or an empty one")
    try:
        out.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(out / "results", ignore_errors=True)
        for name in OWN_FILES:
            (out / name).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {out}: {error.strerror}") from error


def _emulate(setting: Setting, code: CodeBase, options: Options, progress: Progress) -> Emulation:
    if options.compute == "recorded":
        ledger = Ledger(options.ledger)
        try:
            return _emulate_recorded(setting, code, ledger, progress)
        finally:
            ledger.close()
    policy: Policy = Measured() if options.compute == "measured" else Modelled(Randomness(setting.seed).stream("compute"))
    return _with_progress(setting, code, policy, progress)


def _emulate_recorded(setting: Setting, code: CodeBase, ledger: Ledger, progress: Progress) -> Emulation:
    for _ in range(MOST_REHEARSALS):
        policy = Recorded(ledger, code)
        emulation = _with_progress(setting, code, policy, progress, lambda policy=policy: policy.full)  # type: ignore[misc]
        if not policy.incomplete:
            return emulation
        if policy.pending:
            unit = setting.recorded[0].unit if setting.recorded else "call"
            with progress(f"Recording {unit}s", len(policy.pending)) as tell:
                recording.record(ledger, list(policy.pending.values()), policy.variables, tell)
        else:
            policy.learn()
    raise UsageError("the recorded functions of [tool.harness] are called with other arguments at every run: use --compute measured")


def _with_progress(
    setting: Setting, code: CodeBase, policy: Policy, progress: Progress, should_stop: Callable[[], bool] = lambda: False
) -> Emulation:
    with progress("Emulating", len(setting.clients)) as tell:
        return emulate(setting, code, policy, tell, should_stop)


def _by_upload(objects: Mapping[str, bytes], key_field: str) -> dict[str, list[dict[str, Any]]]:
    """Decoded JSON results by the key of the upload that they are about; "_key" is their own."""
    results: dict[str, list[dict[str, Any]]] = {}
    for key, body in sorted(objects.items()):
        if key.endswith(BINARY_SUFFIXES):
            continue
        result = {**msgspec.json.decode(body), "_key": key}
        results.setdefault(result[key_field], []).append(result)
    return results


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
