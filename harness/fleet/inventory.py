"""The files that somebody really has: an S3 Inventory in CSV or Parquet, or a listing (`aws s3 ls
--recursive`).

An inventory tells bytes and no pages: those follow from the calibration's bytes a page. Of a bucket that
keeps versions, only the current one of each file counts.
Source: Amazon S3 user guide, "Amazon S3 Inventory list".
"""

import csv
import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.fleet.workload import MOST_PAGES

SIZE, LATEST, MARKER = "size", "islatest", "isdeletemarker"
FIRST_FIELDS = 2
"""The bucket and the key, which every inventory begins with."""
VERSIONED = ("bucket", "key", "versionid", LATEST, MARKER, SIZE)
"""How an inventory of all versions begins that has sizes first."""
INVENTORIES = frozenset({".csv", ".parquet"})
MANIFEST = "manifest.json"


class Listed(msgspec.Struct, frozen=True):
    """sizes: bytes of each file; pages: of each, where they were counted."""

    sizes: NDArray[np.int64]
    pages: NDArray[np.int32] | None = None

    @property
    def doubt(self) -> str:
        """Why a file may have more or fewer pages than it is taken to have."""
        return "" if self.pages is not None else "they follow from bytes, by the calibrated bytes of a page"

    def counted(self, bytes_a_page: float) -> NDArray[np.int32]:
        """Pages of each file, one at least."""
        return pages(self.sizes, bytes_a_page) if self.pages is None else self.pages


def is_inventory(folder: Path) -> bool:
    """Whether inventories lie in a folder, or the manifest of one."""
    return any(one.name == MANIFEST or INVENTORIES.intersection(one.suffixes) for one in folder.iterdir())


def sizes(path: Path) -> NDArray[np.int64]:
    """Bytes of each file in it; of a folder, in the inventory whose manifest lies there, else in all that lie
    there. Raises `UsageError` for what is no such list, with the line.
    """
    if path.is_dir():
        if (path / MANIFEST).is_file():
            return _of_manifest(path / MANIFEST)
        parts = sorted(one for one in path.iterdir() if INVENTORIES.intersection(one.suffixes))
        if not parts:
            raise UsageError(f"{path} has no inventory in it: no file ends with .csv, .csv.gz or .parquet")
        return np.concatenate([sizes(part) for part in parts])
    if path.suffix == ".json":
        return _of_manifest(path)
    return _part(path, ())


def pages(sizes: NDArray[np.int64], bytes_a_page: float) -> NDArray[np.int32]:
    """Pages of each file, one at least."""
    counts: NDArray[np.int32] = np.clip(np.rint(sizes / bytes_a_page), 1, MOST_PAGES).astype(np.int32)
    return counts


