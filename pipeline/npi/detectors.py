"""The table of what is NPI: for each type its form, its check, the words around it, and how much each of them
proves.

A detector's `alone` is the strength of a value that has the form and passes the check, without any word
around it; `named` with a word of `context` close by. A strength of 0 finds nothing. Numbers are read with the
confusions that OCR makes (O for 0, l for 1), which `digits` undoes where most of a token is digits anyway.

Sources: SSN randomisation and invalid areas: ssa.gov, "Social Security Number Randomization". ITIN ranges:
IRS, "Individual taxpayer identification number". Card prefixes: ISO/IEC 7812-1. ABA check digit and prefixes:
American Bankers Association, "Routing Number Policy". National Provider Identifier: CMS, "Requirements for
NPI and NPI check digit" (Luhn with the prefix 80840).
"""

import datetime
import re
from collections.abc import Callable

import msgspec
from stdnum import luhn
from stdnum.us import itin, rtn, ssn

Check = Callable[[str], bool]


class Detector(msgspec.Struct, frozen=True, kw_only=True):
    """One type of NPI. `form` and `context` are matched against a line's text and what stands around it.

    check: whether the value, as `form`'s group "value" or the whole match, can be one.
    context: words that name this type; `within` characters to the left, or in the label above.
    against: words that name something else; the value is then none of this type.
    """

    type: str
    form: re.Pattern[str]
    check: Check
    context: re.Pattern[str]
    within: int = 48
    alone: float = 0.0
    named: float = 0.95
    against: re.Pattern[str] | None = None


_CONFUSED = str.maketrans("OoQDIl|!SsBZz", "0000" + "1111" + "55822")


def digits(text: str) -> str:
    """The digits of a number as OCR wrote it, confusable letters read as the digits they look like."""
    return re.sub(r"\D", "", text.translate(_CONFUSED))


def mostly_digits(text: str) -> bool:
    """Whether at least two thirds of the letters and digits are digits: then the letters are misread
    digits.
    """
    marks = [mark for mark in text if mark.isalnum() or mark in "|!"]
    return bool(marks) and sum(mark.isdigit() for mark in marks) * 3 >= 2 * len(marks)


def _number(check: Check) -> Check:
    return lambda text: mostly_digits(text) and check(digits(text))


def _is_ssn(number: str) -> bool:
    return len(number) == 9 and bool(ssn.is_valid(number))


def _is_itin(number: str) -> bool:
    return len(number) == 9 and bool(itin.is_valid(number))


def _is_card(number: str) -> bool:
    return bool(_CARD_PREFIXES.match(number)) and len(set(number)) > 1 and bool(luhn.is_valid(number))


def _is_routing_number(number: str) -> bool:
    prefix = int(number[:2])
    return bool(rtn.is_valid(number)) and (
        prefix <= 12 or 21 <= prefix <= 32 or 61 <= prefix <= 72 or prefix == 80
    )


def _is_account(number: str) -> bool:
    return 6 <= len(number) <= 17 and len(set(number)) > 1


def _is_provider_identifier(number: str) -> bool:
    return number[0] in "12" and bool(luhn.is_valid("80840" + number))


def _is_licence(text: str) -> bool:
    compact = re.sub(r"[^A-Z0-9]", "", text.upper())
    return 6 <= len(compact) <= 16 and sum(mark.isdigit() for mark in compact) >= 5


def _is_passport(text: str) -> bool:
    compact = re.sub(r"[^A-Z0-9]", "", text.upper())
    return len(compact) == 9 and sum(mark.isdigit() for mark in compact[1:]) >= 7


def _is_birth_date(text: str) -> bool:
    """A day that exists, in a year that somebody alive, or long dead, was born in."""
    parts = re.findall(r"[A-Za-z]+|\d+", re.sub(r"(?<=\d)(st|nd|rd|th)\b", "", text))
    month_names = [part for part in parts if part.isalpha()]
    numbers = [int(part) for part in parts if part.isdigit()]
    if month_names:
        if len(numbers) != 2:
            return False
        return _exists(numbers[1], _MONTHS[month_names[0][:3].lower()], numbers[0])
    if len(numbers) != 3:
        return False
    if numbers[0] > 31:
        return _exists(*numbers)
    first, second, year = numbers
    return _exists(year, first, second) or _exists(year, second, first)


def _exists(year: int, month: int, day: int) -> bool:
    year += 1900 if year < 100 else 0
    try:
        datetime.date(year, month, day)
    except ValueError:
        return False
    return 1850 <= year <= 2100


_MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_CARD_PREFIXES = re.compile(
    r"4(\d{12}|\d{15}|\d{18})$"  # Visa
    r"|(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)\d*$(?<=^.{16})"  # Mastercard
    r"|3[47]\d{13}$"  # American Express
    r"|(6011|64[4-9]|65)\d*$(?<=^.{16})"  # Discover
    r"|3(0[0-5]|[68]\d)\d{11}$"  # Diners Club
    r"|35(2[89]|[3-8]\d)\d{12}$"  # JCB
)
_D = r"[\dOoQDIl|!SBZ]"
"""A digit, or what OCR makes of one."""
_EDGE_BEFORE = r"(?<![\w.$-])"
_EDGE_AFTER = r"(?![\w-])(?!\.\d)"
_SEPARATOR = r"\s?[-–—~.]\s?|\s"


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


def _number_form(text: str) -> re.Pattern[str]:
    return re.compile(_EDGE_BEFORE + text.replace("D", _D) + _EDGE_AFTER)


