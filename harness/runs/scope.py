"""What decides an emulation, as a name: what was kept under it may be taken instead of emulating again."""

import hashlib
import importlib.metadata
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

import harness
from harness.compute.ledger import Ledger
from harness.runs.rig import Options, Rig

_LIBRARIES = ("boto3", "botocore", "moto", "numba", "numpy")
"""Whose versions may change what an emulation gives."""


def scope(rig: Rig, options: Options, more: Any = None) -> str:
    """Names what decides an emulation beside its parameters and seed: the inputs, the template, the code,
    this harness, what was recorded, and what is charged.
    """
    recorded = ""
    if options.compute == "recorded":
        ledger = Ledger(options.ledger)
        recorded = ledger.id
        ledger.close()
    parts = msgspec.structs.replace(options, parameters={}, seed=0, ledger=Path(), template=Path())
    return digest(
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


def digest(parts: Any) -> str:
    return hashlib.blake2b(msgspec.msgpack.encode(parts), digest_size=16).hexdigest()
