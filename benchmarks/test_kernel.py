"""The kernel alone: process switches a second."""

from harness.engine.kernel import Kernel

PROCESSES, SLEEPS = 1_000, 100


def _switch() -> Kernel:
    kernel = Kernel()
    for number in range(PROCESSES):

        def body(number: int = number) -> None:
            for _ in range(SLEEPS):
                kernel.sleep(1 + number % 7)

        kernel.spawn("sleeper", body)
    kernel.run()
    return kernel


def test_process_switches(benchmark) -> None:
    kernel = benchmark(_switch)
    benchmark.extra_info["switches_per_second"] = round(kernel.switches / benchmark.stats.stats.median)
