"""The PDF of a file's pages, one after the other, each as large as its scan.

original: every page as it was scanned. searchable: the same, with the words that were read lying unseen over
their places. redacted: what was found is black in the image and not in the text; a page of which it is not
sure what it holds is withheld, and another in its place says so. Nothing else of the TIFF comes along: no
tag, no date, no name. The same pages give the same bytes.

Memory holds one page. Images: `pdf_image`; unseen words: `pdf_text`; the file itself: `pdf_writer`.
"""

import zlib
from collections.abc import Callable, Iterable

import msgspec

from pipeline import page_frame, page_image, page_pixels, pdf_image, pdf_text
from pipeline.documents import PageFile
from pipeline.failures import PageUnreadable
from pipeline.page_text import Box, PageText
from pipeline.pdf_image import Picture
from pipeline.pdf_writer import PdfWriter, TooLong
from pipeline.text_layer import REDACTED

LONGEST_SIDE = 14_400
"""Points that a page may be long (ISO 32000-1, annex C.2)."""
NOTICE_POINTS = 612, 792
"""Of a page in the place of one that gives no size."""
DAMAGED, IN_DOUBT, UNKNOWN = (
    "it could not be read",
    "it may hold more than was found",
    "what was read on it is not known any more",
)
"""Why a page is withheld. More is said in the file's result, and none of it in the PDF: what is said of
damaged data may be made of it."""


class NoPdf(Exception):
    """This file cannot become a PDF; the message says why."""


class PageOrder(msgspec.Struct, frozen=True):
    """What is to be made of a page: its text, if it is known; places to blacken, as it was read; why it is to
    be withheld ("" where it is not).
    """

    text: PageText | None = None
    black: tuple[Box, ...] = ()
    withheld: str = ""


class Document:
    """A PDF that grows by page. `sink` is given its bytes, in order; memory_bytes: what a page's pixels may
    take.

    withheld: numbers of the pages that were withheld, and why.
    """

    def __init__(self, sink: Callable[[bytes], object], mode: str, memory_bytes: int) -> None:
        self._writer, self._mode, self._memory = PdfWriter(sink), mode, memory_bytes
        self._catalog, self._tree = self._writer.reserve(), self._writer.reserve()
        self._font = self._notice_font = 0
        self._pages: list[int] = []
        self.withheld: dict[int, str] = {}

    def add(self, page: PageFile, order: PageOrder) -> None:
        """Adds the next page. Raises `NoPdf` where it cannot be shown, and not be withheld instead."""
        try:
            if order.withheld:
                self._withhold(page, order.withheld)
            else:
                self._add_shown(page, order)
        except TooLong as error:
            raise NoPdf(f"the PDF would be larger than 10 GB with page {len(self._pages) + 1}") from error

    def _add_shown(self, page: PageFile, order: PageOrder) -> None:
        try:
            tags = dict(page.tags())
            text = self._fitting(tags, order.text)
            picture = self._picture(page, tags, text, order.black)
        except Exception as error:  # decoders and encoders raise nearly every class for damaged data
            if self._mode != REDACTED:
                reason = str(error) if isinstance(error, PageUnreadable) else type(error).__name__
                raise NoPdf(f"page {len(self._pages) + 1}: {reason}") from error
            self._withhold(page, DAMAGED)
            return
        if picture is None:
            self._withhold(page, UNKNOWN)
        else:
            self._show(picture, tags, text)

    def finish(self) -> None:
        """Adds what stands behind the pages."""
        kids = b" ".join(b"%d 0 R" % page for page in self._pages)
        self._writer.write(self._tree, b"<</Type /Pages /Count %d /Kids [%b]>>" % (len(self._pages), kids))
        self._writer.write(self._catalog, b"<</Type /Catalog /Pages %d 0 R>>" % self._tree)
        self._writer.finish(self._catalog)

    def _fitting(self, tags: page_pixels.Tags, text: PageText | None) -> PageText | None:
        """The text, if it is one of a page of this size."""
        if text is None or page_frame.scan_size(text) != page_pixels.upright_size(tags):
            return None
        return text

    def _picture(
        self, page: PageFile, tags: page_pixels.Tags, text: PageText | None, black: tuple[Box, ...]
    ) -> Picture | None:
        """The page's image; None where something is to be black, and it is not known where that lies."""
        if self._mode == REDACTED:
            return _redacted(page, tags, text, black, self._memory) if text is not None else None
        return pdf_image.passed_through(page, tags) or _repacked(page, self._memory)

    def _show(self, picture: Picture, tags: page_pixels.Tags, text: PageText | None) -> None:
        width, height = page_pixels.upright_size(tags)
        points = _points(tags)
        size = width * points[0], height * points[1]
        matrix = [one * size[index % 2] for index, one in enumerate(picture.placed)]
        content = b"q %b cm /I Do Q" % b" ".join(b"%.4f" % (one + 0.0) for one in matrix)
        fonts = b""
        if text is not None and text.words:
            if not self._font:
                self._font = pdf_text.add_font(self._writer)
            content += b"\n" + pdf_text.words_over(text, b"W", points)
            fonts = b"/Font <</W %d 0 R>>" % self._font
        space = picture.space
        if picture.profile:
            components = pdf_image.CHANNELS[pdf_image.PROFILES[picture.profile[16:20]]]
            space %= self._writer.add_stream(
                b"/N %d /Filter /FlateDecode" % components, zlib.compress(picture.profile)
            )
        image = self._writer.add_stream(
            b"/Type /XObject /Subtype /Image %b /ColorSpace %b" % (picture.entries, space), picture.data
        )
        self._page(size, content, b"/XObject <</I %d 0 R>> %b" % (image, fonts))

    def _withhold(self, page: PageFile, reason: str) -> None:
        number = len(self._pages) + 1
        self.withheld[number] = reason
        if not self._notice_font:
            self._notice_font = self._writer.add(
                b"<</Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding>>"
            )
        size = _size_or(page, NOTICE_POINTS)
        line = f"Page {number} is withheld: {reason}.".encode("ascii")
        letters = min(14.0, size[0] * 0.9 / (0.5 * len(line)))
        content = b"BT /N %.2f Tf %.2f %.2f Td (%b) Tj ET" % (letters, size[0] * 0.05, size[1] / 2, line)
        self._page(size, content, b"/Font <</N %d 0 R>>" % self._notice_font)

    def _page(self, size: tuple[float, float], content: bytes, resources: bytes) -> None:
        stream = self._writer.add_stream(b"/Filter /FlateDecode", zlib.compress(content))
        self._pages.append(
            self._writer.add(
                b"<</Type /Page /Parent %d 0 R /MediaBox [0 0 %.4f %.4f] /Contents %d 0 R /Resources <<%b>>>>"
                % (self._tree, *size, stream, resources)
            )
        )


