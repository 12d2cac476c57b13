"""Distributions and inventories: what they say is taken; what is none gets one line that says where."""

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from harness.errors import UsageError
from harness.fleet import inventory, workload

GENERATOR = np.random.default_rng(3)


def test_pages_are_a_number_a_lognormal_or_a_histogram(tmp_path: Path) -> None:
    assert set(workload.counts_of("10", 100, GENERATOR)) == {10}
    assert workload.counts_of("2.5", 10_000, GENERATOR).mean() == pytest.approx(2.5, rel=0.02)
    drawn = workload.counts_of("lognormal:8,0.9", 100_000, GENERATOR)
    assert np.median(drawn) == pytest.approx(8, abs=1)
    assert np.std(np.log(drawn)) == pytest.approx(0.9, rel=0.05)
    (tmp_path / "h.csv").write_text("pages,files\n1,300\n20,100\n")
    drawn = workload.counts_of(str(tmp_path / "h.csv"), 100_000, GENERATOR)
    assert set(drawn) == {1, 20}
    assert (drawn == 20).mean() == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ten", "is neither a number"),
        ("0", "a TIFF has from 1 to 65535 pages"),
        ("70000", "a TIFF has from 1 to 65535 pages"),
        ("lognormal:8", "come MEDIAN,SIGMA"),
        ("lognormal:0,1", "the median lies from 1"),
        ("absent.csv", "cannot read absent.csv: No such file or directory"),
    ],
)
def test_what_is_no_distribution_is_one_line(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        workload.counts_of(text, 10, GENERATOR)


@pytest.mark.parametrize("row", ["2", "2,x", "2,nan", "2,inf", "2,-1", "0,1", "70000,1"])
def test_a_histogram_that_is_torn_is_told_by_its_row(tmp_path: Path, row: str) -> None:
    (tmp_path / "h.csv").write_text(f"1,5\n{row}\n")
    with pytest.raises(UsageError, match="row 2"):
        workload.counts_of(str(tmp_path / "h.csv"), 10, GENERATOR)


def test_an_s3_inventory_and_a_listing_tell_bytes_and_those_pages(tmp_path: Path) -> None:
    plain = tmp_path / "inventory.csv.gz"
    with gzip.open(plain, "wt") as file:
        file.write(
            '"bucket","uploads/a.tiff","750000","2026-01-01T00:00:00.000Z"\n"bucket","b, c.tiff","75000","x"\n'
        )
    assert inventory.sizes(plain).tolist() == [750_000, 75_000]
    named = tmp_path / "named.csv"
    named.write_text("Key,Storage,Size\na.tiff,1,10\n")
    assert inventory.sizes(named).tolist() == [10]
    listing = tmp_path / "listing.txt"
    listing.write_text("2026-01-01 10:00:00     750000 uploads/a b.tiff\n\n2026-01-01 10:00:00 10 c.tiff\n")
    assert inventory.sizes(listing).tolist() == [750_000, 10]
    assert inventory.pages(np.array([750_000, 10]), 75_000).tolist() == [10, 1]


def test_an_inventory_may_be_parquet_or_a_folder_of_parts(tmp_path: Path) -> None:
    """As S3 Inventory writes it: a column "size" of 64-bit integers, in many files."""
    columns = {"bucket": ["b", "b"], "key": ["a.tiff", "b.tiff"], "size": [750_000, 75_000]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "1.parquet")
    assert inventory.sizes(tmp_path / "1.parquet").tolist() == [750_000, 75_000]
    with gzip.open(tmp_path / "2.csv.gz", "wt") as file:
        file.write('"b","c.tiff","10"\n')
    assert inventory.sizes(tmp_path).tolist() == [750_000, 75_000, 10]
    assert inventory.is_inventory(tmp_path)


VERSIONS = [
    ("b", "uploads/12345", "98123", "true", "false", "750000", "2026-01-01T00:00:00.000Z"),
    ("b", "uploads/12345", "77", "false", "false", "10", "2026-01-01T00:00:00.000Z"),
    ("b", "uploads/old.tiff", "78", "true", "true", "", "2026-01-01T00:00:00.000Z"),
    ("b", "uploads/new.tiff", "79", "true", "false", "75000", "2026-01-01T00:00:00.000Z"),
]
"""An inventory of all versions: the current one of two files, a former one, and a file that was deleted."""


def test_of_an_inventory_of_all_versions_the_current_ones_count(tmp_path: Path) -> None:
    rows = "".join(",".join(f'"{field}"' for field in row) + "\n" for row in VERSIONS)
    (tmp_path / "all.csv").write_text(rows)
    assert inventory.sizes(tmp_path / "all.csv").tolist() == [750_000, 75_000]
    columns = ["bucket", "key", "version_id", "is_latest", "is_delete_marker", "size"]
    table = {name: [row[place] for row in VERSIONS] for place, name in enumerate(columns)}
    table |= {name: [one == "true" for one in table[name]] for name in columns[3:5]}
    table["size"] = [int(one) if one else None for one in table["size"]]
    parquet.write_table(pyarrow.table(table), tmp_path / "all.parquet")
    assert inventory.sizes(tmp_path / "all.parquet").tolist() == [750_000, 75_000]


def test_the_columns_are_those_that_the_manifest_names(tmp_path: Path) -> None:
    """As S3 lays it out: the manifest in the folder of its day, the data beside that folder."""
    day, data = tmp_path / "2026-11-01T00-00Z", tmp_path / "data"
    day.mkdir()
    data.mkdir()
    with gzip.open(data / "1.csv.gz", "wt") as file:
        file.write('"b","12345","3","750000"\n"b","a.tiff","7","75000"\n')
    manifest = {
        "fileSchema": "Bucket, Key, Part, Size",
        "fileFormat": "CSV",
        "files": [{"key": "x/data/1.csv.gz"}],
    }
    (day / "manifest.json").write_text(json.dumps(manifest))
    assert inventory.sizes(day).tolist() == [750_000, 75_000]
    assert inventory.sizes(day / "manifest.json").tolist() == [750_000, 75_000]


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ({}, "is no manifest of S3 Inventory"),
        ({"fileSchema": "Bucket, Key, Size", "files": [{"key": "data/1.csv.gz"}]}, "download it, too"),
        ({"fileSchema": "Bucket, Key", "files": [{"key": "data/2.csv"}]}, "line 1, has no column of sizes"),
    ],
)
def test_a_manifest_that_does_not_help_is_one_line(tmp_path: Path, manifest, said: str) -> None:
    (tmp_path / "2.csv").write_text("b,k,10\n")
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match=said):
        inventory.sizes(tmp_path)


