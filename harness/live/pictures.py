"""Pictures of pages of an upload that lies in the cloud, drawn by the application in a worker."""

import io
import pickle
from queue import SimpleQueue
from typing import Any

from PIL import Image

from harness.live.session import Session
from harness.live.workers import URGENT, Task

MOST_PIXELS = 1_600
"""Of a picture, in its longer direction: enough to read a page by."""
MOSAIC = 28
"""Pieces of a masked picture, in its longer direction: a line of text is no piece high."""


class NoPicture(Exception):
    """There is none, and why."""


class Picture:
    """PNG, and the size of the page that it shows, in the page's own pixels."""

    def __init__(self, image: Image.Image, size: tuple[int, int]) -> None:
        written = io.BytesIO()
        image.save(written, "PNG")
        self.png, self.size = written.getvalue(), size


def of(session: Session, picture: str, bucket: str, key: str, number: int, is_masked: bool) -> Picture:
    """The unit of this number, from 1, of an upload, as the function `picture` draws it. Masked: a mosaic in
    which nothing can be read. Raises `NoPicture`.
    """
    stored = session.look(lambda: session.stage.cloud.stored_object(bucket, key))
    if stored is None or not picture:
        raise NoPicture("the upload is gone" if picture else "[tool.harness] names no picture")
    drawn: SimpleQueue[Any] = SimpleQueue()
    body = session.look(lambda: stored.value)
    arguments = pickle.dumps(((body, number), {}))
    session.workers.submit(Task(picture, arguments, drawn.put), URGENT)
    image = drawn.get()
    if not isinstance(image, Image.Image):
        raise NoPicture(f"it cannot be shown: {image or 'the process crashed'}")
    size = image.size
    image = image if image.mode in ("1", "L", "RGB") else image.convert("RGB")
    image.thumbnail((MOST_PIXELS, MOST_PIXELS))
    return Picture(_mosaic(image) if is_masked else image, size)


def _mosaic(image: Image.Image) -> Image.Image:
    pieces = image.convert("L")
    pieces.thumbnail((MOSAIC, MOSAIC), Image.Resampling.BOX)
    return pieces.resize((pieces.width * 8, pieces.height * 8), Image.Resampling.NEAREST)
