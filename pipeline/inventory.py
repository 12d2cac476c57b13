"""What lies in a bucket, file by file: told by an S3 Inventory, or by listing the bucket.

Source: Amazon S3 user guide, "Amazon S3 Inventory list": a manifest names data files in compressed CSV and
their columns; keys in CSV are URL-encoded; "IsLatest" and "IsDeleteMarker" tell the current version.
"""

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import msgspec

from pipeline.messages import FileRef

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SUFFIXES = (".tif", ".tiff")
NEEDED = ("Bucket", "Key", "Size", "ETag")
NO_VERSION = "null"
"""The version id of what was put while the bucket kept no versions; S3's events about it carry none."""


class InventoryError(Exception):
    """An inventory that cannot be used; the message says why and what to do."""


class _Part(msgspec.Struct):
    key: str
    md5: str = msgspec.field(name="MD5checksum", default="")


class _Manifest(msgspec.Struct, rename="camel"):
    file_format: str
    file_schema: str
    files: list[_Part]


def listed(s3: "S3Client", bucket: str, prefix: str, after: str = "") -> Iterator[FileRef]:
    """The current version of each TIFF file under a prefix, in the order of keys, those after the key
    `after`.
    """
    start: dict[str, str] = {"KeyMarker": after} if after else {}
    pages = s3.get_paginator("list_object_versions")
    for page in pages.paginate(Bucket=bucket, Prefix=prefix, **start):  # type: ignore[arg-type]
        for one in page.get("Versions", []):
            if one["IsLatest"] and _is_tiff(one["Key"]):
                version = one["VersionId"]
                yield FileRef(
                    bucket=bucket,
                    key=one["Key"],
                    size=one["Size"],
                    etag=one["ETag"].strip('"'),
                    version_id="" if version == NO_VERSION else version,
                )


def inventoried(s3: "S3Client", place: str, columns: str = "") -> Iterator[FileRef]:
    """The current TIFF files that an inventory tells of, in its order. place: a manifest.json (a path, or
    s3://bucket/key), or a CSV file without one, whose columns `columns` names ("Bucket, Key, ...").

    Raises `InventoryError`.
    """
    if not place.endswith(".json"):
        if not columns:
            raise InventoryError(f"{place} is no manifest.json: --columns must say which columns it has")
        yield from _rows(_read(s3, place), _schema(columns, place), place)
        return
    try:
        manifest = msgspec.json.decode(_read(s3, place), type=_Manifest)
    except msgspec.DecodeError as error:
        raise InventoryError(f"{place} is no manifest of S3 Inventory: {error}") from error
    if manifest.file_format != "CSV":
        raise InventoryError(f"{place} is of an inventory in {manifest.file_format}; let S3 write CSV")
    schema = _schema(manifest.file_schema, place)
    for part in manifest.files:
        where = _beside(place, part.key)
        content = _read(s3, where)
        if part.md5 and hashlib.md5(content, usedforsecurity=False).hexdigest() != part.md5:
            raise InventoryError(f"{where} is damaged: its MD5 is not what the manifest says")
        yield from _rows(content, schema, where)


def _schema(columns: str, place: str) -> dict[str, int]:
    schema = {name.strip(): number for number, name in enumerate(columns.split(","))}
    if missing := [name for name in NEEDED if name not in schema]:
        raise InventoryError(
            f"{place} has no column {', '.join(missing)}: choose these fields in S3 Inventory"
        )
    return schema


def _beside(manifest: str, key: str) -> str:
    """Where a data file lies: in S3 under its key in the manifest's bucket; as downloaded, beside the
    manifest or in the folder data/ beside its folder.
    """
    if manifest.startswith("s3://"):
        return f"s3://{manifest[5:].partition('/')[0]}/{key}"
    folder, name = Path(manifest).parent, key.rpartition("/")[2]
    places = [folder / name, folder / "data" / name, folder.parent / "data" / name]
    return str(next((place for place in places if place.is_file()), places[-1]))


def _read(s3: "S3Client", place: str) -> bytes:
    try:
        if place.startswith("s3://"):
            bucket, _, key = place[5:].partition("/")
            return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return Path(place).read_bytes()
    except OSError as error:
        raise InventoryError(f"cannot read {place}: {error.strerror or error}") from error


def _rows(content: bytes, schema: dict[str, int], place: str) -> Iterator[FileRef]:
    """Unpacked as they are read: a part may tell of a million files."""
    raw: Any = io.BytesIO(content)
    if content[:2] == b"\x1f\x8b":
        raw = gzip.GzipFile(fileobj=raw)
    try:
        rows = csv.reader(io.TextIOWrapper(raw, encoding="utf-8", newline=""))
        for number, row in enumerate(rows, start=1):
            if row and (ref := _ref(row, schema, f"{place}, line {number},")) is not None:
                yield ref
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise InventoryError(f"{place} is damaged: {error}") from error


def _ref(row: Sequence[str], schema: dict[str, int], where: str) -> FileRef | None:
    """None for what is no current TIFF file."""
    if len(row) < len(schema):
        raise InventoryError(f"{where} has {len(row)} columns of {len(schema)}")

    def of(name: str) -> str:
        return row[schema[name]] if name in schema else ""

    key = unquote_plus(of("Key"))
    if of("IsLatest") == "false" or of("IsDeleteMarker") == "true" or not _is_tiff(key):
        return None
    if not of("Size").isdigit() or not of("ETag"):
        raise InventoryError(f"{where} has no size or no ETag")
    version = of("VersionId")
    return FileRef(
        bucket=of("Bucket"),
        key=key,
        size=int(of("Size")),
        etag=of("ETag").strip('"'),
        version_id="" if version == NO_VERSION else version,
    )


def _is_tiff(key: str) -> bool:
    return key.lower().endswith(SUFFIXES)
