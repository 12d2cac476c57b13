"""How recall and precision are counted, and that a measurement tells no value."""

import json

import pytest

from harness.config import ResultFields
from harness.errors import UsageError
from harness.tuning import accuracy
from harness.tuning.accuracy import Truth, Unit, UnitTruth

FIELDS = ResultFields(
    status="status",
    units="totalPages",
    errors="pageErrors",
    suspects="suspectPages",
    error_unit="page",
    reason="reason",
)


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_are_those_of_newcombe_1998_table_1_method_3(
    part: int, whole: int, low: float, high: float
) -> None:
    found = accuracy.share(part, whole)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_of_nothing_there_is_no_share() -> None:
    assert accuracy.share(0, 0).share is None


def _unit(wanted: str = "", found: str = "", doubt: str = "") -> Unit:
    return Unit(
        "a 1",
        "form",
        tuple(Truth(kind) for kind in wanted.split()),
        tuple((kind, "**") for kind in found.split()),
        doubt,
    )


def test_a_unit_in_doubt_is_not_missed_in_silence_and_not_found_either() -> None:
    table = accuracy.measure(
        [
            _unit("SSN", "SSN"),
            _unit("SSN"),
            _unit("SSN", doubt="much ink"),
            _unit(doubt="dark"),
            _unit(found="CARD"),
            _unit(),
        ]
    )["all"]
    assert (table["recall"]["part"], table["recall"]["whole"]) == (1, 3)
    assert table["recallOrDoubt"]["part"] == 2
    assert (table["precision"]["part"], table["precision"]["whole"]) == (1, 2)
    assert (table["accused"]["part"], table["doubted"]["part"], table["accused"]["whole"]) == (1, 1, 3)
    assert table["f1"] == pytest.approx(2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2))


def test_a_type_counts_once_a_unit_and_its_values_one_by_one() -> None:
    row = accuracy.measure([_unit("SSN SSN SSN", "SSN SSN"), _unit("", "SSN"), _unit("ITIN", "SSN")])[
        "types"
    ]["SSN"]
    assert (row["recall"]["part"], row["recall"]["whole"]) == (1, 1)
    assert (row["precision"]["part"], row["precision"]["whole"]) == (1, 3)
    assert (row["values"]["part"], row["values"]["whole"]) == (2, 3)


def test_a_type_on_a_unit_in_doubt_is_not_missed_in_silence() -> None:
    units = [_unit("SSN", "SSN"), _unit("SSN ITIN", "ITIN", doubt="much ink"), _unit("SSN")]
    types = accuracy.measure(units)["types"]
    assert (types["SSN"]["recall"]["part"], types["SSN"]["recallOrDoubt"]["part"]) == (1, 2)
    assert types["SSN"]["recallOrDoubt"]["whole"] == 3
    assert types["ITIN"]["recallOrDoubt"]["part"] == 1


def test_units_of_a_result_are_matched_by_number_and_say_what_was_not_read() -> None:
    result = {
        "status": "PARTIAL", "totalPages": 3,
        "findings": [{"page": 2, "type": "SSN", "masked": "***-**-**45"}],
        "suspectPages": [{"page": 1, "reason": "dark"}], "pageErrors": [{"page": 3, "reason": "damaged"}],
    }  # fmt: skip
    units = accuracy.of_result("a.tif", [UnitTruth("k")] * 4, result, FIELDS)
    assert [unit.found for unit in units] == [(), (("SSN", "***-**-**45"),), (), ()]
    assert [unit.doubt for unit in units] == ["dark", "", "damaged", "the result does not count it"]


def test_a_failed_input_leaves_all_its_units_in_doubt() -> None:
    units = accuracy.of_result(
        "a.tif", [UnitTruth("k")] * 2, {"status": "FAILED", "reason": "no TIFF"}, FIELDS
    )
    assert [unit.doubt for unit in units] == ["no TIFF", "no TIFF"]


def test_examples_show_no_value() -> None:
    wanted = (Truth("PASSPORT", "C12345678", "Passport no. C12345678 of 4 March"),)
    table = accuracy.measure([Unit("a 1", "form", wanted, (("SSN", "***-**-**45"),))])
    missed, wrong = table["examples"]
    assert missed["text"] == "Passport no. *******78 of * March"
    assert (missed["what"], missed["instead"], wrong["what"]) == ("missed", "SSN", "found in error")
    assert "12345" not in json.dumps(table)


def test_a_truth_of_another_shape_is_refused_in_one_line() -> None:
    with pytest.raises(UsageError, match="is expected"):
        accuracy.truths({"a.tif": [{"pii": []}]}, "npi", "truth.json")
    with pytest.raises(UsageError, match="is expected"):
        accuracy.truths([], "npi", "truth.json")
