"""Embedded metrics: what a line of a function's log tells CloudWatch to count.

Source: Amazon CloudWatch user guide, "Specification: Embedded metric format". A line that does not keep to it
stays a line of the log, and no metric comes of it.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

MOST_METRICS = 100
"""Of one directive, and values of one metric."""
MOST_DIMENSIONS = 30


class EmbeddedMetric(msgspec.Struct, frozen=True, kw_only=True):
    """Values of a metric. dimensions: each set of them makes a metric of its own, with the same values."""

    namespace: str
    name: str
    unit: str
    values: tuple[float, ...]
    dimensions: tuple[dict[str, str], ...]


def of_line(line: str) -> list[EmbeddedMetric]:
    """Of a line of a log; most have none."""
    if '"CloudWatchMetrics"' not in line:
        return []
    try:
        document = json.loads(line)
    except ValueError:
        return []
    return list(of_document(document)) if isinstance(document, dict) else []


def of_document(document: Mapping[str, Any]) -> Iterator[EmbeddedMetric]:
    """Of a document with a root node "_aws"."""
    told = document.get("_aws")
    directives = told.get("CloudWatchMetrics") if isinstance(told, dict) else None
    for directive in directives if isinstance(directives, list) else []:
        if not isinstance(directive, dict) or not directive.get("Namespace"):
            continue
        dimensions = tuple(_dimensions(document, directive.get("Dimensions")))
        for metric in list(directive.get("Metrics") or [])[:MOST_METRICS]:
            values = _values(document.get(metric.get("Name", "")))
            if values and dimensions:
                yield EmbeddedMetric(
                    namespace=str(directive["Namespace"]),
                    name=str(metric["Name"]),
                    unit=str(metric.get("Unit", "None")),
                    values=values,
                    dimensions=dimensions,
                )


def _dimensions(document: Mapping[str, Any], sets: Any) -> Iterator[dict[str, str]]:
    """Those whose members all stand in the document, as texts."""
    for names in sets if isinstance(sets, list) and sets else [[]]:
        if isinstance(names, list) and len(names) <= MOST_DIMENSIONS:
            found = {str(name): document.get(str(name)) for name in names}
            if all(isinstance(value, str) for value in found.values()):
                yield {name: str(value) for name, value in found.items()}


def _values(found: Any) -> tuple[float, ...]:
    """A number, or a list of at most a hundred; () for all else."""
    values = found if isinstance(found, list) else [found]
    if len(values) > MOST_METRICS or any(
        isinstance(one, bool) or not isinstance(one, int | float) for one in values
    ):
        return ()
    return tuple(float(one) for one in values)
