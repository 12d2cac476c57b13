"""A file's pages as people see them, for `harness run --thumbnails npi` and `harness serve`; their number."""

from PIL import Image

from pipeline import page_pixels, tiff
from pipeline.documents import PageFile
from pipeline.ocr_options import OcrOptions


def count(data: bytes) -> int:
    """Pages of a TIFF. Raises `BadFile`."""
    return len(_chain(data).offsets)


def page(data: bytes, number: int) -> Image.Image:
    """A page (from 1) of a TIFF, upright, in whose pixels the boxes of findings are. Raises `BadFile` or
    `PageUnreadable`.
    """
    chain = _chain(data)
    shown = PageFile(chain.layout, chain.offsets[number - 1], len(data), ((0, data),))
    return page_pixels.shown(shown, OcrOptions().max_pixels)


def _chain(data: bytes) -> tiff.Chain:
    return tiff.read_chain(lambda offset, size: data[offset : offset + size], len(data))
