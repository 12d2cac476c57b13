"""The points that are done, each in a file of its own named by what decides it: a sweep that was ended goes
on where it was, and one with more values tries only those that are new.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from harness.fleet.calibration import Calibration
from harness.runs.scope import digest
from harness.tuning.point import Outcome

FOLDER, CALIBRATION = "points", ".calibration"


class Store:
    """Raises nothing for a file that is damaged: it is as if it were not there."""

    def __init__(self, out: Path, scope: str) -> None:
        """scope: names all that is the same for all points of a sweep."""
        self._folder, self._scope = out / FOLDER, scope
        self._folder.mkdir(parents=True, exist_ok=True)

    def get(self, parameters: Mapping[str, str], seed: int) -> Outcome | None:
        """parameters: all of the template's."""
        try:
            return msgspec.json.decode(self._path(parameters, seed).read_bytes(), type=Outcome)
        except (OSError, msgspec.DecodeError):
            return None

    def keep(self, parameters: Mapping[str, str], outcome: Outcome) -> None:
        path = self._path(parameters, outcome.seed)
        half = path.with_suffix(f".{os.getpid()}")
        half.write_bytes(msgspec.json.encode(outcome))
        half.replace(path)

    def calibration(self, parameters: Mapping[str, str], seed: int) -> Calibration | None:
        """What the point left for projections."""
        try:
            path = self._path(parameters, seed).with_suffix(CALIBRATION)
            return msgspec.json.decode(path.read_bytes(), type=Calibration)
        except (OSError, msgspec.DecodeError):
            return None

    def keep_calibration(self, parameters: Mapping[str, str], seed: int, known: Calibration) -> None:
        self._path(parameters, seed).with_suffix(CALIBRATION).write_bytes(msgspec.json.encode(known))

    def _path(self, parameters: Mapping[str, str], seed: int) -> Path:
        return self._folder / f"{digest([self._scope, sorted(parameters.items()), seed])}.json"
