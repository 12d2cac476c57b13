"""A calibration that has learnt from logs, and how far the one before was from what they tell."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from harness.calibration import fitting
from harness.calibration.fitting import Fitted, Read
from harness.calibration.samples import Metric, Report, Samples
from harness.cloud.limits import vcpu_share
from harness.errors import UsageError
from harness.fleet.calibration import Calibration, Stage


class Compared(msgspec.Struct, frozen=True, rename="camel"):
    """A quantity of a real run beside what was projected; None where nothing was."""

    about: str
    quantity: str
    unit: str
    projected: float | None
    real: float
    samples: int

    @property
    def off(self) -> float | None:
        """By how much of itself reality is above the projection."""
        return self.real / self.projected - 1 if self.projected else None


class Learnt(msgspec.Struct, frozen=True):
    """calibration: the new one; factor: None where the logs say nothing of it."""

    calibration: Calibration
    factor: Fitted | None
    compared: list[Compared]
    notes: list[str]


class Names(msgspec.Struct, frozen=True):
    """Embedded metrics of the application: pages of an invocation, and the seconds that reading them took
    (one value of them all, or one for each).
    """

    pages: str = ""
    seconds: str = ""


def learn(known: Calibration, samples: Samples, batch_pages: int, names: Names) -> Learnt:
    """Raises `UsageError` when the logs say nothing of this system."""
    functions = {stage.function: stage for stage in known.stages}
    of_system = {name: reports for name, reports in samples.reports.items() if name in functions}
    read, pages = pages_read(samples.metrics, names)
    factor = fitting.cpu_factor(known, batch_pages, of_system.get(known.stages[1].function, []), read)
    answers = fitting.latencies(samples.answers, known.latencies)
    if not (of_system or answers or samples.gauges or pages):
        raise UsageError("the logs tell nothing that a projection goes by")
    now = factor.value if factor else known.cpu_factor
    stages = tuple(_with_init(stage, of_system.get(stage.function, []), now) for stage in known.stages)
    learnt = msgspec.structs.replace(
        known,
        cpu_factor=now,
        latencies=known.latencies | {call: entry for call, (entry, _) in answers.items()},
        stages=stages,
    )
    compared = [
        *(
            row
            for name, reports in of_system.items()
            for row in _of_function(known, functions[name], reports, batch_pages)
        ),
        *_of_pages(known, pages, of_system.get(known.stages[1].function, [])),
        *(
            Compared(call, "median", "ms", _median(known, call), entry.median_ms, count)
            for call, (entry, count) in answers.items()
        ),
        *(Compared("queue", gauge.name, "", None, gauge.highest, 1) for gauge in samples.gauges),
    ]
    return Learnt(learnt, factor, compared, _notes(known, of_system, factor))


def pages_read(metrics: Sequence[Metric], names: Names) -> tuple[list[Read], list[float]]:
    """What invocations read, and the seconds of single pages; those that are told as a sum count as that many
    of their mean.
    """
    counts = {one.request: sum(one.values) for one in metrics if one.name == names.pages and names.pages}
    read: list[Read] = []
    single: list[float] = []
    for one in metrics:
        if one.name != names.seconds or not names.seconds:
            continue
        total, count = sum(one.values), len(one.values)
        if count == 1:
            count = int(counts.get(one.request, 1))
        if count:
            read.append(Read(total, count))
            single += one.values if len(one.values) == count else [total / count] * count
    return read, single


def _with_init(stage: Stage, reports: Sequence[Report], factor: float) -> Stage:
    init = fitting.init_seconds(reports)
    if init is None:
        return stage
    return msgspec.structs.replace(stage, init_cpu=init.value * vcpu_share(reports[0].memory_mb) / factor)


def _of_function(
    known: Calibration, stage: Stage, reports: Sequence[Report], batch_pages: int
) -> list[Compared]:
    good = [one for one in reports if one.succeeded]
    if not good:
        return []
    memory = good[0].memory_mb
    expected = fitting.expected_seconds(known, stage, memory, batch_pages)
    real = float(np.mean([one.seconds for one in good]))
    rows = [Compared(stage.function, "duration", "s", expected, real, len(good))]
    if init := fitting.init_seconds(reports):
        told = fitting.expected_init(known, stage, memory)
        rows.append(Compared(stage.function, "init", "s", told, init.value, init.samples))
        rows.append(
            Compared(stage.function, "cold starts", "of 1", None, init.samples / len(reports), len(reports))
        )
    most = max(one.max_memory_mb for one in reports)
    rows.append(Compared(stage.function, "most memory", "MB", None, most, len(reports)))
    if bad := len(reports) - len(good):
        rows.append(Compared(stage.function, "failed", "of 1", None, bad / len(reports), len(reports)))
    return rows


def _of_pages(known: Calibration, pages: Sequence[float], reports: Sequence[Report]) -> list[Compared]:
    if not pages or not reports:
        return []
    told = [page for file in known.pages for page in file]
    speed = vcpu_share(reports[0].memory_mb) / known.cpu_factor
    return [
        Compared("page", name, "s", float(of(told)) / speed, float(of(pages)), len(pages))
        for name, of in (
            ("mean", np.mean),
            ("median", np.median),
            ("95 %", lambda some: np.quantile(some, 0.95)),
        )
    ]


def _median(known: Calibration, call: str) -> float:
    table = known.latencies
    entry = table.get(call) or table.get(call.partition(".")[0]) or table["default"]
    return entry.median_ms


def _notes(known: Calibration, reports: Mapping[str, Sequence[Report]], factor: Fitted | None) -> list[str]:
    notes = []
    reader = known.stages[1].function
    if factor is None:
        notes.append(
            f"the logs do not say how fast a vCPU is: give {fitting.FEWEST} REPORT lines of {reader} at least"
        )
    elif factor.source == "REPORT lines":
        notes.append(
            "without the seconds of pages it is taken that the real files were like the calibrated ones"
        )
    for name, lines in reports.items():
        sizes = {one.memory_mb for one in lines}
        if len(sizes) > 1:
            notes.append(f"{name} ran with several sizes of memory: {', '.join(map(str, sorted(sizes)))} MB")
    return notes
