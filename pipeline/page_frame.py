"""Where on a page a box lies: from the page as it was read to the page as its scan shows it.

A page may have been turned to be read, and straightened; its pixels may be twice as high as wide. A box of
what was read is then a box no more on the scan, but a parallelogram.
"""

from pipeline.page_text import Box, PageText

Point = tuple[float, float]
Corners = tuple[Point, Point, Point, Point]
"""Left top, right top, right bottom, left bottom, as they were read."""

MARGIN, LEAST_MARGIN = 0.15, 3
"""Of a box's height, and pixels: how much wider than a value's box the place is that is taken for its own."""


def scan_size(text: PageText) -> tuple[int, int]:
    """Width and height in pixels of the upright page, before it was turned to be read."""
    return (text.height, text.width) if text.turned in (90, 270) else (text.width, text.height)


def on_scan(text: PageText, x: float, y: float) -> Point:
    """Where a point of the page as it was read lies on the upright page, in pixels."""
    x, y = text.unskewed(x, y)
    if text.turned == 90:
        return text.height - y, x
    if text.turned == 180:
        return text.width - x, text.height - y
    if text.turned == 270:
        return y, text.width - x
    return x, y


def corners(text: PageText, box: Box) -> Corners:
    """The corners of a box of the page as it was read, on the upright page."""
    left, top, right, bottom = box
    return (
        on_scan(text, left, top),
        on_scan(text, right, top),
        on_scan(text, right, bottom),
        on_scan(text, left, bottom),
    )


def widened(text: PageText, box: Box, more: int = 0) -> Box:
    """A box with a margin around it, since recognition cuts strokes off; `more`: pixels to add to that."""
    left, top, right, bottom = box
    down = max(LEAST_MARGIN, round(MARGIN * (bottom - top))) + more
    across = max(LEAST_MARGIN, round(MARGIN * (bottom - top) * text.pixel_height)) + more
    return left - across, top - down, right + across, bottom + down


def meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
