"""Hostile files: whatever the bytes, a worker keeps its memory and its time, and every page ends with a
reason or an image.

A structured fuzzer writes TIFFs whose tags lie about everything; another changes bytes of real ones. CI
spends a small budget, `pytest -m slow tests/pipeline/test_hostile.py` a large one; the worst time and memory
are printed.
"""

import random
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import tiff
from tests import builders
from tests.pipeline.probe import MEMORY_MB, PAGE_SECONDS, Crashed, Prober, Report

CI_EXAMPLES, SLOW_EXAMPLES = 150, 20_000
OUT_OF_MEMORY = "more memory than the function has"
LYING_SIZES = [0, 1, 7, 1700, 65_535, 2**31 - 1, 2**32 - 1]


@pytest.fixture(scope="module")
def prober() -> Iterator[Prober]:
    made = Prober()
    yield made
    made.close()


class Worst:
    """The worst of all inputs so far; complains of one that breaks a bound."""

    def __init__(self, title: str) -> None:
        self.title, self.inputs, self.decoded, self.seconds, self.peak_mb = title, 0, 0, 0.0, 0

    def take(self, report: Report) -> None:
        self.inputs += 1
        self.decoded += "read" in report.outcomes
        self.seconds, self.peak_mb = max(self.seconds, report.seconds), max(self.peak_mb, report.peak_mb)
        assert report.seconds < PAGE_SECONDS
        assert not [outcome for outcome in report.outcomes if OUT_OF_MEMORY in outcome or not outcome]

    def __str__(self) -> str:
        reached = f"{self.inputs} inputs, {self.decoded} with a page that could be read"
        return f"{reached}, worst {self.seconds:.2f} s a page, {self.peak_mb} MB, no crash, no hang"


Entry = tuple[int, int, int, int]
"""(tag, type, count, value)."""
HERE = -1
"""A value: where the data is."""


def sound(width: int, height: int, compression: int) -> list[Entry]:
    """The entries of a grey page whose one strip is all the data: what a lie is told beside."""
    page = {
        256: width,
        257: height,
        258: 8,
        259: compression,
        262: 1,
        277: 1,
        278: height,
        279: width * height,
    }
    return [(273, 4, 1, HERE), *((tag, 4, 1, value) for tag, value in page.items())]


def directory(entries: list[Entry], following: int, big: bool, data: bytes) -> bytes:
    """A file of one directory with these entries, of which the last for a tag counts, then data."""
    count, entry, pointer = ("<Q", "<HHQQ", "<Q") if big else ("<H", "<HHII", "<I")
    head = struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16) if big else struct.pack("<2sHI", b"II", 42, 8)
    limit = 2**64 - 1 if big else 2**32 - 1
    entries = sorted({told[0]: told for told in entries}.values())
    place = (
        len(head) + struct.calcsize(count) + len(entries) * struct.calcsize(entry) + struct.calcsize(pointer)
    )
    body = b"".join(
        struct.pack(entry, tag, kind, min(number, limit), place if value == HERE else min(value, limit))
        for tag, kind, number, value in entries
    )
    return head + struct.pack(count, len(entries)) + body + struct.pack(pointer, min(following, limit)) + data


sizes = st.one_of(st.sampled_from(LYING_SIZES), st.integers(1, 4000))
tags = st.one_of(
    st.tuples(st.sampled_from([256, 257, 278, 322, 323]), st.sampled_from([3, 4, 16]), st.just(1), sizes),
    st.tuples(st.just(258), st.just(3), st.integers(0, 5), st.sampled_from([0, 1, 2, 8, 16, 32, 64, 255])),
    st.tuples(
        st.just(259),
        st.just(3),
        st.just(1),
        st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34712, 50000, 65535]),
    ),
    st.tuples(
        st.sampled_from([262, 266, 274, 277, 284, 317, 338, 339]), st.just(3), st.just(1), st.integers(0, 9)
    ),
    st.tuples(
        st.sampled_from([273, 279, 324, 325, 320, 347]),
        st.sampled_from([1, 3, 4, 16]),
        st.sampled_from([0, 1, 2, 1000, 2**20, 2**31, 2**40]),
        st.sampled_from([0, 8, 100, 10**6, 2**32 - 1, 2**63]),
    ),
    st.tuples(st.integers(0, 65535), st.integers(0, 20), st.integers(0, 2**33), st.integers(0, 2**40)),
)


