"""Finds the pages of a TIFF without decoding an image: walks the chain of image file directories (IFDs).

Works on any `read(offset, size)`, so a small file is walked in memory and a large one by ranged reads. A page is one IFD of
the main chain; its offset is all that a reader needs to open it, by presenting the file with its first-IFD pointer replaced
(`pointer_to`). Knows TIFF 6.0 and BigTIFF; knows nothing of S3.
"""

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
"""Tag with offsets of image data -> tag with their byte counts (TIFF 6.0: strips, tiles, JPEGInterchangeFormat)."""
TABLE_OFFSETS = (519, 520, 521)
"""JPEG Q, DC and AC tables of TIFF 6.0 section 22: offsets without counts."""
TABLE_BYTES = 16 + 256
"""The longest of those tables: 16 code counts and 256 values."""

TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
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
        """(position, bytes) to write over the header so that a reader's first page is the IFD at `ifd_offset`."""
        return (8 if self.big else 4), struct.pack(self.offset_format, ifd_offset)


class Chain(msgspec.Struct, frozen=True):
    """The pages of a file: their IFD offsets in order, and why the chain ended early, if it did."""

    layout: Layout
    offsets: tuple[int, ...]
    broken: str | None = None


def read_chain(read: Read, size: int) -> Chain:
    """Walks the IFD chain of a file of `size` bytes.

    A chain that breaks after its first page is returned as far as it goes, with the reason in `broken`: the pages before the
    break are good. Raises `BadFile` when the file has no page at all.
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
    return Chain(layout, tuple(offsets), broken and f"the chain of pages breaks after page {len(offsets)}: {broken}")


def page_extents(read: Read, size: int, layout: Layout, offset: int) -> list[tuple[int, int]]:
    """(offset, size) of every range of the file that the page at `offset` is made of, sorted and merged."""
    width = struct.calcsize(layout.count_format)
    (count,) = struct.unpack(layout.count_format, read(offset, width))
    body = read(offset + width, count * layout.entry_bytes)
    extents = [(0, 16), (offset, width + len(body) + struct.calcsize(layout.offset_format))]
    values: dict[int, tuple[int, ...]] = {}
    inline = 8 if layout.big else 4
    for position in range(0, len(body) - layout.entry_bytes + 1, layout.entry_bytes):
        tag, kind = struct.unpack_from(layout.order + "HH", body, position)
        (number,) = struct.unpack_from(layout.order + ("Q" if layout.big else "I"), body, position + 4)
        length = TYPE_SIZES.get(kind, 0) * number
        field = body[position + layout.entry_bytes - inline : position + layout.entry_bytes]
        if length > inline:
            (place,) = struct.unpack(layout.offset_format, field)
            length = max(0, min(length, size - place))
            extents.append((place, length))
        if kind in UNSIGNED and tag in {*DATA_OFFSETS, *DATA_OFFSETS.values(), *TABLE_OFFSETS}:
            raw = read(place, length) if length > inline else field[:length]
            number = len(raw) // TYPE_SIZES[kind]
            values[tag] = struct.unpack_from(f"{layout.order}{number}{UNSIGNED[kind]}", raw)
    for offsets_tag, counts_tag in DATA_OFFSETS.items():
        extents += zip(values.get(offsets_tag, ()), values.get(counts_tag, ()), strict=False)
    for tag in TABLE_OFFSETS:
        extents += [(place, TABLE_BYTES) for place in values.get(tag, ())]
    return _merged(extents, size)


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
    tags = {struct.unpack_from(layout.order + "H", body, position)[0] for position in range(0, len(body), layout.entry_bytes)}
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
