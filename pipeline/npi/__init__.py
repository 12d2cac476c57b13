"""Finds NPI in the words of a page.

`lines` puts words into lines that remember where each character stands; `detectors` is the table of what is
looked for; `detect` runs the table, weighs what it finds and masks it; `suspicion` says where more may be
than was found. Values never leave this package.
"""

from pipeline.npi.detection import detect, page_confidence
from pipeline.npi.suspicion import suspicion

__all__ = ["detect", "page_confidence", "suspicion"]
