"""What logs say of the numbers that a projection goes by, each with how sure it is.

A Lambda vCPU against the core of the calibration: an invocation waits as it did there, and computes so many
times longer. Where metrics tell the seconds of pages, those alone say it; else the invocations of the
function that reads pages, taken together: their mix of batches is that of the calibrated files.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from harness.calibration.samples import Answer, Report
from harness.cloud.latency import Distribution
from harness.cloud.limits import vcpu_share
from harness.fleet.calibration import Calibration, Stage

FEWEST = 10
"""Samples that say anything."""
DRAWS = 1_000
"""Of the bootstrap."""


class Fitted(msgspec.Struct, frozen=True):
    """A number, the interval that it lies in at 90 %, and from how many samples of what."""

    value: float
    low: float
    high: float
    samples: int
    source: str


class Read(msgspec.Struct, frozen=True):
    """What an invocation read: so many pages, in so many seconds together."""

    seconds: float
    pages: int


def cpu_factor(
    known: Calibration, batch_pages: int, reports: Sequence[Report], read: Sequence[Read]
) -> Fitted | None:
    """How many times longer a Lambda vCPU takes than the calibration's core. None where too little is told.
    reports: of the function that reads pages; read: what metrics tell of its invocations, if they do.
    """
    good = [one for one in reports if one.succeeded]
    if len(read) >= FEWEST and good:
        share = vcpu_share(good[0].memory_mb)
        mean = float(np.mean([page for file in known.pages for page in file]))
        seconds = np.array([one.seconds for one in read]) * share / mean
        return _bootstrapped(seconds, np.array([float(one.pages) for one in read]), "seconds of pages")
    if len(good) < FEWEST:
        return None
    cpu, wait = _batches(known, batch_pages)
    shares = np.array([vcpu_share(one.memory_mb) for one in good])
    computing = (np.array([one.seconds for one in good]) - float(wait.mean())) * shares
    return _mean(computing / float(cpu.mean()), "REPORT lines")


def _batches(known: Calibration, batch_pages: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(CPU seconds, seconds of waiting) of each batch of the calibrated files."""
    stage = known.stages[1]
    cpu, wait = [], []
    for file in known.pages:
        count = -(-len(file) // batch_pages)
        bounds = [len(file) * number // count for number in range(count + 1)]
        for start, end in pairwise(bounds):
            cpu.append(stage.cpu.at(1, end - start) + sum(file[start:end]))
            wait.append(stage.wait.at(1, end - start))
    return np.array(cpu), np.array(wait)


def _mean(values: NDArray[np.float64], source: str) -> Fitted:
    return _bootstrapped(values, np.ones(len(values)), source)


def _bootstrapped(sums: NDArray[np.float64], counts: NDArray[np.float64], source: str) -> Fitted:
    """The sum of the sums over that of the counts; what belongs together is drawn together."""
    generator = np.random.default_rng(0)
    drawn = [generator.integers(0, len(sums), len(sums)) for _ in range(DRAWS)]
    low, high = np.quantile([sums[one].sum() / counts[one].sum() for one in drawn], [0.05, 0.95])
    return Fitted(float(sums.sum() / counts.sum()), float(low), float(high), len(sums), source)


def init_seconds(reports: Sequence[Report]) -> Fitted | None:
    """Of cold starts."""
    found = [one.init_seconds for one in reports if one.init_seconds is not None]
    return _mean(np.array(found), "cold starts") if found else None


def expected_seconds(known: Calibration, stage: Stage, memory_mb: int, batch_pages: int) -> float:
    """What the calibration says of the mean invocation of a function."""
    speed = vcpu_share(memory_mb) / known.cpu_factor
    if stage is known.stages[1]:
        cpu, wait = _batches(known, batch_pages)
        return float(wait.mean() + cpu.mean() / speed)
    pages = sum(map(len, known.pages)) / max(1, len(known.pages))
    return stage.wait.at(1, pages) + stage.cpu.at(1, pages) / speed


def expected_init(known: Calibration, stage: Stage, memory_mb: int) -> float:
    return stage.init_cpu * known.cpu_factor / vcpu_share(memory_mb)


def latencies(
    answers: Sequence[Answer], table: dict[str, Distribution]
) -> dict[str, tuple[Distribution, int]]:
    """A log-normal for each call with enough answers, and how many those are. What a payload takes, by the
    rate of the table, is taken off.
    """
    by_call: dict[str, list[float]] = defaultdict(list)
    for answer in answers:
        rate = _entry(answer.call, table).megabytes_per_second
        own = answer.seconds - (answer.received_bytes / (rate * 1e6) if rate else 0.0)
        by_call[answer.call].append(max(own, 1e-4))
    found = {}
    for call, seconds in sorted(by_call.items()):
        if len(seconds) >= FEWEST:
            logs = np.log(seconds)
            found[call] = (
                Distribution(
                    median_ms=1000 * math.exp(float(np.median(logs))),
                    sigma=float(logs.std()),
                    megabytes_per_second=_entry(call, table).megabytes_per_second,
                ),
                len(seconds),
            )
    return found


def _entry(call: str, table: dict[str, Distribution]) -> Distribution:
    return table.get(call) or table.get(call.partition(".")[0]) or table["default"]
