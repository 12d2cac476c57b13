"""Sets of expressions that are built once match what sets built anew match."""

import pytest
import re2

from harness.compute import automata

PATTERNS = ("ab+", "^x", r"\d{3}-\d{2}", "(?i)ssn")
TEXTS = ("abb", "x ab", "SSN 123-45", "nothing", "")


def _made(kind: str = "SearchSet", patterns: tuple[str, ...] = PATTERNS, **options: object) -> re2.Set:
    chosen = re2.Options()
    chosen.log_errors = False
    for name, value in options.items():
        setattr(chosen, name, value)
    made = getattr(re2.Set, kind)(chosen)
    assert [made.Add(pattern) for pattern in patterns] == list(range(len(patterns)))
    made.Compile()
    return made


@pytest.mark.parametrize("kind", ["SearchSet", "MatchSet", "FullMatchSet"])
@pytest.mark.parametrize("options", [{}, {"case_sensitive": False}, {"literal": True}])
def test_a_shared_set_matches_as_one_of_its_own(kind: str, options: dict) -> None:
    plain = _made(kind, **options)
    with automata.shared():
        first, second = _made(kind, **options), _made(kind, **options)
    assert first._set is second._set is not plain._set
    for text in TEXTS:
        assert first.Match(text) == second.Match(text) == plain.Match(text)


def test_sets_of_other_expressions_in_another_order_or_with_other_options_are_others() -> None:
    with automata.shared():
        made = [_made(), _made(patterns=PATTERNS[::-1]), _made(case_sensitive=False), _made("MatchSet")]
    assert len({id(one._set) for one in made}) == len(made)


def test_an_expression_that_re2_refuses_is_refused_every_time() -> None:
    with automata.shared():
        for _ in range(2):
            options = re2.Options()
            options.log_errors = False
            made = re2.Set.SearchSet(options)
            made.Add("fine")
            with pytest.raises(re2.error):
                made.Add("(?=ahead)")
            assert made.Add("too") == 1


def test_sets_are_re2s_own_again_afterwards() -> None:
    before = re2.Set
    with automata.shared():
        assert re2.Set is not before
    assert re2.Set is before
