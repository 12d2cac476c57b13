"""What a report needs of a run's trace.jsonl: invocations, queue depths and the way of each file, over
virtual time.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec

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
    """A file from its upload to its result, and the invocations that read it."""

    key: str
    uploaded: float
    finished: float
    spans: tuple[Span, ...]


class Trace(msgspec.Struct, frozen=True):
    """`depths`: by queue, (time, messages in it) at every change. `pages`: CPU seconds of each recorded
    call.
    """

    spans: tuple[Span, ...]
    depths: dict[str, list[tuple[float, int]]]
    ways: tuple[FileWay, ...]
    pages: tuple[float, ...]


def read(directory: Path, finished: dict[str, str]) -> Trace:
    """`finished`: result key -> upload key."""
    spans: dict[str, Span] = {}
    depths: dict[str, list[tuple[float, int]]] = defaultdict(list)
    readers: dict[str, list[str]] = defaultdict(list)
    uploads: dict[str, float] = {}
    results: dict[str, float] = {}
    pages: list[float] = []
    with (directory / "trace.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            event: Event = json.loads(line)
            match event["event"]:
                case "invocation":
                    begun = event["t"] - event["duration"]
                    spans[event["request"]] = Span(
                        event["function"], event["request"], event["start"], begun, event["t"]
                    )
                case "message":
                    _count(depths[event["queue"]], event)
                case "call":
                    if event["service"] == "s3" and event.get("request"):
                        readers[event["target"].partition("/")[2]].append(event["request"])
                case "upload":
                    uploads[event["key"]] = event["t"]
                case "result":
                    results[finished.get(event["key"], "")] = event["t"]
                    readers[finished.get(event["key"], "")] += readers.get(event["key"], [])
                case "compute":
                    pages.append(event["cpu"])
    ways = tuple(
        FileWay(
            key,
            uploaded,
            results[key],
            tuple(spans[request] for request in dict.fromkeys(readers[key]) if request in spans),
        )
        for key, uploaded in uploads.items()
        if key in results
    )
    return Trace(tuple(spans.values()), dict(depths), ways, tuple(pages))


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
