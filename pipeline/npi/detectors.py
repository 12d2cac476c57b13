"""The table of what is NPI: for each type its form, its check, the labels that name it, and how much each of
them proves.

A detector's `alone` is the strength of a value that has the form and passes the check, without any label;
`named` with one. A strength of 0 finds nothing. A value that a label names as something else is none: what
else there is on forms stands in `ELSE`, and every type's label speaks against the others'.
"""

import re

import msgspec

from pipeline.npi import checks
from pipeline.npi.checks import Check, number
from pipeline.npi.expressions import Expression


class Detector(msgspec.Struct, frozen=True, kw_only=True):
    """One type of NPI. `form` is matched against a line's text, `label` against what stands around a value.

    check: whether the value can be one. parts: what fails the check may hold one between its separators, of
    `shortest` characters at least. alike: types whose labels name this one too. near: characters before the
    value in which its label in the same line must end. digits: whether a value has three of them at least.
    loose: nearly any number has the form: a label above does not name it where words stand before it. looks:
    whether a value that fails the check can be one of which a digit was misread.
    """

    type: str
    form: Expression
    check: Check
    label: Expression
    near: int = 44
    alone: float = 0.0
    named: float = 0.95
    parts: bool = False
    shortest: int = 1
    alike: frozenset[str] = frozenset()
    digits: bool = True
    loose: bool = False
    looks: Check | None = None


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


_D = r"[\dOoQDIl|!SBZ]"
"""A digit, or what OCR makes of one."""
_DIGIT = r"[\dOoIl]"
"""Of a date: fewer letters are taken for one."""
_EDGE_BEFORE = r"(?<![\w.$-])"
_EDGE_AFTER = r"(?![\w-])(?!\.[A-Za-z0-9])"


def _form(text: str) -> re.Pattern[str]:
    """A form of numbers, D being a digit."""
    return re.compile(f"{_EDGE_BEFORE}(?:{text.replace('D', _D)}){_EDGE_AFTER}")


