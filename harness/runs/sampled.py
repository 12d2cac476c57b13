"""The run of the project's sample that a projection is calibrated by and compared with, kept: as long as
nothing that decides it has changed, emulating it once more would give the same.
"""

import contextlib
import os
from typing import Any

import msgspec

from harness.config import Config
from harness.errors import UsageError
from harness.fleet.calibration import Calibration
from harness.recorder import AnyEvent
from harness.runs import application, inputs
from harness.runs import run as runs
from harness.runs.rig import Options, Progress, Rig
from harness.runs.scope import digest, scope

FOLDER = "sampled"
MOST_KEPT = 16
"""Runs of a hundred kilobytes each; the code has been changed since the older ones."""


class Sampled(msgspec.Struct, frozen=True):
    """Of a finished run: its calibration, its summary as in summary.json, and its trace."""

    calibration: Calibration
    summary: dict[str, Any]
    events: list[AnyEvent]


def of(config: Config, options: Options, progress: Progress) -> Sampled:
    """The sample's run with these options, out of .harness where it was kept. Raises `UsageError`."""
    files = inputs.collect([application.sample(config)], config.input_suffixes)
    rig = Rig(config, files, options)
    decided = digest([scope(rig, options), sorted(rig.template.parameters.items()), options.seed])
    kept = config.root / ".harness" / FOLDER / f"{decided}.json"
    try:
        return msgspec.json.decode(kept.read_bytes(), type=Sampled)
    except (OSError, msgspec.DecodeError):  # absent or damaged: it is made again
        made, whole = _made(config, files, options, progress)
    if whole:
        with contextlib.suppress(OSError):  # what cannot be kept is made again
            kept.parent.mkdir(parents=True, exist_ok=True)
            half = kept.with_suffix(f".{os.getpid()}")
            half.write_bytes(msgspec.json.encode(made))
            half.replace(kept)
            for old in sorted(kept.parent.glob("*.json"), key=lambda file: -file.stat().st_mtime)[MOST_KEPT:]:
                old.unlink()
    return made


def _made(
    config: Config, files: list[inputs.InputFile], options: Options, progress: Progress
) -> tuple[Sampled, bool]:
    """And whether it came to its end."""
    finished = runs.run(config, files, options, progress)
    if isinstance(finished.calibration, str):
        raise UsageError(f"the sample gives no calibration: {finished.calibration}")
    emulation = finished.emulation
    made = Sampled(finished.calibration, finished.summary, list(emulation.recorder.events))
    return made, not emulation.interrupted
