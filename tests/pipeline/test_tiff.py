"""Finding pages: the chain of directories is followed as far as it is good, and no file makes it run for
ever.
"""

import contextlib
import csv
import io
import struct

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from pipeline import tiff
from pipeline.failures import BadFile
from tests import builders


def chain(data: bytes) -> tiff.Chain:
    return tiff.read_chain(lambda offset, size: data[offset : offset + size], len(data))


@pytest.mark.parametrize("big", [False, True])
def test_every_directory_of_the_chain_is_a_page(big: bool) -> None:
    assert len(chain(builders.ifd_chain([1, 2, -1], big)).offsets) == 3


def test_a_loop_ends_the_chain_and_is_reported() -> None:
    found = chain(builders.ifd_chain([1, 0]))
    assert len(found.offsets) == 2
    assert found.broken == "the chain of pages breaks after page 2: it leads back to an earlier page"


def test_a_chain_without_end_is_cut_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff, "MAX_PAGES", 50)
    found = chain(builders.ifd_chain([*range(1, 100), -1]))
    assert len(found.offsets) == 50
    assert "more than 50 pages" in (found.broken or "")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"%PDF-1.7 and so on", "does not begin with a TIFF header"),
        (b"II*\0", "does not begin with a TIFF header"),
        (b"II\x2b\x01" + bytes(20), "its version number is 299"),
        (b"II*\0" + bytes(20), "its header points to no page directory"),
        (b"II*\0\xff\xff\xff\x7f" + bytes(20), "beyond the end of the file"),
    ],
)
def test_a_file_without_pages_fails_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(BadFile, match=reason):
        chain(data)


def test_a_page_opens_by_its_directory_alone() -> None:
    from PIL import Image

    data = builders.tiff(*(Image.new("L", (width, 20), 255) for width in (30, 40, 50)))
    found = chain(data)
    for offset, width in zip(found.offsets, (30, 40, 50), strict=True):
        with builders.page_file(data, found.layout, offset).open() as file, Image.open(file) as image:
            assert image.width == width


@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}, {"compression": "tiff_adobe_deflate"}],
)
def test_the_extents_of_a_page_hold_all_that_decoding_it_needs(options: dict[str, str]) -> None:
    from PIL import Image, ImageChops

    from pipeline.documents import PageFile

    pages = [builders.page_image(f"page {number}", size=(900, 240)) for number in range(3)]
    data = builders.tiff(*pages, **options)
    found = chain(data)
    read = lambda offset, size: data[offset : offset + size]  # noqa: E731
    for number, offset in enumerate(found.offsets):
        extents = tiff.page_extents(read, len(data), found.layout, offset)
        assert sum(length for _, length in extents) < 0.6 * len(data)
        segments = tuple((start, data[start : start + length]) for start, length in extents)
        whole = builders.page_file(data, found.layout, offset)
        part = PageFile(found.layout, offset, len(data), segments)
        with whole.open() as a, part.open() as b, Image.open(a) as x, Image.open(b) as y:
            assert ImageChops.difference(x.convert("L"), y.convert("L")).getbbox() is None, number


