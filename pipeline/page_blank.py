"""A page that came out blank is looked at again: its ink may be faint, in one colour channel, or under what
is transparent. One whose data say more than its picture shows is doubted.
"""

import itertools
import zlib
from collections.abc import Callable, Iterable

from PIL import Image

from pipeline import page_contrast
from pipeline.documents import PageFile
from pipeline.failures import PageUnreadable

BLANK = "the page came out blank, but its data are not"
REPEATING = (1, 2, 3, 4, 32773)
"""Compressions by which rows of one shade are the same bytes again and again: none, fax, PackBits."""
REPEATED_BYTES, CODED_BYTES = 1024, 16 * 2**10
"""What the data of a page of one shade come to when they are compressed once more, at most, beside a part of
them; coded: by another compression, whose codes grow, or which brings its tables.
"""
STILL = 1 / 150
"""Part of its size that zlib makes of one byte again and again, and more."""
LOOKED_AT_BYTES = 4 * 2**20


def seen(
    grey: Image.Image,
    channels: Iterable[Image.Image],
    page: PageFile,
    compression: int,
    is_even: Callable[[], bool],
) -> tuple[Image.Image, str]:
    """(the page as it can be read, what there is to doubt about one that stays blank). channels: what else
    its samples show, the likeliest first; is_even: whether all its pixels have the same samples.
    """
    darkest, lightest = page_contrast.spread(grey)
    is_small = min(grey.size) < page_contrast.SMALLEST_TEXT_PIXELS
    if is_small or lightest - darkest >= page_contrast.PALE_CONTRAST:
        return grey, ""
    if not page_contrast.is_blank(grey):
        return page_contrast.printed(grey) or grey, ""
    is_contrary = False
    for one in itertools.chain((grey,), channels):
        shown = page_contrast.printed(one)
        if shown is not None:
            return shown, ""
        is_contrary = is_contrary or not page_contrast.is_blank(one)
    if is_contrary or (is_even() and _says_more(page, compression)):
        return grey, BLANK
    return grey, ""


def _says_more(page: PageFile, compression: int) -> bool:
    """Whether there is more in its data than a page of one shade needs."""
    most = REPEATED_BYTES if compression in REPEATING else CODED_BYTES
    packer, size, looked_at = zlib.compressobj(1), 0, 0
    try:
        for data in page.image_data():
            size += len(packer.compress(data))
            looked_at += len(data)
            if looked_at > LOOKED_AT_BYTES:
                break
    except PageUnreadable:  # a page that can be read without them
        return False
    return size + len(packer.flush()) > most + looked_at * STILL
