"""Batch-size tuning: the tuning corpus with 1 to 30 pages a batch, in virtual seconds, a round for each seed.

So pytest-benchmark's own table, histogram, comparison and saved JSON speak of how long the system takes on
AWS, and of how long a file waits for its result. What a million pages cost stands in extra_info, and in a
table of its own at the end.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from statistics import mean

import pytest

from benchmarks.conftest import Costs
from benchmarks.virtual import BATCH_PAGES, LATENCY, MAKESPAN, VirtualTimer, emulated

SEEDS = 3
MILLION = 1_000_000


def rounds(folder: Path, batch_pages: int) -> Iterator[tuple[tuple[Path, int, int], dict[str, object]]]:
    """What each round is given: the next seed."""
    return (((folder, batch_pages, seed), {}) for seed in count())


def measure(benchmark, timer: VirtualTimer, tuning: Path, batch_pages: int, costs: Costs) -> None:
    given = rounds(tuning, batch_pages)
    benchmark.pedantic(timer.run, setup=lambda: next(given), rounds=SEEDS)
    runs = [emulated(tuning, batch_pages, seed) for seed in range(SEEDS)]
    workers = [run.summary["invocations"]["WorkerFunction"] for run in runs]
    dollars = [run.bill.total * MILLION / run.summary["pages"]["total"] for run in runs]
    benchmark.extra_info |= {
        "dollars_per_million_pages": round(mean(dollars), 3),
        "worker_invocations": mean(worker["count"] for worker in workers),
        "worker_cold_starts": mean(worker["coldStarts"] for worker in workers),
        "worker_billed_seconds": round(mean(worker["billedMs"] for worker in workers) / 1000, 1),
    }
    costs[batch_pages] = dict(benchmark.extra_info)


@pytest.mark.benchmark(group="virtual makespan by pages a batch", timer=MAKESPAN)
@pytest.mark.parametrize("batch_pages", BATCH_PAGES)
def test_makespan(benchmark, tuning: Path, batch_pages: int, costs: Costs) -> None:
    measure(benchmark, MAKESPAN, tuning, batch_pages, costs)


@pytest.mark.benchmark(group="virtual 95th percentile of a file's latency by pages a batch", timer=LATENCY)
@pytest.mark.parametrize("batch_pages", BATCH_PAGES)
def test_file_latency(benchmark, tuning: Path, batch_pages: int, costs: Costs) -> None:
    measure(benchmark, LATENCY, tuning, batch_pages, costs)
