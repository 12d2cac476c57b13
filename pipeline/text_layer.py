"""The text layer of a batch: what a worker keeps of the words it read, for the file's PDF.

Lies under work/ in the bucket, encrypted and expiring, one object for each run of pages that a worker read
in one go. For a searchable PDF it holds all words: the only place where values of NPI leave a worker. For a
redacted one it holds the words that no finding touches, and the places of those that one does.
"""

import zlib
from collections.abc import Callable, Iterable

import msgspec

from pipeline import page_frame
from pipeline.page_text import Box, Finding, PageText, Word

SEARCHABLE, REDACTED = "searchable", "redacted"
FEWEST_DIGITS = 5
"""Of a value that is recognised where it stands once more."""


class PageLayer(msgspec.Struct, frozen=True):
    """A page of it. text: its words, with the turns by which it was read; hidden: places of the findings, in
    the order of the page's outcome; repeated: places where a found value stands once more. All boxes are
    those of the page as it was read.
    """

    page: int
    text: PageText
    hidden: tuple[Box, ...] = ()
    repeated: tuple[Box, ...] = ()

    def is_of(self, findings: tuple[Finding, ...]) -> bool:
        """Whether it was made in the same reading as a page's findings: a page that is read twice, by a
        message that was delivered twice, may be read otherwise when time was short.
        """
        return tuple(map(self.text.as_scanned, self.hidden)) == tuple(one.box for one in findings)


def is_kept(mode: str, suspect: str) -> bool:
    """Whether a page has a layer. A redacted PDF withholds what is suspect, and a value that was missed may
    be among its words.
    """
    return mode == SEARCHABLE or not suspect


def of_page(mode: str, page: int, text: PageText, findings: tuple[Finding, ...]) -> PageLayer:
    """findings: with boxes of the page as it was read."""
    hidden = tuple(finding.box for finding in findings)
    bare = msgspec.structs.replace(text, marks=())
    if mode == SEARCHABLE:
        return PageLayer(page, bare, hidden)
    places = [page_frame.widened(text, box) for box in hidden]
    taken = [word for word in text.words if any(page_frame.meet(word.box, place) for place in places)]
    values = {value for word in taken if len(value := _digits(word)) >= FEWEST_DIGITS}
    again = tuple(
        word for word in text.words if word not in taken and any(value in _digits(word) for value in values)
    )
    places += [page_frame.widened(text, word.box) for word in again]
    left = tuple(word for word in text.words if not any(page_frame.meet(word.box, place) for place in places))
    return PageLayer(
        page, msgspec.structs.replace(bare, words=left), hidden, tuple(word.box for word in again)
    )


def _digits(word: Word) -> str:
    return "".join(filter(str.isdigit, word.text))


def key(file_id: str, batch_id: int, pages: str) -> str:
    """Where the layer of a run of pages ("6-10") lies."""
    return f"work/{file_id}/{batch_id}.{pages}.text"


def encode(layers: Iterable[PageLayer]) -> bytes:
    """The same layers give the same bytes."""
    return zlib.compress(msgspec.msgpack.encode(list(layers)))


def decode(data: bytes) -> list[PageLayer]:
    return msgspec.msgpack.decode(zlib.decompress(data), type=list[PageLayer])


class Layers:
    """The layers of a file's pages, fetched when they are asked for: memory holds one run of pages."""

    def __init__(self, parts: Iterable[tuple[str, str]], fetch: Callable[[str], bytes | None]) -> None:
        """parts: (key, pages) of all objects; fetch: the bytes under a key, None where they are gone."""
        self._fetch, self._keys = fetch, dict[int, list[str]]()
        self._held: tuple[str, dict[int, PageLayer]] = ("", {})
        for place, pages in parts:
            first, last = map(int, pages.split("-"))
            for page in range(first, last + 1):
                self._keys.setdefault(page, []).append(place)

    def of(self, page: int) -> PageLayer | None:
        for place in self._keys.get(page, ()):
            if self._held[0] != place:
                data = self._fetch(place)
                self._held = place, {one.page: one for one in decode(data)} if data is not None else {}
            if page in self._held[1]:
                return self._held[1][page]
        return None
