"""Reads PDFs again with libraries that had no part in making them: PDFium draws them and tells where their
text is, pikepdf (QPDF) takes them apart.
"""

import io
import zlib

import msgspec
import numpy as np
import pikepdf
import pypdfium2
from PIL import Image

from pipeline import npi, ocr, pdf, text_layer
from pipeline.documents import PageFile
from pipeline.ocr_options import OcrOptions
from pipeline.page_text import Box
from pipeline.text_layer import PageLayer
from pipeline.tiff import read_chain
from tests import builders

OPTIONS = OcrOptions()
MEMORY_BYTES = 256 * 2**20


def pages_of(data: bytes) -> list[PageFile]:
    chain = read_chain(lambda offset, size: data[offset : offset + size], len(data))
    return [builders.page_file(data, chain.layout, offset) for offset in chain.offsets]


def layer_of(page: PageFile, mode: str, number: int = 1) -> PageLayer:
    """What a worker keeps of a page: read, and searched, for real."""
    text = ocr.read_page(page, OPTIONS)
    return text_layer.of_page(mode, number, text, npi.detect(number, msgspec.structs.replace(text, skew=0.0)))


def made(mode: str, data: bytes, layers: list[PageLayer | None] | None = None) -> bytes:
    """The PDF of a TIFF, its pages read for real where no layers are given."""
    pages = pages_of(data)
    if layers is None:
        kept = mode in (text_layer.SEARCHABLE, text_layer.REDACTED)
        layers = [layer_of(page, mode, number) if kept else None for number, page in enumerate(pages, 1)]
    orders = [
        pdf.PageOrder(layer.text, (*layer.hidden, *layer.repeated) if mode == "redacted" else ())
        if layer
        else pdf.PageOrder()
        for layer in layers
    ]
    written = io.BytesIO()
    pdf.write(written.write, mode, pages, lambda number: orders[number - 1], MEMORY_BYTES)
    return written.getvalue()


def text_of(document: bytes, page: int = 0) -> str:
    return pypdfium2.PdfDocument(document)[page].get_textpage().get_text_range()


def place_of(document: bytes, word: str, dpi: float, page: int = 0) -> Box:
    """Where a word is found in the PDF, in pixels of the page drawn with so many dots per inch."""
    opened = pypdfium2.PdfDocument(document)[page]
    text = opened.get_textpage()
    found = text.search(word, match_case=True).get_next()
    assert found is not None, f"{word} is not found in {text.get_text_range()!r}"
    start, count = found
    boxes = np.array([text.get_charbox(index, loose=True) for index in range(start, start + count)])
    (left, low), (right, high) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    height, scale = opened.get_height(), dpi / 72
    return (
        round(left * scale),
        round((height - high) * scale),
        round(right * scale),
        round((height - low) * scale),
    )


def drawn(document: bytes, dpi: float, page: int = 0) -> Image.Image:
    """The page as PDFium draws it, in greyscale."""
    return pypdfium2.PdfDocument(document)[page].render(scale=dpi / 72).to_pil().convert("L")


def image_of(document: bytes, page: int = 0) -> Image.Image:
    """The page's image alone, as it lies there."""
    with pikepdf.open(io.BytesIO(document)) as opened:
        (image,) = opened.pages[page].get_images().values()
        return pikepdf.PdfImage(image).as_pil_image()


def everything_in(document: bytes) -> bytes:
    """All bytes of the file, those of its streams also without their compression."""
    parts = [document]
    with pikepdf.open(io.BytesIO(document)) as opened:
        for entry in opened.objects:
            if isinstance(entry, pikepdf.Stream):
                parts.append(entry.read_raw_bytes())
                if str(entry.get("/Filter", "")) == "/FlateDecode" and "/DecodeParms" not in entry:
                    parts.append(zlib.decompress(entry.read_raw_bytes()))
    return b"\0".join(parts)
