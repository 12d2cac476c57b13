"""The table of what is looked for: the built-in one, or a user's own over it.

A user's table is a TOML file. A section is a type: one that is known is switched `on` or off; another one is
added, with its form and label as regular expressions, and the strength that it has with a label and without.
"""

import re
import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from stdnum import luhn

from pipeline.npi.detectors import DETECTORS, OPTIONAL, Detector
from pipeline.npi.expressions import NEVER, Expression, OwnWord, Together, linear
from pipeline.npi.labels import Labels

ROOT = Path(__file__).parents[2]
"""What a relative path begins at: the folder that pipeline/ lies in, here and in a Lambda package."""
NEVER_MATCHES = re.compile(NEVER)
CHECKS = {"any": lambda value: True, "luhn": lambda value: bool(luhn.is_valid(re.sub(r"\D", "", value)))}


class OwnType(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A section of a user's table. on: whether it is looked for; the rest describes a type of their own.

    form: the value, matched as a word or words of its own; label: what names it, in any case; named, alone:
    its strength with a label and without (0: not found); near: characters before it in which its label must
    end; check: "any" or "luhn".
    """

    on: bool = True
    form: str = ""
    label: str = ""
    named: float = 0.9
    alone: float = 0.0
    near: int = 44
    check: str = "any"


class Table:
    """Detectors, and which of them can have anything on a page."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self.detectors = tuple(detectors)
        self.has_digits = all(detector.digits for detector in detectors)
        """Whether every value has some."""
        self._forms = Together([detector.form for detector in detectors])
        self.labels = Labels(self.detectors)
        self._unlabelled = frozenset(
            number for number, detector in enumerate(detectors) if detector.alone > 0
        )

    def at_work(self, text: str, labelled: frozenset[int]) -> list[int]:
        """Places of the detectors whose values may be in lines with this text: their form is, and on the page
        their label where they need one.
        """
        wanted = labelled | self._unlabelled
        return sorted(self._forms.may_match(text) & wanted) if text and wanted else []


BUILT_IN = Table(DETECTORS)


@cache
def load(path: str) -> Table:
    """The built-in table with a user's own over it; "" for the built-in one alone. Raises `ValueError` when
    the file is none.
    """
    if not path:
        return BUILT_IN
    file = ROOT / path
    try:
        sections = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"the table of NPI types {file} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"the table of NPI types {file} is not TOML: {error}") from error
    detectors = list(DETECTORS)
    for name, section in sections.items():
        detectors = _with(detectors, name, _own(file, name, section), file)
    return Table(detectors)


def _own(file: Path, name: str, section: Any) -> OwnType:
    try:
        return msgspec.convert(section, OwnType)
    except msgspec.ValidationError as error:
        raise ValueError(f"{file}: [{name}] is wrong: {error}") from error


def _with(detectors: list[Detector], name: str, own: OwnType, file: Path) -> list[Detector]:
    known = [one for one in (*DETECTORS, *OPTIONAL) if one.type == name]
    if not own.form:
        if not known:
            types = ", ".join(dict.fromkeys(one.type for one in (*DETECTORS, *OPTIONAL)))
            raise ValueError(f"{file}: [{name}] is a new type and needs a form; known ones are {types}")
        others = [one for one in detectors if one.type != name]
        return others + known if own.on else others
    if not own.on:
        return detectors
    if own.check not in CHECKS:
        raise ValueError(f"{file}: [{name}] check is one of {', '.join(CHECKS)}, not {own.check}")
    if own.named > 0 and not own.label and not own.alone:
        raise ValueError(f"{file}: [{name}] is found by nothing: give a label, or a strength alone")
    form = _expression(file, name, "form", OwnWord, own.form)
    label = _expression(file, name, "label", linear, f"(?i){own.label}") if own.label else NEVER_MATCHES
    added = Detector(
        type=name,
        form=form,
        check=CHECKS[own.check],
        label=label,
        near=own.near,
        alone=own.alone,
        named=own.named,
        digits=False,
    )
    return [*detectors, added]


def _expression(file: Path, name: str, what: str, make: Callable[[str], Expression], text: str) -> Expression:
    try:
        return make(text)
    except ValueError as error:
        raise ValueError(f"{file}: [{name}] {what} is no regular expression: {error}") from error
