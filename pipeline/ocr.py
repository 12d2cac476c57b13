"""A page's pixels become words with boxes and confidences.

`read_page` is the one expensive function of the system, and a pure one: the same page and options give the
same words. `page_image` decodes the page and makes it fit for recognition; one of the `engines` recognises
it; `rereading` has a second look at parts of it. Boxes are in pixels of the upright page.
"""

import contextlib
import time

import msgspec

from pipeline import engines, excerpt, ink, page_contrast, page_image, rereading, screened
from pipeline.documents import PageFile
from pipeline.ocr_options import OcrOptions
from pipeline.page_image import PageImage
from pipeline.page_text import Box, PageText, Word
from pipeline.screened import Screened

LEGIBLE_PERCENT = 55
"""A word whose confidence is less was hardly read."""
EXCERPT = 4
"""Tesseract's page segmentation mode for an excerpt: lines of any size under each other."""
UNSEEN = "nothing was read where numbers seem to stand"
FEWEST_ON_DARK = 8
"""Words that are read on a page of white print on black, at least."""


def read_page(page: PageFile, options: OcrOptions) -> PageText:
    """The words of one page. Raises `PageUnreadable` with the reason when it cannot be decoded or read."""
    ends = time.perf_counter() + options.page_timeout
    image = page_image.load(page, options.max_pixels, options.mending.split(","))
    width, height = image.upright_size
    if page_contrast.is_blank(image.pixels):
        return PageText(width, height, doubt=image.doubt or _darkness(image, 0))
    with contextlib.closing(engines.engine(options)) as engine:
        return _read(engine, image, options, ends)


def _read(engine: engines.Engine, image: PageImage, options: OcrOptions, ends: float) -> PageText:
    page = screened.upright(image.pixels, image.dpi)
    if not page.numbers and page_contrast.is_blank(image.pixels, page_contrast.SPECKS):
        return PageText(*image.upright_size, doubt=image.doubt)  # dust, and no number among it
    shortcuts = options.shortcuts.split(",")
    inverted = bool(page.solid) or "negative" not in shortcuts
    words: tuple[Word, ...] | None = None
    left_out: tuple[Box, ...] = ()
    if options.findings == "flag" and not page.is_strange:
        words, left_out = _excerpt(engine, page, inverted, ends)
    if words is None:
        words = engine.words(page.pixels, page.dpi, ends - time.perf_counter(), inverted=inverted)
    reader = rereading.Reader(page, engine, ends, "rereading" in shortcuts)
    words = rereading.doubtful_cells(reader, words)
    marks = _marks(page, words, left_out)
    if boxed := rereading.boxed_rows(reader, words, marks):
        words = rereading.with_readings(words, boxed)
        marks = _marks(page, words, left_out)
    is_hidden = False
    if "uncover" in options.mending.split(","):
        hidden, is_hidden = rereading.hidden_numbers(reader, words, marks)
        words = rereading.with_readings(words, hidden) if hidden else words
        marks = _marks(page, words, left_out) if hidden else marks
    is_on_its_side = page.turned in (90, 270)
    width, height = image.upright_size[::-1] if is_on_its_side else image.upright_size
    scale = image.scale[::-1] if is_on_its_side else image.scale
    return PageText(
        width,
        height,
        tuple(msgspec.structs.replace(word, box=_unscaled(word.box, *scale)) for word in words),
        page.turned,
        tuple(_unscaled(box, *scale) for box in marks),
        skew=image.skew,
        hidden=is_hidden,
        left_out=len(left_out),
        doubt=image.doubt
        or _darkness(image, len(left_out) + sum(map(_is_legible, words)))
        or ("" if excerpt.are_seen(page.numbers, words) else UNSEEN),
        pixel_height=scale[1] / scale[0],
    )


def _excerpt(
    engine: engines.Engine, page: Screened, inverted: bool, ends: float
) -> tuple[tuple[Word, ...] | None, tuple[Box, ...]]:
    """The words of what can hold a number, and the boxes of what was left out; None where they say little."""
    part = excerpt.of(page)
    if part.image is None:
        return (), part.left_out
    seconds = ends - time.perf_counter()
    words = part.on_page(engine.words(part.image, page.dpi, seconds, EXCERPT, inverted))
    words = excerpt.parted(words, page)
    return (words, part.left_out) if excerpt.are_read(page.numbers, words) else (None, ())


def _marks(page: Screened, words: tuple[Word, ...], left_out: tuple[Box, ...]) -> tuple[Box, ...]:
    """Ink that was neither read nor knowingly left out."""
    return ink.marks(page.ink, [*(word.box for word in words), *left_out])


def _darkness(image: PageImage, legible: int) -> str:
    """What there is to doubt about a page that is dark, as no paper is, and on which little can be read."""
    return page_image.DARK if image.negative and legible < FEWEST_ON_DARK else ""


def _is_legible(word: Word) -> bool:
    return word.confidence >= LEGIBLE_PERCENT


def _unscaled(box: Box, across: float, down: float) -> Box:
    if across == down == 1:
        return box
    return int(box[0] / across), int(box[1] / down), int(box[2] / across), int(box[3] / down)
