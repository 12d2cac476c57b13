"""Writes a PDF from its beginning to its end, object by object, so that memory holds none but the latest.

Knows objects, streams and the table of where they are (ISO 32000-1, section 7.5); nothing of pages. The same
objects give the same bytes: no date, no identifier, no name of a producer.
"""

from array import array
from collections.abc import Callable

LONGEST_BYTES = 9_999_999_999
"""The table of objects has ten digits for a place."""


class TooLong(Exception):
    """The document has become longer than its table of objects can tell."""


class PdfWriter:
    """`sink` is given the document's bytes, in order."""

    def __init__(self, sink: Callable[[bytes], object]) -> None:
        self._sink, self._length = sink, 0
        self._places = array("Q")
        self._put(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")

    def reserve(self) -> int:
        """The number of an object that is written later."""
        self._places.append(0)
        return len(self._places)

    def write(self, number: int, body: bytes) -> None:
        """Writes the object of a number that was reserved. Raises `TooLong`."""
        if self._length > LONGEST_BYTES:
            raise TooLong
        self._places[number - 1] = self._length
        self._put(b"%d 0 obj\n%b\nendobj\n" % (number, body))

    def add(self, body: bytes) -> int:
        """The number of an object that is written at once."""
        number = self.reserve()
        self.write(number, body)
        return number

    def add_stream(self, entries: bytes, data: bytes) -> int:
        """The number of a stream; `entries`: of its dictionary, but for its length."""
        return self.add(b"<<%b /Length %d>>\nstream\n%b\nendstream" % (entries, len(data), data))

    def finish(self, catalog: int) -> None:
        """Writes the table of objects; every number that was reserved is written by then."""
        assert all(self._places)
        start, count = self._length, len(self._places) + 1
        self._put(b"xref\n0 %d\n0000000000 65535 f \n" % count)
        for place in self._places:
            self._put(b"%010d 00000 n \n" % place)
        self._put(b"trailer\n<</Size %d /Root %d 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, catalog, start))

    def _put(self, data: bytes) -> None:
        self._length += len(data)
        self._sink(data)
