"""A PDF of the scanned pages, lossless: codestreams that PDF knows (G4, JPEG) are passed through, the rest is
deflated.
"""

import img2pdf

MAX_TIFF_BYTES = 150 * 2**20
"""Larger files get no PDF: the conversion holds the file about three times over."""


class NoPdf(Exception):
    """This file cannot become a PDF; the message says why."""


def original(tiff: bytes) -> bytes:
    """The PDF of all pages of a TIFF, in order. Raises `NoPdf`."""
    if len(tiff) > MAX_TIFF_BYTES:
        raise NoPdf(f"the file is larger than {MAX_TIFF_BYTES // 2**20} MB")
    try:
        # img2pdf refuses some rotations that it could not express in the PDF; the pixels are right without.
        return bytes(img2pdf.convert(tiff, rotation=img2pdf.Rotation.ifvalid))
    except MemoryError as error:
        raise NoPdf("the pages need more memory than the function has") from error
    except Exception as error:  # img2pdf and Pillow raise many classes for images that they cannot embed
        raise NoPdf(f"{type(error).__name__}: {error}") from error