_HYPHEN = r"\s?[-–—~]{1,2}\s?"
_STRAY = "°'’`´·,"
"""Specks and walls of boxes, as OCR reads them between digits."""
_LOOSE = rf"(?:\s?[-–—~./_{_STRAY}]{{1,2}}\s?|\s|)"
_LAST_FOUR = r"D{3} ?D"
"""OCR sets a slim last digit (1) apart now and then."""
_BOXES = r"(?=(?:\d{1,3}[ |\[\]_.°'’`´-]{1,7}){5})\d(?:[ |\[\]_.°'’`´-]{0,7}\d){8}"
"""One digit a box, a hyphen in one of its own maybe; OCR sets some together."""
_NINE_GROUPED = _form(rf"D{{3}}{_HYPHEN}D{{2}}{_HYPHEN}{_LAST_FOUR}")
_NINE_LOOSE = _form(rf"(?:D{{3}}{_LOOSE}D{{2}}{_LOOSE}{_LAST_FOUR}|D{{3}} ?D{{3}} ?D{{3}}|{_BOXES})")
_NO = (
    r"(?:\s*(?:number|numb|nurnber|no\b\.?|nos?\b\.?|num\b\.?|nbr\b\.?|nr\b\.?|n[o°º](?!\w)|#|code|id\b\.?))"
)
"""The word after what a number is of."""
_TAXPAYER = r"\bt\.?i\.?n\b\.?|(?<!state )(?<!state)tax(?:\s*payer)?(?:['’`]?s)?\W{0,2}i(?:\.?\s?d\b|dent)\w*|taxpayer"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DAY = r"\d{1,2}\s?(?:st|nd|rd|th)?"
_DAY_WORDS = checks.DAY_WORDS
_OF_MONTHS, _OF_DAYS = "(?=[jfmasond])", "(?=[tfsen])"
"""How the names of months and days begin: a look at one letter spares a try of each name."""
_SEP = r"\s?[/.\-–|]\s?"
_NO_BIRTH = r"\s*(?:place|cert|plan|control|weight|ing\b|right|stone|mark|rate|announce)"
"""Behind `birth`: what is no day of it."""
_PERSON = (
    r"(?:(?:the|an?|your|my|his|her|legal|primary|joint|first|second|account|card|policy)\W{1,2}){0,3}"
    r"(?:holder|bearer|owner|applicant|co-?applicant|insured|patient|member|subscriber|enrollee|borrower|co-?borrower|employee|worker|client"
    r"|customer|student|resident|tenant|driver|minor|child|children|baby|infant|son|daughter|spouse|husband|wife|mother|father|parent|guardian|decedent|deceased"
    r"|dependent|claimant|beneficiary|participant|person|individual|taxpayer|veteran|signer|undersigned|guarantor|mr|mrs|ms|dr)"
)
"""After `of`: whose it is, when it is a person's."""
_CODE = re.compile(
    r"(?<![\w-])(?![A-Z]{3,} )(?!(?:NO|NR|NUM|NBR|ID|LIC|DL|DLN|OLN|CDL|IS|THE|AND|FOR|OF|EXP|DOB|SSN|MRN|STATE|CLASS|GROUP|GRP|PLAN)\b)"
    r"(?=[A-Z0-9 -]*\d{2})[A-Z]{0,4}\d?[- ]?[\dOISBlA-Z]{2,}(?:(?: ?- ?| )(?=[OISBl]*\d)[\dOISBlA-Z]{1,}){0,4}(?![\w-])"
)
"""An identifier of letters and digits, in capitals."""
_OR_EMPLOYERS = (
    rf"(?:\.?{_NO}?s?\.?(?:\s?\((?:s\.?s\.?n|i?tin)\.?\))?\W{{0,3}}(?:and/or|or|/|&)\W{{0,3}}(?:(?:your|the|an?|federal|fed|employer\w*|business|tax\w*)\W{{1,3}}){{0,4}}"
    r"(?:f?\.?e\.?i\.?n\b\.?|(?:i\.?d\.?(?![a-z])|ident\w*)(?:\s*(?:number|no\b\.?))?(?:\s*\(f?\.?e\.?i\.?n\.?\))?))?"
)
"""A label that leaves it to its reader, whether a person or a firm: it names both."""
_NO_HOLDER = r"(?!\s?(?:holder|member)(?:['’]?s)?\b(?!\s*(?:number|no|num|nr|#|account)))"
"""Behind `card`: not whose it is, but for his number."""
_SSN = _pattern(
    r"(?:so[ceo]ial\s*-?\s*securi\w*(?:\s*(?:account|card|tax))?|\bs[\.\s]{0,2}[s5][\.\s]{0,2}[a]?[\.\s]?n\b"
    r"|\bs\.?\s?s\.?\s*(?:[#:]|no\b|num|nbr|acc)|\bss#|\bssns?\b|soc(?:ial|\w)?\.?\s*sec\w*|seguro\s+social|securi[tl]y\s*(?:no|num|#)"
    r"|\bsocials?\s*(?:on\s+file\s*)?(?:[#:=]|no\b|num|is\b|was\b)|\b(?:my|his|her|your|their)\s+socials?\b(?!\s+[a-z]{4}))"
    rf"{_OR_EMPLOYERS}"
)
_SSN_OR_TIN = _pattern(rf"{_SSN.pattern}|(?:{_TAXPAYER}){_OR_EMPLOYERS}")
_ITIN = _pattern(rf"[il1|]\.?t\.?[il1|]\.?n\b|individual tax\w*|(?:{_TAXPAYER}){_OR_EMPLOYERS}")
_ALIEN = _pattern(
    r"\balien(?:\W{0,3}$|['’`]s\b|\s*[/:#(]|\s+(?:reg\w*|no\b|num\w*|i\.?d\b|file|card|a-))|\buscis\b|\ba\s?#(?!\s*of\b)|\ba\s?-\s?(?:no\b|num|file|#)"
    r"|\ba-?number|\b(?-i:A)\s?no\.|permanent\s*resident(?:\s*card)?|green\s*card|\bins\s*(?:no|num|#)|\bi-?551"
)
_NINE = frozenset({"SSN", "ITIN", "TAX_NUMBER"})

