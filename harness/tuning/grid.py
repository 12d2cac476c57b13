"""The settings that are tried: every combination of the values that parameters of the template may take."""

import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from harness.cloud import template as templates
from harness.config import Config
from harness.errors import UsageError

WHOLE = re.compile(r"[+-]?\d+")
Setting = dict[str, str]
"""Values of the template's parameters, by name."""


class Axis(msgspec.Struct, frozen=True):
    """A parameter of the template, and the values that are tried, in the order in which they were given."""

    name: str
    values: tuple[str, ...]


def axes(config: Config, given: Mapping[str, str | None], pairs: Sequence[str]) -> list[Axis]:
    """given: options of the command line ("batch-pages") with values parted by commas; pairs: NAME=a,b,c, or
    NAME=a;b where values have commas themselves. Raises `UsageError`.
    """
    found: dict[str, Axis] = {}

    def add(option: str, name: str, text: str) -> None:
        if name in found:
            raise UsageError(f"{option} says again what {name} may be: say it once")
        found[name] = Axis(name, values(option, text))

    for option, text in given.items():
        if text is not None:
            add(f"--{option}", parameter_of(config, option), text)
            for value in found[parameter_of(config, option)].values:
                if not WHOLE.fullmatch(value):
                    raise UsageError(f"--{option} {text}: {value} is no whole number")
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--parameter {pair} is not of the form NAME=VALUE,VALUE")
        add(f"--parameter {pair}", name, text)
    return list(found.values())


def values(option: str, text: str) -> tuple[str, ...]:
    """What is parted by commas, or by semicolons where there are any, each once. Raises `UsageError` when
    that is nothing.
    """
    found = dict.fromkeys(filter(None, map(str.strip, text.split(";" if ";" in text else ","))))
    if not found:
        raise UsageError(f"{option} has no values: give some, parted by commas")
    return tuple(found)


def parameter_of(config: Config, option: str) -> str:
    """The template's parameter that an option sets. Raises `UsageError` when none is named."""
    if option not in config.parameters:
        raise UsageError(
            f"[tool.harness.parameters] does not say which parameter --{option} sets; use --parameter "
            f"NAME=VALUE,VALUE"
        )
    return config.parameters[option]


def defaults(template: Path, chosen: Sequence[Axis]) -> Setting:
    """The template's own values of all its parameters that have one. Raises `UsageError` when a value of an
    axis is not allowed, or the template has no such parameter.
    """
    declared = templates.parsed(template).get("Parameters") or {}
    base = {name: str(entry["Default"]) for name, entry in declared.items() if "Default" in entry}
    for axis in chosen:
        for value in axis.values:
            templates.check_parameters(
                template, declared, base | {a.name: a.values[0] for a in chosen} | {axis.name: value}
            )
    return base


def settings(chosen: Sequence[Axis]) -> list[Setting]:
    """Every combination, the last axis varying fastest."""
    names = [axis.name for axis in chosen]
    return [
        dict(zip(names, values, strict=True))
        for values in itertools.product(*(axis.values for axis in chosen))
    ]


def usual(chosen: Sequence[Axis], defaults: Setting) -> Setting:
    """The setting of the grid that is the template's own, or as near to it as the grid allows: where an axis
    lacks the default, the value in its middle.
    """
    return {
        axis.name: defaults[axis.name]
        if defaults.get(axis.name) in axis.values
        else axis.values[len(axis.values) // 2]
        for axis in chosen
    }