_HYPHEN = r"\s?[-–—~]{1,2}\s?"
_LAST_FOUR = r"D{3} ?D"
"""OCR sets a slim last digit (1) apart now and then."""
_NINE_GROUPED = _number_form(rf"D{{3}}{_HYPHEN}D{{2}}{_HYPHEN}{_LAST_FOUR}")
_NINE_LOOSE = _number_form(rf"D{{3}}(?:{_SEPARATOR}|)D{{2}}(?:{_SEPARATOR}|){_LAST_FOUR}")
_TAXPAYER = r"\bt\.?i\.?n\b|tax(?:payer)?.{0,3}i\.?d|taxpayer"
_SOCIAL_SECURITY = _pattern(
    rf"so[ceo]ial|securi|\bs\.?\s?[s5]\.?\s?[n#]|\bss\s?(?:no|num)|soc\.?\s?sec|{_TAXPAYER}"
)
_INDIVIDUAL_TAXPAYER = _pattern(rf"[il1|]t[il1|]n\b|individual tax|{_TAXPAYER}|so[ceo]ial|\bssn")
_LABEL_WORDS = "NO|NR|NUM|NBR|ID|LIC|DL|DLN|OLN|CDL|IS|THE|AND|FOR|OF|EXP|DOB|SSN"
"""Short words in capitals that stand before a number and are no part of it."""
_LICENCE_FORM = re.compile(
    rf"(?<![\w-])(?!(?:{_LABEL_WORDS})\b)(?=[A-Z0-9])(?=[A-Z0-9 -]*\d{{2}})"
    r"[A-Z]{0,3}\d?[- ]?[\dOISBlA-Z]{2,}(?:[- ](?=[OISBl]*\d)[\dOISBl]{2,}){0,3}(?![\w-])"
)

DETECTORS: tuple[Detector, ...] = (
    Detector(
        type="SSN",
        form=_NINE_GROUPED,
        check=_number(_is_ssn),
        context=_SOCIAL_SECURITY,
        alone=0.8,
        named=0.98,
    ),
    Detector(type="SSN", form=_NINE_LOOSE, check=_number(_is_ssn), context=_SOCIAL_SECURITY, named=0.92),
    Detector(
        type="ITIN",
        form=_NINE_GROUPED,
        check=_number(_is_itin),
        context=_INDIVIDUAL_TAXPAYER,
        alone=0.75,
        named=0.98,
    ),
    Detector(
        type="ITIN", form=_NINE_LOOSE, check=_number(_is_itin), context=_INDIVIDUAL_TAXPAYER, named=0.92
    ),
    Detector(
        type="CARD_NUMBER",
        form=_number_form(r"(?:D[ -]?){12,18}D"),
        check=_number(_is_card),
        context=_pattern(r"\bcard|visa|master\s?card|amex|american express|discover|credit|debit|\bcc\b"),
        alone=0.85,
        named=0.98,
    ),
    Detector(
        type="ROUTING_NUMBER",
        form=_number_form(r"D{4}[ -]?D{4}[ -]?D|D{3} ?D{3} ?D{3}"),
        check=_number(_is_routing_number),
        context=_pattern(r"rout?ing|\baba\b|\brtn\b|\brt\s?[#n]|transit"),
        named=0.97,
    ),
    Detector(
        type="BANK_ACCOUNT",
        form=_number_form(r"(?:D[ -]?){5,16}D"),
        check=_number(_is_account),
        context=_pattern(
            r"ac+(?:oun)?t\.?\s*(?:number|numb|nurnber|no\b|num\b|nr\b|#|n[o°]|:)|checking|savings|\ba/c\b|bank\s*acc|\biban\b"
        ),
        within=30,
        named=0.88,
        against=_pattern(r"rout?ing|card\s*(?:number|no|#|:)|social|\bssn|phone|\btel\b|\bfax|invoice"),
    ),
    Detector(
        type="DATE_OF_BIRTH",
        form=_pattern(
            r"(?<![\w/-])(?:"
            r"\d{1,2}\s?[/.-]\s?\d{1,2}\s?[/.-]\s?(?:\d{4}|\d{2})"
            r"|\d{4}\s?[/.-]\s?\d{1,2}\s?[/.-]\s?\d{1,2}"
            rf"|{_MONTH}\s*\d{{1,2}}(?:st|nd|rd|th)?\s*[,.]?\s*\d{{4}}"
            rf"|\d{{1,2}}(?:st|nd|rd|th)?[ -]{_MONTH}[, -]*\d{{4}}"
            r")(?![\w/-])"
        ),
        check=_is_birth_date,
        context=_pattern(r"bi[rt]{2}h|\bborn\b|\bd\.?\s?[o0]\.?\s?[b8]\b|\bbirthday"),
        within=28,
        named=0.95,
    ),
    Detector(
        type="DRIVERS_LICENCE",
        form=_LICENCE_FORM,
        check=_is_licence,
        context=_pattern(
            r"driv\w*['’`]?\s?s?['’`]?\s*(?:licen[sc]e|lic\b|id\b)|\bd\.?l\.?\s?(?:no|num|number|#|:)|\bdln\b|operator\w*\s+lic"
        ),
        within=40,
        named=0.9,
    ),
    Detector(
        type="PASSPORT",
        form=re.compile(r"(?<![\w-])[A-Z0-9][\dOoQDIlSBZ]{8}(?![\w-])|(?<![\w-])[A-Z] [\dOISBZ]{8}(?![\w-])"),
        check=_is_passport,
        context=_pattern(r"pas+port"),
        named=0.95,
    ),
    Detector(
        type="NATIONAL_PROVIDER_IDENTIFIER",
        form=_number_form(r"D{10}|D{4}[ -]D{3}[ -]D{3}|D{3}[ -]D{3}[ -]D{4}"),
        check=_number(_is_provider_identifier),
        context=_pattern(r"\bn\.?\s?p\.?\s?[il1|]\b|provider"),
        named=0.97,
    ),
)
