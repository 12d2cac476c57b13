"""What a report needs of a run's trace.jsonl: invocations, calls, queue depths and the way of each file, over
virtual time.
"""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from reports import file_times
from reports.api_calls import ApiCalls
from reports.queue_ages import QueueAges

Event = dict[str, Any]


class Span(msgspec.Struct, frozen=True):
    """An invocation: virtual seconds of its start (cold start included), of when the handler began, and of
    its end.
    """

    function: str
    request: str
    start: float
    begun: float
    end: float


class FileWay(msgspec.Struct, frozen=True):
    """A file from its upload to its result, and the invocations that read it. parts: of the seconds between,
    how many went into what (`file_times.KINDS`).
    """

    key: str
    uploaded: float
    finished: float
    spans: tuple[Span, ...]
    parts: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        return self.finished - self.uploaded


class Told(msgspec.Struct):
    """A metric that functions told: its unit, and (time, value) of each."""

    name: str
    unit: str
    points: list[tuple[float, float]]


class Trace(msgspec.Struct, frozen=True):
    """`depths`, `ages`: by queue, (time, messages in it) at every change, and (time, seconds that the oldest
    of them is old). `pages`: CPU seconds of each recorded call. `metrics`: by name and dimensions.
    """

    spans: tuple[Span, ...]
    depths: dict[str, list[tuple[float, int]]]
    ages: dict[str, list[tuple[float, float]]]
    ways: tuple[FileWay, ...]
    pages: tuple[float, ...]
    calls: ApiCalls
    metrics: dict[str, Told] = {}


def read(directory: Path, finished: Mapping[str, str]) -> Trace:
    """`finished`: result key -> upload key."""
    reading = _Reading()
    with (directory / "trace.jsonl").open("rb") as lines:
        for line in lines:
            reading.take(msgspec.json.decode(line))
    return reading.trace(finished)


class _Reading:
    """What the events seen so far come to."""

    def __init__(self) -> None:
        self._spans: dict[str, Span] = {}
        self._depths: dict[str, list[tuple[float, int]]] = defaultdict(list)
        self._ages = QueueAges()
        self._readers: dict[str, list[str]] = defaultdict(list)
        self._uploads: dict[str, float] = {}
        self._results: dict[str, float] = {}
        self._pages: list[float] = []
        self._calls = ApiCalls()
        self._metrics: dict[str, Told] = {}
        self._doings: dict[str, list[file_times.Doing]] = defaultdict(list)

    def take(self, event: Event) -> None:
        match event["event"]:
            case "invocation":
                begun = event["t"] - event["duration"]
                request = event["request"]
                self._spans[request] = Span(event["function"], request, event["start"], begun, event["t"])
            case "message":
                _count(self._depths[event["queue"]], event)
                self._ages.take(event)
            case "call":
                self._take_call(event)
            case "upload":
                self._uploads[event["key"]] = event["t"]
            case "result":
                self._results[event["key"]] = event["t"]
            case "metric":
                self._take_metric(event)
            case "compute":
                self._pages.append(event["cpu"])
                self._did(event, "work")
            case "side_work":
                self._did(event, "work")

    def _take_call(self, event: Event) -> None:
        self._calls.take(event)
        if not event.get("request"):
            return
        key = ""
        if event["service"] == "s3":
            key = event["target"].partition("/")[2]
            self._readers[key].append(event["request"])
        kind = "reading" if event["operation"] in file_times.READS else "writing"
        self._did(event, kind, key)

    def _take_metric(self, event: Event) -> None:
        told = sorted(event.get("dimensions", {}).items())
        key = " ".join((event["namespace"], event["name"], *(f"{name}={value}" for name, value in told)))
        metric = self._metrics.setdefault(key, Told(event["name"], event["unit"], []))
        metric.points += [(event["t"], value) for value in event["values"]]

    def _did(self, event: Event, kind: str, key: str = "") -> None:
        ended = event["t"]
        doing = file_times.Doing(kind, ended - event.get("seconds", 0.0), ended, key)
        self._doings[event["request"]].append(doing)

    def trace(self, finished: Mapping[str, str]) -> Trace:
        ways = []
        for result, ended in self._results.items():
            upload = finished.get(result, "")
            if upload in self._uploads:
                ways.append(self._way(upload, result, ended))
        ways.sort(key=lambda way: (way.uploaded, way.key))
        return Trace(
            tuple(self._spans.values()),
            dict(self._depths),
            self._ages.series(),
            tuple(ways),
            tuple(self._pages),
            self._calls,
            self._metrics,
        )

    def _way(self, upload: str, result: str, ended: float) -> FileWay:
        requests = dict.fromkeys((*self._readers[upload], *self._readers[result]))
        spans = tuple(self._spans[request] for request in requests if request in self._spans)
        doings = [
            doing
            for request in requests
            for doing in self._doings[request]
            if doing.key in ("", upload, result) or doing.key not in self._uploads
        ]
        doings += [doing for span in spans for doing in file_times.of_span(span.start, span.begun, span.end)]
        begun = self._uploads[upload]
        return FileWay(upload, begun, ended, spans, file_times.parts(begun, ended, doings))


def _count(depth: list[tuple[float, int]], event: Event) -> None:
    """Messages in a queue, those in flight included."""
    change = {"sent": 1, "deleted": -1, "redriven": -1}.get(event["action"], 0)
    if change:
        depth.append((event["t"], (depth[-1][1] if depth else 0) + change))


def concurrency(spans: tuple[Span, ...]) -> dict[str, list[tuple[float, int]]]:
    """By function, (time, invocations running) at every change."""
    changes: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for span in spans:
        changes[span.function] += [(span.start, 1), (span.end, -1)]
    steps = {}
    for function, moves in changes.items():
        running, steps[function] = 0, [(0.0, 0)]
        for time, change in sorted(moves):
            running += change
            steps[function].append((time, running))
    return steps
