"""A user's own table of types, over the built-in one."""

from pathlib import Path

import pytest

from pipeline import npi
from tests.builders import page_text


def _table(folder: Path, text: str) -> str:
    path = folder / "own.toml"
    path.write_text(text)
    npi.load_table.cache_clear()
    return str(path)


def _types(path: str, *lines: str) -> list[str]:
    return [finding.type for finding in npi.detect(1, page_text(*lines), npi.load_table(path))]


def test_a_type_of_ones_own_is_found_by_its_label_and_masked(tmp_path: Path) -> None:
    path = _table(tmp_path, "[EMPLOYEE_ID]\nform = 'E\\d{6}'\nlabel = 'employee (id|no)'\n")
    (finding,) = npi.detect(1, page_text("Employee ID: E123456"), npi.load_table(path))
    assert (finding.type, finding.masked) == ("EMPLOYEE_ID", "*****56")
    assert _types(path, "Locker E123456") == []
    assert _types(path, "SSN: 676-84-7081") == ["SSN"]
    assert _types("", "Employee ID: E123456") == []


def test_a_check_digit_and_a_strength_alone(tmp_path: Path) -> None:
    path = _table(tmp_path, "[BADGE]\nform = '\\d{8}'\nalone = 0.6\ncheck = 'luhn'\n")
    assert _types(path, "12345674") == ["BADGE"]
    assert _types(path, "12345678") == []


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("PHONE", "Telephone (312) 555-0142"),
        ("EMAIL", "write to jane.roe@example.org today"),
        ("ADDRESS", "Jane lives at 12 North Main Street"),
        ("NAME", "Name: Jane Q. Sample"),
    ],
)
def test_types_that_nearly_every_letter_has_are_off_until_switched_on(
    tmp_path: Path, kind: str, line: str
) -> None:
    assert _types("", line) == []
    assert _types(_table(tmp_path, f"[{kind}]\non = true\n"), line) == [kind]


def test_a_type_that_is_switched_off_is_not_looked_for(tmp_path: Path) -> None:
    line = "VIN 1M8GDM9AXKP042788"
    assert _types("", line) == ["VEHICLE"]
    assert _types(_table(tmp_path, "[VEHICLE]\non = false\n"), line) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[X]\non = true\n", "new type and needs a form"),
        ("[X]\nform = '('\nlabel = 'x'\n", "form is no regular expression"),
        ("[X]\nform = 'x(?=y)'\nlabel = 'x'\n", "form is no .*: invalid perl operator: .* no lookaround"),
        ("[X]\nform = 'x'\nlabel = '('\n", r"label is no regular expression: missing \)"),
        ("[X]\nform = 'x'\n", "found by nothing"),
        ("[X]\nform = 'x'\nlabel = 'x'\ncheck = 'mod97'\n", "check is one of any, luhn"),
        ("[SSN]\nstrength = 1\n", r"\[SSN\] is wrong: Object contains unknown field `strength`"),
        ("SSN = 3\n", "is wrong"),
        ("[SSN", "is not TOML"),
    ],
)
def test_a_table_that_is_wrong_says_where_and_what(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        npi.load_table(_table(tmp_path, text))


def test_a_table_that_is_not_there_is_told() -> None:
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        npi.load_table("pipeline/none.toml")