@given(st.binary(max_size=400), st.sampled_from([b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0"]))
def test_any_bytes_give_pages_inside_the_file_or_a_reason(tail: bytes, magic: bytes) -> None:
    data = magic + tail
    try:
        found = chain(data)
    except BadFile:
        return
    assert all(0 < offset < len(data) for offset in found.offsets)


def test_the_zoo_has_the_pages_that_tifffile_counts(shared_corpora) -> None:
    """Page by page of the main chain, with what is said to be none; where a chain breaks, it is said."""
    zoo = shared_corpora / "tiff_zoo"
    wrong = []
    for row in csv.DictReader((zoo / "manifest.csv").open()):
        data = (zoo / row["file"]).read_bytes()
        with contextlib.suppress(tifffile.TiffFileError, ValueError):
            with tifffile.TiffFile(io.BytesIO(data)) as theirs:
                expected = len(theirs.pages)
            try:
                found = chain(data)
                in_chain = [one for one in found.left_out if "in its SubIFDs" not in one]
                count, broken = len(found.offsets) + len(in_chain), found.broken
            except BadFile:
                count, broken = 0, None
            if count != expected and not broken:
                wrong.append((row["file"], expected, count))
    assert wrong == []


def test_a_file_that_ends_before_its_last_pointer_says_so() -> None:
    data = builders.ifd_chain([1, -1])
    found = chain(data[:-4])
    assert len(found.offsets) == 2
    assert found.broken == (
        "the chain of pages breaks after page 2: the file ends before it says whether another page follows"
    )


def test_a_full_page_under_its_thumbnail_is_the_page() -> None:
    """As some scanners write it: a small image in the chain, the page in its SubIFDs."""
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(np.zeros((55, 150), np.uint8), subifds=1, photometric="minisblack")
        writer.write(np.full((330, 900), 255, np.uint8), photometric="minisblack")
    found = chain(buffer.getvalue())
    assert len(found.offsets) == 1
    assert builders.page_file(buffer.getvalue(), found.layout, found.offsets[0]).tags()[256] == (900,)
    assert found.left_out == ("image 1 is a thumbnail of the page in its SubIFDs",)


@pytest.mark.parametrize(
    ("kind", "shape", "pages", "said"),
    [
        (1, (110, 300), 1, "is a smaller version of another"),
        (4, (330, 900), 1, "is a transparency mask"),
        (1, (200, 200), 2, ""),
        (0, (110, 300), 2, ""),
    ],
    ids=["thumbnail", "mask", "of another shape", "not said to be one"],
)
def test_thumbnails_and_masks_are_no_pages_and_it_is_said(kind: int, shape, pages: int, said: str) -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(np.full((330, 900), 255, np.uint8), photometric="minisblack")
        values = np.zeros(shape, bool if kind == 4 else np.uint8)
        writer.write(values, photometric="mask" if kind == 4 else "minisblack", subfiletype=kind)
    found = chain(buffer.getvalue())
    assert len(found.offsets) == pages
    assert said in "".join(found.left_out)
    assert len(found.offsets) + len(found.left_out) == 2


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize(
    ("shape", "pages", "said"),
    [
        ((330, 900), 2, 0),
        ((660, 1800), 2, 0),
        ((220, 600), 2, 0),
        ((200, 200), 2, 0),
        ((110, 300), 1, 1),
    ],
    ids=["as large", "larger", "smaller, and legible", "of another shape", "thumbnail"],
)
def test_an_image_in_subifds_is_a_page_unless_it_is_a_thumbnail(
    kind: int, shape, pages: int, said: int
) -> None:
    found = chain(in_subifds(np.full((330, 900), 255, np.uint8), np.zeros(shape, np.uint8), kind=kind))
    assert (len(found.offsets), len(found.left_out)) == (pages, said)
    assert found.broken is None


def in_subifds(page, *children, kind: int = 0) -> bytes:
    """A page with other images in its SubIFDs."""
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(page, photometric="minisblack", subifds=len(children))
        for child in children:
            writer.write(child, photometric="minisblack", subfiletype=kind)
    return buffer.getvalue()


def chained(data: bytes, number: int, target: int) -> bytes:
    """The file with the next pointer of SubIFD `number` set."""
    with tifffile.TiffFile(io.BytesIO(data)) as opened:
        place = opened.pages[0].aspage().tags["SubIFDs"].value[number]
    (entries,) = struct.unpack_from("<H", data, place)
    at = place + 2 + 12 * entries
    return data[:at] + struct.pack("<I", target) + data[at + 4 :]


def subifds(data: bytes) -> tuple[int, ...]:
    with tifffile.TiffFile(io.BytesIO(data)) as opened:
        return tuple(opened.pages[0].aspage().tags["SubIFDs"].value)


def test_a_page_that_a_subifd_is_chained_to_is_found() -> None:
    page = np.full((330, 900), 255, np.uint8)
    data = in_subifds(page[:55, :150], page, page)
    first, second = subifds(data)
    alone = chained(data, 0, second).replace(
        struct.pack("<II", first, second), struct.pack("<II", first, first)
    )
    found = chain(alone)
    assert found.offsets == (first, second)
    assert found.broken is None


def test_subifds_in_a_circle_end() -> None:
    page = np.full((330, 900), 255, np.uint8)
    data = in_subifds(page, page, page)
    first, second = subifds(data)
    for target in (first, second, 8):
        found = chain(chained(data, 1, target))
        assert sorted(found.offsets) == sorted({8, first, second})
        assert found.broken is None


def test_a_subifd_that_cannot_be_reached_is_told_of() -> None:
    page = np.full((330, 900), 255, np.uint8)
    data = in_subifds(page, page, page)
    found = chain(chained(data, 1, 10**9))
    assert len(found.offsets) == 3
    assert "an image in the SubIFDs of image 1 cannot be reached" in (found.broken or "")


def test_more_images_within_one_than_any_file_has_are_told_of() -> None:
    small = np.zeros((40, 30), np.uint8)
    found = chain(in_subifds(small, *[small] * (tiff.MOST_SUB_IFDS + 1)))
    assert len(found.offsets) == tiff.MOST_SUB_IFDS + 1
    assert "more than 64" in (found.broken or "")


def test_a_page_that_is_only_called_a_smaller_version_or_a_mask_is_one() -> None:
    """At half the size there is something to read, and nothing says that it is the same."""
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(np.full((2200, 1700), 255, np.uint8), photometric="minisblack")
        writer.write(np.zeros((1100, 850), np.uint8), photometric="minisblack", subfiletype=1)
        writer.write(np.zeros((2200, 1700), np.uint8), photometric="minisblack", subfiletype=2)
    called = struct.pack("<HHII", 254, 4, 1, 2), struct.pack("<HHII", 254, 4, 1, 4)
    assert len(chain(buffer.getvalue().replace(*called)).offsets) == 3


def test_a_lone_thumbnail_is_a_page() -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(np.zeros((110, 300), np.uint8), photometric="minisblack", subfiletype=1)
    assert len(chain(buffer.getvalue()).offsets) == 1
