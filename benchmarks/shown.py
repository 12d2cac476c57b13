"""What the page of `harness serve` shows of an upload: its pages as they are scanned, upright."""

from PIL import Image

from pipeline import page_pixels, tiff
from pipeline.documents import PageFile
from pipeline.ocr_options import OcrOptions


def page(data: bytes, number: int) -> Image.Image:
    """The page of this number, from 1, of a TIFF. Raises `BadFile` or `PageUnreadable`."""
    chain = tiff.read_chain(lambda offset, size: data[offset : offset + size], len(data))
    content = PageFile(chain.layout, chain.offsets[number - 1], len(data), ((0, data),))
    return page_pixels.shown(content, OcrOptions().max_pixels)
