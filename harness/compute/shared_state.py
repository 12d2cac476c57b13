"""State that a library keeps for a whole Python process, which on Lambda is one environment's.

Libraries are imported once for all environments. What the known ones keep of an invocation in their classes
and modules (AWS Powertools: metrics that are not told yet, and whether the start was cold) is put in place
and away with the environment, so that none tells what another counted.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

KEPT: Mapping[tuple[str, str], Mapping[str, Callable[[], Any]]] = {
    ("aws_lambda_powertools.metrics.metrics", "Metrics"): {
        "_metrics": dict,
        "_dimensions": dict,
        "_metadata": dict,
        "_default_dimensions": dict,
    },
    ("aws_lambda_powertools.metrics.provider.cold_start", ""): {"is_cold_start": lambda: True},
    ("aws_lambda_powertools.logging.logger", ""): {"is_cold_start": lambda: True},
    ("aws_lambda_powertools.tracing.tracer", ""): {"is_cold_start": lambda: True},
}
"""(module, its class or "" for itself) -> the name of what that keeps, and what makes its first value."""


class SharedState:
    """What one environment has of it."""

    def __init__(self) -> None:
        self._own: dict[tuple[str, str], dict[str, Any]] = {}

    def enter(self) -> None:
        for place, names in KEPT.items():
            if (holder := _holder(*place)) is not None:
                own = self._own.get(place) or {name: first() for name, first in names.items()}
                for name, value in own.items():
                    setattr(holder, name, value)

    def leave(self) -> None:
        for place, names in KEPT.items():
            if (holder := _holder(*place)) is not None:
                self._own[place] = {name: getattr(holder, name) for name in names if hasattr(holder, name)}


def _holder(module: str, name: str) -> Any:
    """None for what nobody has imported yet."""
    found = sys.modules.get(module)
    return getattr(found, name) if found is not None and name else found
