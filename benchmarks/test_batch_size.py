"""Batch-size tuning: the sample corpus with 5, 10 and 15 pages a batch, and what each means in virtual time.

What the benchmark times is the emulation; what tunes the system is in extra_info: virtual throughput,
latency, billed time.
"""

from pathlib import Path

import pytest

from tests import builders


@pytest.mark.parametrize("batch_pages", [5, 10, 15])
def test_batch_size(benchmark, sample: Path, batch_pages: int) -> None:
    parameters = {"BatchPages": str(batch_pages)}
    builders.run(sample, parameters=parameters)  # records what the ledger lacks, so that the rounds do no OCR
    finished = benchmark.pedantic(builders.run, (sample,), {"parameters": parameters}, rounds=3)
    summary = finished.summary
    worker = summary["invocations"]["WorkerFunction"]
    benchmark.extra_info |= {
        "virtual_pages_per_second": summary["throughput"]["pagesPerSecond"],
        "virtual_files_per_second": summary["throughput"]["filesPerSecond"],
        "file_latency_p95": summary["fileLatency"]["p95"],
        "worker_invocations": worker["count"],
        "worker_cold_starts": worker["coldStarts"],
        "worker_billed_ms": worker["billedMs"],
    }
