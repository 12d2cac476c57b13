"""What a setting must keep to be recommended: "p95<15min", "makespan<24h", "cost<$1500", "BatchPages<=15"."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from harness.errors import UsageError

MEASURES = ("cost", "makespan", "p50", "p95", "p99")
"""cost: dollars of the whole bill; the others are seconds."""
_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_FORM = re.compile(r"\s*(\w+)\s*(<=|>=|<|>)\s*(\$?)\s*(\d+(?:\.\d*)?)\s*(\w*)\s*")
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Wish(msgspec.Struct, frozen=True):
    """A measure, or a parameter, on one side of a limit; text: as it was said."""

    text: str
    name: str
    relation: str
    limit: float

    def holds(self, values: Mapping[str, float | str]) -> bool:
        """Of the measures and parameters of a setting; one that has no such measure keeps no limit."""
        return self.name in values and _OPERATORS[self.relation](float(values[self.name]), self.limit)

    def excess(self, values: Mapping[str, float | str]) -> float:
        """By what part of the limit it is missed; 0 or less where it holds."""
        part = (float(values[self.name]) - self.limit) / (abs(self.limit) or 1.0)
        return part if self.relation.startswith("<") else -part


def parse(texts: Sequence[str], parameters: Mapping[str, Sequence[str]]) -> list[Wish]:
    """parameters: those that are varied, which a wish may name as well, with their values. Raises
    `UsageError`.
    """
    return [_parsed(text, parameters) for text in texts]


def _parsed(text: str, parameters: Mapping[str, Sequence[str]]) -> Wish:
    found = _FORM.fullmatch(text)
    if found is None:
        raise UsageError(f'--where {text}: it must be like "p95<15min", "makespan<24h" or "cost<$1500"')
    name, relation, dollar, number, unit = found.groups()
    if name not in (*MEASURES, *parameters):
        raise UsageError(
            f"--where {text}: {name} is none of {', '.join(MEASURES)}, and no parameter that is varied"
            f"{' (' + ', '.join(parameters) + ')' if parameters else ''}"
        )
    if name in MEASURES and name != "cost":
        if unit not in _SECONDS or dollar:
            raise UsageError(f"--where {text}: {name} is a time, in ms, s, min, h or d")
        return Wish(text, name, relation, float(number) * _SECONDS[unit])
    if unit or (dollar and name != "cost"):
        raise UsageError(f"--where {text}: {name} has no unit {unit or dollar}")
    for value in parameters.get(name, ()):
        if not _is_number(value):
            raise UsageError(f"--where {text}: {name} may be {value}, which is no number")
    return Wish(text, name, relation, float(number))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
