"""What `harness guard` times: the reading of a page, as this tree calls it. A base revision has its own file
of this name; one that has none is called by this one.
"""

from collections.abc import Callable
from functools import partial

from pipeline import ocr, tiff
from pipeline.documents import PageFile
from pipeline.ocr_options import OcrOptions


def readings(data: bytes) -> list[Callable[[], str]]:
    """For each page of a TIFF what reads it, in both ways that the template can choose."""
    chain = tiff.read_chain(lambda offset, size: data[offset : offset + size], len(data))
    return [
        partial(text, PageFile(chain.layout, offset, len(data), ((0, data),))) for offset in chain.offsets
    ]


def text(page: PageFile) -> str:
    """What is read to flag the page, and all of it, for it to be told whether the sides read alike."""
    ways = (OcrOptions(findings="flag"), OcrOptions(findings="full"))
    return " ".join(word.text for options in ways for word in ocr.read_page(page, options).words)
