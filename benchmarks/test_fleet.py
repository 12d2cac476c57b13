"""How long a whole fleet takes, and its kernel beside SimFaaS (PyPI `simfaas`, a simulator of one function on
a serverless platform): the same answers, and how many requests a second each takes.

SimFaaS brings pandas and scipy along, so it is not installed with the rest: `uv pip install simfaas`.
"""

import resource
import time

import numpy as np
import pytest

from harness.fleet import lanes, projection, workload
from tests import builders
from tests.whole.test_projection import plan_of

BUSY, SERVICE_SECONDS, IDLE_SECONDS = 200, 2.0, 600.0
SIMFAAS_SECONDS, KERNEL_REQUESTS = 3_000.0, 4_000_000
LANES = 1_000
NOTHING = np.zeros(1)
MOST_MEMORY_MB = {15: 2_000, 1: 8_000}
"""By pages a batch, of 8 million files of 10 pages: with 1 they are 80 million batches."""


def kernel(requests: int, rate: float, seed: int) -> tuple[float, float, float]:
    """(real seconds, mean concurrency, share of cold starts) of a function that nothing queues for."""
    generator = np.random.default_rng(seed)
    arrivals = np.cumsum(generator.exponential(1 / rate, requests))
    seconds = generator.exponential(SERVICE_SECONDS, requests)
    began = time.perf_counter()
    drawn = (NOTHING, NOTHING, seconds, NOTHING, NOTHING, NOTHING)
    started, ended, numbers = lanes.queue_stage(
        arrivals, *drawn, 0.0, LANES, LANES, 5, 1.0, IDLE_SECONDS, seed
    )
    took = time.perf_counter() - began
    return took, float((ended - started).sum() / arrivals[-1]), float(numbers[1] / requests)


def test_the_kernel_agrees_with_simfaas_and_is_a_hundred_times_as_fast(
    benchmark, capsys: pytest.CaptureFixture[str]
) -> None:
    simulator = pytest.importorskip("simfaas.ServerlessSimulator", reason="uv pip install simfaas")
    rate = BUSY / SERVICE_SECONDS
    kernel(1_000, rate, 1)  # compiled
    took, busy, _cold = benchmark.pedantic(kernel, (KERNEL_REQUESTS, rate, 1), rounds=1)
    np.random.seed(1)
    theirs = simulator.ServerlessSimulator(
        arrival_rate=rate,
        warm_service_rate=1 / SERVICE_SECONDS,
        cold_service_rate=1 / SERVICE_SECONDS,
        expiration_threshold=IDLE_SECONDS,
        max_time=SIMFAAS_SECONDS,
    )
    began = time.perf_counter()
    theirs.generate_trace(debug_print=False, progress=False)
    their_seconds = time.perf_counter() - began
    requests = theirs.total_req_count
    _, _, same_length_cold = kernel(requests, rate, 2)
    ours_a_second, theirs_a_second = KERNEL_REQUESTS / took, requests / their_seconds
    with capsys.disabled():
        print(
            f"\nat {BUSY} busy servers: {ours_a_second:,.0f} requests a second, "
            f"SimFaaS {theirs_a_second:,.0f}: "
            f"{ours_a_second / theirs_a_second:,.0f} times; mean concurrency {busy:.1f} and "
            f"{theirs.get_average_server_running_count():.1f}; cold starts {same_length_cold:.5f} and "
            f"{theirs.get_cold_start_prob():.5f}"
        )
    assert busy == pytest.approx(theirs.get_average_server_running_count(), rel=0.03)
    assert same_length_cold == pytest.approx(theirs.get_cold_start_prob(), rel=0.2)
    assert ours_a_second > 100 * theirs_a_second


@pytest.mark.parametrize("batch_pages", MOST_MEMORY_MB)
def test_eight_million_files(benchmark, batch_pages: int) -> None:
    """Of 10 pages each, by the sample's calibration; without `--benchmark-enable` a few of them."""
    files = 10_000 if benchmark.disabled else 8_000_000
    finished = builders.run(builders.sample(), compute="modelled")
    known, plan = finished.calibration, plan_of(finished, shards=4, batch_pages=batch_pages)

    def simulated(count: int) -> int:
        work = workload.drawn(count, "10", len(known.pages), 750e3, workload.Arrivals(), 0)
        return projection.simulate(plan, work, known).batches

    simulated(1_000)  # compiled
    batches = benchmark.pedantic(simulated, (files,), rounds=1)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    benchmark.extra_info |= {"batches": batches, "peak memory, MB": round(memory)}
    assert batches == files * -(-10 // batch_pages)
    if not benchmark.disabled:  # else it is the memory of all tests before this one
        assert memory < MOST_MEMORY_MB[batch_pages]
