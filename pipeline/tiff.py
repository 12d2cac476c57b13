"""Finds the pages of a TIFF without decoding an image: walks the chain of image file directories (IFDs).

Works on any `read(offset, size)`, so a small file is walked in memory and a large one by ranged reads. A page
is an image of the main chain, or one in the SubIFDs of that, or chained to one of those. None are only masks,
and what has the proportions of another image and is too small to be read (`THUMBNAIL_PIXELS`): no tag can be
trusted to say that of a larger one, so that the levels of a pyramid that can be read are pages, too, and
searched once more. A page's offset is all that a reader needs to open it, by presenting the file with its
first-IFD pointer replaced (`pointer_to`). Knows TIFF 6.0 and BigTIFF; knows nothing of S3.
"""

import bisect
import hashlib
import struct
from collections.abc import Callable

import msgspec

from pipeline.failures import BadFile

Read = Callable[[int, int], bytes]
"""read(offset, size) -> the bytes there, fewer where the file ends."""

MAX_PAGES = 20_000
"""A longer chain is refused: no scanner writes it, and a hostile file can chain directories without end."""

IMAGE_WIDTH, IMAGE_LENGTH, COMPRESSION, PHOTOMETRIC = 256, 257, 259, 262
OLD_JPEG = 6
ESTIMATE_BYTES = 64 * 2**10
"""Beside twice its samples, what a compressed strip without byte count is given at most."""
NEW_SUBFILE_TYPE, SUBFILE_TYPE, SUB_IFDS = 254, 255, 330
REDUCED, MASK = 1, 4
"""Bits of NewSubfileType: a smaller version of another image, and a transparency mask (TIFF 6.0, section
8).
"""
TRANSPARENCY_MASK = 4
"""The PhotometricInterpretation of a mask; what is only said to be one, by NewSubfileType, may be a page."""
MOST_SUB_IFDS = 64
"""Of one image, with those that are chained to them."""
THUMBNAIL_PIXELS = 400
"""The longer side of an image up to which a smaller version has nothing to read: a letter at 36 dpi."""
MOST_TOLD = 200
"""Images that are told of one by one when they are left out: the record of a file has an end."""
LEADS_BACK = "it leads back to an earlier page"
SAME_SHAPE = 0.02
"""Difference of two images' proportions up to which one may be a smaller version of the other."""
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
    """The pages of a file: their IFD offsets in order, why the chain ended early, if it did, and which images
    are no pages, and why.
    """

    layout: Layout
    offsets: tuple[int, ...]
    broken: str | None = None
    left_out: tuple[str, ...] = ()


class _Image(msgspec.Struct, frozen=True):
    """A directory as far as it says what it is for. children: the places in its SubIFDs."""

    offset: int
    width: int
    length: int
    kind: int
    is_mask: bool
    children: tuple[int, ...] = ()

    def is_thumbnail_of(self, other: "_Image") -> bool:
        across, down = other.width / max(1, self.width), other.length / max(1, self.length)
        return (
            other.width * other.length > self.width * self.length
            and abs(across / max(down, 1e-9) - 1) <= SAME_SHAPE
            and max(self.width, self.length) <= THUMBNAIL_PIXELS
        )


def read_chain(read: Read, size: int) -> Chain:
    """Walks the IFD chain of a file of `size` bytes, and what hangs on its directories.

    A chain that breaks after its first page is returned as far as it goes, with the reason in `broken`: the
    pages before the break are good. Raises `BadFile` when the file has no page at all.
    """
    layout, offset = _read_header(read, size)
    seen: set[int] = set()
    images, broken = _walked(read, size, layout, offset, seen)
    if not images:
        raise BadFile(f"the TIFF has no page: {broken or 'its header points to no page directory'}")
    faults = [f"the chain of pages breaks after page {len(images)}: {broken}"] if broken else []
    families: list[tuple[_Image, list[_Image]]] = []
    # After the main chain, whose pages a SubIFD may lead to as well.
    for number, image in enumerate(images, 1):
        within, fault = _within(read, size, layout, image, seen)
        families.append((image, within))
        if fault:
            faults.append(f"an image in the SubIFDs of image {number} cannot be reached: {fault}")
    offsets, left_out = _pages(families)
    return Chain(layout, offsets, "; ".join(faults[:2]) or None, left_out)


