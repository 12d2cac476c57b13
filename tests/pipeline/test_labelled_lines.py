"""The labelled lines and tables of fixtures/lines.txt: how many are found, by type, and how many clean ones are
accused. The floors are what the detectors are held to.
"""

from collections import Counter

from pipeline import npi
from tests import builders

FIRST_TYPES = frozenset(
    {"SSN", "ITIN", "CARD_NUMBER", "BANK_ACCOUNT", "ROUTING_NUMBER", "DATE_OF_BIRTH", "DRIVERS_LICENCE", "PASSPORT",
     "NATIONAL_PROVIDER_IDENTIFIER"}
)  # fmt: skip


def test_phrasings_of_npi_are_found_and_clean_lines_are_silent() -> None:
    count: Counter[str] = Counter()
    for expected, text in builders.labelled_lines():
        types = {finding.type for finding in npi.detect(1, builders.page_text(*builders.aligned(text)))}
        kind = "clean" if not expected else "first" if expected & FIRST_TYPES else "added"
        count[kind] += 1
        count[f"{kind} right"] += expected <= types if expected else not types
    assert count["first"] + count["added"] + count["clean"] >= 810
    assert count["first right"] >= 0.97 * count["first"], count
    assert count["added right"] >= 0.9 * count["added"], count
    assert count["clean right"] >= 0.98 * count["clean"], count


def test_the_column_of_a_register_is_found_row_by_row() -> None:
    """Twelve numbers under their head, beside names and sums that are none."""
    rows = [
        f"Name{n} {chr(65 + n)}  {400 + n}-{20 + n}-{6000 + n}  40.0  {12 + n}.50  {500 + n}.00"
        for n in range(12)
    ]
    table = " / ".join(["Employee x  SSN  Hours  Rate  Gross", *rows])
    found = npi.detect(1, builders.page_text(*builders.aligned(table)))
    assert [finding.type for finding in found] == ["SSN"] * 12


def test_the_same_numbers_under_another_head_are_none() -> None:
    rows = [f"Flange {n}  {400 + n}-{20 + n}-{6000 + n}  {n}  {12 + n}.50" for n in range(1, 9)]
    table = " / ".join(["Description x  Part no.  Qty  Price", *rows])
    assert npi.detect(1, builders.page_text(*builders.aligned(table))) == ()


def test_a_date_with_its_strokes_set_apart_is_no_end_of_a_line() -> None:
    assert builders.aligned("Born 3 / 4 / 61") == ["Born 3 / 4 / 61"]
    assert builders.aligned("Born / 3/4/61 / Dayton") == ["Born", "3/4/61", "Dayton"]
