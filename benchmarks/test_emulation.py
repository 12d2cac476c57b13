"""The emulator on 3-page files: files a real second, how that holds at depth, memory, and virtual time at a
thousand workers.
"""

import multiprocessing
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from harness.recorder import Depth
from tests import builders

SHALLOW, DEEP = 500, 5_000
DEEP_FILE_BYTES = 100_000


def corpus(folder: Path, files: int, size: int = 0) -> Path:
    """The same three blank pages many times, padded to a size in bytes: OCR is recorded once."""
    folder.mkdir()
    content = builders.tiff(*(Image.new("1", (1700, 2200), 1) for _ in range(3)), compression="group4")
    for number in range(files):
        (folder / f"{number}.tif").write_bytes(content.ljust(size, b"\0"))
    return folder


def apart(work: Callable[[], tuple[float, ...]]) -> tuple[float, ...]:
    """What `work` returns, and the peak memory in MB, of a process of its own."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(
        target=lambda: theirs.send((*work(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
    )
    process.start()
    theirs.close()
    measured = ours.recv()
    process.join()
    return measured


def files_per_second(folder: Path) -> tuple[float, ...]:
    began = time.perf_counter()
    finished = builders.run(folder)
    return (len(finished.files) / (time.perf_counter() - began),)


@pytest.mark.parametrize("files", [100, SHALLOW])
def test_files_per_second(benchmark, tmp_path: Path, files: int) -> None:
    folder = corpus(tmp_path / "files", files)
    builders.run(corpus(tmp_path / "one", 1))  # records
    finished = benchmark.pedantic(builders.run, (folder,), rounds=1)
    seconds = benchmark.stats.stats.median
    benchmark.extra_info |= {
        "files_per_real_second": round(files / seconds, 1),
        "virtual_per_real_second": round(finished.summary["virtualSeconds"] / seconds, 1),
    }


def test_depth(benchmark, tmp_path: Path) -> None:
    """Rate and peak memory with 5,000 files of 100 KB in the backlog, beside the rate with 500."""
    shallow, deep = (corpus(tmp_path / str(files), files, DEEP_FILE_BYTES) for files in (SHALLOW, DEEP))
    builders.run(corpus(tmp_path / "one", 1, DEEP_FILE_BYTES))  # records

    def measure() -> tuple[tuple[float, ...], tuple[float, ...]]:
        return apart(lambda: files_per_second(shallow)), apart(lambda: files_per_second(deep))

    (at_500, _), (at_5000, peak) = benchmark.pedantic(measure, rounds=1)
    benchmark.extra_info |= {
        "files_per_second_at_500": round(at_500, 1),
        "files_per_second_at_5000": round(at_5000, 1),
        "ratio": round(at_5000 / at_500, 2),
        "peak_mb": round(peak),
    }


def test_a_thousand_workers(benchmark, tmp_path: Path) -> None:
    """Virtual seconds a real second while about a thousand workers are busy: pages that take a minute
    each.
    """
    folder = corpus(tmp_path / "files", 2_000)
    parameters = {"OcrWorkers": "1000", "WorkerTimeout": "900", "OcrPageTimeout": "240"}
    arguments = {"compute": "modelled", "cpu_factor": 60.0, "parameters": parameters}
    finished = benchmark.pedantic(builders.run, (folder,), arguments, rounds=1)
    seconds = benchmark.stats.stats.median
    depths = [
        event.running.get("WorkerFunction", 0)
        for event in finished.emulation.recorder.events
        if isinstance(event, Depth)
    ]
    benchmark.extra_info |= {
        "workers_at_most": max(depths),
        "virtual_per_real_second": round(finished.summary["virtualSeconds"] / seconds, 1),
        "files_per_real_second": round(len(finished.files) / seconds, 1),
    }
