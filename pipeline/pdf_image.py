"""The image of a PDF's page: a codestream of the TIFF that PDF knows too, passed through; else its pixels,
encoded without loss.

Passed through are G4 in one strip and JPEG in one strip, of which the comments and application segments stay
behind: previews, names and dates may stand there. In a redacted PDF pixels are all that passes: everything
but a JPEG without findings is decoded and encoded anew, since behind the end of a codestream anything may
stand.
"""

import io
import struct
import zlib
from collections.abc import Sequence

import msgspec
from PIL import Image, ImageDraw, ImageOps

from pipeline import page_pixels
from pipeline.documents import PageFile
from pipeline.failures import PageUnreadable
from pipeline.page_frame import Corners, Point
from pipeline.page_pixels import (
    BITS,
    BLACK_IS_ZERO,
    COMPRESSION,
    LENGTH,
    ORIENTATION,
    PHOTOMETRIC,
    PLANAR,
    REVERSED,
    RGB,
    SAMPLES,
    WHITE_IS_ZERO,
    WIDTH,
    YCBCR,
    Tags,
)

STRIPS, STRIP_BYTES, FILL_ORDER, G4_OPTIONS, TILES = 273, 279, 266, 293, 324
JPEG_TABLES, ICC_PROFILE = 347, 34675
G4, JPEG, JPEGS = 4, 7, (6, 7, 34892)
COLOURS = {
    RGB: b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0",
    YCBCR: b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\x01",
}
"""The application segment by which a JPEG says what its components are, which in a TIFF a tag does (Adobe
technical note 5116, section 18).
"""
UPRIGHT = (1, 0, 0, 1, 0, 0)
PLACED = {
    1: UPRIGHT,
    2: (-1, 0, 0, 1, 1, 0),
    3: (-1, 0, 0, -1, 1, 1),
    4: (1, 0, 0, -1, 0, 1),
    5: (0, -1, -1, 0, 1, 1),
    6: (0, -1, 1, 0, 0, 1),
    7: (0, 1, 1, 0, 0, 0),
    8: (0, 1, -1, 0, 1, 0),
}
"""Matrices that bring an image upright within the unit square, by the values of Orientation (TIFF 6.0)."""
JPEG_QUALITY = 95
"""Of a page that was a JPEG and is encoded anew: without loss it would be ten times as large."""
DEFLATE_LEVEL = 3
"""Of 9: of a page in colour, 5.6 MB in 0.45 s; the usual 6 makes 6.0 MB of it in 1.0 s."""
JPEG_BLOCK = 16
"""Pixels around a letter in which a JPEG may show its shadow: the side of a block of subsampled colour."""
BLACK: dict[str, int | tuple[int, ...]] = {"1": 0, "L": 0, "RGB": (0, 0, 0), "CMYK": (0, 0, 0, 255)}
SPACES = {"1": b"/DeviceGray", "L": b"/DeviceGray", "RGB": b"/DeviceRGB", "CMYK": b"/DeviceCMYK"}
CHANNELS = {"1": 1, "L": 1, "P": 1, "RGB": 3, "CMYK": 4}
PROFILES = {b"GRAY": "L", b"RGB ": "RGB", b"CMYK": "CMYK"}
"""Colour space of an ICC profile (ICC.1, section 7.2.6) -> mode of an image that it describes."""
ENCODED_COPIES, HELD_COPIES = 4, 2
"""How often a page's samples are held at once while it is decoded and encoded, at most; and its bytes in the
file.
"""
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_LEAST_MARKER = 0xC0
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_DROPPED = frozenset({0xFE, *range(0xE0, 0xF0)})
"""Markers of JPEG (ITU-T T.81, annex B): frames that PDF knows, the lowest that has a
meaning here, those without a length, comments and application segments."""


class Picture(msgspec.Struct, frozen=True):
    """An image to put on a page. entries: of its stream's dictionary, but for the colour space; space: that,
    `%d` standing for the object of its profile, if it has one; placed: the matrix that brings it upright.
    """

    data: bytes
    entries: bytes
    space: bytes
    profile: bytes = b""
    placed: tuple[int, ...] = UPRIGHT


