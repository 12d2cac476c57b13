"""Text of a PDF that is found, marked and copied, and not seen: words over their places in the page's image.

Its font has one glyph, with nothing to see, that stands for every character, and the table that says which
character each code is says of every code that it is itself. Both are the same in every document, so that
neither tells which letters there are.
"""

import base64
import math
import unicodedata
import zlib
from collections.abc import Iterable

from pipeline import page_frame
from pipeline.page_text import PageText
from pipeline.pdf_writer import PdfWriter

BLANK_FONT = zlib.decompress(
    base64.b85decode(
        "c-oavyGjE=6g{(>thxkkf~4F+K~RubSP4RimPX<S=n&TgvbzZ}f!JAE`U!qOKEcw$-jv45Vm}}X3L4MM&PIG7c;F8AoI7*xx"
        "dQ>f#W`$vm4o$-^23e?h!v_wwNSQ^!!G$H`C2_VJ8_50Z{#=Rg@!MWrCYvbK45G%C}c<CnfW7QsS$SjV$2NUf`=2dYLfjFzg"
        "9ey{WdbllFyQRkqrISO7V{Tp1jj;op$Mqu=Z6Q$}3}ZHGDZ-*m{C($M^+etaTe!Dv-oU#hl{%6RlW$lT@r9O>HseFJ$TWpV%"
        "f$i}>^W0xxwoovpUc8#j5*ENET3noM-08|0Gx%+|b76twzk$M34*V9(qX>Yu0E&5$LzqjgTo%u#XKFUc*;W6|V}(o2DinpMB"
        "v3uFf+1dxc(L=`^j=xN?D&i}v%j%-Gb"
    )
)
"""A TrueType font of two glyphs, made with fontTools' FontBuilder. The second is 500 units of 1000 wide and
goes from the base line to 1000 above it, by an outline that goes there and back and has nothing within: text
on its side whose glyphs have no extent is not found by PDFium.
"""
ADVANCE = 0.5
"""Of the font's size: the width of each character."""
RANGES = 256
RANGES_IN_A_BLOCK = 100
"""Adobe technical note 5014: a range keeps to codes with the same first byte, and a block has 100 at most."""
LONGEST_WORD = 200
SMALLEST = 0.1
"""Points of height or width below which there is no word to place."""
NO_CHARACTER = "\N{REPLACEMENT CHARACTER}"


def add_font(writer: PdfWriter) -> int:
    """The number of the font's object."""
    packed = zlib.compress(BLANK_FONT)
    file = writer.add_stream(b"/Filter /FlateDecode /Length1 %d" % len(BLANK_FONT), packed)
    glyphs = writer.add_stream(b"/Filter /FlateDecode", zlib.compress(b"\0\1" * 65_536))
    characters = writer.add_stream(b"/Filter /FlateDecode", zlib.compress(_characters()))
    described = writer.add(
        b"<</Type /FontDescriptor /FontName /Blank /Flags 5 /FontBBox [0 0 500 1000] /ItalicAngle 0 "
        b"/Ascent 1000 /Descent 0 /CapHeight 1000 /StemV 80 /FontFile2 %d 0 R>>" % file
    )
    descendant = writer.add(
        b"<</Type /Font /Subtype /CIDFontType2 /BaseFont /Blank "
        b"/CIDSystemInfo <</Registry (Adobe) /Ordering (Identity) /Supplement 0>> "
        b"/FontDescriptor %d 0 R /DW 500 /CIDToGIDMap %d 0 R>>" % (described, glyphs)
    )
    return writer.add(
        b"<</Type /Font /Subtype /Type0 /BaseFont /Blank /Encoding /Identity-H "
        b"/DescendantFonts [%d 0 R] /ToUnicode %d 0 R>>" % (descendant, characters)
    )


def _characters() -> bytes:
    """The table that says of each code that it is the character of the same number."""
    lines = [
        "/CIDInit /ProcSet findresource begin",
        "12 dict begin begincmap",
        "/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def",
        "/CMapName /Adobe-Identity-UCS def /CMapType 2 def",
        "1 begincodespacerange <0000> <FFFF> endcodespacerange",
    ]
    for start in range(0, RANGES, RANGES_IN_A_BLOCK):
        block = range(start, min(start + RANGES_IN_A_BLOCK, RANGES))
        lines.append(f"{len(block)} beginbfrange")
        lines += [f"<{high:02X}00> <{high:02X}FF> <{high:02X}00>" for high in block]
        lines.append("endbfrange")
    lines.append("endcmap CMapName currentdict /CMap defineresource pop end end")
    return "\n".join(lines).encode()


def words_over(text: PageText, font: bytes, points: tuple[float, float]) -> bytes:
    """The content that places a page's words over its image. font: its name among the page's resources;
    points: width and height of a pixel in points.
    """
    if not text.words:
        return b""
    height = page_frame.scan_size(text)[1]
    lines = [b"BT 3 Tr"]
    for word in text.words:
        placed = [(x * points[0], (height - y) * points[1]) for x, y in page_frame.corners(text, word.box)]
        lines += _word(word.text, font, placed)
    return b"\n".join([*lines, b"ET"])


def _word(text: str, font: bytes, corners: list[tuple[float, float]]) -> Iterable[bytes]:
    """A word over the parallelogram of corners, in points of the page: its base line on the lower side, as
    wide as that is.
    """
    text = "".join(map(_character, unicodedata.normalize("NFC", text)))[:LONGEST_WORD]
    (left, top), _, (right, low), (across, bottom) = corners
    along, up = (right - across, low - bottom), (left - across, top - bottom)
    width, size = math.hypot(*along), math.hypot(*up)
    if not text or width < SMALLEST or size < SMALLEST:
        return
    stretch = 100 * width / (len(text) * ADVANCE * size)
    matrix = (along[0] / width, along[1] / width, up[0] / size, up[1] / size, across, bottom)
    yield b"/%b %.3f Tf %.3f Tz %b Tm <%b> Tj" % (
        font,
        size,
        stretch,
        b" ".join(b"%.4f" % (one + 0.0) for one in matrix),
        text.encode("utf-16-be").hex().encode(),
    )


def _character(mark: str) -> str:
    """A character that has a code of its own here, for one that has none."""
    return mark if "\x20" <= mark <= "\ud7ff" or "\ue000" <= mark <= "\uffff" else NO_CHARACTER
