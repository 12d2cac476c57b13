"""A run in numbers: the JSON object of summary.json, computed from what was recorded and nothing else."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from harness.bill import meter
from harness.bill.bill import Bill
from harness.config import ResultFields, Words
from harness.recorder import (
    AnyEvent,
    Compute,
    Invocation,
    IteratorAge,
    LoopStopped,
    Message,
    Metric,
    Result,
    SideWork,
    Stroke,
    Throttle,
    Upload,
)
from harness.runs.emulation import Emulation
from harness.runs.invariants import Violation
from harness.runs.results import Results

Numbers = dict[str, Any]


def summarize(
    emulation: Emulation,
    results: Results,
    words: Words,
    fields: ResultFields,
    *,
    inputs: int,
    notes: Sequence[str],
    has_results: bool,
    seed: int,
    compute: str,
    cpu_factor: float,
    account_concurrency: int,
    months: float,
    parameters: Mapping[str, str],
    faults: str,
    checked: Sequence[str],
    violations: Sequence[Violation],
    bill: Bill,
    real_seconds: float,
    before_redrive: Results | None = None,
) -> Numbers:
    """`inputs`: how many there are. The keys of what is counted are the application's own words."""
    events = emulation.recorder.events
    ended = _ended(events)
    single = [found[0] for found in results.values() if found]
    counts = _counts(results, fields)
    units = sum(result.units for result in single)
    (one_input, all_inputs), (one_unit, all_units) = words.input, words.unit
    return {
        "kind": "run",
        "notes": list(notes),
        "hasResults": has_results,
        "words": msgspec.to_builtins(words),
        "seed": seed,
        "compute": compute,
        "cpuFactor": cpu_factor,
        "accountConcurrency": account_concurrency,
        "months": months,
        "parameters": dict(parameters),
        "faults": {
            "scenario": faults,
            "strokes": dict(Counter(event.fault for event in events if isinstance(event, Stroke))),
        },
        all_inputs: {"total": inputs, **counts},
        **(
            {
                "redrive": {
                    "messages": emulation.redriven,
                    "before": _counts(before_redrive, fields),
                    "after": counts,
                }
            }
            if before_redrive is not None
            else {}
        ),
        **(
            {
                all_units: {
                    "total": units,
                    words.marked_key: sum(len(result.marked) for result in single),
                    "errors": sum(len(result.errors) for result in single),
                    "suspect": sum(len(result.suspects) for result in single),
                }
            }
            if fields.units
            else {}
        ),
        **({"interrupted": True} if emulation.interrupted else {}),
        "virtualSeconds": round(ended, 6),
        "realSeconds": round(real_seconds, 3),
        "throughput": {
            f"{all_inputs}PerSecond": round(len(single) / ended, 6) if ended else 0,
            f"{all_units}PerSecond": round(units / ended, 6) if ended else 0,
        },
        f"{one_input}Latency": _quantiles(list(input_latencies(emulation, results).values())),
        work_key(words): _work(events, one_unit, all_units),
        **_side_work(events),
        "bill": msgspec.to_builtins(bill),
        "metrics": _metrics(events),
        "invocations": _invocations(events),
        "queues": _queues(events),
        "iteratorAge": _iterator_age(events),
        "invariants": {
            "checked": list(checked),
            "violations": [{"invariant": found.invariant, "detail": found.detail} for found in violations],
        },
        "traceDigest": emulation.recorder.digest(),
    }


def work_key(words: Words) -> str:
    """Key of what the recorded functions did."""
    return words.work.lower().replace(" ", "_")


def _counts(results: Results, fields: ResultFields) -> dict[str, int]:
    """Results by status."""
    statuses = Counter(found[0].status for found in results.values() if found)
    return {
        "completed": statuses[fields.completed],
        "partial": statuses[fields.partial],
        "failed": statuses[fields.failed],
    }


def input_latencies(emulation: Emulation, results: Results) -> dict[str, float]:
    """Virtual seconds from an upload to its latest result, by the upload's key."""
    uploaded = {event.key: event.t for event in emulation.recorder.events if isinstance(event, Upload)}
    written = {event.key: event.t for event in emulation.recorder.events if isinstance(event, Result)}
    latencies = {}
    for key, found in results.items():
        times = [written[result.stored] for result in found if result.stored in written]
        if times and key in uploaded:
            latencies[key] = max(times) - uploaded[key]
    return latencies


def _ended(events: Sequence[AnyEvent]) -> float:
    return max(
        (event.t for event in events if isinstance(event, Invocation | Result | Message | Upload)),
        default=0.0,
    )


def _quantiles(values: Sequence[float]) -> Numbers:
    if not values:
        return {"p50": 0.0, "p95": 0.0, "p99": 0.0}
    low, middle, high = np.quantile(np.array(values), (0.5, 0.95, 0.99))
    return {"p50": round(float(low), 6), "p95": round(float(middle), 6), "p99": round(float(high), 6)}


