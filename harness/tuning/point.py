"""What a sweep keeps of a point, and how a point is emulated: one setting, one seed, all of the inputs.

A point that goes wrong is an outcome like any other: it says why.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from harness.bill.bill import Line
from harness.cloud.system import System
from harness.config import Config
from harness.errors import UsageError
from harness.fleet.calibration import Calibration
from harness.recorder import AnyEvent, Call, Invocation, Message, Throttle
from harness.runs import run as runs
from harness.runs.inputs import InputFile
from harness.runs.rig import Options, Rig
from harness.runs.run import Run

PER = 1_000_000
"""Units that a price is told for."""


class Edges(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What goes wrong, or is lost, at the edges of a grid. cold_seconds: billed for inits, of billed_seconds;
    handed_back: messages that a function sends to the queue that it reads; refused: messages that ended in a
    dead-letter queue; failed, partial: inputs.
    """

    invocations: int = 0
    cold_starts: int = 0
    cold_seconds: float = 0.0
    billed_seconds: float = 0.0
    timeouts: int = 0
    errors: int = 0
    handed_back: int = 0
    throttles: int = 0
    messages: int = 0
    refused: int = 0
    failed: int = 0
    partial: int = 0


class Outcome(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What came of a setting with a seed. error: why nothing did; unrecorded: the ledger lacks something that
    this point needs; killed: its process ended before it, as for want of memory: trying again may tell more;
    calibration: where it was asked for and the emulation gives one. Seconds are virtual, but for
    real_seconds; latency: from an input to its result.
    """

    parameters: dict[str, str]
    seed: int
    error: str = ""
    unrecorded: bool = False
    killed: bool = False
    inputs: int = 0
    units: int = 0
    dollars: float = 0.0
    lines: tuple[Line, ...] = ()
    makespan: float = 0.0
    latency: dict[str, float] = {}
    edges: Edges = Edges()
    violations: tuple[str, ...] = ()
    digest: str = ""
    method: str = ""
    real_seconds: float = 0.0
    calibration: Calibration | None = None


class Emulated(msgspec.Struct, frozen=True, kw_only=True):
    """A point to emulate. options: with the setting and the seed; tried: the parameters that the sweep
    varies, whose values the outcome is known by; calibrates: the outcome is to hold what projections need.
    """

    config: Config
    inputs: tuple[InputFile, ...]
    options: Options
    tried: dict[str, str]
    calibrates: bool = False


_rigs: list[Rig] = []
"""The last one of this process: its code has been looked through."""


def emulated(task: Emulated) -> Outcome:
    """Emulates a point by what the ledger holds."""
    began = time.monotonic()
    try:
        rig = Rig(task.config, task.inputs, task.options, like=_rigs[0] if _rigs else None)
        _rigs[:] = [rig]
        emulation = rig.replay(task.options.faults, task.options.seed)
    except UsageError as error:
        return failed(task.tried, task.options.seed, str(error), began)
    if emulation is None:
        return Outcome(parameters=task.tried, seed=task.options.seed, unrecorded=True)
    return of_run(task, runs.finish(rig, emulation, None, began), began)


def recorded(task: Emulated, progress: Any) -> Outcome:
    """Emulates a point here and now, recording what the ledger lacks. Raises `UsageError` and
    `Interrupted`.
    """
    began = time.monotonic()
    rig = Rig(task.config, task.inputs, task.options, like=_rigs[0] if _rigs else None)
    _rigs[:] = [rig]
    emulation = rig.emulate(task.options.faults, task.options.seed, progress)
    if emulation.interrupted:
        raise KeyboardInterrupt
    return of_run(task, runs.finish(rig, emulation, None, began), began)


def failed(tried: Mapping[str, str], seed: int, reason: str, began: float) -> Outcome:
    return Outcome(
        parameters=dict(tried), seed=seed, error=reason, real_seconds=round(time.monotonic() - began, 3)
    )


def of_run(task: Emulated, finished: Run, began: float) -> Outcome:
    words, summary = task.config.words, finished.summary
    put, units = summary[words.input[1]], summary.get(words.unit[1], {})
    error = ""
    if not finished.emulation.finished:
        error = "not done after 14 days: something goes round in a circle"
    elif put["failed"] == put["total"]:
        error = f"every {words.input[0]} failed; harness run says why"
    elif task.config.results and not finished.emulation.results:
        error = f"no {words.input[0]} has a result; harness run says why"
    return Outcome(
        parameters=dict(task.tried),
        seed=task.options.seed,
        error=error,
        inputs=put["total"],
        units=units.get("total", 0),
        dollars=finished.bill.total,
        lines=finished.bill.lines,
        makespan=summary["virtualSeconds"],
        latency=summary[f"{words.input[0]}Latency"],
        edges=edges(
            finished.emulation.recorder.events, finished.emulation.system, put["failed"], put["partial"]
        ),
        violations=tuple(sorted({one["invariant"] for one in summary["invariants"]["violations"]})),
        digest=summary["traceDigest"],
        method="emulated",
        real_seconds=round(time.monotonic() - began, 3),
        calibration=finished.calibration
        if task.calibrates and isinstance(finished.calibration, Calibration)
        else None,
    )


def edges(events: Sequence[AnyEvent], system: System, failed: int, partial: int) -> Edges:
    """Counted from what was recorded."""
    read_by: dict[str, set[str]] = defaultdict(set)
    for source in system.sqs_sources:
        read_by[source.queue_arn.rpartition(":")[2]].add(source.function)
    invocations = [event for event in events if isinstance(event, Invocation)]
    messages = [event for event in events if isinstance(event, Message)]
    return Edges(
        invocations=len(invocations),
        cold_starts=sum(one.cold for one in invocations),
        cold_seconds=round(sum(one.init_seconds for one in invocations), 6),
        billed_seconds=sum(one.billed_ms for one in invocations) / 1000,
        timeouts=sum(one.outcome == "timeout" for one in invocations),
        errors=sum(one.outcome in ("error", "killed") for one in invocations),
        handed_back=sum(
            isinstance(event, Call)
            and bool(event.request)
            and event.operation.startswith("SendMessage")
            and event.status < 300
            and event.caller in read_by.get(event.target, ())
            for event in events
        ),
        throttles=sum(isinstance(event, Throttle) for event in events),
        messages=sum(one.action == "sent" for one in messages),
        refused=sum(one.action == "redriven" for one in messages),
        failed=failed,
        partial=partial,
    )
