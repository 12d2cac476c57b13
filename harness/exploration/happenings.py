"""What happened in an emulation, by name: what an exploration must have seen before its silence says much."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from harness.config import Config
from harness.errors import UsageError
from harness.exploration.states import States
from harness.recorder import Call, Compute, Stroke, Throttle, Upload
from harness.runs.emulation import Emulation
from harness.runs.results import Results

BUILT_IN = (
    "redriven",
    "gave up",
    "throttled",
    "cut short",
    "held a bad unit",
    "put again",
    "ended partial",
    "ended failed",
    "healed",
    "overwritten in work",
)


def names(patterns: Mapping[str, str]) -> list[str]:
    """All that can happen: what is built in, and what [tool.harness.explore] happenings names."""
    return [*patterns, *BUILT_IN]


def check(config: Config) -> None:
    """Raises `UsageError` when something is to happen that nobody would tell of."""
    for name in config.explore.sometimes:
        if name not in (known := names(config.explore.happenings)):
            raise UsageError(
                f"[tool.harness.explore] sometimes names {name!r}, which is no happening: {', '.join(known)}"
            )


def of(emulation: Emulation, results: Results, config: Config, states: States) -> tuple[str, ...]:
    """What happened. redriven: what was given up was given back; gave up: a message was delivered too often;
    throttled: Lambda refused an invocation; cut short: a recorded call took as long as it may; held a bad
    unit: a result names units that could not be read; put again: an input was put more than once; ended
    partial, ended failed: a result says so; healed: a file was closed otherwise and then as completed;
    overwritten in work: an input was put again while its file was in work.
    """
    events = emulation.recorder.events
    told = {
        f"{event.caller} {event.service}.{event.operation} {event.target}"
        for event in events
        if isinstance(event, Call) and event.status < 300
    }
    patterns, fields = config.explore.happenings, config.result
    found = [name for name, pattern in patterns.items() if any(fnmatchcase(call, pattern) for call in told)]
    outcomes = [outcome for several in results.values() for outcome in several]
    statuses = {outcome.status for outcome in outcomes}
    built_in = {
        "redriven": emulation.redriven > 0,
        "gave up": any(one.action == "redriven" for one in emulation.gone),
        "throttled": any(isinstance(event, Throttle) for event in events),
        "cut short": any(isinstance(event, Compute) and event.cut_short for event in events),
        "held a bad unit": any(outcome.errors for outcome in outcomes),
        "put again": any(len(several) > 1 for several in results.values()),
        "ended partial": fields.partial in statuses,
        "ended failed": fields.failed in statuses,
        "healed": any(
            _is_healed(way, fields.completed, fields.partial, fields.failed) for way in states.ways()
        ),
        "overwritten in work": _is_overwritten(emulation, states),
    }
    return (*found, *(name for name in BUILT_IN if built_in[name]))


def _is_healed(way: list[str], completed: str, *others: str) -> bool:
    return any(status in others and completed in way[place:] for place, status in enumerate(way))


def _is_overwritten(emulation: Emulation, states: States) -> bool:
    """Some upload comes under a key that has had one, whose file is not closed yet."""
    seen: set[str] = set()
    for event in emulation.recorder.events:
        if (
            isinstance(event, Stroke)
            and event.fault == "overwritten"
            and states.is_in_work(event.where, event.t)
        ):
            return True
        if isinstance(event, Upload):
            if event.key in seen and states.is_in_work(event.key, event.t):
                return True
            seen.add(event.key)
    return False
