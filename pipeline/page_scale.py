"""How large a page is, and what became of its pixels when it was made fit for recognition."""

from collections.abc import Mapping

from pipeline import page_image, page_pixels

Tags = Mapping[int, tuple[float, ...]]


def dots_per_inch(tags: Tags) -> tuple[float, float]:
    """(across, down) of the upright page, as recognition takes it where the page does not say."""
    return page_image._resolution(page_pixels.said_resolution(dict(tags)))


def pixel_height(tags: Tags, max_pixels: int) -> float:
    """How many times as high as wide the upright page's pixels are, where it was read with square ones; 1
    where it was read as it is.
    """
    across, down = dots_per_inch(tags)
    width, height = page_pixels.upright_size(dict(tags))
    finest = max(across, down)
    target = finest if finest >= page_image.COARSE_DPI else page_image.READING_DPI
    if round(width * target / across) * round(height * target / down) > max_pixels:
        return 1.0
    return across / down
