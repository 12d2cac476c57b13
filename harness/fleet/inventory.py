"""The files that somebody really has: an S3 Inventory in CSV or Parquet, or a listing (`aws s3 ls
--recursive`).

An inventory tells bytes and no pages: those follow from the calibration's bytes a page.
"""

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.fleet.workload import MOST_PAGES

SIZE = "size"
INVENTORIES = frozenset({".csv", ".parquet"})


def sizes(path: Path) -> NDArray[np.int64]:
    """Bytes of each file in it; of a folder, in all inventories that lie there. Raises `UsageError` for what
    is no such list, with the line.
    """
    if path.is_dir():
        parts = sorted(one for one in path.iterdir() if INVENTORIES.intersection(one.suffixes))
        if not parts:
            raise UsageError(f"{path} has no inventory in it: no file ends with .csv, .csv.gz or .parquet")
        return np.concatenate([sizes(part) for part in parts])
    if path.suffix == ".parquet":
        return _parquet(path)
    try:
        found = list(_csv(path) if ".csv" in path.suffixes else _listing(path))
    except (OSError, UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise UsageError(f"cannot read the inventory {path}: {error}") from error
    if not found:
        raise UsageError(f"the inventory {path} has no files in it")
    return np.array(found, dtype=np.int64)


def _parquet(path: Path) -> NDArray[np.int64]:
    """The column of sizes, as S3 Inventory names it ("Amazon S3 Inventory list")."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise UsageError(
            f"{path}: to read Parquet, install pyarrow (pip install pyarrow), or let S3 Inventory write CSV"
        ) from None
    try:
        names = parquet.read_schema(path).names
        column = next((name for name in names if name.lower() == SIZE), None)
        if column is None:
            raise UsageError(f"the inventory {path} has no column of sizes, only {', '.join(names)}")
        found = parquet.read_table(path, columns=[column]).column(0)
        if found.null_count or not pyarrow.types.is_integer(found.type):
            raise UsageError(f"the inventory {path} has rows without a size, or sizes that are no numbers")
    except (OSError, pyarrow.ArrowException) as error:
        raise UsageError(f"cannot read the inventory {path}: {str(error).splitlines()[0]}") from error
    if not len(found):
        raise UsageError(f"the inventory {path} has no files in it")
    return np.asarray(found.to_numpy(), dtype=np.int64)


def pages(sizes: NDArray[np.int64], bytes_a_page: float) -> NDArray[np.int32]:
    """Pages of each file, one at least."""
    counts: NDArray[np.int32] = np.clip(np.rint(sizes / bytes_a_page), 1, MOST_PAGES).astype(np.int32)
    return counts


def _lines(path: Path) -> Iterator[str]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield str(line)


def _csv(path: Path) -> Iterator[int]:
    """S3 Inventory writes no head; its columns are those that were chosen, bucket and key first, and the size
    is the first that is a number ("Amazon S3 Inventory list").
    """
    column = -1
    for number, row in enumerate(csv.reader(_lines(path)), start=1):
        if not row:
            continue
        names = [field.strip().lower() for field in row]
        if number == 1 and SIZE in names:
            column = names.index(SIZE)
            continue
        if column < 0:
            numeric = [place for place, field in enumerate(row) if place > 0 and field.strip().isdigit()]
            if not numeric:
                raise UsageError(
                    f"the inventory {path}, line {number}, has no column of sizes: {','.join(row)[:80]}"
                )
            column = numeric[0]
        if len(row) <= column or not row[column].strip().isdigit():
            raise UsageError(f"the inventory {path}, line {number}, is torn: {','.join(row)[:80]}")
        yield int(row[column])


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
