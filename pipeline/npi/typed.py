"""Text as if it stood on a page, in letters of one width: to try the detectors on lines and small tables."""

import re
from collections.abc import Sequence

from pipeline.npi.detection import detect
from pipeline.page_text import PageText, Word

_SPACED_DATE = re.compile(r"(?<![\w.,-])\d\d? / \d\d? / (?:\d{4}|\d\d)(?![\w.,-])")
"""A date may have its strokes set apart, too: `3 / 4 / 61` is no end of two lines."""
ACROSS, HIGH = 20, 30
"""Pixels of a letter."""


def find(texts: Sequence[str]) -> list[list[dict[str, str]]]:
    """[{type, masked}, ...] of each text. In a text " / " parts lines, and two spaces or more part cells."""
    return [
        [{"type": finding.type, "masked": finding.masked} for finding in detect(1, page_text(*aligned(text)))]
        for text in texts
    ]


def page_text(*lines: str, confidence: float = 96.0, line_height: int = 60) -> PageText:
    """A page with these lines; words that two spaces or more part lie further apart."""
    words = []
    for number, line in enumerate(lines):
        at = 0
        for text in line.split(" "):
            if text:
                top = line_height * (number + 1)
                box = (100 + ACROSS * at, top, 100 + ACROSS * (at + len(text)), top + HIGH)
                words.append(Word(text, box, confidence, number))
            at += len(text) + 1
    return PageText(1700, 2200, tuple(words))


def aligned(text: str) -> list[str]:
    """The lines of a text; where all have as many cells, in columns."""
    whole = _SPACED_DATE.sub(lambda date: date[0].replace(" / ", " /\0"), text)
    lines = [line.replace("\0", " ") for line in whole.split(" / ")]
    cells = [re.split(r" {2,}", line) for line in lines]
    if len(lines) < 2 or len({len(row) for row in cells}) > 1 or len(cells[0]) < 2:
        return lines
    widths = [max(len(row[place]) for row in cells) + 3 for place in range(len(cells[0]))]
    return [
        "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    ]
