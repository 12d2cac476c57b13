"""Whether the characters of a value can be what they look like: check digits, ranges, dates that exist.

Numbers are read with the confusions that OCR makes (O for 0, l for 1), which `digits` undoes where most of a
token is digits anyway. Sources: SSN randomisation and invalid areas: ssa.gov, "Social Security Number
Randomization". ITIN groups: IRS, Internal Revenue Manual 3.21.263, "IRS Individual Taxpayer Identification
Number". Card prefixes: ISO/IEC 7812-1 and the networks' own tables. ABA check digit and prefixes: American
Bankers Association, "Routing Number Policy". National Provider Identifier: CMS, "Requirements for NPI and NPI
check digit" (Luhn with the prefix 80840). MBI: CMS, "Understanding the Medicare Beneficiary Identifier
format". VIN: 49 CFR 565.15.
"""

import datetime
import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from stdnum import iban, luhn
from stdnum.us import rtn, ssn

Check = Callable[[str], bool]

KEPT = 512
"""Values of which is remembered what one detector after another asks of them and of their parts."""
_is_luhn = lru_cache(KEPT)(luhn.is_valid)

_CONFUSED = str.maketrans("OoQDIl|!SsBZz", "0000" + "1111" + "55822")
MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_DAY_NAMES = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"),
    *("eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth"),
    *("eighteenth", "nineteenth", "twentieth"),
)
_DAYS = {name: number for number, name in enumerate(_DAY_NAMES, 1)}
_DAYS |= {f"twenty-{name}": 20 + number for name, number in _DAYS.items() if number < 10}
_DAYS |= {"thirtieth": 30, "thirty-first": 31}
DAY_WORDS = "|".join(name.replace("-", "[ -]") for name in sorted(_DAYS, key=len, reverse=True))
"""Days of a month in words, as an expression."""
_DAY_WORD = re.compile(rf"\b(?:{DAY_WORDS})\b", re.IGNORECASE)
_ITIN_GROUPS = frozenset({*range(50, 66), *range(70, 89), 90, 91, 92, *range(94, 100)})
_NO_DIGIT_OR_MARK = re.compile(r"[^\W\d_]|!")
_PHONE = re.compile(r"\d{3}([-. ])\d{3}\1\d{4}")
_TOLL_FREE = re.compile(r"(?:1[-. ])?8(?:00|33|44|55|66|77|88)[-. ]\d{3}[-. ]\d{4}(?!\d)")
_NO_DIGIT, _NO_MARK, _GAPS = re.compile(r"\D"), re.compile(r"[^A-Z0-9]"), re.compile(r"[ .–-]+")
_NAME, _CONFUSED_IN_DATES = re.compile(r"[A-Za-z]{3}"), str.maketrans("OoIl", "0011")
_DATE_PARTS = re.compile(r"[A-Za-z]+|\d+")
_ORDINAL = re.compile(r"(?<=\d)\s?(st|nd|rd|th)\b", re.IGNORECASE)
_CARD = re.compile(
    r"4(\d{12}|\d{15}|\d{18})$"  # Visa
    r"|(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)\d*$(?<=^.{16})"  # Mastercard
    r"|3[47]\d{13}$"  # American Express
    r"|(6011|64[4-9]|65)\d*$(?<=^.{16})"  # Discover
    r"|62\d{14,17}$"  # UnionPay, and Discover's range within it
    r"|3(0[0-5]|[689]\d)\d{11}$"  # Diners Club
    r"|35(2[89]|[3-8]\d)\d{12}$"  # JCB
)
_MAESTRO = re.compile(r"(50|5[6-9]|6[0-9])\d{10,17}$")
_MBI = re.compile(
    r"[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y\d]\d[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y\d]\d[AC-HJKMNP-RT-Y]{2}\d\d$"
)
_VIN_VALUES = {
    **{str(digit): digit for digit in range(10)},
    **dict(zip("ABCDEFGH", range(1, 9), strict=True)),
    **dict(zip("JKLMN", range(1, 6), strict=True)),
    "P": 7,
    "R": 9,
    **dict(zip("STUVWXYZ", range(2, 10), strict=True)),
}
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


@lru_cache(KEPT)
def digits(text: str) -> str:
    """The digits of a number as OCR wrote it, confusable letters read as the digits they look like."""
    return _NO_DIGIT.sub("", text.translate(_CONFUSED))


@lru_cache(KEPT)
def mostly_digits(text: str) -> bool:
    """Whether at least two thirds of the letters and digits are digits: then the letters are misread
    digits.
    """
    if not _NO_DIGIT_OR_MARK.search(text):
        return any(mark.isdigit() for mark in text)
    marks = [mark for mark in text if mark.isalnum() or mark == "!"]
    return bool(marks) and sum(mark.isdigit() for mark in marks) * 3 >= 2 * len(marks)


def number(check: Check) -> Check:
    """The check of a number, on a value as OCR wrote it."""

    def number_check(text: str) -> bool:
        passes = check(digits(text)) or ("|" in text and check(digits(without_walls(text))))
        return passes and mostly_digits(text)

    return number_check


def no_phone(check: Check) -> Check:
    """Of what is not grouped as telephone numbers are."""
    return lambda text: not _PHONE.fullmatch(text) and check(text)


def is_toll_free(text: str) -> bool:
    """Whether it begins as the telephone numbers do that offices print beside all they ask for."""
    return bool(_TOLL_FREE.match(text))


def without_walls(text: str) -> str:
    """A number without the walls of its boxes. Where there are none, a bar is a one."""
    return text.replace("|", " ")


