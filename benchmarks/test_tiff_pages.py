"""Finding the pages of a TIFF, which the controller does for every file: the chain of directories alone."""

import pytest

from pipeline import tiff
from tests import builders

DIRECTORIES = [1, 15, 200, 5_000]


@pytest.mark.benchmark(group="pages of a TIFF by their number")
@pytest.mark.parametrize("layout", ["classic", "big"])
@pytest.mark.parametrize("pages", DIRECTORIES)
def test_pages_are_found(benchmark, pages: int, layout: str) -> None:
    data = builders.ifd_chain([*range(1, pages), -1], big=layout == "big")
    fetched: list[int] = []

    def fetch(offset: int, size: int) -> bytes:
        fetched.append(size)
        return data[offset : offset + size]

    def find() -> int:
        fetched.clear()
        return len(tiff.read_chain(fetch, len(data)).offsets)

    assert benchmark(find) == pages
    benchmark.extra_info |= {"fetches": len(fetched), "bytes_fetched": sum(fetched), "bytes": len(data)}
