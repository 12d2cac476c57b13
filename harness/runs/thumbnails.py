"""Small pictures of the units of inputs, for a run's page: what was found on them is framed, its value black.

They are made only when they are asked for, since what nobody found can be seen on them.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from harness.config import Config
from harness.engine import interrupt
from harness.errors import UsageError
from harness.runs import application
from harness.runs.inputs import InputFile
from harness.runs.results import Outcome

if TYPE_CHECKING:
    from PIL import Image

    from harness.runs.rig import Progress

FOLDER = "thumbnails"
INDEX = "index.json"
WIDTH = 320
"""Pixels; of a page of letter size 38 an inch: print of the usual size is hardly read."""
MARGIN = 0.2
"""Of a box's height: how much further its value is made black, since recognition cuts strokes off."""
FRAME, LINE = "#d55e00", 2
QUALITY = 45
NONE, ALL = "none", "all"

Picture = Callable[[bytes, int], "Image.Image | None"]


class Thumbnail(msgspec.Struct, frozen=True):
    """A line of the index: the number of a unit, the picture's file below the folder and its bytes, and what
    was found on the unit, masked.
    """

    unit: int
    file: str
    bytes: int
    found: str


def check(config: Config, which: str) -> str:
    """Which units are to have pictures, as it was said. Raises `UsageError`."""
    known = (config.words.marked_key, ALL, NONE)
    if which not in known:
        raise UsageError(f"--thumbnails {which}: it is one of {', '.join(known)}")
    if which != NONE:
        _picture(config)
    return which


def leave(
    config: Config,
    results: Iterable[tuple[InputFile, Outcome]],
    which: str,
    out: Path,
    progress: "Progress",
) -> None:
    """Pictures in a folder of `out`, with their index: of the units that are marked or suspect, or of all.
    Units that cannot be shown have none.
    """
    fields = config.result
    jobs = [
        (file.name, file.path, units, outcome)
        for file, outcome in results
        if (units := _units(outcome, which, fields.error_unit))
    ]
    folder = out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    index: dict[str, list[Thumbnail]] = {}
    context = multiprocessing.get_context("fork")
    workers = max(min(len(jobs), os.cpu_count() or 1), 1)
    with (
        ProcessPoolExecutor(workers, context, interrupt.ignore) as pool,
        progress(f"Pictures of {config.words.unit[1]}", len(jobs)) as tell,
    ):
        made = pool.map(
            _draw, ((config, folder, number, job) for number, job in enumerate(jobs)), chunksize=4
        )
        for done, ((name, *_), thumbnails) in enumerate(zip(jobs, made, strict=True), 1):
            if thumbnails:
                index[name] = thumbnails
            tell(done)
    (folder / INDEX).write_bytes(msgspec.json.encode(index))


def _picture(config: Config) -> Picture:
    if not config.picture:
        raise UsageError(
            'nothing shows the inputs: [tool.harness] picture = "module:function" would name what does'
        )
    return application.function(config, config.picture, "what gives the picture of a unit")


def _units(outcome: Outcome, which: str, number: str) -> list[int]:
    if which == ALL:
        return list(range(1, outcome.units + 1))
    suspects = [one.get(number) for one in outcome.suspects]
    return sorted({*outcome.marked, *(unit for unit in suspects if isinstance(unit, int))})


def _draw(task: tuple[Config, Path, int, tuple[str, Path, list[int], Outcome]]) -> list[Thumbnail]:
    config, folder, number, (_, path, units, outcome) = task
    picture, fields = _picture(config), config.result
    data = path.read_bytes()
    made = []
    for unit in units:
        try:
            image = picture(data, unit)
        except (
            Exception
        ):  # a decoder may raise whatever it likes; the result says why the unit cannot be read
            image = None
        if image is None:
            continue
        found = [one for one in outcome.findings if one.get(fields.error_unit) == unit]
        file = f"{number // 1000:03}/{number:06}-{unit}.webp"
        (folder / file).parent.mkdir(exist_ok=True)
        boxes = [box for one in found if len(box := one.get(fields.finding_box) or ()) == 4]
        small(image, boxes).save(folder / file, quality=QUALITY, method=4)
        told = ", ".join(
            f"{one.get(fields.finding_type)} {one.get(fields.finding_masked, '')}" for one in found
        )
        told = told or "; ".join(
            str(one.get("reason", "")) for one in outcome.suspects if one.get(fields.error_unit) == unit
        )
        made.append(Thumbnail(unit, file, (folder / file).stat().st_size, told))
    return made


def small(image: "Image.Image", boxes: Sequence[Sequence[float]]) -> "Image.Image":
    """A picture of `WIDTH` pixels across. boxes: (left, top, right, bottom) in pixels of the image, of values
    that become black within a frame; their pixels go before the image is made smaller, so that nothing of
    them is left.
    """
    from PIL import ImageDraw

    image = image.convert("L") if image.mode in ("1", "L") else image.convert("RGB")
    draw = ImageDraw.Draw(image)
    for left, top, right, bottom in boxes:
        more = max(MARGIN * (bottom - top), 3)
        draw.rectangle((left - more, top - more, right + more, bottom + more), fill="black")
    scale = WIDTH / image.width
    coarse = image.reduce(max(int(1 / scale / 2), 1)) if scale < 1 else image
    resized = coarse.resize((WIDTH, max(round(image.height * scale), 1))).convert("RGB")
    frame = ImageDraw.Draw(resized)
    for box in boxes:
        left, top, right, bottom = (value * scale for value in box)
        frame.rectangle((left - 4, top - 4, right + 4, bottom + 4), outline=FRAME, width=LINE)
    return resized
