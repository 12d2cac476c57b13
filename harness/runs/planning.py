"""What a projection goes by, put together from a deployed template, its parameters, and what [tool.harness]
says of them.
"""

from typing import Any

from harness.cloud.system import System
from harness.config import Config
from harness.errors import UsageError
from harness.fleet.calibration import Calibration
from harness.fleet.plan import Plan

DAYS_A_MONTH = 30


def plan(
    config: Config, parameters: dict[str, str], system: System, known: Calibration, **chosen: Any
) -> Plan:
    """chosen: further fields of `Plan`. Items of a table are kept as long as the template says, unless
    `table_months` does. Raises `UsageError`.
    """
    months = chosen.get("months", 1.0)
    days = record_days(config, parameters)
    return Plan(
        system=system,
        batch_pages=_batch_pages(config, parameters),
        latencies=known.latencies,
        keeps_seconds=kept_back(config, parameters),
        **({"table_months": months if days is None else min(months, days / DAYS_A_MONTH)} | chosen),
    )


def record_days(config: Config, parameters: dict[str, str]) -> float | None:
    """Days that items of the table are kept; None where no parameter of the template says so."""
    try:
        return float(parameters[config.parameters.get("record-days", "")])
    except (KeyError, ValueError):
        return None


def _batch_pages(config: Config, parameters: dict[str, str]) -> int:
    name = config.parameters.get("batch-pages", "")
    if not parameters.get(name, "").isdigit():
        raise UsageError(
            "[tool.harness.parameters] batch-pages must name the template's parameter of that meaning"
        )
    return int(parameters[name])


def kept_back(config: Config, parameters: dict[str, str]) -> float:
    """Seconds before its timeout from which on the reader reads no further page; 0 for never."""
    if config.hand_back is None:
        return 0.0
    try:
        return float(parameters[config.hand_back.parameter]) + config.hand_back.seconds
    except (KeyError, ValueError):
        raise UsageError(
            f"[tool.harness.hand_back] parameter = {config.hand_back.parameter!r} is none of the template's, "
            f"or no number"
        ) from None
