"""How many files there are, how many pages each has, when they come."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError

DAY_SECONDS = 86_400.0
MOST_PAGES = 65_535
"""Of a TIFF file: its page number is of two bytes (TIFF 6.0, tag PageNumber)."""


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """pages: of each file; uploaded: when each comes, virtual seconds; total_bytes: of all files; source: the
    calibrated file whose pages each file's are like; in_order: they are those very pages. heard: when the
    first queue has each file's message, where that is known.
    """

    pages: NDArray[np.int32]
    uploaded: NDArray[np.float64]
    total_bytes: float
    source: NDArray[np.int64]
    in_order: bool = False
    heard: NDArray[np.float64] | None = None


class Arrivals(msgspec.Struct, frozen=True):
    """How files come: `rate` a second, None for all at once; `hours`: how the rate varies over the hours of a
    day, which has so many parts, empty for not at all.
    """

    rate: float | None = None
    hours: tuple[float, ...] = ()

    def times(self, files: int) -> NDArray[np.float64]:
        """When each comes, in virtual seconds from a midnight."""
        if self.rate is None:
            return np.zeros(files)
        if not self.hours:
            return np.arange(files) / self.rate
        a_day = self.rate * DAY_SECONDS
        days, rest = np.divmod(np.arange(files), a_day)
        shares = np.concatenate([[0.0], np.cumsum(self.hours) / sum(self.hours)])
        of_day = np.interp(rest / a_day, shares, np.linspace(0.0, DAY_SECONDS, len(shares)))
        return np.asarray(days * DAY_SECONDS + of_day)


def hours(path: Path) -> tuple[float, ...]:
    """The weights of a day's hours out of a CSV file of hour,weight. Raises `UsageError`."""
    weights = [0.0] * 24
    for number, row in _rows(path):
        try:
            hour, weight = int(row[0]), float(row[1])
        except (ValueError, IndexError):
            raise UsageError(f"{path}, row {number}: it must be hour,weight: {','.join(row)}") from None
        if not (0 <= hour < 24 and 0 <= weight < np.inf):
            raise UsageError(f"{path}, row {number}: hours go from 0 to 23, weights are 0 or more")
        weights[hour] += weight
    if not sum(weights):
        raise UsageError(f"{path} has no hour in which files come")
    return tuple(weights)


def drawn(
    files: int, pages: str, calibrated: int, bytes_a_file: float, arrivals: Arrivals, seed: int
) -> Workload:
    """A workload of so many files by the text of a distribution. Raises `UsageError` for a text that is no
    distribution.
    """
    generator = np.random.default_rng(np.random.SeedSequence([seed, 1]))
    counts = counts_of(pages, files, generator)
    return Workload(
        pages=counts,
        uploaded=arrivals.times(files),
        total_bytes=bytes_a_file * files,
        source=generator.integers(0, calibrated, files),
    )


def like(pages: Sequence[int], sizes: Sequence[float], files: int, arrivals: Arrivals, seed: int) -> Workload:
    """So many files, each like one of those calibrated, by chance: as many pages, the very ones."""
    generator = np.random.default_rng(np.random.SeedSequence([seed, 1]))
    source = generator.integers(0, len(pages), files)
    return Workload(
        pages=np.asarray(pages, dtype=np.int32)[source],
        uploaded=arrivals.times(files),
        total_bytes=float(np.asarray(sizes, dtype=np.float64)[source].sum()),
        source=source,
        in_order=True,
    )


def listed(
    pages: NDArray[np.int32],
    sizes: NDArray[np.int64],
    files: int,
    calibrated: int,
    arrivals: Arrivals,
    seed: int,
) -> Workload:
    """A workload of files that are known; of fewer when so many are not wanted, drawn evenly."""
    generator = np.random.default_rng(np.random.SeedSequence([seed, 1]))
    if files < len(pages):
        chosen = generator.integers(0, len(pages), files)
        pages, sizes = pages[chosen], sizes[chosen]
    return Workload(
        pages=pages,
        uploaded=arrivals.times(len(pages)),
        total_bytes=float(sizes.sum()),
        source=generator.integers(0, calibrated, len(pages)),
    )


def counts_of(
    text: str, files: int, generator: np.random.Generator, option: str = "--pages-per-file"
) -> NDArray[np.int32]:
    """Pages of each file: a number, "lognormal:MEDIAN,SIGMA", or a CSV file of pages,files; `option` is where
    that was said. Raises `UsageError`.
    """
    if text.startswith("lognormal:"):
        try:
            median, sigma = map(float, text.removeprefix("lognormal:").split(","))
        except ValueError:
            raise UsageError(f"{option} {text}: after lognormal: come MEDIAN,SIGMA") from None
        if not (0 < median <= MOST_PAGES and 0 <= sigma <= 5):
            raise UsageError(f"{option} {text}: the median lies from 1 to {MOST_PAGES}, sigma from 0 to 5")
        many = np.exp(np.log(median) + sigma * generator.standard_normal(files))
        counts: NDArray[np.int32] = np.clip(np.rint(many), 1, MOST_PAGES).astype(np.int32)
        return counts
    if text.endswith(".csv"):
        values, weights = _histogram(Path(text))
        chosen: NDArray[np.int32] = generator.choice(values, files, p=weights).astype(np.int32)
        return chosen
    try:
        number = float(text)
    except ValueError:
        raise UsageError(
            f"{option} {text} is neither a number nor lognormal:MEDIAN,SIGMA nor a .csv file"
        ) from None
    if not 1 <= number <= MOST_PAGES:
        raise UsageError(f"{option} {text}: a TIFF has from 1 to {MOST_PAGES} pages")
    low = int(number)
    return (low + (generator.random(files) < number - low)).astype(np.int32)


def with_pages(work: Workload, factor: float, pages: int | None) -> Workload:
    """The files with more or fewer pages, or so many each; fractions are spread evenly over the files. Bytes
    stay what they are.
    """
    if pages is not None:
        return msgspec.structs.replace(work, pages=np.full(len(work.pages), pages, dtype=np.int32))
    if factor == 1.0:
        return work
    wanted = work.pages * factor
    steps = (np.arange(len(wanted)) * 0.6180339887498949) % 1.0
    counts = np.floor(wanted + steps).astype(np.int32)
    return msgspec.structs.replace(work, pages=np.maximum(1, counts))


def _rows(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    """(number, fields) of each row of a CSV file, without its head. Raises `UsageError`."""
    try:
        rows: Sequence[Sequence[str]] = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise UsageError(f"cannot read {path}: {reason}") from error
    has_head = bool(rows and rows[0] and not rows[0][0].strip().isdigit())
    yield from ((number, row) for number, row in enumerate(rows, start=1) if row and number > has_head)


def _histogram(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    values, weights = [], []
    for number, row in _rows(path):
        try:
            pages, files = int(row[0]), float(row[1])
        except (ValueError, IndexError):
            raise UsageError(f"{path}, row {number}: it must be pages,files: {','.join(row)}") from None
        if not 1 <= pages <= MOST_PAGES or not 0 <= files < np.inf:
            raise UsageError(
                f"{path}, row {number}: a TIFF has from 1 to {MOST_PAGES} pages, files 0 or more"
            )
        values.append(pages)
        weights.append(files)
    if not values or not sum(weights):
        raise UsageError(f"{path} has no files in it")
    return np.array(values), np.array(weights) / sum(weights)
