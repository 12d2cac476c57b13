"""Event filtering: which messages and records an event source mapping hands to its function.

A pattern is a JSON object shaped like the event; its leaves are lists of allowed values or comparisons.
Source: AWS Lambda developer guide, "Control which events Lambda sends to your function".
"""

import json
import operator
from collections.abc import Callable
from typing import Any

from harness.errors import UsageError

RULES = ("prefix", "suffix", "equals-ignore-case", "anything-but", "numeric", "exists", "$or")
"""Comparisons that the same page lists, beside equality; of EventBridge's others, `cidr` and `wildcard` say,
it has none.
"""
Predicate = Callable[[Any], bool]

_NUMERIC: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def matcher(patterns: tuple[str, ...], source: str = "a mapping") -> Predicate:
    """Whether an event matches one of the patterns; without patterns every event does. Raises `UsageError`
    for a bad pattern.
    """
    compiled = [_compiled(pattern, source) for pattern in patterns]
    return lambda event: not compiled or any(matches(event) for matches in compiled)


def _compiled(pattern: str, source: str) -> Predicate:
    try:
        parsed = json.loads(pattern)
        if not isinstance(parsed, dict):
            raise ValueError("it is no JSON object")
        return _object(parsed)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(
            f"{source} is refused, as AWS would: its filter pattern {pattern} is wrong: {error}"
        ) from error


def _object(pattern: dict[str, Any]) -> Predicate:
    parts: list[Predicate] = []
    for key, rule in pattern.items():
        if key == "$or":
            parts.append(_any([_object(alternative) for alternative in rule]))
        else:
            parts.append(_field(key, rule))
    return lambda event: all(matches(event) for matches in parts)


def _any(alternatives: list[Predicate]) -> Predicate:
    return lambda event: any(matches(event) for matches in alternatives)


def _field(key: str, rule: Any) -> Predicate:
    if isinstance(rule, dict):
        inner = _object(rule)
        return lambda event: isinstance(event, dict) and inner(event.get(key))
    if not isinstance(rule, list):
        raise ValueError(f"the filter pattern of {key!r} must be a list or an object")
    leaves = [_leaf(choice) for choice in rule]
    return lambda event: any(
        leaf(event.get(key, _ABSENT) if isinstance(event, dict) else _ABSENT) for leaf in leaves
    )


class _Absent:
    pass


_ABSENT = _Absent()


def _leaf(choice: Any) -> Predicate:
    if not isinstance(choice, dict):
        return _each(lambda value: value == choice and type(value) is type(choice))
    if len(choice) != 1:
        raise ValueError(f"{choice} must be one rule")
    ((name, operand),) = choice.items()
    if name == "exists":
        return lambda value: (value is not _ABSENT and not isinstance(value, dict)) is bool(operand)
    return _each(_comparison(name, operand))


def _comparison(name: str, operand: Any) -> Predicate:
    if name == "prefix":
        return lambda value: isinstance(value, str) and value.startswith(operand)
    if name == "suffix":
        return lambda value: isinstance(value, str) and value.endswith(operand)
    if name == "equals-ignore-case":
        return lambda value: isinstance(value, str) and value.lower() == operand.lower()
    if name == "anything-but":
        if isinstance(operand, dict):
            ((inner, value),) = operand.items()
            comparison = _comparison(inner, value)
            return lambda value: not comparison(value)
        refused = operand if isinstance(operand, list) else [operand]
        return lambda value: value not in refused
    if name == "numeric":
        bounds = list(zip(operand[::2], operand[1::2], strict=True))
        if wrong := [sign for sign, _ in bounds if sign not in _NUMERIC]:
            raise ValueError(f"{wrong[0]!r} compares no numbers")
        return lambda value: (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and all(_NUMERIC[sign](value, bound) for sign, bound in bounds)
        )
    raise ValueError(f"{name!r} is no rule of Lambda's; they are {', '.join(RULES)}")


def _each(matches: Predicate) -> Predicate:
    """A list in an event matches when one of its elements does."""

    def test(value: Any) -> bool:
        if value is _ABSENT:
            return False
        return any(map(matches, value)) if isinstance(value, list) else matches(value)

    return test
