"""A run, and what the fleet says of the same files."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness import recorder
from harness.bill import prices
from harness.cloud import deployment
from harness.cloud import template as templates
from harness.config import Config
from harness.errors import UsageError
from harness.fleet import calibration, validation
from harness.fleet.calibration import Calibration
from harness.fleet.study import Progress
from harness.fleet.validation import Comparison
from harness.recorder import AnyEvent
from harness.runs import planning

NEEDED = ("parameters", "bill", "cpuFactor", "accountConcurrency", "months")
"""Of a run's summary."""


class NoRun(UsageError):
    """A folder that holds no run that the fleet can be compared with."""


def of_folder(config: Config, template: Path | None, folder: Path, progress: Progress) -> Comparison:
    """Of a finished run. Raises `NoRun` for a folder that holds none, and `UsageError`."""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        events = list(recorder.read(folder / "trace.jsonl"))
        lacking = [name for name in NEEDED if name not in summary]
    except OSError as error:
        lacking = [f"{error.filename}: {error.strerror}"]
    except ValueError as error:
        lacking = [f"what can be read: {error}"]
    if lacking:
        raise NoRun(f"{folder} holds no run that the fleet can be compared with: it lacks {lacking[0]}")
    return of_run(config, template, calibration.load(folder), summary, events, progress)


def of_run(
    config: Config,
    template: Path | None,
    known: Calibration,
    summary: Mapping[str, Any],
    events: Iterable[AnyEvent],
    progress: Progress,
) -> Comparison:
    """known: its calibration; summary: as in summary.json."""
    kept = config.root / ".harness" / "translated"
    loaded = templates.load(template or config.root / config.template, summary["parameters"], kept=kept)
    system = deployment.described(loaded)
    plan = planning.plan(
        config,
        summary["parameters"],
        system,
        known,
        cpu_factor=summary["cpuFactor"],
        account_concurrency=summary["accountConcurrency"],
        months=summary["months"],
        shards=config.stream_shards or system.stream_shards,
        table_months=summary["months"],
    )
    files, lines = validation.replay(known), summary["bill"]["lines"]
    with progress("Comparing with the run", 1) as tell:
        found = validation.validate(plan, files, known, list(events), lines, prices.load())
        tell(1)
    return found