def _of_manifest(path: Path) -> NDArray[np.int64]:
    """Of the data files that a manifest names, as they were downloaded: beside it, or in data/ beside its
    folder, where S3 writes them.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        keys = [part["key"] for part in told["files"]]
        schema = [name.strip().lower() for name in told["fileSchema"].split(",")]
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is no manifest of S3 Inventory: it has no files and fileSchema") from error
    found = []
    for key in keys:
        name = Path(key).name
        places = (path.parent / name, path.parent / "data" / name, path.parent.parent / "data" / name)
        part = next((place for place in places if place.is_file()), None)
        if part is None:
            raise UsageError(
                f"{path} names {name}, which lies neither beside it nor in data/: download it, too"
            )
        found.append(_part(part, schema))
    if not found:
        raise UsageError(f"the inventory {path} has no files in it")
    return np.concatenate(found)


def _part(path: Path, schema: Sequence[str]) -> NDArray[np.int64]:
    """Of one data file, or a listing; `schema`: its columns, where a manifest tells them."""
    if path.suffix == ".parquet":
        return _parquet(path)
    try:
        found = list(_csv(path, schema) if ".csv" in path.suffixes else _listing(path))
    except (OSError, UnicodeDecodeError, EOFError, zlib.error, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else ""
        raise UsageError(
            f"cannot read the inventory {path}: {reason or f'it is damaged ({error})'}"
        ) from error
    if not found:
        raise UsageError(f"the inventory {path} has no files in it")
    return np.array(found, dtype=np.int64)


def _parquet(path: Path) -> NDArray[np.int64]:
    """The column of sizes, as S3 Inventory names it."""
    try:
        import pyarrow
        from pyarrow import compute, parquet
    except ImportError:
        raise UsageError(
            f"{path}: to read Parquet, install pyarrow (pip install pyarrow), or let S3 Inventory write CSV"
        ) from None
    try:
        names = parquet.read_schema(path).names
        by_name = {name.lower().replace("_", ""): name for name in names}
        if SIZE not in by_name:
            raise UsageError(f"the inventory {path} has no column of sizes, only {', '.join(names)}")
        table = parquet.read_table(
            path, columns=[by_name[one] for one in (SIZE, LATEST, MARKER) if one in by_name]
        )
        if LATEST in by_name:
            table = table.filter(compute.field(by_name[LATEST]))
        if MARKER in by_name:
            table = table.filter(~compute.field(by_name[MARKER]))
        found = table.column(by_name[SIZE])
        if found.null_count or not pyarrow.types.is_integer(found.type):
            raise UsageError(f"the inventory {path} has rows without a size, or sizes that are no numbers")
    except (OSError, pyarrow.ArrowException) as error:
        raise UsageError(f"cannot read the inventory {path}: {str(error).splitlines()[0]}") from error
    if not len(found):
        raise UsageError(f"the inventory {path} has no files in it")
    return np.asarray(found.to_numpy(), dtype=np.int64)


def _lines(path: Path) -> Iterator[str]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield str(line)


def _csv(path: Path, schema: Sequence[str]) -> Iterator[int]:
    """S3 Inventory writes no head: its columns are those of its manifest. Without that, they are guessed by
    the first line: those of all versions, or the first number behind bucket and key.
    """
    columns = {name: place for place, name in enumerate(schema)}
    for number, row in enumerate(csv.reader(_lines(path)), start=1):
        if not row:
            continue
        if not columns:
            names = [field.strip().lower() for field in row]
            if SIZE in names:
                columns = {name: place for place, name in enumerate(names)}
                continue
            columns = _guessed(row)
        if SIZE not in columns:
            raise UsageError(
                f"the inventory {path}, line {number}, has no column of sizes: {','.join(row)[:80]}"
            )
        of = dict(
            zip(
                columns,
                (row[place].strip() if place < len(row) else "" for place in columns.values()),
                strict=True,
            )
        )
        if of.get(LATEST) == "false" or of.get(MARKER) == "true":
            continue
        if not of[SIZE].isdigit():
            raise UsageError(f"the inventory {path}, line {number}, is torn: {','.join(row)[:80]}")
        yield int(of[SIZE])


def _guessed(row: Sequence[str]) -> dict[str, int]:
    """Places of an inventory's columns, by one of its lines."""
    latest = VERSIONED.index(LATEST)
    if {field.strip() for field in row[latest : latest + 2]} <= {"true", "false"} and len(row) >= len(
        VERSIONED
    ):
        return {name: place for place, name in enumerate(VERSIONED)}
    numbers = [place for place, field in enumerate(row) if field.strip().isdigit()]
    behind = [place for place in numbers if place >= FIRST_FIELDS]
    return {SIZE: behind[0]} if behind else {}


def _listing(path: Path) -> Iterator[int]:
    """Lines of date, time, size and key."""
    for number, line in enumerate(_lines(path), start=1):
        parts = line.split(maxsplit=3)
        if not parts:
            continue
        if len(parts) < 4 or not parts[2].isdigit():
            raise UsageError(
                f"the listing {path}, line {number}, is not date, time, size and key: {line.strip()[:80]}"
            )
        yield int(parts[2])
