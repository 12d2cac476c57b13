"""What happened in an emulation, by name: what an exploration must have seen before its silence says much."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from harness.recorder import Call, Compute, Throttle
from harness.runs.emulation import Emulation
from harness.runs.results import Results

BUILT_IN = ("redriven", "gave up", "throttled", "cut short", "held a bad unit", "put again")


def names(patterns: Mapping[str, str]) -> list[str]:
    """All that can happen: what is built in, and what [tool.harness.explore] happenings names."""
    return [*patterns, *BUILT_IN]


def of(emulation: Emulation, results: Results, patterns: Mapping[str, str]) -> tuple[str, ...]:
    """What happened. redriven: what was given up was given back; gave up: a message was delivered too often;
    throttled: Lambda refused an invocation; cut short: a recorded call took as long as it may; held a bad
    unit: a result names units that could not be read; put again: an input was put more than once.
    """
    events = emulation.recorder.events
    told = {
        f"{event.caller} {event.service}.{event.operation} {event.target}"
        for event in events
        if isinstance(event, Call) and event.status < 300
    }
    found = [name for name, pattern in patterns.items() if any(fnmatchcase(call, pattern) for call in told)]
    outcomes = [outcome for several in results.values() for outcome in several]
    built_in = {
        "redriven": emulation.redriven > 0,
        "gave up": any(one.action == "redriven" for one in emulation.gone),
        "throttled": any(isinstance(event, Throttle) for event in events),
        "cut short": any(isinstance(event, Compute) and event.cut_short for event in events),
        "held a bad unit": any(outcome.errors for outcome in outcomes),
        "put again": any(len(several) > 1 for several in results.values()),
    }
    return (*found, *(name for name in BUILT_IN if built_in[name]))
