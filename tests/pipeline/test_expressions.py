"""What rules a text out in one pass never rules out what an expression matches; users' expressions are fast."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import npi
from pipeline.npi.detection import BETWEEN
from pipeline.npi.detectors import DETECTORS, ELSE, OPTIONAL
from pipeline.npi.expressions import OwnWord, Together, necessary
from tests import builders
from tests.builders import page_text

KNOWN = [*(one.form for one in DETECTORS + OPTIONAL), *(one.label for one in DETECTORS + OPTIONAL), ELSE]
TOGETHER = Together(KNOWN)
FRAGMENTS = st.sampled_from(
    [part for _, text in builders.labelled_lines() for part in re.split(r"(?<=\W)|(?=\W)", text) if part]
)
STRANGE = st.text(
    st.sampled_from("0123456789 -/.:#°ºéﬁ–—’|!Ssſ\u212a\u0663\xa0\x1c\x85\u2028" + BETWEEN), max_size=4
)


@given(st.lists(FRAGMENTS | STRANGE, max_size=30).map("".join))
def test_what_an_expression_matches_is_never_ruled_out(text: str) -> None:
    matching = {number for number, one in enumerate(KNOWN) if any(m[0] for m in one.finditer(text))}
    assert matching <= TOGETHER.may_match(text)


def test_most_expressions_are_ruled_out_of_most_lines() -> None:
    lines = [text for _, text in builders.labelled_lines()]
    assert sum(len(TOGETHER.may_match(text)) for text in lines) < 0.3 * len(KNOWN) * len(lines)


@given(st.lists(FRAGMENTS | STRANGE, max_size=30).map("".join))
def test_no_form_with_digits_goes_over_the_end_of_a_line(text: str) -> None:
    for one in DETECTORS:
        assert not one.digits or all(BETWEEN not in match[0] for match in one.form.finditer(text))


def test_a_number_does_not_go_on_in_the_next_line() -> None:
    assert npi.detect(1, page_text("SSN: 676-84-", "7081 copies")) == ()


@pytest.mark.parametrize(
    ("expression", "without"),
    [
        (r"(?<![\w.)])a(?!(b|[)]))c", "ac"),
        (r"^\d+$", r"[\p{Nd}]+"),
        (r"(?i:x)(?=\))\)", r"(?i:x)\)"),
        (r"(?<=:)\d(?=[;|](?!1))|(?<=b)c(?=d)e|(?:f(?=g)|h)", r"(?::)[\p{Nd}](?:[;|])|(?:b)ce|(?:f|h)"),
    ],
)
def test_an_expression_without_its_lookaround(expression: str, without: str) -> None:
    assert necessary(re.compile(expression)) == without


def test_an_expression_that_rules_nothing_out_is_always_looked_for() -> None:
    assert Together([re.compile(r"(a)\1"), re.compile("b")]).may_match("c") == {0}


def test_a_users_word_stands_by_itself_and_beside_another_one() -> None:
    found = OwnWord(r"E\d{6}").finditer("E123456 E234567,E345678é xE123456 éE123456 E555555")
    assert [match.span() for match in found] == [(0, 7), (8, 15), (43, 50)]
    assert OwnWord(r"\d*").search("abc 12").span() == (4, 6)


def test_no_page_makes_a_users_expression_slow() -> None:
    assert OwnWord("(a+)+b").search("a" * 100_000) is None
