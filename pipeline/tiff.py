"""Finds the pages of a TIFF without decoding an image: walks the chain of image file directories (IFDs).

Works on any `read(offset, size)`, so a small file is walked in memory and a large one by ranged reads. A page
is one IFD of the main chain; its offset is all that a reader needs to open it, by presenting the file with
its first-IFD pointer replaced (`pointer_to`). Knows TIFF 6.0 and BigTIFF; knows nothing of S3.
"""

import hashlib
import struct
from collections.abc import Callable

import msgspec

from pipeline.failures import BadFile

Read = Callable[[int, int], bytes]
"""read(offset, size) -> the bytes there, fewer where the file ends."""

MAX_PAGES = 20_000
"""A longer chain is refused: no scanner writes it, and a hostile file can chain directories without end."""

IMAGE_WIDTH, IMAGE_LENGTH = 256, 257
DATA_OFFSETS = {273: 279, 324: 325, 513: 514}
"""Tag with offsets of image data -> tag with their byte counts (TIFF 6.0: strips, tiles,
JPEGInterchangeFormat).
"""
TABLE_OFFSETS = (519, 520, 521)
"""JPEG Q, DC and AC tables of TIFF 6.0 section 22: offsets without counts."""
TABLE_BYTES = 16 + 256
"""The longest of those tables: 16 code counts and 256 values."""

TYPE_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
"""Bytes of one value by field type (TIFF 6.0 section 2; 13 = IFD, 16-18 = BigTIFF)."""
UNSIGNED = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}


class Layout(msgspec.Struct, frozen=True):
    """How this file writes its numbers: byte order ("<" or ">") and whether it is a BigTIFF."""

    order: str
    big: bool

    @property
    def entry_bytes(self) -> int:
        return 20 if self.big else 12

    @property
    def count_format(self) -> str:
        return self.order + ("Q" if self.big else "H")

    @property
    def offset_format(self) -> str:
        return self.order + ("Q" if self.big else "I")

    def pointer_to(self, ifd_offset: int) -> tuple[int, bytes]:
        """(position, bytes) to write over the header so that a reader's first page is the IFD at
        `ifd_offset`.
        """
        return (8 if self.big else 4), struct.pack(self.offset_format, ifd_offset)


class Chain(msgspec.Struct, frozen=True):
    """The pages of a file: their IFD offsets in order, and why the chain ended early, if it did."""

    layout: Layout
    offsets: tuple[int, ...]
    broken: str | None = None


def read_chain(read: Read, size: int) -> Chain:
    """Walks the IFD chain of a file of `size` bytes.

    A chain that breaks after its first page is returned as far as it goes, with the reason in `broken`: the
    pages before the break are good. Raises `BadFile` when the file has no page at all.
    """
    layout, offset = _read_header(read, size)
    offsets: list[int] = []
    seen: set[int] = set()
    broken = None
    while offset:
        broken = _fault(offset, size, seen, layout)
        if broken:
            break
        seen.add(offset)
        directory = _read_directory(read, offset, layout)
        if isinstance(directory, str):
            broken = directory
            break
        offsets.append(offset)
        offset = directory
    if not offsets:
        raise BadFile(f"the TIFF has no page: {broken or 'its header points to no page directory'}")
    return Chain(
        layout, tuple(offsets), broken and f"the chain of pages breaks after page {len(offsets)}: {broken}"
    )


class Entry(msgspec.Struct, frozen=True):
    """An entry of a page's directory: its tag and type, its value's bytes, and where they lie when that is
    not in the entry itself.
    """

    tag: int
    kind: int
    raw: bytes
    place: int | None

    def numbers(self, order: str) -> tuple[int, ...]:
        """The value of an entry of an unsigned type."""
        return struct.unpack_from(
            f"{order}{len(self.raw) // TYPE_SIZES[self.kind]}{UNSIGNED[self.kind]}", self.raw
        )


def page_extents(read: Read, size: int, layout: Layout, offset: int) -> list[tuple[int, int]]:
    """(offset, size) of every range of the file that the page at `offset` is made of, sorted and merged."""
    directory_bytes, entries = _entries(read, size, layout, offset)
    extents = [(0, 16), (offset, directory_bytes)]
    extents += [(entry.place, len(entry.raw)) for entry in entries if entry.place is not None]
    values = _offsets_and_counts(entries, layout)
    for offsets_tag, counts_tag in DATA_OFFSETS.items():
        extents += zip(values.get(offsets_tag, ()), values.get(counts_tag, ()), strict=False)
    for tag in TABLE_OFFSETS:
        extents += [(place, TABLE_BYTES) for place in values.get(tag, ())]
    return _merged(extents, size)


def page_digest(read: Read, size: int, layout: Layout, offset: int) -> bytes | None:
    """Names what the page at `offset` shows, wherever in a file it lies: its tags, and its image data in
    place of their offsets.

    None for a page that a decoder could make out otherwise when other bytes were there: one without byte
    counts for all its data, with counts that are too small or reach beyond the file, or in a form whose data
    is found by guessing (TIFF 6.0 section 22).
    """
    _, entries = _entries(read, size, layout, offset)
    values = _offsets_and_counts(entries, layout)
    numbers = {entry.tag: entry.numbers(layout.order) for entry in entries if entry.kind in UNSIGNED}
    strips = [(values.get(a, ()), values.get(b, ())) for a, b in ((273, 279), (324, 325)) if a in values]
    if len(strips) != 1 or {513, *TABLE_OFFSETS} & values.keys():
        return None
    (places, counts), compression = strips[0], numbers.get(259, (1,))
    if (
        not places
        or len(places) != len(counts)
        or any(c < 1 or p + c > size for p, c in zip(places, counts, strict=True))
    ):
        return None
    if compression == (1,) and sum(counts) < _plain_bytes(numbers):
        return None
    hasher = hashlib.blake2b(f"{layout.order}{layout.big}".encode(), digest_size=20)
    for entry in sorted(entries, key=lambda entry: entry.tag):
        shown = entry.raw if entry.tag not in (273, 324) else b""
        hasher.update(struct.pack("<HHQ", entry.tag, entry.kind, len(entry.raw)) + shown)
    for place, count in zip(places, counts, strict=True):
        hasher.update(read(place, count))
    return hasher.digest()


