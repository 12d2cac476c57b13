"""The timeline of a real run, checked against the Trace Event Format and against what the run recorded."""

import json
import math
from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import pytest

from harness.faults import scenario
from harness.recorder import AnyEvent, Call, Compute, Depth, Invocation, Message, Stroke
from harness.runs import perfetto
from tests import builders

PHASES = {"X", "i", "C", "M", "s", "t", "f"}
MILLION = 1e6


@pytest.fixture(scope="module")
def events() -> list[AnyEvent]:
    made = builders.run(builders.sample(), faults=scenario.load("rough"), seed=3)
    return made.emulation.recorder.events


@pytest.fixture(scope="module")
def entries(events: list[AnyEvent]) -> list[dict[str, Any]]:
    return json.loads(perfetto.timeline(events))["traceEvents"]


def of(entries: list[dict[str, Any]], phase: str) -> list[dict[str, Any]]:
    return [entry for entry in entries if entry["ph"] == phase]


def names(entries: list[dict[str, Any]], kind: str) -> dict[int, str]:
    key = "pid" if kind == "process_name" else "tid"
    return {entry[key]: entry["args"]["name"] for entry in of(entries, "M") if entry["name"] == kind}


def test_every_entry_has_what_the_format_asks_for(entries) -> None:
    """Google, "Trace Event Format": what is needed of each phase; times are microseconds."""
    assert {entry["ph"] for entry in entries} == PHASES
    for entry in entries:
        assert {"ph", "name", "pid"} <= entry.keys()
        assert isinstance(entry["pid"], int)
        if entry["ph"] != "M":
            assert math.isfinite(entry["ts"])
            assert entry["ts"] >= -1e-3
    assert all(entry["dur"] >= 0 for entry in of(entries, "X"))
    assert all(entry["s"] in "gpt" for entry in of(entries, "i"))
    assert all(list(entry["args"]) == ["value"] for entry in of(entries, "C"))
    told = names(entries, "process_name")
    assert {entry["pid"] for entry in entries} == set(told)
    tracks = names(entries, "thread_name")
    assert {entry["tid"] for entry in of(entries, "X")} == set(tracks)


def test_slices_of_a_track_lie_within_one_another_or_apart(entries) -> None:
    """The format: complete events of a thread must nest; a viewer draws others wrongly."""
    by_track = defaultdict(list)
    for entry in of(entries, "X"):
        by_track[entry["pid"], entry["tid"]].append((entry["ts"], entry["ts"] + entry["dur"]))
    for slices in by_track.values():
        open_until: list[float] = []
        for begins, ends in sorted(slices, key=lambda one: (one[0], -one[1])):
            while open_until and open_until[-1] <= begins + 0.5:
                open_until.pop()
            assert not open_until or ends <= open_until[-1] + 0.5
            open_until.append(ends)


def test_everything_that_happened_is_in_it_once(entries, events) -> None:
    slices = Counter(entry["name"] for entry in of(entries, "X"))
    calls = Counter(f"{event.service}.{event.operation}" for event in events if isinstance(event, Call))
    assert {name: count for name, count in slices.items() if name in calls} == dict(calls)
    invocations = [event for event in events if isinstance(event, Invocation)]
    told = Counter(
        event.function if event.outcome == "success" else f"{event.function}: {event.outcome}"
        for event in invocations
    )
    assert {name: slices[name] for name in told} == dict(told)
    assert slices["init"] == sum(event.init_seconds > 0 for event in invocations)
    assert slices["read_page"] == sum(isinstance(event, Compute) for event in events) > 0
    faults = Counter(event.fault for event in events if isinstance(event, Stroke))
    assert Counter(entry["name"] for entry in of(entries, "i") if entry["s"] == "g") == faults


def test_what_an_invocation_does_lies_within_it(entries, events) -> None:
    tracks = names(entries, "thread_name")
    spans = {
        (event.environment, event.request): (event.start, event.t)
        for event in events
        if isinstance(event, Invocation)
    }
    for entry in of(entries, "X"):
        environment = tracks[entry["tid"]]
        if "/" in environment and (entry["name"] == "read_page" or "." in entry["name"]):
            begins, ends = entry["ts"] / MILLION, (entry["ts"] + entry["dur"]) / MILLION
            assert any(
                start - 1e-6 <= begins and ends <= end + 1e-6
                for (place, _), (start, end) in spans.items()
                if place == environment
            ), (environment, entry["name"], begins)


def test_arrows_follow_each_message_from_its_sender_to_its_end(entries, events) -> None:
    slices = {(entry["pid"], entry["tid"], entry["ts"]): entry["name"] for entry in of(entries, "X")}
    arrows = defaultdict(list)
    for entry in entries:
        if entry["ph"] in "stf":
            arrows[entry["id"]].append(entry)
    for ties in arrows.values():
        assert [tie["ph"] for tie in ties] == ["s", *"t" * (len(ties) - 2), "f"]
        assert all(before["ts"] <= after["ts"] for before, after in pairwise(ties))
        assert all((tie["pid"], tie["tid"], tie["ts"]) in slices for tie in ties)
    ways = Counter(
        tuple(slices[tie["pid"], tie["tid"], tie["ts"]] for tie in ties) for ties in arrows.values()
    )
    assert any(
        way[0].startswith("sqs.SendMessage")
        and "WorkerFunction" in way
        and way[-1].startswith("sqs.DeleteMessage")
        for way in ways
    ), ways
    messages = {event.message for event in events if isinstance(event, Message) and event.action == "sent"}
    assert len(arrows) == len(messages)


def test_counters_are_the_gauges(entries, events) -> None:
    depths = [event for event in events if isinstance(event, Depth)]
    for queue in depths[0].waiting:
        told = [
            entry["args"]["value"]
            for entry in of(entries, "C")
            if entry["name"] == f"messages waiting: {queue}"
        ]
        assert told == [event.waiting[queue] for event in depths]
