"""How old the oldest message of a queue is, over virtual time: CloudWatch's ApproximateAgeOfOldestMessage."""

from collections import OrderedDict, defaultdict
from typing import Any


class QueueAges:
    """Fed with the events of messages, in order of time."""

    def __init__(self) -> None:
        self._sent: dict[str, OrderedDict[str, float]] = defaultdict(OrderedDict)
        self._series: dict[str, list[tuple[float, float]]] = defaultdict(list)

    def take(self, event: dict[str, Any]) -> None:
        """A message that is redriven leaves this queue; the other one tells of it as sent."""
        queue, time, message = event["queue"], event["t"], event["message"]
        lying, series = self._sent[queue], self._series[queue]
        match event["action"]:
            case "sent":
                if not lying:
                    series.append((time, 0.0))
                lying[message] = time
            case "deleted" | "redriven":
                was = _oldest(lying)
                lying.pop(message, None)
                now = _oldest(lying)
                if was is not None and now != was:  # otherwise its age goes on as a straight line
                    series += [(time, time - was), (time, time - now if now is not None else 0.0)]

    def series(self) -> dict[str, list[tuple[float, float]]]:
        """By queue, corners of (time, seconds)."""
        return dict(self._series)


def _oldest(lying: "OrderedDict[str, float]") -> float | None:
    return next(iter(lying.values()), None)