def _walked(
    read: Read, size: int, layout: Layout, offset: int, seen: set[int], most: int = MAX_PAGES
) -> tuple[list[_Image], str | None]:
    """(the images that are chained from `offset`, what is wrong with the place where that ends)."""
    images: list[_Image] = []
    while offset:
        fault = _fault(offset, size, seen, layout) or _directory_fault(read, offset, layout)
        if fault:
            return images, fault
        if len(images) == most:
            return images, f"it has more than {MOST_SUB_IFDS} images"  # the main chain has a limit of its own
        seen.add(offset)
        images.append(_image(read, size, layout, offset))
        following = _following(read, offset, layout)
        if following is None:
            return images, "the file ends before it says whether another page follows"
        offset = following
    return images, None


def _within(
    read: Read, size: int, layout: Layout, image: _Image, seen: set[int]
) -> tuple[list[_Image], str | None]:
    """(the images in the SubIFDs of one, and those chained to them, what is wrong with others)."""
    found: list[_Image] = []
    wrong: str | None = None
    for place in image.children:
        if place in seen:  # it is looked at where it was come to first
            continue
        chained, fault = _walked(read, size, layout, place, seen, MOST_SUB_IFDS - len(found))
        found += chained
        is_known = fault is not None and fault == LEADS_BACK
        wrong = wrong or (None if is_known else fault)
        if len(found) >= MOST_SUB_IFDS:
            break
    if len(image.children) > MOST_SUB_IFDS:
        wrong = wrong or f"it has more than {MOST_SUB_IFDS} images"
    return found, wrong


def _image(read: Read, size: int, layout: Layout, offset: int) -> _Image:
    """What the directory at `offset` says that it is for. One that cannot be read says nothing."""
    found: dict[int, tuple[int, ...]] = {}
    wanted = {IMAGE_WIDTH, IMAGE_LENGTH, PHOTOMETRIC, NEW_SUBFILE_TYPE, SUBFILE_TYPE, SUB_IFDS}
    _, entries = _entries(read, size, layout, offset, wanted)
    for entry in entries:
        if entry.kind in UNSIGNED and entry.raw:
            found[entry.tag] = entry.numbers(layout.order)
    kind = found.get(NEW_SUBFILE_TYPE, (0,))[0] | (REDUCED if found.get(SUBFILE_TYPE) == (2,) else 0)
    return _Image(
        offset,
        found.get(IMAGE_WIDTH, (0,))[0],
        found.get(IMAGE_LENGTH, (0,))[0],
        kind,
        bool(kind & MASK) and found.get(PHOTOMETRIC) == (TRANSPARENCY_MASK,),
        tuple(place for place in found.get(SUB_IFDS, ())[: MOST_SUB_IFDS + 1] if place),
    )