def write(
    sink: Callable[[bytes], object],
    mode: str,
    pages: Iterable[PageFile],
    order_of: Callable[[int], PageOrder],
    memory_bytes: int,
    go_on: Callable[[int], None] = lambda _: None,
) -> dict[int, str]:
    """Writes the PDF of pages to `sink`; returns the numbers of those that were withheld, and why.

    order_of: what is to be made of the page of a number; go_on: is called with the number of each page before
    it is made, and may raise. Raises `NoPdf`.
    """
    document = Document(sink, mode, memory_bytes)
    for number, page in enumerate(pages, 1):
        go_on(number)
        document.add(page, order_of(number))
    document.finish()
    return document.withheld


def _redacted(
    page: PageFile, tags: page_pixels.Tags, text: PageText, black: tuple[Box, ...], memory_bytes: int
) -> Picture | None:
    was_jpeg = pdf_image.is_jpeg(tags)
    if was_jpeg and not black:
        passed = pdf_image.passed_through(page, tags, with_profile=False)
        if passed is not None:
            return passed
    more = pdf_image.JPEG_BLOCK if was_jpeg else 0
    places = (page_frame.corners(text, page_frame.widened(text, box, more)) for box in black)
    return _repacked(page, memory_bytes, tuple(places))


def _repacked(
    page: PageFile, memory_bytes: int, black: tuple[page_frame.Corners, ...] | None = None
) -> Picture | None:
    pdf_image.check_memory(page, memory_bytes)
    return pdf_image.repacked(page, black)


def _points(tags: page_pixels.Tags) -> tuple[float, float]:
    """(width, height) of a pixel in points."""
    across, down = page_image.dots_per_inch(page_pixels.said_resolution(dict(tags)))
    width, height = page_pixels.upright_size(tags)
    longest = max(72 * width / across, 72 * height / down)
    smaller = min(1.0, LONGEST_SIDE / longest)
    return 72 / across * smaller, 72 / down * smaller


def _size_or(page: PageFile, otherwise: tuple[float, float]) -> tuple[float, float]:
    """The page's width and height in points, if its tags tell them."""
    try:
        tags = dict(page.tags())
        width, height = page_pixels.upright_size(tags)
        across, down = _points(tags)
    except Exception:  # it is damaged, and says so already
        return otherwise
    size = width * across, height * down
    return size if min(size) >= 72 else otherwise