pages = st.builds(sound, st.integers(1, 60), st.integers(1, 60), st.sampled_from([1, 1, 5, 7, 8, 32773]))


@pytest.mark.parametrize("examples", [CI_EXAMPLES, pytest.param(SLOW_EXAMPLES, marks=pytest.mark.slow)])
def test_tags_that_lie_are_survived(prober: Prober, examples: int, record_property) -> None:
    worst = Worst("tags that lie")

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        pages,
        st.lists(tags, max_size=4),
        st.sampled_from([0, 0, 8, 16, 10**9]),
        st.booleans(),
        st.binary(max_size=300),
    )
    def explore(page, lies, following, big, data) -> None:
        worst.take(prober.read(directory([*page, *lies], following, big, data.ljust(3600, b"\x55"))))

    explore()
    record_property(worst.title, str(worst))


@pytest.mark.parametrize("examples", [CI_EXAMPLES, pytest.param(SLOW_EXAMPLES, marks=pytest.mark.slow)])
def test_changed_bytes_of_real_files_are_survived(
    prober: Prober, shared_corpora: Path, examples: int, record_property
) -> None:
    zoo = [
        path.read_bytes()
        for path in sorted((shared_corpora / "tiff_zoo").glob("*.tif*"))
        if path.stat().st_size < 2**20
    ]
    draw, worst = random.Random(1), Worst("changed bytes")
    for number in range(examples):
        data = bytearray(draw.choice(zoo))
        for _ in range(draw.choice([1, 2, 8, 64])):
            # Half of the changes go where the structure is: the header and what follows a directory's offset.
            place = draw.randrange(len(data)) if draw.random() < 0.5 else draw.randrange(min(600, len(data)))
            data[place] = draw.choice([0, 1, 255, draw.randrange(256)])
        if draw.random() < 0.2:
            del data[draw.randrange(len(data)) :]
        try:
            worst.take(prober.read(bytes(data)))
        except Crashed:
            pytest.fail(f"change {number} kills the process")
    record_property(worst.title, str(worst))


@pytest.mark.parametrize(
    "mode",
    ["1", "RGBA", "F", *(pytest.param(one, marks=pytest.mark.slow) for one in ("L", "RGB", "CMYK", "I;16"))],
)
def test_the_largest_page_allowed_fits_into_a_worker(mode: str) -> None:
    """120 million pixels, compressed to next to nothing: a decompression bomb that is just let in."""
    from PIL import Image

    bomb = builders.tiff(Image.new(mode, (12_000, 10_000)), compression="tiff_adobe_deflate")
    assert len(bomb) < 3 * 2**20
    own = Prober()
    try:
        report = own.read(bomb)
    finally:
        own.close()
    assert report.outcomes == ("read",)
    assert report.seconds < PAGE_SECONDS


def test_a_bomb_of_more_pixels_is_refused_before_it_is_decoded(prober: Prober) -> None:
    tags = [
        (256, 4, 1, 100_000),
        (257, 4, 1, 100_000),
        (258, 3, 1, 1),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 200),
        (279, 4, 1, 9),
    ]
    report = prober.read(directory(tags, 0, False, bytes(100)))
    assert "more than the 120 million allowed" in report.outcomes[0]
    assert report.seconds < 1


def test_a_chain_of_a_million_pages_is_cut() -> None:
    links = [*range(1, tiff.MAX_PAGES + 5), -1]
    found = tiff.read_chain(reader(data := builders.ifd_chain(links)), len(data))
    assert len(found.offsets) == tiff.MAX_PAGES


@pytest.mark.parametrize("big", [False, True])
def test_a_directory_that_claims_four_gigabytes_is_not_read(prober: Prober, big: bool) -> None:
    """Counts of what a file cannot hold cost nothing: no more is read than there is."""
    entries = [(256, 4, 1, 100), (257, 4, 1, 100), (273, 4, 2**32 - 1, 8), (279, 4, 2**32 - 1, 8)]
    report = prober.read(directory(entries, 0, big, b"x"))
    assert report.seconds < 5
    assert report.peak_mb < MEMORY_MB


def reader(data: bytes):
    return lambda offset, size: data[offset : offset + size]
