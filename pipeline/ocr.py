"""A page's pixels become words with boxes and confidences.

`read_page` is the one expensive function of the system, and a pure one: the same page and options give the
same words. `page_image` decodes the page and makes it fit for recognition; one of the `engines` recognises
it; `rereading` has a second look at parts of it. Boxes are in pixels of the upright page.
"""

import time
from collections.abc import Iterable

import msgspec

from pipeline import engines, ink, page_image, rereading
from pipeline.documents import PageFile
from pipeline.failures import PageUnreadable
from pipeline.ocr_options import OcrOptions
from pipeline.page_text import Box, PageText, Word

LEGIBLE_PERCENT = 55
"""A page whose words' mean confidence is below this may lie on its side or stand on its head: other turns are
tried.
"""


def read_page(page: PageFile, options: OcrOptions) -> PageText:
    """The words of one page. Raises `PageUnreadable` with the reason when the page cannot be decoded or read.

    Where the page stands on its head or lies on its side, the turns that are tried share the time that is
    left of the page's own.
    """
    ends = time.perf_counter() + options.page_timeout
    image = page_image.load(page, options.max_pixels, options.mending.split(","))
    width, height = image.upright_size
    if page_image.is_blank(image.pixels):
        return PageText(width, height, doubt=image.doubt or page_image.blackness(image.pixels))
    engine = engines.engine(options)
    best = PageText(width, height, engine.words(image.pixels, image.dpi, ends - time.perf_counter()))
    if best.words and (best.confidence < LEGIBLE_PERCENT or _lies_on_its_side(best.words)):
        for degrees in (180, 90, 270):
            try:
                words = engine.words(
                    image.pixels.rotate(degrees, expand=True), image.dpi, ends - time.perf_counter()
                )
            except PageUnreadable:  # what was read stays
                break
            turned = PageText(*((width, height) if degrees == 180 else (height, width)), words, degrees)
            if _is_better(turned, best):
                best = turned
            if best.confidence >= 1.3 * LEGIBLE_PERCENT and not _lies_on_its_side(best.words):
                break
    upright = image.pixels.rotate(best.turned, expand=True) if best.turned else image.pixels
    best = msgspec.structs.replace(
        best, words=rereading.doubtful_lines(engine, upright, image.dpi, best.words, ends)
    )
    seen = ink.of(upright, image.dpi)
    marks = ink.marks(seen, best.words)
    if boxed := rereading.boxed_rows(engine, upright, seen, best.words, marks, ends):
        best = msgspec.structs.replace(best, words=rereading.with_readings(best.words, boxed))
        marks = ink.marks(seen, best.words)
    hidden, is_hidden = rereading.hidden_numbers(engine, upright, seen, best.words, marks, ends)
    if hidden:
        best = msgspec.structs.replace(best, words=rereading.with_readings(best.words, hidden))
        marks = ink.marks(seen, best.words)
    scale = image.scale[::-1] if best.turned in (90, 270) else image.scale
    return msgspec.structs.replace(
        best,
        words=tuple(msgspec.structs.replace(word, box=_unscaled(word.box, *scale)) for word in best.words),
        marks=tuple(_unscaled(box, *scale) for box in marks),
        skew=image.skew,
        hidden=is_hidden,
        doubt=image.doubt,
    )


def _is_better(turned: PageText, best: PageText) -> bool:
    """Whether a turned page is the right way up. Tesseract reads some lines that run upwards, too."""
    needed = 0.7 if _lies_on_its_side(best.words) and not _lies_on_its_side(turned.words) else 1.5
    return _legibility(turned) > needed * _legibility(best)


def _lies_on_its_side(words: Iterable[Word]) -> bool:
    """Whether most words of three letters or more run up or down."""
    long = [word.box for word in words if len(word.text) >= 3]
    return 2 * sum(box[3] - box[1] > box[2] - box[0] for box in long) > len(long)


def _legibility(text: PageText) -> float:
    """How much was read and how surely: letters of words that count as read, weighted by confidence."""
    return sum(len(word.text) * word.confidence for word in text.words if word.confidence >= LEGIBLE_PERCENT)


def _unscaled(box: Box, across: float, down: float) -> Box:
    if across == down == 1:
        return box
    return int(box[0] / across), int(box[1] / down), int(box[2] / across), int(box[3] / down)
