"""Finds NPI in the words of a page.

`fields` says what stands around a value; `detectors` is the table of what is looked for, `tables` puts a
user's own over it; `detect` runs the table, weighs what it finds and masks it; `examine` says also where more
may be than was found. Values never leave this package.
"""

from pipeline.npi.detection import detect, page_confidence
from pipeline.npi.suspicion import examine
from pipeline.npi.tables import load as load_table

__all__ = ["detect", "examine", "load_table", "page_confidence"]
