"""Conditions of a template, by its parameters: what it makes, and what it does not.

Source: AWS CloudFormation user guide, "Condition functions".
"""

from collections.abc import Mapping
from typing import Any

Resources = dict[str, dict[str, Any]]


def made(resources: Resources, conditions: Mapping[str, Any], values: Mapping[str, str]) -> Resources:
    """The resources whose condition holds, or that have none. One that is decided by more than parameters (a
    region, say) is taken to hold.
    """
    return {
        name: resource
        for name, resource in resources.items()
        if _holds(
            {"Condition": resource["Condition"]} if "Condition" in resource else None, conditions, values
        )
        is not False
    }


def _holds(node: Any, conditions: Mapping[str, Any], values: Mapping[str, str]) -> bool | None:
    """None for what is not known."""
    match node:
        case {"Condition": str(name)}:
            return _holds(conditions.get(name), conditions, values)
        case {"Fn::Equals": [one, other]}:
            left, right = _value(one, values), _value(other, values)
            return None if left is None or right is None else left == right
        case {"Fn::Not": [one]}:
            held = _holds(one, conditions, values)
            return None if held is None else not held
        case {"Fn::And": list(parts)} | {"Fn::Or": list(parts)}:
            found = [_holds(part, conditions, values) for part in parts]
            deciding = "Fn::Or" in node
            if deciding in found:
                return deciding
            return None if None in found else not deciding
        case _:
            return None


def _value(node: Any, values: Mapping[str, str]) -> str | None:
    match node:
        case {"Ref": str(name)}:
            return values.get(name)
        case str() | int() | float():
            return str(node)
        case _:
            return None
