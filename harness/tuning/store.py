"""The points that are done, each in a file of its own named by what decides it: a sweep that was ended goes
on where it was, and one with more values tries only those that are new.
"""

import hashlib
import importlib.metadata
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

import harness
from harness.compute.ledger import Ledger
from harness.fleet.calibration import Calibration
from harness.runs.rig import Options, Rig
from harness.tuning.point import Outcome

FOLDER, CALIBRATION = "points", ".calibration"
_LIBRARIES = ("boto3", "botocore", "moto", "numba", "numpy")
"""Whose versions may change what an emulation gives."""


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
        return self._folder / f"{_digest([self._scope, sorted(parameters.items()), seed])}.json"


def scope(rig: Rig, options: Options, more: Any = None) -> str:
    """Names what decides a point beside its parameters and seed: the inputs, the template, the code, this
    harness, what was recorded, and what is charged.
    """
    recorded = ""
    if options.compute == "recorded":
        ledger = Ledger(options.ledger)
        recorded = ledger.id
        ledger.close()
    parts = msgspec.structs.replace(options, parameters={}, seed=0, ledger=Path(), template=Path())
    return _digest(
        [
            rig.inputs_digest(),
            options.template.read_bytes(),
            rig.fingerprints(),
            recorded,
            _harness(),
            msgspec.to_builtins(parts, enc_hook=str),
            msgspec.to_builtins(msgspec.structs.replace(rig.config, root=Path(), source=None), enc_hook=str),
            more,
        ]
    )


@cache
def _harness() -> list[str]:
    """Names this harness: its own code and tables, and the libraries that decide what it does."""
    folder = Path(harness.__file__).parent
    hasher = hashlib.blake2b(digest_size=16)
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".py", ".toml"):
            hasher.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return [hasher.hexdigest(), *(f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES)]


def _digest(parts: Any) -> str:
    return hashlib.blake2b(msgspec.msgpack.encode(parts), digest_size=16).hexdigest()
