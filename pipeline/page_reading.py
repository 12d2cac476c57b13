"""A page is read as far as its findings need it: where only its numbers are read at first, all of it is read
as soon as that leaves a doubt.
"""

import time

import msgspec

from pipeline import npi, ocr
from pipeline.documents import PageFile
from pipeline.failures import PageUnreadable
from pipeline.ocr_options import OcrOptions
from pipeline.page_text import PageText

LEAST_SECONDS = 1
"""What a second reading needs of the page's time."""


def read_page(page: PageFile, options: OcrOptions) -> PageText:
    """The words of a page. Raises `PageUnreadable`.

    A pure function, as `ocr.read_page` is: what is in doubt is asked by the types that are built in,
    whatever else is looked for. Without time for a second reading, or when that fails, the first counts, with
    its doubt.
    """
    began = time.perf_counter()
    text = ocr.read_page(page, options)
    if options.findings == "full" or not text.left_out or not _is_doubtful(text):
        return text
    left = options.page_timeout - (time.perf_counter() - began)
    if left < LEAST_SECONDS:
        return text
    again = msgspec.structs.replace(options, findings="full", page_timeout=int(left))
    try:
        return ocr.read_page(page, again)
    except PageUnreadable:
        return text


def _is_doubtful(text: PageText) -> bool:
    _, doubt = npi.examine(1, msgspec.structs.replace(text, skew=0.0))
    return bool(doubt)