def test_a_key_of_digits_is_no_size(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('"b","12345","750000"\n')
    assert inventory.sizes(tmp_path / "a.csv").tolist() == [750_000]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"key": ["a"]}, "has no column of sizes, only key"),
        ({"size": [1, None]}, "rows without a size"),
        ({"size": ["x"]}, "sizes that are no numbers"),
        ({"size": pyarrow.array([], pyarrow.int64())}, "has no files in it"),
    ],
)
def test_a_parquet_file_that_is_no_inventory_is_one_line(tmp_path: Path, columns, said: str) -> None:
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    with pytest.raises(UsageError, match=said):
        inventory.sizes(tmp_path / "a.parquet")


def test_files_come_at_once_at_a_rate_or_by_the_hours_of_a_day(tmp_path: Path) -> None:
    assert workload.Arrivals().times(3).tolist() == [0, 0, 0]
    assert workload.Arrivals(0.5).times(3).tolist() == [0, 2, 4]
    (tmp_path / "hours.csv").write_text("hour,weight\n9,1\n10,3\n")
    day = workload.Arrivals(4 / 86_400, workload.hours(tmp_path / "hours.csv")).times(8)
    assert (day / 3600).tolist() == pytest.approx(
        [9, 10, 10 + 1 / 3, 10 + 2 / 3, 33, 34, 34 + 1 / 3, 34 + 2 / 3], abs=1e-6
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("24,1\n", "hours go from 0 to 23"),
        ("9\n", "row 1: it must be hour,weight"),
        ("9,0\n", "no hour in which"),
    ],
)
def test_what_are_no_hours_is_one_line(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "hours.csv").write_text(content)
    with pytest.raises(UsageError, match=said):
        workload.hours(tmp_path / "hours.csv")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "bucket,key\n", "line 1, has no column of sizes"),
        ("a.csv", "b,k,10\nb,k\n", "line 2, is torn"),
        ("a.txt", "10 files\n", "line 1, is not date, time, size and key"),
        ("a.csv", "", "has no files in it"),
        ("a.parquet", "PAR1", "cannot read the inventory"),
        ("a.csv.gz", "no gzip", "cannot read the inventory"),
    ],
)
def test_what_is_no_inventory_is_one_line(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match=said):
        inventory.sizes(tmp_path / name)
