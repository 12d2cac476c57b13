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


def test_a_line_that_begins_above_the_page_is_read_like_any_other() -> None:
    """As a page that was turned a little may have it."""
    words = [Word("SSN:", (10, -9, 60, 8), 95, 1), Word("324-05-1121", (70, -9, 200, 8), 95, 1)]
    assert [found.type for found in npi.detect(1, PageText(300, 300, tuple(words)))] == ["SSN"]
    assert npi.examine(1, PageText(300, 300, tuple(words)), npi.load_table(""))[1] == ""


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


@pytest.mark.parametrize(
    "label",
    [
        "SSN or FEIN:",
        "SSN/EIN",
        "Soc. Sec. No. or Employer ID No.:",
        "Social Security Number (SSN) or Employer Identification Number (EIN):",
        "EIN or SSN",
    ],
)
def test_a_label_for_persons_or_firms_names_both(label: str) -> None:
    assert types(f"{label} 528-14-7306") == types(f"{label} 528147306") == ["SSN"]


@pytest.mark.parametrize("label", ["Employer's EIN", "Employer identification number (EIN):", "FEIN:"])
def test_a_label_for_firms_alone_silences_a_number(label: str) -> None:
    assert types(f"{label} 528-14-7306") == []


@pytest.mark.parametrize(
    "label", ["P/N", "Mfr. P/N", "Cat. no.", "Replaces", "Report no.", "Work orders", "Lots"]
)
def test_numbers_of_goods_and_papers_are_none(label: str) -> None:
    assert types(f"{label} 528-14-7306 gasket") == []


@pytest.mark.parametrize(
    "text", ["Report for", "Case of Ann Poe", "Certificate for Ann Poe:", "Replacement worker"]
)
def test_words_that_head_all_sorts_of_text_silence_only_what_is_counted(text: str) -> None:
    assert types(f"{text} 528-14-7306") == ["SSN"]


def test_one_label_speaks_for_all_values_of_a_list() -> None:
    assert types("Part numbers: 528-14-7306, 231-58-4097 and 640-32-1185") == []
    assert types("SSNs: 528 14 7306, 231 58 4097 and 640 32 1185") == ["SSN"] * 3
    assert types("Lot 528-14-7306, Ann Poe, 231-58-4097") == ["SSN"]
    assert types("DOB 03/04/1961, 231-58-4097") == ["DATE_OF_BIRTH", "SSN"]


@pytest.mark.parametrize(
    "value", ["528° 14 7306", "528'14'7306", "528_14_7306", "528·14·7306", "528, 14 7306"]
)
def test_specks_between_the_groups_of_a_labelled_number_do_not_hide_it(value: str) -> None:
    assert types(f"Social Security Number {value}") == ["SSN"]


def test_walls_of_boxes_are_no_ones_and_a_box_may_hold_a_hyphen() -> None:
    (found,) = npi.detect(1, page_text("SSN | 5 | 2 | 8 | - | 1 | 4 | - | 7 | 3 | 0 | 6 |"))
    assert found.type == "SSN"
    assert found.masked.endswith("* | 6")


@pytest.mark.parametrize(
    ("line", "day"),
    [
        ("D/O/B 9-14-1958", "9-14-1958"),
        ("Birthdate: 3 / 4 / 61", "3 / 4 / 61"),
        ("Ann Poe (b. 9/14/1958)", "9/14/1958"),
        ("Ann Poe, b. May 2, 1974", "May 2, 1974"),
        ("born the thirty-first of May 1974", "the thirty-first of May 1974"),
        ("born May second, 1974", "May second, 1974"),
        ("DOB 091458", "091458"),
        ("Date of birth: 580914", "580914"),
    ],
)
def test_a_day_of_birth_however_it_is_written(line: str, day: str) -> None:
    (found,) = npi.detect(1, page_text(line))
    assert (found.type, found.masked) == ("DATE_OF_BIRTH", detection.mask(day))


@pytest.mark.parametrize(
    "line",
    [
        "born the thirty-first of June 1974",
        "DOB 451399",
        "Date of birth on record, see file 091458",
        "Birthday brunch 09/14/2018",
        "Birth of the league: 09/14/2018",
        "Born to Ride rally 09/14/2018",
        "agenda, part b. 09/14/2018",
    ],
)
def test_a_day_on_which_nobody_was_born_is_none(line: str) -> None:
    assert types(line) == []


@pytest.mark.parametrize("whose", ["the account holder", "the insured", "child"])
def test_a_day_of_birth_of_a_person_is_one(whose: str) -> None:
    assert types(f"Birth of {whose}: 09/14/1958") == ["DATE_OF_BIRTH"]