def _plain_bytes(numbers: dict[int, tuple[int, ...]]) -> int:
    """Bytes that uncompressed samples need, those of subsampled colour aside."""
    width, length = numbers.get(IMAGE_WIDTH, (0,))[0], numbers.get(IMAGE_LENGTH, (0,))[0]
    bits = numbers.get(258, (1,))
    samples = numbers.get(277, (1,))[0]
    return length * -(-width * (sum(bits) if len(bits) == samples else bits[0] * samples) // 8)


def _offsets_and_counts(entries: list[Entry], layout: Layout) -> dict[int, tuple[int, ...]]:
    wanted = {*DATA_OFFSETS, *DATA_OFFSETS.values(), *TABLE_OFFSETS}
    return {
        entry.tag: entry.numbers(layout.order)
        for entry in entries
        if entry.tag in wanted and entry.kind in UNSIGNED
    }


def _entries(read: Read, size: int, layout: Layout, offset: int) -> tuple[int, list[Entry]]:
    """(bytes of the directory at `offset`, its entries)."""
    width = struct.calcsize(layout.count_format)
    (count,) = struct.unpack(layout.count_format, read(offset, width))
    body = read(offset + width, count * layout.entry_bytes)
    inline = 8 if layout.big else 4
    entries = []
    for position in range(0, len(body) - layout.entry_bytes + 1, layout.entry_bytes):
        tag, kind = struct.unpack_from(layout.order + "HH", body, position)
        (number,) = struct.unpack_from(layout.order + ("Q" if layout.big else "I"), body, position + 4)
        length = TYPE_SIZES.get(kind, 0) * number
        raw, place = body[position + layout.entry_bytes - inline : position + layout.entry_bytes], None
        if length > inline:
            (place,) = struct.unpack(layout.offset_format, raw)
            length = max(0, min(length, size - place))
            raw = read(place, length)
        entries.append(Entry(tag, kind, raw[:length], place))
    return width + len(body) + struct.calcsize(layout.offset_format), entries


def _read_header(read: Read, size: int) -> tuple[Layout, int]:
    header = read(0, 16)
    if size == 0:
        raise BadFile("the file is empty")
    order = {b"II": "<", b"MM": ">"}.get(header[:2])
    if order is None or len(header) < 8:
        raise BadFile("not a TIFF: it does not begin with a TIFF header")
    (magic,) = struct.unpack_from(order + "H", header, 2)
    if magic == 42:
        return Layout(order, False), struct.unpack_from(order + "I", header, 4)[0]
    if magic == 43 and len(header) == 16:
        return Layout(order, True), struct.unpack_from(order + "Q", header, 8)[0]
    raise BadFile(f"not a TIFF: its version number is {magic}, not 42 (TIFF) or 43 (BigTIFF)")


def _fault(offset: int, size: int, seen: set[int], layout: Layout) -> str | None:
    if offset in seen:
        return "it leads back to an earlier page"
    if offset + struct.calcsize(layout.count_format) > size:
        return f"a page directory would lie at byte {offset}, beyond the end of the file ({size} bytes)"
    if len(seen) == MAX_PAGES:
        return f"it has more than {MAX_PAGES} pages; split the file"
    return None


def _read_directory(read: Read, offset: int, layout: Layout) -> int | str:
    """The offset of the next IFD (0: none), or what is wrong with the IFD at `offset`."""
    width = struct.calcsize(layout.count_format)
    (count,) = struct.unpack(layout.count_format, read(offset, width))
    if count == 0:
        return f"the page directory at byte {offset} is empty"
    if count > 0xFFFF:
        return f"the page directory at byte {offset} claims {count} entries"
    body = read(offset + width, count * layout.entry_bytes)
    if len(body) < count * layout.entry_bytes:
        return f"the page directory at byte {offset} is cut off by the end of the file"
    tags = {
        struct.unpack_from(layout.order + "H", body, position)[0]
        for position in range(0, len(body), layout.entry_bytes)
    }
    if not {IMAGE_WIDTH, IMAGE_LENGTH} <= tags:
        return f"the page directory at byte {offset} gives no image size"
    pointer = read(offset + width + len(body), struct.calcsize(layout.offset_format))
    if len(pointer) < struct.calcsize(layout.offset_format):
        return 0  # some writers end the file without the last, empty pointer
    return int(struct.unpack(layout.offset_format, pointer)[0])


def _merged(extents: list[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, length in sorted(extents):
        end = min(start + length, size)
        if end <= start:
            continue
        if merged and start <= sum(merged[-1]):
            merged[-1] = (merged[-1][0], max(end, sum(merged[-1])) - merged[-1][0])
        else:
            merged.append((start, end - start))
    return merged
