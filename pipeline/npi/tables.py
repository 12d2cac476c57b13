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

from pipeline.npi.detectors import DETECTORS, ELSE, OPTIONAL, Detector
from pipeline.npi.expressions import NEVER, Expression, OwnWord, Together, linear

ROOT = Path(__file__).parents[2]
"""What a relative path begins at: the folder that pipeline/ lies in, here and in a Lambda package."""
NOWHERE = (-1, -1)
NEVER_MATCHES = re.compile(NEVER)
MOST_LABELS = 4096
"""Texts whose labels are remembered: forms repeat them."""
CHECKS = {"any": lambda value: True, "luhn": lambda value: bool(luhn.is_valid(re.sub(r"\D", "", value)))}

Span = tuple[int, int]


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
        self._forms = Together([detector.form for detector in detectors])
        self._labels = Together([*(detector.label for detector in detectors), ELSE])
        self._unlabelled = frozenset(
            number for number, detector in enumerate(detectors) if detector.alone > 0
        )
        self._spans: dict[str, dict[int, Span]] = {}
        self._latest = "", self._labels.may_match("")

    @property
    def has_digits(self) -> bool:
        """Whether every value has some."""
        return all(detector.digits for detector in self.detectors)

    def at_work(self, text: str) -> list[int]:
        """Places of the detectors whose values may be on a page with this text: their form is, and their
        label where they need one.
        """
        labelled = self.labelled(text)
        if not labelled and not self._unlabelled:
            return []
        return sorted(self._forms.may_match(text) & (labelled | self._unlabelled))

    def labelled(self, text: str) -> frozenset[int]:
        """Places of the detectors whose label may be in a text. A page's is asked for twice in a row."""
        latest = self._latest
        if latest[0] != text:
            self._latest = latest = text, self._labels.may_match(text)
        return latest[1]

    def is_alike(self, detector: Detector, other: int) -> bool:
        """Whether the label of a detector at a place names what another one finds, too."""
        kind = self.detectors[other].type if other < len(self.detectors) else ""
        return kind == detector.type or kind in detector.alike

    def labels_in(self, text: str) -> dict[int, Span]:
        """The last label in a text of each detector, by its place; and of what is none (at the place behind
        them).
        """
        if text not in self._spans:
            if len(self._spans) >= MOST_LABELS:
                self._spans.clear()
            patterns = (*(detector.label for detector in self.detectors), ELSE)
            spans = {number: last(patterns[number], text) for number in self._labels.may_match(text)}
            self._spans[text] = {number: span for number, span in spans.items() if span != NOWHERE}
        return self._spans[text]


BUILT_IN = Table(DETECTORS)


def last(pattern: Expression, text: str) -> Span:
    """(start, end) of the last match. The label nearest to the value is the last."""
    found = NOWHERE
    for match in pattern.finditer(text):
        if match.end() > match.start():
            found = match.span()
    return found


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
