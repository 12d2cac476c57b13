"""The main job: runs the system on a user's files and writes what came of it.

With recorded compute the run is rehearsed until the ledger holds all it needs; the run itself then computes
nothing and is the same every time.
"""

import datetime
import hashlib
import time
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from harness.bill import bill as bills
from harness.bill import focus, meter
from harness.cloud.deployment import ACCOUNT
from harness.config import Config, ResultFields
from harness.engine.clock import EPOCH
from harness.fleet.calibration import Calibration
from harness.recorder import Invocation
from harness.runs import calibrating, summary
from harness.runs.emulation import Emulation
from harness.runs.inputs import InputFile
from harness.runs.out_folder import Kind
from harness.runs.results import Outcome, Results, by_upload, stem
from harness.runs.rig import Options, Progress, Rig

LONGEST_NAME_BYTES = 255
"""Of a file, on the usual file systems."""
KIND = Kind(
    "run",
    ("summary.json", "files.json", "trace.jsonl", "bill.csv", "calibration.json", "report.html"),
    ("results", "thumbnails"),
)


class FileLine(msgspec.Struct, frozen=True, rename="camel"):
    """A line of files.json: an input by its name, where it was put and its result taken from, and what came
    of it.
    """

    name: str
    upload_key: str
    result_key: str
    status: str
    units: int
    marked: list[int]
    reason: str
    found: list[str]
    suspects: list[str]


class Run(msgspec.Struct, frozen=True):
    """A finished run: its summary, a line for each file, what came of it by the name of the input, its
    bill, and its calibration or why there is none.
    """

    summary: dict[str, Any]
    files: list[FileLine]
    outcomes: dict[str, Outcome]
    emulation: Emulation
    bill: bills.Bill
    calibration: Calibration | str

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        """Each whole, as it was stored, by the name of its input."""
        return {name: outcome.whole for name, outcome in self.outcomes.items()}


def run(
    config: Config, inputs: Sequence[InputFile], options: Options, progress: Progress, **of_rig: Any
) -> Run:
    """of_rig: what else a rig is told. Raises `UsageError` for a template that is wrong."""
    began = time.monotonic()
    rig = Rig(config, inputs, options, **of_rig)
    is_compared = options.faults.faults and options.compute == "recorded"
    expected = rig.results(rig.calm(progress)) if is_compared else None
    emulation = rig.emulate(options.faults, options.seed, progress)
    return finish(rig, emulation, expected, began)


def finish(rig: Rig, emulation: Emulation, expected: Results | None, began: float) -> Run:
    """What an emulation comes to. expected: results of a calm run, if there are any; began:
    when all this did, by the monotonic clock.
    """
    config, options = rig.config, rig.options
    results, checked, violations = rig.check(emulation, expected)
    if emulation.interrupted:  # it breaks most of them, and means nothing
        violations = []
    fields = rig.fields
    usage = meter.Usage(
        events=emulation.recorder.events,
        system=emulation.system,
        holdings=emulation.holdings,
        months=options.months,
    )
    charged = bills.bill(meter.quantities(usage), options.prices, options.free_tier)
    before = by_upload(emulation.given_up, fields) if emulation.given_up is not None else None
    numbers = summary.summarize(
        emulation,
        results,
        config.words,
        fields,
        inputs=len(rig.names),
        notes=[*rig.notes, *_not_initialised(emulation)],
        has_results=bool(config.results),
        seed=options.seed,
        compute=options.compute,
        cpu_factor=options.cpu_factor,
        account_concurrency=options.account_concurrency,
        months=options.months,
        parameters=rig.template.parameters,
        faults=options.faults.name,
        checked=checked,
        violations=violations,
        before_redrive=before,
        bill=charged,
        real_seconds=time.monotonic() - began,
    )
    found = [
        (name, key, results[key][0])
        for name, key in zip(rig.names, rig.keys, strict=True)
        if results.get(key)
    ]
    lines = [_file_line(name, key, result, fields) for name, key, result in found]
    named = {name: result for name, _, result in found}
    calibrated = calibrating.of(config, options, rig.template.parameters, emulation, results)
    return Run(numbers, lines, named, emulation, charged, calibrated)


def write(finished: Run, out: Path) -> None:
    """Writes summary.json, files.json, trace.jsonl and the results into a folder that is `held`; beside a
    result what the system left beside it, under the same name: a PDF, a picture.
    """
    (out / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(finished.summary), indent=2))
    (out / "files.json").write_bytes(msgspec.json.format(msgspec.json.encode(finished.files), indent=1))
    finished.emulation.recorder.write(out / "trace.jsonl")
    if not isinstance(finished.calibration, str):
        (out / "calibration.json").write_bytes(msgspec.json.encode(finished.calibration))
    with (out / "bill.csv").open("w", encoding="utf-8", newline="") as file:
        ended = EPOCH + datetime.timedelta(seconds=finished.summary["virtualSeconds"])
        focus.write(file, finished.bill, ACCOUNT, EPOCH, ended)
    for name, result in finished.results.items():
        path = out / "results" / result_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2))
    beside = _by_stem(finished.emulation.results)
    for line in finished.files:
        for key in beside.get(stem(line.result_key), ()):
            if key != line.result_key:
                path = (out / "results" / result_path(line.name)).with_suffix(PurePosixPath(key).suffix)
                path.write_bytes(finished.emulation.results[key])


def _by_stem(keys: Iterable[str]) -> dict[str, list[str]]:
    """Keys by what they are without their suffix."""
    found: dict[str, list[str]] = {}
    for key in keys:
        if PurePosixPath(key).suffix:
            found.setdefault(stem(key), []).append(key)
    return found


def _not_initialised(emulation: Emulation) -> list[str]:
    """What is said of functions whose handler could not be imported: nothing else tells why all failed."""
    failed: dict[str, list[str]] = {}
    for event in emulation.recorder.events:
        if isinstance(event, Invocation) and event.init_failed:
            failed.setdefault(event.function, []).append(event.error)
    return [
        f"{function} could not be initialised, {len(errors)} times: {errors[0]}"
        for function, errors in failed.items()
    ]


def _file_line(name: str, upload_key: str, result: Outcome, fields: ResultFields) -> FileLine:
    return FileLine(
        name=name,
        upload_key=upload_key,
        result_key=result.stored,
        status=result.status,
        units=result.units,
        marked=result.marked,
        reason=result.reason,
        found=sorted({str(finding.get(fields.finding_type)) for finding in result.findings}),
        suspects=[f"{one.get(fields.error_unit)}: {one.get('reason', '')}" for one in result.suspects],
    )


def result_path(name: str) -> str:
    """Path of an input's result below results/; one that a file system would not take is shortened and ends
    in a digest.
    """
    folder, slash, last = name.rpartition("/")
    if len(last.encode()) + len(".json") > LONGEST_NAME_BYTES:
        digest = hashlib.blake2b(last.encode(), digest_size=8).hexdigest()
        last = f"{last.encode()[: LONGEST_NAME_BYTES - 30].decode(errors='ignore')}-{digest}"
    return f"{folder}{slash}{last}.json"
