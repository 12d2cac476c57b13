"""How long AWS's side of things takes: one draw for each call, from a table of distributions that the user
may replace.
"""

import tomllib
from collections.abc import Iterator
from importlib import resources
from math import exp, log
from pathlib import Path

import msgspec
import numpy as np

from harness.errors import UsageError

_BLOCK = 1024


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """Log-normal; payload adds its size over the rate (0: none)."""

    median_ms: float
    sigma: float
    megabytes_per_second: float = 0.0


class Latencies:
    """Draws in seconds, by "<service>.<operation>", else by service, else "default"."""

    def __init__(self, table: dict[str, Distribution], generator: np.random.Generator) -> None:
        self._table = table
        self._draws = _normal_draws(generator)
        self._chosen: dict[tuple[str, str], Distribution] = {}

    def draw(self, service: str, operation: str) -> float:
        chosen = self._choose(service, operation)
        return chosen.median_ms / 1000 * exp(chosen.sigma * next(self._draws))

    def transfer(self, service: str, operation: str, size_bytes: int) -> float:
        """Seconds that a payload of this size takes."""
        rate = self._choose(service, operation).megabytes_per_second
        return size_bytes / (rate * 1e6) if rate else 0.0

    def _choose(self, service: str, operation: str) -> Distribution:
        key = (service, operation)
        if key not in self._chosen:
            table = self._table
            self._chosen[key] = table.get(f"{service}.{operation}") or table.get(service) or table["default"]
        return self._chosen[key]


def load(file: Path | None = None) -> dict[str, Distribution]:
    """The harness's table, entries of `file` replacing its own. Raises `UsageError`."""
    table = _parse(
        resources.files("harness.cloud").joinpath("latency.toml").read_text(encoding="utf-8"), "latency.toml"
    )
    if file is not None:
        try:
            table |= _parse(file.read_text(encoding="utf-8"), str(file))
        except OSError as error:
            raise UsageError(f"cannot read the latencies {file}: {error.strerror}") from error
    return table


def _parse(text: str, name: str) -> dict[str, Distribution]:
    try:
        table = msgspec.convert(tomllib.loads(text), dict[str, Distribution])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"the latencies {name} are wrong: {error}") from error
    for key, entry in table.items():
        if entry.median_ms <= 0 or entry.sigma < 0 or log(entry.median_ms) > 20:
            raise UsageError(
                f"the latencies {name}: {key} must have median_ms above 0 and sigma of at least 0"
            )
    return table


def _normal_draws(generator: np.random.Generator) -> Iterator[float]:
    while True:
        yield from generator.standard_normal(_BLOCK).tolist()
