"""Detectors: each finds its type in its usual forms, and leaves alone what only looks like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import npi
from pipeline.npi import detection
from pipeline.page_text import PageText, Word
from tests.builders import page_text


def types(*lines: str) -> list[str]:
    return [finding.type for finding in npi.detect(1, page_text(*lines))]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Social Security Number 676-84-7081", "SSN"),
        ("SSN: 002 43 6253", "SSN"),
        ("SS# 276580060", "SSN"),
        ("his number 410-76-0683 was", "SSN"),
        ("Social Security Number 676-84-708 |", "SSN"),
        ("Taxpayer ID (ITIN): 972-90~-9208", "ITIN"),
        ("ITIN 919-70-9378", "ITIN"),
        ("Card number: 4111 1111 1111 1111", "CARD_NUMBER"),
        ("paid by 5555-5555-5555-4444 today", "CARD_NUMBER"),
        ("American Express 378282246310005", "CARD_NUMBER"),
        ("ABA routing number: 129336338", "ROUTING_NUMBER"),
        ("Checking account number 3231948757", "BANK_ACCOUNT"),
        ("Acct. No. 67800837", "BANK_ACCOUNT"),
        ("Born March 24, 1961", "DATE_OF_BIRTH"),
        ("Date of Birth 07/09/1946", "DATE_OF_BIRTH"),
        ("DOB: 1946-07-09", "DATE_OF_BIRTH"),
        ("D.O.B. 9 July 1946", "DATE_OF_BIRTH"),
        ("Driver's license no. F123-4567-8901", "DRIVERS_LICENCE"),
        ("Driver licence number: D08954796", "DRIVERS_LICENCE"),
        ("U.S. Passport number: A89555979", "PASSPORT"),
        ("National Provider Identifier 1183417041", "NATIONAL_PROVIDER_IDENTIFIER"),
        ("Provider NPI: 1183417041", "NATIONAL_PROVIDER_IDENTIFIER"),
    ],
)
def test_finds(line: str, kind: str) -> None:
    assert types(line) == [kind]


@pytest.mark.parametrize(
    "line",
    [
        "Telephone (217) 555-0142",
        "Fax 217-555-0142",
        "Specimen 000-12-3456",
        "SSN 666-12-3456",
        "Springfield, IL 62701-4321",
        "Parcel 4111 1111 1111 1112",
        "Invoice number 12345678",
        "Meeting of March 24, 1961",
        "Order 123456789 of 03/24/1961",
        "Born on the 31/31/1961",
        "ABA routing number: 129336339",
        "NPI 1183417042",
        "Part 123-45-678",
        "Total due $1,234,567.89",
        "Passport photographs are taken on floor 12345678",
        "Driver's license required at the desk",
    ],
)
def test_leaves_alone(line: str) -> None:
    assert types(line) == []


def test_a_label_may_stand_above_its_value() -> None:
    assert types("Passport number", "C99207074") == ["PASSPORT"]


def test_the_label_to_the_left_counts_before_the_one_above() -> None:
    assert types("Driver's license no. V886-7770-8949", "Passport no. E12345678") == [
        "DRIVERS_LICENCE",
        "PASSPORT",
    ]


def test_a_routing_number_is_no_account_number() -> None:
    assert types("Account with routing number: 129336338") == ["ROUTING_NUMBER"]


def test_letters_that_ocr_reads_for_digits_are_undone() -> None:
    assert types("SSN: 676-B4-7O81") == ["SSN"]


def test_confidence_is_strength_times_how_surely_the_words_were_read() -> None:
    sure = npi.detect(1, page_text("SSN: 676-84-7081", confidence=100))[0]
    unsure = npi.detect(1, page_text("SSN: 676-84-7081", confidence=50))[0]
    assert (sure.confidence, unsure.confidence) == (98, 49)


def test_a_number_without_a_label_is_less_sure_than_with_one() -> None:
    named, alone = npi.detect(1, page_text("SSN: 676-84-7081", "the number 676-84-7081"))
    assert named.confidence > alone.confidence


def test_the_box_encloses_the_value_and_not_its_label() -> None:
    (finding,) = npi.detect(1, page_text("SSN: 676-84-7081"))
    assert finding.box == (200, 60, 420, 90)


@given(st.text(min_size=1, max_size=30))
def test_a_mask_shows_two_letters_at_most(value: str) -> None:
    shown = [mark for mark in detection.mask(value) if mark.isalnum()]
    assert len(shown) <= 2


@given(st.lists(st.text(alphabet="0123456789-ABOlS /.", min_size=1, max_size=40), max_size=6))
def test_any_text_is_searched_without_an_error(lines: list[str]) -> None:
    for finding in npi.detect(1, page_text(*lines)):
        assert 0 <= finding.confidence <= 100


def test_the_verdict_on_a_page_with_npi_is_as_sure_as_any_finding() -> None:
    text = page_text("SSN: 676-84-7081", "DOB: 07/09/1946", confidence=90)
    findings = npi.detect(1, text)
    assert npi.page_confidence(text, findings) > max(finding.confidence for finding in findings)


def test_the_verdict_on_a_page_without_npi_is_as_sure_as_its_words() -> None:
    assert npi.page_confidence(page_text("nothing to see", confidence=70), ()) == 70


def test_a_line_with_a_value_heads_no_column() -> None:
    lines = ("Account no. 9357316614", "Springfield, IL 60576-9621")
    assert types(*lines) == ["BANK_ACCOUNT"]


def test_a_label_of_two_letters_behind_its_field_number_names_what_stands_under_it() -> None:
    assert types("56 NP", "1607761172") == ["NATIONAL_PROVIDER_IDENTIFIER"]


def test_the_title_of_a_nurse_before_a_number_does_not_hide_it() -> None:
    assert types("Seen by J. Roe NP 536-22-8145") == ["SSN"]


def test_a_phone_under_a_heading_is_no_account() -> None:
    assert types("Statement of account", "Telephone (351) 818-7579") == []
    assert types("Account number", "4417 1234 567") == ["BANK_ACCOUNT"]


def test_groups_of_a_number_that_were_taken_for_columns_are_one_number() -> None:
    """Thin print loses its hyphens: each group comes as a line of its own, a hair's breadth from the next."""
    words = [
        *page_text("SSN").words,
        Word("387-", (100, 120, 180, 150), 91, 1),
        Word("26-", (188, 120, 248, 150), 91, 2),
        Word("7802", (256, 120, 336, 150), 96, 3),
    ]
    (found,) = npi.detect(1, PageText(1700, 2200, tuple(words)))
    assert (found.type, found.box) == ("SSN", (100, 120, 336, 150))
    apart = [*words[:2], Word("26-", (388, 120, 448, 150), 91, 2), Word("7802", (756, 120, 836, 150), 96, 3)]
    assert npi.detect(1, PageText(1700, 2200, tuple(apart))) == ()


def test_a_label_whose_words_come_in_lines_far_apart_names_its_value() -> None:
    """Three blocks side by side, each read from top to bottom: between the parts of the label come others."""
    words = [
        Word("Policy", (100, 100, 220, 130), 96, 0),
        Word("Dear", (100, 200, 180, 230), 96, 1),
        Word("reader,", (190, 200, 330, 230), 96, 1),
        Word("Number", (300, 102, 440, 132), 96, 2),
        Word("thanks", (400, 200, 540, 230), 96, 3),
        Word("GMP-138-8222", (600, 100, 840, 130), 96, 4),
    ]
    assert [found.type for found in npi.detect(1, PageText(1700, 2200, tuple(words)))] == ["POLICY_NUMBER"]
