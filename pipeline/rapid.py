"""Recognition by RapidOCR: nets for detection and recognition in ONNX, which come with its package (an extra:
`pip install rapidocr-onnxruntime`).
"""

from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from PIL import Image

from pipeline.apart import Child, Job
from pipeline.ocr_options import OcrOptions
from pipeline.page_text import Word

ROW = 0.5
"""Two texts stand in a line when they share so much of the lower one's height."""


class RapidOcr:
    """Nets are loaded once a process, and run in a page's child without threads of their own."""

    def __init__(self, options: OcrOptions) -> None:
        self._options = options
        nets = _loaded()
        self._child = Child(lambda job: _recognise(nets, job))

    def words(
        self, image: Image.Image, dpi: int, seconds: float, mode: int = 0, inverted: bool = False
    ) -> tuple[Word, ...]:
        """Neither `mode` nor `inverted` means anything to these nets."""
        job = (image.tobytes(), image.width, image.height, dpi, mode, inverted)
        found = self._child.recognised(job, seconds, self._options.page_timeout)
        return msgspec.json.decode(found, type=tuple[Word, ...])

    def close(self) -> None:
        self._child.close()


def _loaded() -> Any:
    try:
        import rapidocr_onnxruntime
    except ImportError as error:
        raise RuntimeError(
            "OCR_ENGINE=rapidocr needs its package: pip install rapidocr-onnxruntime"
        ) from error
    if not hasattr(rapidocr_onnxruntime, "_kept_with_nets"):
        import cv2

        cv2.setNumThreads(1)  # threads do not outlive a fork
        rapidocr_onnxruntime._kept_with_nets = rapidocr_onnxruntime.RapidOCR(
            intra_op_num_threads=1, inter_op_num_threads=1
        )
    return rapidocr_onnxruntime._kept_with_nets


def _recognise(nets: Any, job: Job) -> str:
    """The words of an image, as JSON."""
    pixels, width, height, *_ = job
    grey = np.frombuffer(pixels, np.uint8).reshape(height, width)
    found, _ = nets(np.repeat(grey[..., None], 3, axis=2), return_word_box=True)
    words: list[Word] = []
    rows: list[tuple[float, float]] = []
    for corners, _text, confidence, boxes, marks, _confidences in found or ():
        downs = [down for _, down in corners]
        line = _row(rows, min(downs), max(downs))
        words += _words(boxes, marks, 100 * float(confidence), line)
    return msgspec.json.encode(words).decode()


def _row(rows: list[tuple[float, float]], top: float, bottom: float) -> int:
    """The number of the line that a text stands in, new ones kept."""
    for number, (high, low) in enumerate(rows):
        if min(low, bottom) - max(high, top) > ROW * min(low - high, bottom - top):
            return number
    rows.append((top, bottom))
    return len(rows) - 1


def _words(boxes: Any, marks: list[str], confidence: float, line: int) -> list[Word]:
    """The words of a text, by the boxes of its letters."""
    cuts = [-1, *(place for place, mark in enumerate(marks) if not mark.strip()), len(marks)]
    made = []
    for before, end in pairwise(cuts):
        if end - before < 2:
            continue
        corners = np.array(boxes[before + 1 : end]).reshape(-1, 2)
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        box = int(left), int(top), int(right) + 1, int(bottom) + 1
        made.append(Word("".join(marks[before + 1 : end]), box, confidence, line))
    return made