DETECTORS: tuple[Detector, ...] = (
    Detector(
        type="MEDICARE",
        form=re.compile(
            rf"(?<![\w.$-])\d{{3}}{_LOOSE}\d{{2}}{_LOOSE}\d{{4}}\s?-?\s?[A-DFHJKMTW]\d?(?![\w-])"
        ),
        check=checks.is_claim_number,
        alike=frozenset({"SSN", "MEMBER_ID"}),
        label=_pattern(
            r"medicare(?:\s+claim\b)?|\bh\.?i\.?c\.?(?:n\b|\s*n(?:o|um)|\s?#)|(?<!warranty )(?<!insurance )(?<!baggage )(?<!expense )claim\s*(?:no|num|#)|health\s*insurance\s*claim"
        ),
        named=0.97,
    ),
    Detector(
        type="SSN",
        form=_NINE_GROUPED,
        check=number(checks.is_ssn),
        label=_SSN_OR_TIN,
        alone=0.8,
        named=0.98,
        alike=_NINE,
    ),
    Detector(
        type="SSN", form=_NINE_LOOSE, check=number(checks.is_ssn), label=_SSN_OR_TIN, named=0.92, alike=_NINE
    ),
    Detector(
        type="ITIN",
        form=_NINE_GROUPED,
        check=number(checks.is_itin),
        label=_pattern(rf"{_ITIN.pattern}|{_SSN.pattern}"),
        alone=0.75,
        named=0.98,
        alike=_NINE,
    ),
    Detector(
        type="ITIN",
        form=_NINE_LOOSE,
        check=number(checks.is_itin),
        label=_pattern(rf"{_ITIN.pattern}|{_SSN.pattern}"),
        named=0.92,
        alike=_NINE,
    ),
    Detector(
        type="CARD_NUMBER",
        form=_form(r"(?:D[ .–-]{0,3}){11,22}D"),
        check=checks.grouped(number(checks.is_card)),
        looks=checks.grouped(number(checks.looks_like_card)),
        parts=True,
        shortest=12,
        alike=frozenset({"BANK_ACCOUNT"}),  # "Acct. #" on card slips
        label=_pattern(
            r"\b(?:credit|debit|charge|bank|payment|gift)?\s*card"
            + _NO_HOLDER
            + r"(?:\s*(?:holder|member)?\s*(?:number|no|num|nr|#|account))?"
            r"|visa|master\s?card|\bamex\b|american express|discover|maestro|union\s?pay|diners|\bjcb\b|credit|debit|\bcc\b"
        ),
        alone=0.85,
        named=0.98,
    ),
    Detector(
        type="CARD_NUMBER",
        form=_form(r"(?:D[ .–-]{0,3}){11,22}D"),
        check=checks.grouped(number(checks.is_labelled_card)),
        parts=True,
        shortest=12,
        label=_pattern(rf"\bcard{_NO_HOLDER}|maestro|debit|credit"),
        named=0.9,
    ),
    Detector(
        type="ROUTING_NUMBER",
        form=_form(
            r"D{4}[ -]?D{4}[ -]?D|D{3}(?: ?- ?| ?)D{3}(?: ?- ?| ?)D{3}|(?=(?:D{1,3}[ |]{1,2}){5})D(?:[ |]{0,2}D){8}"
        ),
        check=number(checks.is_routing_number),
        looks=number(checks.is_nine),
        label=_pattern(
            rf"rout?ing(?:\s*(?:transit|/?\s*aba))?{_NO}?|\baba\b(?:\s*rout\w*)?{_NO}?|\br\.?t\.?n\b|\brt\s?[#n]\w*|transit{_NO}?|bank\s*code"
        ),
        named=0.97,
    ),
    Detector(
        type="ROUTING_NUMBER",
        # Between its symbols; the first of them may be read as a digit, or the account as another line.
        form=re.compile(
            r"(?:(?<!\d)|(?<=(?<!\d)[147]))\d{9}(?=\s?[:|;'\"⑆]{1,3}\s?\d{4,17})|(?<=[:;|⑆])\d{9}(?=\s?[:;|⑆])"
        ),
        check=checks.is_routing_number,
        label=_pattern(r"(?!)"),
        alone=0.85,
    ),
    Detector(
        type="BANK_ACCOUNT",
        form=re.compile(
            r"(?<=[:|;'\"⑆])(?:(?<=\d[:|;'\"⑆])|(?<=\d[:|;'\"⑆]{2}))\s{0,2}(?:\d[ -]?){6,16}\d(?=\s?(?:[|\"'’”⑈uUlI]|1(?!\d)))"
        ),
        check=number(checks.is_account),
        label=_pattern(r"(?!)"),
        alone=0.75,
    ),
    Detector(
        type="BANK_ACCOUNT",
        form=re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?!\w)"),
        check=checks.is_iban,
        label=_pattern(r"\biban\b|international bank account"),
        alone=0.9,
        named=0.97,
    ),
    Detector(
        type="BANK_ACCOUNT",
        form=_form(r"(?:D[ –-]{0,3}){4,16}D"),
        loose=True,
        check=checks.is_no_card(number(checks.is_account)),
        label=_pattern(
            rf"\bac+(?:oun)?t\.?{_NO}|\bloan{_NO}|(?<!of )\bac+(?:oun)?t\b\.?\W{{0,3}}(?:(?:is|was)\W{{1,3}})?$|\bac+(?:oun)?ts{_NO}?\s*:\s*$|\bac+t\b\.?|\ba/c\b\.?{_NO}?|\bdda\b{_NO}?|\biban\b"
            r"|\b(?:checking|savings|chequing|deposit|bank|money\s*market|current|loan|share)(?:\(?s?\)?)\s*ac+(?:oun)?t\b\.?"
            rf"|\b(?:checking|savings|chequing)(?:{_NO})?\W{{0,3}}$|\bac+(?:oun)?t\b(?:(?!rout|card|soc|phone|tel|invoice|ref|order).){{0,18}}{_NO}|bank{_NO}"
        ),
        near=30,
        named=0.88,
    ),
    Detector(
        type="DATE_OF_BIRTH",
        form=_pattern(
            r"(?<![\w/-])(?:"
            rf"{_DIGIT}{{1,2}}{_SEP}{_DIGIT}{{1,2}}{_SEP}(?:{_DIGIT}{{4}}|{_DIGIT}{{2}})"
            rf"|\d{{4}}{_SEP}\d{{1,2}}{_SEP}\d{{1,2}}"
            rf"|{_OF_MONTHS}{_MONTH}\s*{_DAY}\s*[,.]?\s*(?:of\s*)?(?:\d{{4}}|'?\d{{2}}\b)"
            rf"|(?=[\dt])(?:the\s)?{_DAY}\s*(?:of\s+|[ -])?{_MONTH}[, -]*(?:\d{{4}}|'?\d{{2}}\b)"
            rf"|\d{{4}},?\s+{_MONTH}\s*{_DAY}"
            rf"|{_OF_DAYS}(?:the\s)?(?:{_DAY_WORDS})\s+(?:(?:day\s+)?of\s+)?{_MONTH}[, ]+\d{{4}}"
            rf"|{_OF_MONTHS}{_MONTH}\s+(?:the\s+)?(?:{_DAY_WORDS})[, ]+\d{{4}}"
            r"|\d{8}|\d{2} \d{2} \d{4}|\d(?:[ |]{1,2}\d){7}"
            r")(?![\w/-])"
        ),
        check=checks.is_birth_date,
        label=_pattern(
            rf"(?:date\s*(?:of|ot|0f)\s*)?(?<!re)(?<!child)bi[rt][tl]?h\s*-?\s*(?:date|day)?(?!{_NO_BIRTH})|birthdate|birthday"
            r"|\bborn\b(?!\s*(?:free\b|again\b|to\s+(?:run|be|win|ride|lead|fly|dance|sing|shine)\b|this\s+way|in\s+the\s+u\.?s\.?a))"
            r"|\bd[./]?\s?[o0][./]?\s?[b8]\b\.?|\bb\s?/\s?d\b|\bb\.\s?date\b|\bbdate\b|fecha de nacimiento|d\.\s?of\s?b"
            r"|\(\s?b\.?\s*$|[a-z],\s+b\.\s*$"
            r"|(?<!\w)(?!(?:section|part|item|chapter|exhibit|schedule|appendix|paragraph|line|table|figure|step|question|article|annex|box|column|note)\b)"
            r"(?-i:[A-Z][a-z]+)\s+b\.\s*$"
        ),
        near=34,
        named=0.95,
    ),
    Detector(
        type="DATE_OF_BIRTH",
        # Six digits are nearly anything: right behind its label only.
        form=re.compile(r"(?<![\w./-])\d{6}(?![\w/-])(?![.,]\d)"),
        loose=True,
        check=checks.is_birth_date_of_six,
        label=_pattern(r"date\s*of\s*birth|birth\s*date|\bd[./]?\s?[o0][./]?\s?b\b\.?"),
        near=6,
        named=0.85,
    ),
    Detector(
        type="DRIVERS_LICENCE",
        form=_CODE,
        loose=True,
        parts=True,
        check=checks.coded(6, 16, 5),
        label=_pattern(
            r"driv\w*['’`]?\s?s?['’`]?\s*(?:licen[sc]e|lic\b\.?|id\b|permit)|\bd\.?\s?l\.?\s?(?:no|num|number|#|:|n\b)|\bd\.\s?l\.|\bd/l\b|\bdln?\b|operator\w*['’]?s?\s+lic\w*"
            r"|\bcdl\b|\bo\.?l\.?n\b|licen[sc]e\s*(?:no|num|#)"
        ),
        near=40,
        named=0.9,
    ),
    Detector(
        type="STATE_ID",
        form=_CODE,
        loose=True,
        parts=True,
        check=checks.coded(5, 16, 4),
        label=_pattern(
            rf"(?:state[\s-]*(?:issued)?[\s-]*(?:photo\s*)?(?:[il1|]\.?\s?d\b\.?|identification)|identification|non-?driver\s*id\w*|\bid|photo\s*id)\s*card{_NO}?"
            rf"|state[\s-]*(?:issued)?[\s-]*(?:photo\s*)?(?:[il1|]\.?\s?d\b|identification)(?!\s+(?:of|for)\s+(?!{_PERSON}))|non-?driver\s*id|photo\s*id"
        ),
        near=40,
        named=0.88,
    ),
    Detector(
        type="PASSPORT",
        form=re.compile(
            r"(?<![\w-])(?:[A-Z0-9][\dOoQDIlSBZ]{8}|[A-Z]{1,2} ?[\dOISBZ]{7,8}|(?=(?:[A-Z]*\d){5})[A-Z][A-Z0-9]{8}|\d{3} ?\d{3} ?\d{3})(?![\w-])"
        ),
        check=checks.is_passport,
        label=_pattern(r"pas+port(?!\s*(?:control|office|agency|photo|service|fee|size|holder's? lounge))"),
        named=0.95,
    ),
    Detector(
        type="NATIONAL_PROVIDER_IDENTIFIER",
        form=_form(
            r"D{10}|D{4}(?: ?- ?| )D{3}(?: ?- ?| )D{3}|D{3}(?: ?- ?| )D{3}(?: ?- ?| )D{4}|(?=(?:D{1,3}[ |]{1,2}){5})D(?:[ |]{0,2}D){9}"
        ),
        check=number(checks.is_provider_identifier),
        looks=checks.no_phone(number(lambda value: len(value) == 10 and value[0] in "12")),
        label=_pattern(r"\bn\.?\s?p\.?\s?[il1|]\b|^\W*\d{1,2}[a-z]?\W*np\W*$|provider|rendering|physician"),
        named=0.97,
    ),
    Detector(
        type="MEDICARE",
        form=re.compile(
            r"(?<![\w-])[1-9][A-Z0][A-Z0-9]\d ?[-–]? ?[A-Z][A-Z0-9]\d ?[-–]? ?[A-Z]{2}\d{2}(?![\w-])"
        ),
        check=checks.is_mbi,
        alike=frozenset({"MEMBER_ID"}),
        label=_pattern(r"medicare|\bm\.?b\.?i\b|beneficiary"),
        alone=0.85,
        named=0.98,
    ),
    Detector(
        type="TAX_NUMBER",
        form=_form(r"D{2}[-–—]D{7}"),
        check=number(checks.is_nine),
        label=_pattern(
            r"(?:sole\s*prop\w*|self.?employ\w*|individual|propriet\w*|owner|personal|house\s*hold)\W.{0,40}?(?:e\.?i\.?n\b|employer\s*(?:id|i\.d))"
            r"|e\.?i\.?n\b.{0,12}\(?(?:sole|self|individual|propriet)\w*"
        ),
        named=0.85,
    ),
    Detector(
        type="TAX_NUMBER",
        form=re.compile(r"(?<![\w-])P ?-?\d{8}(?![\w-])"),
        check=checks.coded(9, 9, 8),
        label=_pattern(r"\bp\.?t\.?i\.?n\b|preparer"),
        named=0.9,
    ),
    Detector(
        type="TAX_NUMBER",
        form=_form(rf"D{{2,3}}[-–—]D{{6,7}}|D{{3}}{_LOOSE}D{{2}}{_LOOSE}D{{4}}|D{{9,11}}"),
        check=number(lambda value: 8 <= len(value) <= 11 and len(set(value)) > 2),
        label=_pattern(
            r"\ba\.?t\.?i\.?n\b|state\s*tax\s*(?:id|i\.d|no|num)|personal\s*tax\s*(?:no|num|id)|tax\s*(?:file|reference)\s*(?:no|num)"
        ),
        named=0.85,
    ),
    Detector(
        type="MEDICAL_RECORD",
        form=_CODE,
        loose=True,
        parts=True,
        check=checks.coded(5, 14, 4),
        label=_pattern(
            rf"\bm\.?r\.?\s?(?:n\b|#|no\b)|med(?:ical|\.)?\s*rec(?:ord|\.)?s?{_NO}?|chart{_NO}|patient\s*(?:[il1|]\.?\s?d\b|ident\w*|acc\w*|no\b|num\w*|#)|health\s*record{_NO}?"
        ),
        named=0.9,
    ),
    Detector(
        type="MEMBER_ID",
        form=_CODE,
        loose=True,
        parts=True,
        check=checks.coded(6, 16, 4),
        label=_pattern(
            rf"(?:member|subscriber|enrol+ee|insured|beneficiary|participant)(?:['’`]?s)?\s*(?:\(\w+\)\s*)?(?:[il1|]\.?\s?d\b|ident\w*|no\b|num\w*|#|card)"
            rf"|\bi\.?d\.?(?:{_NO}|\W){{0,2}}\(?\s*(?:of\s+)?(?:the\s+)?(?:insured|member|subscriber|enrol+ee|beneficiary|participant)\b|medicaid{_NO}?|insurance\s*(?:[il1|]\.?\s?d\b|card)|health\s*plan{_NO}"
        ),
        named=0.9,
    ),
    Detector(
        type="POLICY_NUMBER",
        form=_CODE,
        loose=True,
        parts=True,
        check=checks.coded(6, 17, 4),
        label=_pattern(
            rf"\bpolic[yi]\w*{_NO}|\bpol\b\.?{_NO}|\binsurance\s*pol\w*|certificate\s*of\s*insurance{_NO}?|\bpolicy\s*:"
        ),
        named=0.88,
    ),
    Detector(
        type="MILITARY_ID",
        form=_CODE,
        loose=True,
        parts=True,
        check=checks.coded(7, 12, 6),
        label=_pattern(
            rf"\bdod\b\s*(?:[il1|]\.?\s?d\b|ident\w*){_NO}?|\bedipi\b|military\s*(?:[il1|]\.?\s?d\b|ident\w*|service|serial){_NO}?|(?:service|veteran'?s?)\s*(?:no\b|num\w*|#|[il1|]\.?\s?d\b|file)|\bva\s*(?:file|claim){_NO}?"
        ),
        named=0.9,
    ),
    Detector(
        type="ALIEN_NUMBER",
        form=re.compile(r"(?<![\w-])(?:A[- ]{0,2})?\d{2,3}[- ]?\d{3}[- ]?\d{2,3}(?![\w-])"),
        check=lambda text: len(re.sub(r"\D", "", text)) in (8, 9),
        label=_ALIEN,
        named=0.92,
    ),
    Detector(
        type="ALIEN_NUMBER",
        # Its A and hyphen are label enough for nine digits.
        form=re.compile(r"(?<![\w-])A ?- ?\d{3}(?:\d{6}|([- ])\d{3}[- ]\d{3})(?![\w-])"),
        check=lambda text: True,
        label=_ALIEN,
        alone=0.75,
        named=0.92,
    ),
    Detector(
        type="VEHICLE",
        form=re.compile(r"(?<![\w-])[A-HJ-NPR-Z0-9]{17}(?![\w-])"),
        check=checks.is_vin,
        label=_pattern(r"\bv\.?i\.?n\b|vehicle|chassis"),
        alone=0.85,
        named=0.98,
    ),
    Detector(
        type="VEHICLE",
        form=re.compile(
            r"(?<![\w-])(?=[A-Z0-9 -]*\d)(?=[A-Z0-9 -]*[A-Z])[A-Z0-9]{1,4}(?:[- ]?[A-Z0-9]{2,5}){1,2}(?![\w-])"
        ),
        parts=True,  # its state may stand before it, or behind
        check=checks.coded(5, 10, 2),
        label=_pattern(
            rf"(?:licen[sc]e|registration|number|car|vehicle)?\s*plate{_NO}?|\btag{_NO}|vehicle\s*(?:reg\w*|licen[sc]e){_NO}?"
        ),
        near=30,
        named=0.85,
    ),
)

