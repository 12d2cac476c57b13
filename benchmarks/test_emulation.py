"""The emulator: files a real second, with recorded or modelled compute, at 500 files and deeper."""

import shutil
from pathlib import Path

import pytest

from tests import builders


@pytest.fixture(scope="session")
def three_pages(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    from PIL import Image

    return builders.tiff(*(Image.new("1", (1700, 2200), 1) for _ in range(3)), compression="group4")


@pytest.mark.parametrize("files", [100, 500])
def test_files_per_second(benchmark, tmp_path: Path, three_pages: bytes, files: int) -> None:
    first = tmp_path / "0.tif"
    first.write_bytes(three_pages)
    for number in range(1, files):
        shutil.copy(first, tmp_path / f"{number}.tif")
    finished = benchmark.pedantic(builders.run, (tmp_path,), {"compute": "modelled"}, rounds=1)
    seconds = benchmark.stats.stats.median
    benchmark.extra_info |= {
        "files_per_real_second": round(files / seconds, 1),
        "virtual_per_real_second": round(finished.summary["virtualSeconds"] / seconds, 1),
    }
