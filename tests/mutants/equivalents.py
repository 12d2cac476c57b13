"""Changes that are called equivalent, each with its argument: tests/mutants/equivalents.toml."""

import tomllib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.mutants.operators import Change

FILE = Path(__file__).with_name("equivalents.toml")


class Equivalent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`where`: the function; was, becomes: as in `Change`; argument: why no run can tell them apart."""

    file: str
    where: str
    operator: str
    was: str
    becomes: str
    argument: str

    @property
    def identity(self) -> tuple[str, ...]:
        return self.file, self.where, self.operator, self.was, self.becomes


def load(file: Path = FILE) -> list[Equivalent]:
    found = tomllib.loads(file.read_text(encoding="utf-8")).get("equivalent", [])
    return msgspec.convert(found, list[Equivalent])


def of(changes: Sequence[Change], equivalents: Sequence[Equivalent]) -> dict[str, str]:
    """Number of a change -> the argument that it is equivalent."""
    arguments = {one.identity: one.argument for one in equivalents}
    return {change.number: arguments[change.identity] for change in changes if change.identity in arguments}