@lru_cache(KEPT)
def compact(text: str) -> str:
    return _NO_MARK.sub("", text.upper())


@lru_cache(KEPT)
def is_ssn(value: str) -> bool:
    return len(value) == 9 and bool(ssn.is_valid(value))


def is_itin(value: str) -> bool:
    return len(value) == 9 and value[0] == "9" and int(value[3:5]) in _ITIN_GROUPS


def is_nine(value: str) -> bool:
    return len(value) == 9 and len(set(value)) > 2


def is_card(value: str) -> bool:
    return bool(_CARD.match(value)) and len(set(value)) > 1 and _is_luhn(value)


def looks_like_card(value: str) -> bool:
    """Of a length and first digit that cards have; the check digit apart."""
    return len(value) in (15, 16) and value[0] in "3456" and len(set(value)) > 2


def grouped(check: Check) -> Check:
    """Of a card number: its digits stand together, in fours, or as American Express and Diners group them."""

    def grouped_check(text: str) -> bool:
        if not check(text):
            return False
        sizes = [len(digits(part)) for part in _GAPS.split(text.strip(" .–-"))]
        return (
            len(sizes) == 1
            or sizes in ([4, 6, 5], [4, 6, 4])
            or (set(sizes[:-1]) == {4} and 1 <= sizes[-1] <= 4)
        )

    return grouped_check


def is_labelled_card(value: str) -> bool:
    """Also the older Maestro, whose prefixes are those of nearly everything."""
    return is_card(value) or (bool(_MAESTRO.match(value)) and _is_luhn(value))


def is_routing_number(value: str) -> bool:
    if len(value) != 9:
        return False
    prefix = int(value[:2])
    return bool(rtn.is_valid(value)) and (
        1 <= prefix <= 12 or 21 <= prefix <= 32 or 61 <= prefix <= 72 or prefix == 80
    )


def is_no_card(check: Check) -> Check:
    """The check of a number that is no card's in groups of four: those have a type of their own."""
    is_a_card = grouped(number(is_card))
    return lambda text: check(text) and not (is_a_card(text) and _GAPS.search(text.strip(" .–-")) is not None)


def is_account(value: str) -> bool:
    return 5 <= len(value) <= 17 and len(set(value)) > 1


def is_iban(text: str) -> bool:
    return bool(iban.is_valid(compact(text)))


def is_provider_identifier(value: str) -> bool:
    return len(value) == 10 and value[0] in "12" and _is_luhn("80840" + value)


def is_mbi(text: str) -> bool:
    value = compact(text)
    if value[1:2] == "0":  # where a letter stands: a Q or D, misread
        value = f"{value[0]}Q{value[2:]}"
    return bool(_MBI.match(value))


def is_claim_number(text: str) -> bool:
    """A Medicare number of old: somebody's SSN and a letter."""
    return is_ssn(re.sub(r"\D", "", text)[:9])


def is_vin(text: str) -> bool:
    value = compact(text)
    if len(value) != 17 or any(mark not in _VIN_VALUES for mark in value):
        return False
    total = sum(_VIN_VALUES[mark] * weight for mark, weight in zip(value, _VIN_WEIGHTS, strict=True))
    return "0123456789X"[total % 11] == value[8]


class _Code(NamedTuple):
    length: int
    digits: int
    different: int


@lru_cache(KEPT)
def _code(text: str) -> _Code:
    value = compact(text)
    return _Code(len(value), sum(map(str.isdigit, value)), len(set(value)))


def coded(least: int, most: int, least_digits: int) -> Check:
    """An identifier of letters and digits of such lengths."""

    def check(text: str) -> bool:
        length, count, different = _code(text)
        return least <= length <= most and count >= least_digits and different > 2

    return check


def is_passport(text: str) -> bool:
    value = compact(text)
    return len(value) in (8, 9) and sum(mark.isdigit() for mark in value.translate(_CONFUSED)[1:]) >= 6


def is_birth_date(text: str) -> bool:
    """A day that exists, in a year that somebody alive, or long dead, was born in."""
    if _NAME.search(text):
        text = _DAY_WORD.sub(lambda word: str(_DAYS[word[0].lower().replace(" ", "-")]), text)
    else:
        text = text.translate(_CONFUSED_IN_DATES)
    parts = _DATE_PARTS.findall(_ORDINAL.sub("", text))
    names = [part for part in parts if part.isalpha() and part[:3].lower() in MONTHS]
    numbers = [part for part in parts if part.isdigit()]
    if names:
        if len(numbers) != 2:
            return False
        year, day = (numbers[0], numbers[1]) if len(numbers[0]) == 4 else (numbers[1], numbers[0])
        return _exists(int(year), MONTHS[names[0][:3].lower()], int(day))
    joined = "".join(numbers)
    if len(numbers) != 3:
        if len(joined) != 8:
            return False
        numbers = [joined[:2], joined[2:4], joined[4:]]
        if _exists(int(joined[:4]), int(joined[4:6]), int(joined[6:])):
            return True
    first, second, third = map(int, numbers)
    if first > 31:
        return _exists(first, second, third)
    return _exists(third, first, second) or _exists(third, second, first)


def is_birth_date_of_six(text: str) -> bool:
    """Month, day and year of two digits each, or the year first."""
    first, second, third = int(text[:2]), int(text[2:4]), int(text[4:])
    return _exists(third, first, second) or _exists(third, second, first) or _exists(first, second, third)


def _exists(year: int, month: int, day: int) -> bool:
    year += 1900 if year < 100 else 0
    try:
        datetime.date(year, month, day)
    except ValueError:
        return False
    return 1850 <= year <= 2100
