"""Pictures that a run left of its inputs' units: inside the page while they are few, else files beside it."""

import base64
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

FOLDER = "thumbnails"
INDEX = "index.json"
MOST_INSIDE = 1_500_000
"""Bytes of pictures that a page carries itself; a page of more would open slowly."""


def of(directory: Path) -> dict[str, list[list[Any]]]:
    """By the name of an input, [number of the unit, source of its picture, what was found on it]."""
    index = directory / FOLDER / INDEX
    if not index.is_file():
        return {}
    known: dict[str, list[dict[str, Any]]] = msgspec.json.decode(index.read_bytes())
    inside = sum(one["bytes"] for pictures in known.values() for one in pictures) <= MOST_INSIDE
    return {
        name: [[one["unit"], _source(directory, one["file"], inside), one["found"]] for one in pictures]
        for name, pictures in known.items()
    }


def _source(directory: Path, file: str, inside: bool) -> str:
    if inside:
        data = (directory / FOLDER / file).read_bytes()
        return f"data:image/webp;base64,{base64.b64encode(data).decode()}"
    return quote(f"{FOLDER}/{file}")
