"""What lies in a bucket: an S3 Inventory, as AWS writes one, or a listing, tell the same."""

import gzip
import hashlib
import json
from pathlib import Path
from urllib.parse import quote_plus

import boto3
import pytest

from pipeline import inventory
from pipeline.inventory import InventoryError

SCHEMA = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag"


def row(
    key: str, *, latest: str = "true", marker: str = "false", version: str = "v1", size: str = "7"
) -> str:
    fields = (
        "documents",
        quote_plus(key, safe="/"),
        version,
        latest,
        marker,
        size,
        "2026-01-01T00:00:00.000Z",
        "e1",
    )
    return ",".join(f'"{field}"' for field in fields) + "\n"


def downloaded(folder: Path, *contents: str, schema: str = SCHEMA, file_format: str = "CSV") -> str:
    """As `aws s3 sync` leaves an inventory: <date>/manifest.json beside data/."""
    (folder / "data").mkdir()
    (folder / "2026-01-01T00-00Z").mkdir()
    files = []
    for number, content in enumerate(contents):
        packed = gzip.compress(content.encode())
        (folder / "data" / f"{number}.csv.gz").write_bytes(packed)
        digest = hashlib.md5(packed).hexdigest()
        files.append(
            {"key": f"inv/documents/all/data/{number}.csv.gz", "size": len(packed), "MD5checksum": digest}
        )
    manifest = {"sourceBucket": "documents", "fileFormat": file_format, "fileSchema": schema, "files": files}
    path = folder / "2026-01-01T00-00Z" / "manifest.json"
    path.write_text(json.dumps(manifest))
    return str(path)


def keys(place: str, columns: str = "") -> list[str]:
    return [ref.key for ref in inventory.inventoried(boto3.client("s3"), place, columns)]


def test_the_files_of_all_parts_come_in_order_with_their_keys_decoded(world, tmp_path: Path) -> None:
    place = downloaded(tmp_path, row("uploads/a b+c/ü.tif"), row("uploads/2.TIFF"))
    assert keys(place) == ["uploads/a b+c/ü.tif", "uploads/2.TIFF"]


def test_only_current_tiff_files_count(world, tmp_path: Path) -> None:
    place = downloaded(
        tmp_path,
        row("a.tif", latest="false") + row("b.tif", marker="true") + row("c.json") + row("d.tif"),
    )
    assert keys(place) == ["d.tif"]


def test_listing_and_inventory_name_the_same_files_as_the_events_would(world, tmp_path: Path) -> None:
    refs = [world.upload(b"x" * size, f"uploads/{size}.tif") for size in (3, 5)]
    world.upload(b"later", "uploads/5.tif")
    world.s3.put_object(Bucket="documents", Key="uploads/note.txt", Body=b"")
    found = list(inventory.listed(world.s3, "documents", "uploads/"))
    assert found[0] == refs[0]
    assert [ref.size for ref in found] == [3, 5]
    assert found[1] != refs[1], "the earlier version is not what lies there now"
    rows = "".join(
        f'"documents","{ref.key}","{ref.version_id}","true","false","{ref.size}","","{ref.etag}"\n'
        for ref in found
    )
    assert list(inventory.inventoried(world.s3, downloaded(tmp_path, rows))) == found


def test_a_listing_goes_on_after_a_key(world) -> None:
    for name in "abc":
        world.upload(b"x", f"uploads/{name}.tif")
    assert [ref.key for ref in inventory.listed(world.s3, "documents", "uploads/", "uploads/a.tif")] == [
        "uploads/b.tif",
        "uploads/c.tif",
    ]


def test_without_versions_a_file_is_known_by_its_etag(world, tmp_path: Path) -> None:
    world.s3.create_bucket(Bucket="plain")
    world.s3.put_object(Bucket="plain", Key="a.tif", Body=b"x")
    (found,) = inventory.listed(world.s3, "plain", "")
    assert (found.version_id, found.etag) == ("", "9dd4e461268c8034f5c8564e155c67a6")
    (ref,) = inventory.inventoried(world.s3, downloaded(tmp_path, row("a.tif", version="null")))
    assert ref.version_id == ""


def test_an_inventory_may_be_read_where_s3_left_it(world, tmp_path: Path) -> None:
    manifest = Path(downloaded(tmp_path, row("uploads/a.tif")))
    world.s3.put_object(Bucket="documents", Key="inv/x/manifest.json", Body=manifest.read_bytes())
    part = (tmp_path / "data" / "0.csv.gz").read_bytes()
    world.s3.put_object(Bucket="documents", Key="inv/documents/all/data/0.csv.gz", Body=part)
    assert keys("s3://documents/inv/x/manifest.json") == ["uploads/a.tif"]


def test_a_csv_file_alone_needs_its_columns(world, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text('"b","k.tif","9","e"\n')
    assert keys(str(path), "Bucket,Key,Size,ETag") == ["k.tif"]
    with pytest.raises(InventoryError, match="--columns must say"):
        keys(str(path))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schema": "Bucket, Key, Size"}, "has no column ETag: choose these fields"),
        ({"file_format": "ORC"}, "an inventory in ORC; let S3 write CSV"),
    ],
)
def test_an_inventory_that_lacks_something_is_refused(world, tmp_path: Path, change, told) -> None:
    with pytest.raises(InventoryError, match=told):
        keys(downloaded(tmp_path, row("a.tif"), **change))


def test_a_damaged_part_is_named(world, tmp_path: Path) -> None:
    place = downloaded(tmp_path, row("a.tif"))
    (tmp_path / "data" / "0.csv.gz").write_bytes(b"torn")
    with pytest.raises(InventoryError, match=r"0\.csv\.gz is damaged: its MD5"):
        keys(place)


def test_a_torn_archive_is_named(world, tmp_path: Path) -> None:
    path = tmp_path / "list.csv.gz"
    path.write_bytes(gzip.compress(b'"b","k.tif","9","e"\n' * 1000)[:-20])
    with pytest.raises(InventoryError, match=r"list\.csv\.gz is damaged"):
        keys(str(path), "Bucket,Key,Size,ETag")


def test_a_torn_row_is_named_by_its_line(world, tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match=r"line 2, has no size or no ETag"):
        keys(downloaded(tmp_path, row("a.tif") + row("b.tif", size="")))
    path = tmp_path / "list.csv"
    path.write_text('"b","k.tif"\n')
    with pytest.raises(InventoryError, match=r"line 1, has 2 columns of 4"):
        keys(str(path), "Bucket,Key,Size,ETag")


def test_what_is_not_there_is_said(world, tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match=r"cannot read .*none\.json: No such file"):
        keys(str(tmp_path / "none.json"))
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(InventoryError, match="no manifest of S3 Inventory"):
        keys(str(tmp_path / "other.json"))
