"""What `harness guard` times: the reading of a page, as this tree calls it. A base revision has its own file
of this name; one that has none is called by this one.
"""

from collections.abc import Callable
from functools import partial

from pipeline import ocr, tiff
from pipeline.documents import PageFile
from pipeline.ocr_options import OcrOptions
from pipeline.page_text import PageText


def readings(data: bytes) -> list[Callable[[], PageText]]:
    """For each page of a TIFF what reads it, with the options that are the default."""
    chain = tiff.read_chain(lambda offset, size: data[offset : offset + size], len(data))
    pages = (PageFile(chain.layout, offset, len(data), ((0, data),)) for offset in chain.offsets)
    return [partial(ocr.read_page, page, OcrOptions()) for page in pages]
