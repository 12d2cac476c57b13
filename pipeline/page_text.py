"""What OCR reads on a page, and what is found there, as plain data that every function of the system may
handle.
"""

import msgspec

Box = tuple[int, int, int, int]
"""left, top, right, bottom in pixels."""


class Word(msgspec.Struct, frozen=True, array_like=True):
    """One recognised word; `confidence` in percent; `line` numbers the engine's text lines in reading
    order.
    """

    text: str
    box: Box
    confidence: float
    line: int


class PageText(msgspec.Struct, frozen=True):
    """What stands on a page: its size in pixels, its words, and by how many degrees it was turned to be
    read. marks: boxes of ink that no word explains; doubt: why the pixels may not be what the page shows.
    """

    width: int = 0
    height: int = 0
    words: tuple[Word, ...] = ()
    turned: int = 0
    marks: tuple[Box, ...] = ()
    doubt: str = ""

    @property
    def confidence(self) -> float:
        """Mean confidence of the words, weighted by their length, in percent; 100 for a page without
        words.
        """
        letters = sum(len(word.text) for word in self.words)
        if not letters:
            return 100.0
        return sum(word.confidence * len(word.text) for word in self.words) / letters


class Finding(msgspec.Struct, frozen=True):
    """One piece of NPI on a page: where it stands and how sure that is (percent), its value masked.

    `box` is left, top, right, bottom in pixels of the upright page.
    """

    page: int
    type: str
    confidence: int
    box: Box
    masked: str
