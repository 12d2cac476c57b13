"""The table of types in docs/detectors.md says what the detectors do: its examples are tried, its strengths compared."""

import re

import pytest

from pipeline import npi
from pipeline.npi.detectors import DETECTORS
from tests import builders

ROW = re.compile(
    r"^\| ([A-Z_]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([\d.]+), ([\d.]+|none) \|$", re.MULTILINE
)
ROWS = ROW.findall((builders.PROJECT / "docs" / "detectors.md").read_text())
VALUES = {
    "SSN": "528 14 7306",
    "ITIN": "912 72 1234",
    "CARD_NUMBER": "4111 1111 1111 1111",
    "BANK_ACCOUNT": "6620183475",
    "ROUTING_NUMBER": "021000021",
    "DATE_OF_BIRTH": "9/14/1958",
    "DRIVERS_LICENCE": "K5820316",
    "STATE_ID": "58203164",
    "PASSPORT": "A58203164",
    "NATIONAL_PROVIDER_IDENTIFIER": "1234567893",
    "MEDICARE": "1EG4-TE5-MK73",
    "TAX_NUMBER": "58-2031647",
    "MEDICAL_RECORD": "5820316",
    "MEMBER_ID": "K305517264",
    "POLICY_NUMBER": "HO-5820316",
    "MILITARY_ID": "1448829301",
    "ALIEN_NUMBER": "087305612",
    "VEHICLE": "1M8GDM9AXKP042788",
}


def _types(line: str) -> set[str]:
    return {finding.type for finding in npi.detect(1, builders.page_text(line))}


def test_the_table_names_every_type_once() -> None:
    assert [row[0] for row in ROWS] == list(dict.fromkeys(row[0] for row in ROWS))
    assert {row[0] for row in ROWS} == {detector.type for detector in DETECTORS} == set(VALUES)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_table_s_strengths_and_labels_are_those_of_the_detectors(row: tuple[str, ...]) -> None:
    kind, _, named_by, not_by, named, alone = row
    of_type = [detector for detector in DETECTORS if detector.type == kind]
    assert max(detector.named for detector in of_type) == float(named)
    assert max(detector.alone for detector in of_type) == (0 if alone == "none" else float(alone))
    named_by, not_by = re.findall(r"`([^`]+)`", named_by), re.findall(r"`([^`]+)`", not_by)
    assert named_by
    assert not_by
    for label in named_by:
        assert kind in _types(f"{label} {VALUES[kind]}"), label
    for label in not_by:
        assert kind not in _types(f"{label} {VALUES[kind]}"), label