def test_a_licence_that_is_none_to_drive_and_an_identity_of_a_thing_are_none() -> None:
    assert types("Tobacco license no. 58203164") == types("State ID of the boiler 58203164") == []
    assert types("License no. 58203164") == ["DRIVERS_LICENCE"]
    assert types("State ID of the applicant 58203164") == ["STATE_ID"]


def test_an_a_with_a_mark_names_the_number_of_an_alien() -> None:
    for text in ("A# 087 305 612", "A-087305612", "A - 087-305-612"):
        assert types(text) == ["ALIEN_NUMBER"]
    assert types("A 087305612") == types("Part no. A-087305612") == types("Alien grass 087305612") == []


def test_a_word_that_names_a_paper_in_its_own_line_heads_no_number_under_it() -> None:
    assert types("Report 528-14-7306") == types("Case no.", "528-14-7306") == []
    assert types("Wage report", "528-14-7306") == ["SSN"]


def test_the_holder_of_a_card_is_no_card() -> None:
    assert types("DOB (of cardholder) 09/14/1958") == ["DATE_OF_BIRTH"]
    assert types("Cardholder number 5018 0000 0009") == ["CARD_NUMBER"]


def test_a_state_s_tax_number_is_no_ssn() -> None:
    assert types("State tax ID 582-031647") == ["TAX_NUMBER"]


def test_a_value_ends_where_its_cell_does() -> None:
    """A form of digits and spaces would take the next column's first digits for its own."""
    assert types("Account      Balance", "6620183475   1,200.50") == ["BANK_ACCOUNT"]


def test_a_toll_free_number_is_no_member_s() -> None:
    assert types("Insurance card 1-800-555-0142") == []


def test_what_recognition_put_into_the_line_of_a_label_stands_beside_it() -> None:
    """A value by hand that shares half of its height with the printed label."""
    words = [
        Word("Routing", (100, 100, 220, 130), 96, 0),
        Word("number:", (230, 100, 350, 130), 96, 0),
        Word("021000021", (460, 65, 700, 115), 97, 0),
    ]
    assert [found.type for found in npi.detect(1, PageText(1700, 2200, tuple(words)))] == ["ROUTING_NUMBER"]
    other_line = (*words[:2], Word("021000021", (460, 65, 700, 115), 97, 1))
    assert npi.detect(1, PageText(1700, 2200, other_line)) == ()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Card 4111 - 1111 - 1111 - 1111", "CARD_NUMBER"),
        ("Visa 4012 – 8888 – 8888 – 1881", "CARD_NUMBER"),
        ("Routing number 011 - 000 - 015", "ROUTING_NUMBER"),
        ("Account no. 4417 - 8299 - 31", "BANK_ACCOUNT"),
        ("Rendering NPI 1234 - 567 - 893", "NATIONAL_PROVIDER_IDENTIFIER"),
    ],
)
def test_dashes_may_have_spaces_on_both_sides(text: str, kind: str) -> None:
    assert [finding.type for finding in npi.detect(1, page_text(text))] == [kind]


@pytest.mark.parametrize(
    "text", ["Years 2019 - 2020 - 2021 - 2022", "Routing number 555-010-2030", "14 - 15 - 16 - 17"]
)
def test_what_dashes_part_is_no_number_by_that_alone(text: str) -> None:
    assert npi.detect(1, page_text(text)) == ()


def test_a_part_of_a_longer_number_is_none() -> None:
    """Each of a form's alternatives ends where the number does."""
    assert npi.detect(1, page_text("Routing 0110000159")) == ()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Home loan no. 7731-402-5518", "BANK_ACCOUNT"),
        ("Acct. # 4012-8888-8888-1881   Exp. 04/27", "CARD_NUMBER"),
        ("DOB: O3/l4/1962", "DATE_OF_BIRTH"),
        ("|:011000015|: 733190442||' 0419", "BANK_ACCOUNT"),
    ],
)
def test_what_other_papers_call_it(text: str, kind: str) -> None:
    """A lender's own number, a card on an order form, letters for digits in a date, and a cheque's last symbol as
    recognition writes it.
    """
    assert kind in {finding.type for finding in npi.detect(1, page_text(text))}


@pytest.mark.parametrize(
    "text", ["G/L account 6120-440-00", "GL Acct. no. 6120-440-00", "Loan amount 250000", "Born oil/lo/ool"]
)
def test_accounts_of_the_ledger_and_words_are_none(text: str) -> None:
    assert npi.detect(1, page_text(text)) == ()
