"""A page as people see it: for the pictures of `harness run --thumbnails npi` and of `harness serve`."""

from PIL import Image

from pipeline import page_pixels, tiff
from pipeline.documents import PageFile
from pipeline.ocr_options import OcrOptions


def page(data: bytes, number: int) -> Image.Image:
    """A page (from 1) of a TIFF, upright, in whose pixels the boxes of findings are. Raises `BadFile` or
    `PageUnreadable`.
    """
    chain = tiff.read_chain(lambda offset, size: data[offset : offset + size], len(data))
    shown = PageFile(chain.layout, chain.offsets[number - 1], len(data), ((0, data),))
    return page_pixels.shown(shown, OcrOptions().max_pixels)