def _pages(families: list[tuple[_Image, list[_Image]]]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """(offsets of the images that are pages, what is said of the others), of images and those in their
    SubIFDs. Thumbnails and masks are none (TIFF 6.0, NewSubfileType), unless there is nothing else.
    """
    offsets: list[int] = []
    left_out: list[str] = []
    whole = [image for image, _ in families if not image.kind & REDUCED and not image.is_mask]
    for number, (image, within) in enumerate(families, 1):
        children = [one for one in within if not one.is_mask]
        larger = whole if image.kind & REDUCED else []
        if image.is_mask:
            left_out.append(f"image {number} is a transparency mask (NewSubfileType {image.kind})")
        elif any(image.is_thumbnail_of(one) for one in children):
            left_out.append(f"image {number} is a thumbnail of the page in its SubIFDs")
        elif any(image.is_thumbnail_of(one) for one in larger):
            left_out.append(f"image {number} is a smaller version of another (NewSubfileType {image.kind})")
        else:
            offsets.append(image.offset)
        pages = [
            one for one in children if not any(one.is_thumbnail_of(other) for other in (image, *children))
        ]
        offsets += [one.offset for one in pages]
        if len(pages) < len(within):
            told = f"{len(within) - len(pages)} thumbnails or masks in its SubIFDs"
            left_out.append(f"image {number} has {told}")
    if not offsets:
        return tuple(image.offset for image, _ in families), ()
    if len(left_out) > MOST_TOLD:
        left_out[MOST_TOLD:] = [f"{len(left_out) - MOST_TOLD} more are left out as these are"]
    return tuple(offsets), tuple(left_out)


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


def page_extents(
    read: Read, size: int, layout: Layout, offset: int, generous: bool = False
) -> list[tuple[int, int]]:
    """(offset, size) of every range of the file that the page at `offset` is made of, sorted and merged.

    Where byte counts are missing, zero, or too small for uncompressed samples, they are estimated.
    `generous`: all of them reach as far as the data may (`with_counts`).
    """
    directory_bytes, entries = _entries(read, size, layout, offset)
    extents = [(0, 16), (offset, directory_bytes)]
    extents += [(entry.place, len(entry.raw)) for entry in entries if entry.place is not None]
    values = _offsets_and_counts(entries, layout)
    if _numbers(entries, layout).get(COMPRESSION) == (OLD_JPEG,):
        return [(0, size)]  # its data and tables lie where they like (TIFF 6.0, section 22)
    for offsets_tag in DATA_OFFSETS:
        if offsets_tag in values:
            counts = estimated_counts(entries, layout, size, offset, offsets_tag, generous)
            extents += zip(values[offsets_tag], counts, strict=True)
    for tag in TABLE_OFFSETS:
        extents += [(place, TABLE_BYTES) for place in values.get(tag, ())]
    return _merged(extents, size)


def estimated_counts(
    entries: list[Entry], layout: Layout, size: int, directory: int, offsets_tag: int, generous: bool = False
) -> tuple[int, ...]:
    """Byte counts of a page's strips or tiles: those that it has, where they can be right; else up to what
    follows in the file, as libtiff estimates them. `generous`: of all that are smaller than that.
    """
    values, numbers = _offsets_and_counts(entries, layout), _numbers(entries, layout)
    places, counts = values[offsets_tag], values.get(DATA_OFFSETS[offsets_tag], ())
    plain = _segment_bytes(numbers, offsets_tag)
    is_plain = numbers.get(COMPRESSION, (1,))[0] == 1
    most = plain if is_plain else 2 * plain + ESTIMATE_BYTES
    ends = sorted({*places, directory, size, *(entry.place for entry in entries if entry.place is not None)})
    found = []
    for number, place in enumerate(places):
        count = counts[number] if number < len(counts) else 0
        following = ends[bisect.bisect_right(ends, place)] if place < size else place
        estimate = min(following - place, most) if most else following - place
        if count == 0 or (is_plain and count < plain) or generous:
            count = max(count, estimate)
        found.append(count)
    return tuple(found)


def with_counts(read: Read, size: int, layout: Layout, offset: int) -> tuple[int, bytes]:
    """(offset, bytes) of a directory to append to the file, with generous byte counts: for a page whose own
    are wrong.
    """
    _, entries = _entries(read, size, layout, offset)
    values = _offsets_and_counts(entries, layout)
    chosen = {entry.tag: entry for entry in entries if TYPE_SIZES.get(entry.kind)}
    kind = 16 if layout.big else 4
    for offsets_tag, counts_tag in DATA_OFFSETS.items():
        if offsets_tag in values:
            counts = estimated_counts(entries, layout, size, offset, offsets_tag, generous=True)
            raw = struct.pack(f"{layout.order}{len(counts)}{UNSIGNED[kind]}", *counts)
            chosen[counts_tag] = Entry(counts_tag, kind, raw, None)
    start = size + size % 2
    return start, _directory(layout, start, sorted(chosen.values(), key=lambda entry: entry.tag))


def _directory(layout: Layout, start: int, entries: list[Entry]) -> bytes:
    """A directory that lies at `start`, with the values that it has no room for behind it."""
    inline = 8 if layout.big else 4
    behind = start + struct.calcsize(layout.count_format) + len(entries) * layout.entry_bytes + inline
    body, values = struct.pack(layout.count_format, len(entries)), b""
    for entry in entries:
        number = len(entry.raw) // TYPE_SIZES[entry.kind]
        body += struct.pack(f"{layout.order}HH{'Q' if layout.big else 'I'}", entry.tag, entry.kind, number)
        if len(entry.raw) <= inline:
            body += entry.raw.ljust(inline, b"\0")
        else:
            body += struct.pack(layout.offset_format, behind + len(values))
            values += entry.raw + b"\0" * (len(entry.raw) % 2)
    return body + struct.pack(layout.offset_format, 0) + values


def page_tags(read: Read, size: int, layout: Layout, offset: int) -> dict[int, tuple[float, ...]]:
    """The numbers in the directory of a page, by tag."""
    _, entries = _entries(read, size, layout, offset)
    found: dict[int, tuple[float, ...]] = {}
    for entry in entries:
        if entry.kind in UNSIGNED and entry.raw:
            found[entry.tag] = entry.numbers(layout.order)
        elif entry.kind == 5:
            pairs = struct.unpack(
                f"{layout.order}{len(entry.raw) // 8 * 2}I", entry.raw[: len(entry.raw) // 8 * 8]
            )
            found[entry.tag] = tuple(
                a / b if b else 0.0 for a, b in zip(pairs[::2], pairs[1::2], strict=True)
            )
    return found


def tag_bytes(read: Read, size: int, layout: Layout, offset: int, tag: int) -> bytes:
    """The value of a tag in the directory of a page, as bytes; none where it is not there."""
    _, entries = _entries(read, size, layout, offset, {tag})
    return entries[0].raw if entries else b""


def _numbers(entries: list[Entry], layout: Layout) -> dict[int, tuple[int, ...]]:
    return {
        entry.tag: entry.numbers(layout.order) for entry in entries if entry.kind in UNSIGNED and entry.raw
    }


def _segment_bytes(numbers: dict[int, tuple[int, ...]], offsets_tag: int) -> int:
    """Bytes that the samples of one whole strip or tile need, uncompressed; subsampled colour aside."""
    width, length = (numbers.get(tag, (0,))[0] for tag in (IMAGE_WIDTH, IMAGE_LENGTH))
    if offsets_tag == 324:
        width, rows = (numbers.get(tag, (0,))[0] for tag in (322, 323))
    else:
        rows = min(numbers.get(278, (length,))[0], length)
    samples, bits = numbers.get(277, (1,))[0], numbers.get(258, (1,))
    depth = bits[0] if numbers.get(284) == (2,) else sum(bits) if len(bits) == samples else bits[0] * samples
    return rows * -(-width * depth // 8)


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


def _entries(
    read: Read, size: int, layout: Layout, offset: int, wanted: set[int] | None = None
) -> tuple[int, list[Entry]]:
    """(bytes of the directory at `offset`, its entries, or only those of the tags that are wanted)."""
    width = struct.calcsize(layout.count_format)
    (count,) = struct.unpack(layout.count_format, read(offset, width))
    body = read(offset + width, count * layout.entry_bytes)
    inline = 8 if layout.big else 4
    entries = []
    for position in range(0, len(body) - layout.entry_bytes + 1, layout.entry_bytes):
        tag, kind = struct.unpack_from(layout.order + "HH", body, position)
        if wanted is not None and tag not in wanted:
            continue
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
        return LEADS_BACK
    if offset + struct.calcsize(layout.count_format) > size:
        return f"a page directory would lie at byte {offset}, beyond the end of the file ({size} bytes)"
    if len(seen) == MAX_PAGES:
        return f"it has more than {MAX_PAGES} pages; split the file"
    return None


def _directory_fault(read: Read, offset: int, layout: Layout) -> str | None:
    """What is wrong with the IFD at `offset`."""
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
    return None


def _following(read: Read, offset: int, layout: Layout) -> int | None:
    """The offset of the IFD after the one at `offset`, 0 for none; None where the file ends before it."""
    width = struct.calcsize(layout.count_format)
    (count,) = struct.unpack(layout.count_format, read(offset, width))
    pointer = read(offset + width + count * layout.entry_bytes, struct.calcsize(layout.offset_format))
    if len(pointer) < struct.calcsize(layout.offset_format):
        return None
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