def _work(events: Sequence[AnyEvent], one_unit: str, all_units: str) -> Numbers:
    """The recorded functions' calls, each for one unit."""
    seconds = [event.cpu_seconds for event in events if isinstance(event, Compute)]
    total = sum(seconds)
    return {
        all_units: len(seconds),
        "cpuSeconds": round(total, 6),
        f"cpuSecondsPer{one_unit.capitalize()}": round(total / len(seconds), 6) if seconds else 0,
    }


def _side_work(events: Sequence[AnyEvent]) -> Numbers:
    """What else is recorded, by function, where a run has any."""
    taken: dict[str, list[float]] = defaultdict(list)
    for event in events:
        if isinstance(event, SideWork):
            taken[event.function].append(event.cpu_seconds)
    made = {
        function: {"calls": len(seconds), "cpuSeconds": round(sum(seconds), 6)}
        for function, seconds in taken.items()
    }
    return {"sideWork": made} if made else {}


def _metrics(events: Sequence[AnyEvent]) -> list[Numbers]:
    """What functions told CloudWatch of themselves; the statistics are CloudWatch's."""
    values: dict[tuple[str, ...], list[float]] = defaultdict(list)
    first: dict[tuple[str, ...], Metric] = {}
    for event in events:
        if isinstance(event, Metric):
            values[meter.identity(event)] += event.values
            first.setdefault(meter.identity(event), event)
    return [
        {
            "namespace": first[key].namespace,
            "name": first[key].name,
            "dimensions": first[key].dimensions,
            "unit": first[key].unit,
            "sampleCount": len(values[key]),
            "sum": round(sum(values[key]), 6),
            "minimum": min(values[key]),
            "maximum": max(values[key]),
            "p50": _quantiles(values[key])["p50"],
            "p95": _quantiles(values[key])["p95"],
        }
        for key in sorted(values)
    ]


def _invocations(events: Sequence[AnyEvent]) -> Numbers:
    by_function: dict[str, list[Invocation]] = defaultdict(list)
    throttles: Counter[str] = Counter()
    stopped: Counter[str] = Counter()
    for event in events:
        if isinstance(event, Invocation):
            by_function[event.function].append(event)
        elif isinstance(event, Throttle):
            throttles[event.function] += 1
        elif isinstance(event, LoopStopped):
            stopped[event.function] += 1
    return {
        function: {
            "count": len(by_function[function]),
            "errors": sum(event.outcome == "error" for event in by_function[function]),
            "failedRecords": sum(event.failed_records for event in by_function[function]),
            "timeouts": sum(event.outcome == "timeout" for event in by_function[function]),
            "throttles": throttles[function],
            "loopsStopped": stopped[function],
            "coldStarts": sum(event.cold for event in by_function[function]),
            "durationP50": _quantiles([event.duration_seconds for event in by_function[function]])["p50"],
            "durationP95": _quantiles([event.duration_seconds for event in by_function[function]])["p95"],
            "billedMs": sum(event.billed_ms for event in by_function[function]),
            **_memory(by_function[function]),
        }
        for function in sorted({*by_function, *throttles, *stopped})
    }


def _memory(invocations: Sequence[Invocation]) -> Numbers:
    """MB that the function has, and that its environments used: at most, and in 99 of 100 invocations; None
    where that is not known of any. memoryUnknown: of how many it is not.
    """
    used = [event.max_memory_mb for event in invocations if event.max_memory_mb]
    return {
        "memoryMb": max((event.memory_mb for event in invocations), default=None),
        "maxMemoryMb": max(used, default=None),
        "maxMemoryMbP99": _quantiles(used)["p99"] if used else None,
        "memoryUnknown": len(invocations) - len(used),
    }


def _iterator_age(events: Sequence[AnyEvent]) -> Numbers:
    """Seconds, by mapping on a stream: how far behind its function was."""
    ages: dict[str, list[float]] = defaultdict(list)
    for event in events:
        if isinstance(event, IteratorAge):
            ages[event.mapping].append(event.age_seconds)
    return {mapping: {**_quantiles(ages[mapping]), "max": max(ages[mapping])} for mapping in sorted(ages)}


def _queues(events: Sequence[AnyEvent]) -> Numbers:
    """maxDepth: most messages waiting at once to be received for the first time."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    depth: Counter[str] = Counter()
    deepest: Counter[str] = Counter()
    oldest: dict[str, float] = defaultdict(float)
    for event in events:
        if not isinstance(event, Message):
            continue
        counts[event.queue][event.action] += 1
        if event.action == "sent":
            depth[event.queue] += 1
            deepest[event.queue] = max(deepest[event.queue], depth[event.queue])
        elif event.action == "received":
            depth[event.queue] -= event.receives == 1
            oldest[event.queue] = max(oldest[event.queue], event.age_seconds)
    return {
        queue: {
            "sent": counts[queue]["sent"],
            "received": counts[queue]["received"],
            "deleted": counts[queue]["deleted"],
            "redriven": counts[queue]["redriven"],
            "maxDepth": deepest[queue],
            "maxAgeSeconds": oldest[queue],
        }
        for queue in sorted(counts)
    }
