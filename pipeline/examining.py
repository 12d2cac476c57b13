"""A page is read and examined: where only its numbers are read at first, all of it is read as soon as that
leaves a doubt.
"""

from collections.abc import Callable

import msgspec

from pipeline import npi, ocr
from pipeline.documents import PageFile
from pipeline.failures import PageUnreadable
from pipeline.npi.tables import BUILT_IN, Table
from pipeline.ocr_options import OcrOptions
from pipeline.page_text import Finding, PageText


class Examined(msgspec.Struct, frozen=True):
    """What was read of a page; its findings, on the page as it was read; and why there may be more, or ""."""

    text: PageText
    findings: tuple[Finding, ...]
    suspect: str


def examined(
    number: int,
    page: PageFile,
    options: OcrOptions,
    table: Table = BUILT_IN,
    has_time: Callable[[], bool] = lambda: True,
) -> Examined:
    """`has_time`: whether there is some left for a second reading; without one the doubt stays. Raises
    `PageUnreadable`.
    """
    first = _of(number, ocr.read_page(page, options), table)
    if options.findings == "full" or not first.suspect or not first.text.left_out or not has_time():
        return first
    try:
        text = ocr.read_page(page, msgspec.structs.replace(options, findings="full"))
    except PageUnreadable:
        return first
    return _of(number, text, table)


def _of(number: int, text: PageText, table: Table) -> Examined:
    return Examined(text, *npi.examine(number, msgspec.structs.replace(text, skew=0.0), table))