_NAME = r"[A-Z][A-Za-z'’-]+"
OPTIONAL: tuple[Detector, ...] = (
    Detector(
        type="PHONE",
        form=re.compile(
            r"(?<![\w-])(?:\+?1[ .-]?)?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}(?![\w-])"
        ),
        check=lambda text: True,
        label=_pattern(r"\b(?:tele?)?phone|\btel\b\.?|\bcell|\bmobile|\bfax"),
        alike=frozenset({""}),  # what is no NPI has phone numbers among it
        alone=0.6,
        named=0.9,
    ),
    Detector(
        type="EMAIL",
        form=re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}(?!\w)"),
        check=lambda text: True,
        label=_pattern(r"e-?mail"),
        alone=0.9,
        named=0.95,
        digits=False,
    ),
    Detector(
        type="ADDRESS",
        form=re.compile(
            rf"(?<![\w-])\d{{1,6}} (?:[NSEW]\.? )?(?:{_NAME} ){{1,3}}"
            r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|Place|Pl)\b\.?"
        ),
        check=lambda text: True,
        label=_pattern(r"address|street|residence"),
        alone=0.6,
        named=0.9,
        digits=False,
    ),
    Detector(
        type="NAME",
        form=re.compile(rf"(?<![\w-])(?:{_NAME},? )(?:[A-Z]\.? )?{_NAME}(?![\w-])"),
        check=lambda text: True,
        label=_pattern(r"\bname\b|\bborrower\b|\bapplicant\b|\bpatient\b|\bemployee\b|\binsured\b"),
        named=0.7,
        digits=False,
    ),
)
"""Types that a user's table may switch on: on letters, nearly every page has them."""