def passed_through(page: PageFile, tags: Tags, with_profile: bool = True) -> Picture | None:
    """The page's own codestream, if a PDF can hold it as it is."""
    places, counts = tags.get(STRIPS, ()), tags.get(STRIP_BYTES, ())
    orientation = int(tags.get(ORIENTATION, (1,))[0])
    if len(places) != 1 or len(counts) != 1 or not counts[0] or TILES in tags or orientation not in PLACED:
        return None
    compression, photometric = tags.get(COMPRESSION, (1,))[0], tags.get(PHOTOMETRIC, (0,))[0]
    depths, samples = set(tags.get(BITS, (1,))), tags.get(SAMPLES, (1,))[0]
    width, length = int(tags[WIDTH][0]), int(tags[LENGTH][0])
    placed = PLACED[orientation]
    if compression == G4 and depths == {1} and samples == 1 and photometric in (0, 1):
        if tags.get(G4_OPTIONS, (0,))[0]:
            return None
        data = page.segment(int(places[0]), int(counts[0]))
        if tags.get(FILL_ORDER, (1,))[0] == 2:
            data = data.translate(REVERSED)
        return Picture(data, _fax(width, length, photometric != WHITE_IS_ZERO), b"/DeviceGray", placed=placed)
    is_grey = (photometric, samples) == (BLACK_IS_ZERO, 1)
    is_colour = photometric in COLOURS and samples == 3 and tags.get(PLANAR, (1,))[0] == 1
    if compression == JPEG and depths == {8} and (is_grey or is_colour):
        strip, tables = page.segment(int(places[0]), int(counts[0])), page.bytes_of(JPEG_TABLES)
        bare = bare_jpeg(strip, tables, (width, length, int(samples)), COLOURS.get(int(photometric), b""))
        if bare is not None:
            space, profile = _space(
                "L" if is_grey else "RGB", page.bytes_of(ICC_PROFILE) if with_profile else b""
            )
            return Picture(
                bare,
                b"/Filter /DCTDecode /Width %d /Height %d /BitsPerComponent 8" % (width, length),
                space,
                profile,
                placed,
            )
    return None


def bare_jpeg(strip: bytes, tables: bytes, shape: tuple[int, int, int], colours: bytes = b"") -> bytes | None:
    """A JPEG of a strip and the tables that it shares with others (TIFF technical note 2): without comments,
    application segments and what stands behind its end. colours: a segment to add. None when it is none that
    PDF knows, or not of this (width, height, components).
    """
    segments = [b"\xff\xd8", colours]
    for part in (tables, strip):
        at = 2
        if part and part[:2] != b"\xff\xd8":
            return None
        while at + 4 <= len(part):
            if part[at] != 0xFF:
                return None
            marker = part[at + 1]
            if marker == 0xFF:  # fill
                at += 1
                continue
            if marker == 0xD9:
                break
            if marker in _ALONE:
                return None
            (length,) = struct.unpack_from(">H", part, at + 2)
            if marker < _LEAST_MARKER or length < 2 or at + 2 + length > len(part):  # it counts itself
                return None
            segment = part[at : at + 2 + length]
            is_frame = 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)
            if is_frame and (marker not in _FRAMES or _shape(segment) != shape):
                return None
            if marker not in _DROPPED:
                segments.append(segment)
            at += 2 + length
            if marker == 0xDA and part is strip:
                scans = _scans(part, at)
                return b"".join([*segments, scans, b"\xff\xd9"]) if scans is not None else None
    return None


def _shape(frame: bytes) -> tuple[int, int, int] | None:
    if len(frame) < 10 or frame[4] != 8:
        return None
    height, width, components = struct.unpack_from(">HHB", frame, 5)
    return width, height, components


def _scans(part: bytes, at: int) -> bytes | None:
    """What follows the head of the first scan, up to the end of the image; None where it has no end, or
    comments on its way.
    """
    start = at
    while (at := part.find(b"\xff", at)) >= 0 and at + 1 < len(part):
        marker = part[at + 1]
        if marker == 0xD9:
            return part[start:at]
        if marker in _DROPPED:
            return None
        if marker in (0xC4, 0xDA, 0xDB, 0xDD):  # tables and scans of a progressive one
            at += 2 + int.from_bytes(part[at + 2 : at + 4], "big")
        else:
            at += 1 if marker == 0xFF else 2
    return None


def check_memory(page: PageFile, memory_bytes: int) -> None:
    """Raises `PageUnreadable` where `repacked` may take more than so much memory."""
    tags = page.tags()
    width, length = int(tags[WIDTH][0]), int(tags[LENGTH][0])
    is_grey = tags.get(SAMPLES, (1,))[0] == 1 and max(tags.get(BITS, (1,))) <= 8
    left = max(0, memory_bytes - HELD_COPIES * page.held_bytes)
    most = left // ENCODED_COPIES // (1 if is_grey else 4)  # as Pillow holds them
    if width * length > most:
        raise PageUnreadable(f"its {width} x {length} pixels need more memory than the aggregator has")


