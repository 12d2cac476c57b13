"""Calls of AWS's services in a run, by who made them and which."""

from typing import Any

import msgspec


class Row(msgspec.Struct):
    """Calls of one operation by one caller. seconds: of virtual time, all together; failed: answered with an
    error.
    """

    caller: str
    service: str
    operation: str
    count: int = 0
    failed: int = 0
    seconds: float = 0.0
    sent_bytes: int = 0
    received_bytes: int = 0


class ApiCalls:
    """Fed with the events of calls."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, str], Row] = {}

    def take(self, event: dict[str, Any]) -> None:
        key = event["caller"], event["service"], event["operation"]
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = Row(*key)
        row.count += 1
        row.failed += bool(event.get("error"))
        row.seconds += event.get("seconds", 0.0)
        row.sent_bytes += event.get("sent_bytes", 0)
        row.received_bytes += event.get("received_bytes", 0)

    def rows(self) -> list[Row]:
        """By caller, the most frequent operation first."""
        return sorted(self._rows.values(), key=lambda row: (row.caller, -row.count, row.operation))