_COUNTED = (
    r"(?:numbers?|numb|nos?\b\.?|nums?\b\.?|nbrs?\b\.?|nrs?\b\.?|ids?\b\.?|codes?|#s?|:|is\b|at\b|us\b|was\b)"
)
"""Behind the word for a thing: that its number follows."""
_PARTS = (
    r"p\s?/\s?n(?:['’]?s)?|pns?|s\s?/\s?n(?:['’]?s)?|w/o|bills?\s*of\s*lading|b/l|m\.?p\.?n|n\.?s\.?n|o\.?e\.?m|d-?u-?n-?s|gtin|asin|cusip|rma|cat|catalogs?|catalogues?|mfr|mfg|manufacturers?"
    r"|parts?|items?|articles?|components?|assembl(?:y|ies)|assy|skus?|models?|serials?|styles?|stock|lots?|batch(?:es)?|bins?|drawings?|dwgs?|products?"
)
"""Numbers of goods, as heads of columns name them, too."""
_MORE = r"kits?|tools?|molds?|patterns?|routes?|bar\s?codes?|requisitions?|spares?|w\.?\s?o\.?|p\.?\s?n\.?|interchange"
"""Numbers of goods right before them only."""
_FILES = (
    r"reports?|cases?|(?<!medicare )claims?|dockets?|matters?|incidents?|complaints?|citations?|vouchers?|requisitions?|bids?|proposals?|work\s*orders?"
    r"|certificates?|cert|patents?|exhibits?|documents?|doc|files?|leases?|agreements?|authorizations?|auth|approvals?|containers?|seals?|inv|ser|ord|drg|specs?|specifications?|standards?|stk"
)
"""Numbers of papers and what happened: words that head all sorts of text, unless a number is spoken of."""
_LICENSED = (
    r"liquor|alcohol|beer|wine|tobacco|business|trade|contractor\w*['’]?s?|builder['’]?s?|software|product|site|user|vendor['’]?s?|fishing|hunting|dog|pet|kennel"
    r"|marriage|radio|broadcast\w*|fcc|export|import|firearms?|food|retail|sales|restaurant|facility|establishment|premises|day\s?care|child\s?care|lottery|music|mining|salvage|service|pesticide|elevator|boiler|mechanical|electrical|electrician['’]?s?|plumb\w*['’]?s?|hvac|roofing|real\s*estate"
)
"""Licences that are none to drive."""
_SHOWS = r"sale|tour|concert|show|gala|festival|film|movie|album|exhibit\w*|foundation|musical|tickets?|prize|rally|marathon|campaign|series|program(?:me)?|lecture|talk|seminar|workshop|newsletter"
"""Behind `born` or `birth`: of these the date is."""
_PARTIES = (
    rf"{_SHOWS}|party|parties|club|class(?:es)?|clinic|fair|picnic|bash|brunch|dinner|lunch|luncheon|weekend|event|special|offer|coupon|discount|cake"
    r"|celebrat\w*|anniversary|wishes|greetings|observed|closed|holiday"
)
"""And behind `birthday`."""
ELSE = _pattern(
    rf"\bg\.?/?\s?l\.?\s+ac+(?:oun)?ts?\b\.?(?:\s*{_NO})?\W{{0,4}}$|"  # of the general ledger
    rf"(?:invoice|order|parts?|items?|skus?|models?|serials?|stock|lots?|batch(?:es)?|bins?|drawings?|dwgs?|products?|catalog(?:ue)?s?|ref(?:erence|\.)?|p\.?\s?o\.?|purchase|tracking|parcel|shipment|waybill|ticket"
    r"|job|quote|quotation|estimate|receipt|confirmation|conf|transaction|trans|cheque|check(?!ing)|phone|tele?phone|tel|fax|cell|mobile"
    r"|call|ext|extension|zip|postal|isbn|upc|ean|quantity|qty|amount|amt|total|balance|meter|unit|room|permit"
    r"|specimen|sample|vendor|supplier|warranty|coupon|booking|flight|locker|badge|asset|contract|project|grant|survey"
    r"|formulary|ndc|cpt|form|version|rev(?:ision)?|bug|error|code|hotline|pager|voicemail|switchboard|toll.?free|dial|contact)"
    rf"(?:ing|s)?\W{{0,3}}(?:{_COUNTED}\W{{0,3}})*\W{{0,4}}$"
    rf"|\b(?:{_PARTS}|{_MORE})\W{{0,3}}(?:{_COUNTED}\W{{0,3}})*(?:\((?!s\.?s|so[ce]|t\.?i\.?n|tax|hic|mbi|npi|iban|aba|mrn|d\.?o\.?b)[^()\d]{{1,16}}\)\W{{0,3}})?\W{{0,4}}$"
    rf"|\b(?:{_FILES})\W{{0,3}}{_COUNTED}\W{{0,3}}(?:{_COUNTED}\W{{0,3}})*(?:\((?!s\.?s|so[ce]|t\.?i\.?n|tax|hic|mbi|npi|iban|aba|mrn|d\.?o\.?b)[^()\d]{{1,16}}\)\W{{0,3}})?\W{{0,4}}$"
    r"|\b(?:(?<!medicare )claims?|cases?|reports?|specifications?|standards?)\W{1,3}$"
    rf"|\b(?:{_PARTS}|order|invoice|reference|{_FILES})\W{{0,3}}{_COUNTED}\W{{0,3}}(?:of|for)\s(?:(?!ssn|so[ce]|tin\b|tax|itin)[a-z]+\W{{1,3}}){{1,3}}$"
    r"|\b(?:replac(?:es?|ed|ing)|replacement|supersed(?:es?|ed|ing)|substitut(?:es?|ed)|interchange(?:s|able)?|fits|equivalent|equals?|identical)\W{1,3}(?:(?:by|for|with|to|the|old|numbers?|nos?|#)\W{1,3}){0,3}$"
    rf"|\b(?:{_LICENSED})\s+licen[sc]es?\W{{0,3}}(?:(?:{_COUNTED}|key)\W{{0,3}})*$"
    rf"|\b(?:born|birth)\b[^\d]{{0,30}}\b(?:{_SHOWS})s?\b[^\d]{{0,24}}$|\bbirthdays?\b[^\d]{{0,30}}\b(?:{_PARTIES})s?\b[^\d]{{0,24}}$"
    r"|\b(?:company|club|school|city|town|nation|country|library|hospital|store|firm|team)(?:['’]?s)?\s+birthday\b[^\d]{0,24}$"
    r"|\bhappy\s+birthday\b[^\d]{0,30}$"
    rf"|(?<!date of )(?<!place of )\bbirth\s+of\s+(?:the|an?|our|this|its)\s(?!{_PERSON})[^\d]{{0,40}}$"
    r"|\bbirth\s+of\s+(?:the|an?|our|this|its)\s+(?:\w+\s)?(?:nation|republic|country|club|company|firm|movement|city|town|state|union)\b[^\d]{0,24}$"
    r"|(?:sign\w*|signature|issue\w*|expir\w*|exp|effective|hire\w*|statement|due|service|loss|visit|injury|admission|discharge|invoice|print\w*|receiv\w*"
    r"|posted|mail\w*|revis\w*|prepar\w*|report(?:ed|ing|(?=\W{1,3}(?:date|on|of)))|meeting|birthplace|place of birth|report\s*date|dated?)\W{0,3}(?:date|on|of)?\W{0,4}$"
    r"|employer\w{0,2}['’`]?s?\s+state\s*(?:[il1|]\.?\s?d\b\.?|ident\w*)\s*(?:number|no\.?|num\.?|#)?\W{0,4}$"
    r"|\be\.?i\.?n\b\W{0,3}$|employer\s*id\w*(?:\s*(?:number|no\.?))?\W{0,3}$|federal\s*(?:tax\s*)?id\w*\W{0,3}(?:number|no\.?)?\W{0,3}$|\bfein\b\W{0,3}$"
)
"""Ends of texts that name what is no NPI."""
HEADS = _pattern(
    rf"\b(?:invoice|order|{_PARTS}|reference|purchase|tracking|parcel|shipment|ticket|phone|telephone|fax|zip|replaces|superseded"
    r"|quantity|qty|amount|total|meter|specimen|vendor|supplier|asset|job|p\.?o\.?)s?\b"
    rf"|\b(?:{_FILES})\W{{0,3}}(?:numbers?|nos?\b|nums?\b|nbrs?\b|ids?\b|#)"
)
"""Words by which the head of a column, or a label above, names what is no NPI."""
