"""The whole on real scans: planted pages of noisy forms are found, and each file of the zoo ends with a
result and a reason.
"""

import csv
import json

from tests import builders


def test_the_planted_pages_of_real_forms_are_found(shared_corpora) -> None:
    forms = shared_corpora / "npi_forms"
    finished = builders.run(forms)
    truth = json.loads((forms / "truth.json").read_text())
    planted = {
        (name, number) for name, pages in truth.items() for number, page in enumerate(pages, 1) if page["npi"]
    }
    found = {(name, page) for name, result in finished.results.items() for page in result["npiPages"]}
    assert planted <= found
    assert len(found - planted) <= 1


def test_each_file_of_the_zoo_ends_with_a_result(shared_corpora) -> None:
    zoo = shared_corpora / "tiff_zoo"
    finished = builders.run(zoo)
    assert finished.summary["invariants"]["violations"] == []
    for row in csv.DictReader((zoo / "manifest.csv").open()):
        result = finished.results[row["file"]]
        if result["status"] == "FAILED":
            assert len(result["reason"]) > 20, row["file"]
        else:
            smaller = sum("smaller version" in why for why in result.get("leftOut", ()))
            assert int(row["pages_by_pillow"]) in (0, result["totalPages"] + smaller), row["file"]
        if int(row["decoded_by_pillow"]) == int(row["pages_by_pillow"]) > 0:
            assert result["status"] != "FAILED", row["file"]
    received = finished.summary["queues"]["FileQueue"]["received"]
    assert received == len(finished.results) + 1  # and the s3:TestEvent
