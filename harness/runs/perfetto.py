"""A run as a timeline for ui.perfetto.dev: one track for each execution environment, with its inits and
invocations.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from harness.recorder import AnyEvent, Depth, Invocation


def timeline(events: Iterable[AnyEvent]) -> bytes:
    """The events in the Trace Event Format (Google, "Trace Event Format", 2016), which Perfetto reads."""
    entries: list[dict[str, Any]] = []
    processes: dict[str, int] = {}
    tracks: dict[str, int] = {}
    for event in events:
        if isinstance(event, Invocation):
            process = processes.setdefault(event.function, len(processes) + 1)
            track = tracks.setdefault(event.environment, len(tracks) + 1)
            begun = event.t - event.duration_seconds
            if event.init_seconds:
                entries.append(
                    _slice("init", process, track, begun - event.init_seconds, event.init_seconds, {})
                )
            detail = {
                "request": event.request,
                "outcome": event.outcome,
                "billedMs": event.billed_ms,
                "error": event.error,
            }
            entries.append(_slice(event.outcome, process, track, begun, event.duration_seconds, detail))
        elif isinstance(event, Depth):
            entries.append(
                {"ph": "C", "name": "messages waiting", "pid": 0, "ts": event.t * 1e6, "args": event.waiting}
            )
    names = [_name("process_name", process, 0, function) for function, process in processes.items()]
    names += [
        _name("thread_name", processes[environment.partition("/")[0]], track, environment)
        for environment, track in tracks.items()
    ]
    return msgspec.json.encode({"traceEvents": names + entries, "displayTimeUnit": "ms"})


def _slice(
    name: str, process: int, track: int, start: float, seconds: float, detail: dict[str, Any]
) -> dict[str, Any]:
    return {
        "ph": "X",
        "name": name,
        "pid": process,
        "tid": track,
        "ts": start * 1e6,
        "dur": seconds * 1e6,
        "args": detail,
    }


def _name(kind: str, process: int, track: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": process, "tid": track, "args": {"name": name}}
