"""A run as a timeline for ui.perfetto.dev: what each execution environment did, which messages led to what,
and what waited.

A function is a process, each of its environments a track: inits and invocations, within them the recorded
calls and the API calls. Event source mappings and clients are processes of their own, whose calls, several at
a time, lie on as many tracks as are needed. Arrows follow a message from the call that sent it, by the
poller's that received it and the invocation that it was for, to the call that deleted it. Faults and
throttles are instants; what waits, is in flight and runs are counters.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from harness.recorder import AnyEvent, Call, Compute, Depth, Invocation, Message, SideWork, Stroke, Throttle

MICROSECONDS = 1e6
Entry = dict[str, Any]
Slice = tuple[int, int, float]
"""Process, track and a moment in it, to which an arrow can be tied."""


def timeline(events: Iterable[AnyEvent]) -> bytes:
    """The events in the Trace Event Format (Google, "Trace Event Format", 2016), which Perfetto reads."""
    return msgspec.json.encode(
        {"traceEvents": list(_Timeline(list(events)).entries()), "displayTimeUnit": "ms"}
    )


class _Timeline:
    def __init__(self, events: list[AnyEvent]) -> None:
        self._events = events
        self._processes: dict[str, int] = {}
        self._tracks: dict[tuple[str, str], int] = {}
        self._rows: dict[str, list[float]] = defaultdict(list)
        self._environments = {
            event.request: event.environment for event in events if isinstance(event, Invocation)
        }
        self._slices: list[Entry] = []
        self._arrows: dict[str, list[Slice]] = defaultdict(list)

    def entries(self) -> Iterator[Entry]:
        lasting: list[Entry] = []
        named: list[Message] = []  # a message is told of before the call that did it, at the same moment
        for event in self._events:
            match event:
                case Invocation():
                    self._invocation(event)
                case Compute() | SideWork() if event.request in self._environments:
                    self._within(
                        event.request, event.function.partition(":")[2], event.t, event.seconds, event
                    )
                case Call():
                    tie = self._call(event)
                    for message in named:
                        if event.service == "sqs" and message.t == event.t:
                            self._arrows[message.message].append(tie)
                    named.clear()
                case Message():
                    named.append(event)
                case Stroke() | Throttle():
                    lasting.append(self._instant(event))
                case Depth():
                    lasting += self._counters(event)
                case _:
                    pass
        yield from self._names()
        yield from self._slices
        yield from lasting
        yield from self._flows()

    def _invocation(self, event: Invocation) -> None:
        process, track = self._track(event.function, event.environment)
        begun = event.t - event.duration_seconds
        if event.init_seconds:
            self._slice("init", process, track, begun - event.init_seconds, begun, {})
        detail = {
            "request": event.request,
            "outcome": event.outcome,
            "billedMs": event.billed_ms,
            "records": event.records,
            "error": event.error,
        }
        name = event.function if event.outcome == "success" else f"{event.function}: {event.outcome}"
        self._slice(name, process, track, begun, event.t, detail)
        for message in event.messages:
            self._arrows[message].append((process, track, begun))

    def _call(self, event: Call) -> Slice:
        name = f"{event.service}.{event.operation}"
        detail = {"target": event.target, "status": event.status, "error": event.error, "item": event.item}
        if event.request in self._environments:
            return self._within(event.request, name, event.t, event.seconds, event, detail)
        process, track = self._free_row(event.caller, event.t - event.seconds, event.t)
        return self._slice(name, process, track, event.t - event.seconds, event.t, detail)

    def _within(
        self,
        request: str,
        name: str,
        ends: float,
        seconds: float,
        event: Call | Compute | SideWork,
        detail: dict[str, Any] | None = None,
    ) -> Slice:
        """Something that an invocation did."""
        environment = self._environments[request]
        process, track = self._track(environment.partition("/")[0], environment)
        detail = detail or {"cpuSeconds": event.cpu_seconds if isinstance(event, Compute | SideWork) else 0.0}
        if event.error:
            detail["error"] = event.error
        return self._slice(name, process, track, ends - seconds, ends, detail)

    def _slice(
        self, name: str, process: int, track: int, begins: float, ends: float, detail: dict[str, Any]
    ) -> Slice:
        self._slices.append(
            {
                "ph": "X",
                "name": name,
                "pid": process,
                "tid": track,
                "ts": begins * MICROSECONDS,
                "dur": (ends - begins) * MICROSECONDS,
                "args": {key: value for key, value in detail.items() if value not in ("", 0)},
            }
        )
        return process, track, begins

    def _flows(self) -> Iterator[Entry]:
        """From slice to slice, in the order of time; a message that was seen once only has no arrow."""
        for number, ties in enumerate(self._arrows.values(), 1):
            if len(ties) < 2:
                continue
            ties = sorted(ties, key=lambda tie: tie[2])
            for place, (process, track, at) in enumerate(ties):
                phase = "s" if not place else "f" if place == len(ties) - 1 else "t"
                arrow = {
                    "ph": phase,
                    "name": "message",
                    "cat": "message",
                    "id": number,
                    "pid": process,
                    "tid": track,
                    "ts": at * MICROSECONDS,
                }
                yield arrow | ({"bp": "e"} if phase == "f" else {})  # ends in the slice around it

    def _instant(self, event: Stroke | Throttle) -> Entry:
        if isinstance(event, Stroke):
            name, detail = event.fault, {"where": event.where, "number": event.number}
            process, scope = self._process("faults"), "g"
        else:
            name, detail = "throttled", {"reason": event.reason}
            process, scope = self._process(event.function), "p"
        return {
            "ph": "i",
            "name": name,
            "pid": process,
            "tid": 0,
            "ts": event.t * MICROSECONDS,
            "s": scope,
            "args": detail,
        }

    def _counters(self, event: Depth) -> Iterator[Entry]:
        values = {"messages waiting": event.waiting, "messages in flight": event.in_flight}
        for name, counts in {**values, "invocations running": event.running}.items():
            for key, count in counts.items():
                yield {
                    "ph": "C",
                    "name": f"{name}: {key}",
                    "pid": self._process("queues and concurrency"),
                    "ts": event.t * MICROSECONDS,
                    "args": {"value": count},
                }

    def _process(self, name: str) -> int:
        return self._processes.setdefault(name, len(self._processes) + 1)

    def _track(self, process: str, name: str) -> tuple[int, int]:
        return self._process(process), self._tracks.setdefault((process, name), len(self._tracks) + 1)

    def _free_row(self, process: str, begins: float, ends: float) -> tuple[int, int]:
        """The first track of a process on which nothing goes on by then."""
        rows = self._rows[process]
        place = next((place for place, until in enumerate(rows) if until <= begins), len(rows))
        rows[place : place + 1] = [ends]
        return self._track(process, f"{process} {place + 1}")

    def _names(self) -> Iterator[Entry]:
        for name, process in self._processes.items():
            yield _name("process_name", process, 0, name)
        for (process_name, name), track in self._tracks.items():
            yield _name("thread_name", self._processes[process_name], track, name)


def _name(kind: str, process: int, track: int, name: str) -> Entry:
    return {"ph": "M", "name": kind, "pid": process, "tid": track, "args": {"name": name}}