def repacked(page: PageFile, black: tuple[Corners, ...] | None = None) -> Picture | None:
    """The pixels of the page, upright, decoded and encoded anew; with `black`, which may be empty, for a
    redacted PDF: these places of it are black, and its profile is gone. None where places are to be black and
    the image has another size than its page says. Raises `PageUnreadable`.

    A pure function of the page's content and the places, and most of the work of a PDF.
    """
    try:
        tags = page.tags()
        image = page_pixels.shown(page, int(tags[WIDTH][0]) * int(tags[LENGTH][0]))
        if black is None:
            return encoded(image)
        if image.size != page_pixels.upright_size(tags):
            return None
        return encoded(redacted(image, black), is_jpeg(tags))
    except PageUnreadable:
        raise
    except Exception as error:  # decoders and encoders raise nearly every class for damaged data
        raise PageUnreadable(type(error).__name__) from error


def encoded(image: Image.Image, was_jpeg: bool = False) -> Picture:
    """An image of one of `page_pixels.SHOWN_AS_THEY_ARE`'s modes. was_jpeg: it may become one again."""
    size = b"/Width %d /Height %d " % image.size
    if image.mode == "1":
        return Picture(_g4(image), _fax(*image.size, is_black_one=False), b"/DeviceGray")
    if image.mode == "P":
        palette = bytes(image.getpalette("RGB") or ())
        space, profile = (
            b"[/Indexed /DeviceRGB %d <%b>]" % (len(palette) // 3 - 1, palette.hex().encode()),
            b"",
        )
    else:
        space, profile = _space(image.mode, image.info.get("icc_profile") or b"")
    if was_jpeg and image.mode in ("L", "RGB"):
        written = io.BytesIO()
        image.save(written, "JPEG", quality=JPEG_QUALITY, subsampling=0, icc_profile=None, comment=b"")
        return Picture(written.getvalue(), size + b"/BitsPerComponent 8 /Filter /DCTDecode", space, profile)
    if image.mode == "CMYK":
        return Picture(
            zlib.compress(image.tobytes(), DEFLATE_LEVEL),
            size + b"/BitsPerComponent 8 /Filter /FlateDecode",
            space,
            profile,
        )
    data, depth = _deflated(image)
    entries = size + b"/BitsPerComponent %d /Filter /FlateDecode /DecodeParms %b" % (
        depth,
        b"<</Predictor 15 /Columns %d /Colors %d /BitsPerComponent %d>>"
        % (image.width, CHANNELS[image.mode], depth),
    )
    return Picture(data, entries, space, profile)


def redacted(image: Image.Image, places: Sequence[Sequence[Point]]) -> Image.Image:
    """The image with polygons of it black. Their pixels are gone, and nothing else has changed."""
    image = image.convert("RGB") if image.mode == "P" else image.copy()
    image.info.clear()
    draw = ImageDraw.Draw(image)
    for place in places:
        draw.polygon(list(place), fill=BLACK[image.mode], outline=BLACK[image.mode])
    return image


def is_jpeg(tags: Tags) -> bool:
    return tags.get(COMPRESSION, (1,))[0] in JPEGS


def _fax(width: int, length: int, is_black_one: bool) -> bytes:
    return (
        b"/Width %d /Height %d /BitsPerComponent 1 /Filter /CCITTFaxDecode "
        b"/DecodeParms <</K -1 /Columns %d /Rows %d /BlackIs1 %b>>"
        % (width, length, width, length, b"true" if is_black_one else b"false")
    )


def _g4(image: Image.Image) -> bytes:
    """In one strip, paper as the runs that G4 calls white: they are the longer ones, and take fewer bits."""
    written = io.BytesIO()
    ImageOps.invert(image).save(
        written, "TIFF", compression="group4", tiffinfo={278: image.height}, strip_size=2**31 - 1
    )
    with Image.open(written) as made:
        (place,), (count,) = made.tag_v2[STRIPS], made.tag_v2[STRIP_BYTES]  # type: ignore[attr-defined]
    return written.getvalue()[place : place + count]


def _deflated(image: Image.Image) -> tuple[bytes, int]:
    """(the image data of a PNG, which are those of a PDF's stream: rows with a predictor, deflated; bits of a
    sample, fewer than 8 where a palette is short).
    """
    written = io.BytesIO()
    image.save(written, "PNG", icc_profile=None, compress_level=DEFLATE_LEVEL)
    data, at, found = written.getvalue(), 8, []
    depth = data[24]  # the ninth byte of IHDR (PNG specification, 11.2.2)
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if data[at + 4 : at + 8] == b"IDAT":
            found.append(data[at + 8 : at + 8 + length])
        at += 12 + length
    return b"".join(found), depth


def _space(mode: str, profile: bytes) -> tuple[bytes, bytes]:
    """(colour space of an image of a mode, its ICC profile, if it has one)."""
    if PROFILES.get(profile[16:20]) == mode:
        return b"[/ICCBased %d 0 R]", profile
    return SPACES[mode], b""
