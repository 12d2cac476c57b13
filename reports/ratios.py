"""Ratios to a base revision as people read them."""

from collections.abc import Mapping
from typing import Any

UNKNOWN = 100.0
"""An interval up to more than this ratio says nothing."""
COUNTED = {"cpu": "CPU time", "instructions": "instructions"}


def is_known(row: Mapping[str, Any]) -> bool:
    """Whether the interval says anything; one without an end has none in JSON."""
    return row["high"] is not None and row["high"] < UNKNOWN


def interval(row: Mapping[str, Any]) -> str:
    return f"{row['low']:.3f} to {row['high']:.3f}" if is_known(row) else "not known yet"


def verdict(numbers: Mapping[str, Any]) -> str:
    limit, base = f"{numbers['failAbove']:g}", numbers["base"].partition(" ")[0]
    match numbers["verdict"]:
        case "slower":
            return f"SLOWER than {base}: {', '.join(numbers['slower'])}; surely above {limit}"
        case "not slower":
            return f"Not slower than {base}: surely at most {limit}"
        case "undecided":
            kinds = ", ".join(numbers["undecided"]) or "all"
            return f"Not surely above {limit} of {base}, nor surely below: {kinds}"
        case _:
            return "Not decided: interrupted"


def how(numbers: Mapping[str, Any]) -> str:
    return f"{numbers['pairs']} pairs in {numbers['realSeconds']:.0f} s"
