"""The operators of `make mutants`, each on a few lines; and what they make of the pipeline."""

import textwrap
from typing import Any

import pytest

from tests import builders
from tests.mutants import equivalents, scoring
from tests.mutants.operators import changes


def made(body: str, operator: str) -> list[str]:
    """The changed lines that an operator makes of a function's body."""
    source = "def f(a, b):\n" + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ") + "\n"
    return [change.becomes for change in changes("x.py", source) if change.operator == operator]


@pytest.mark.parametrize(
    ("body", "operator", "becomes"),
    [
        ("if a: return", "condition_negated", ["if not (a): return"]),
        ("return [x for x in a if x]", "condition_negated", ["return [x for x in a if not (x)]"]),
        ("while True: pass", "condition_negated", []),
        ("if a: return", "condition_dropped", ["if False: return", "if True: return"]),
        ("return a and b", "condition_dropped", ["return True and b", "return a and True"]),
        ("return a or b", "condition_dropped", ["return False or b", "return a or False"]),
        (
            'a("contains(s, :id) AND n = :n")',
            "clause_dropped",
            ["a(':id = :id AND n = :n')", "a('contains(s, :id) AND :n = :n')"],
        ),
        (
            'a("n = :n AND (contains(s, :i) AND x < :x)")',  # parentheses are one clause
            "clause_dropped",
            ["a(':n = :n AND (contains(s, :i) AND x < :x)')", "a('n = :n AND :i = :i AND :x = :x')"],
        ),
        (
            'a("attribute_not_exists(PK)")',
            "clause_dropped",
            ["a('(attribute_exists(PK) OR attribute_not_exists(PK))')"],
        ),
        ('a("SET n = :n")', "clause_dropped", []),  # an update, no condition
        ("a(1)\nb(2)", "statements_swapped", ["b(2) a(1)"]),
        ("c = a()\nb(c)", "statements_swapped", []),  # it could not run
        ("a(b)", "call_left_out", ["pass"]),
        ("return 7", "off_by_one", ["return 8"]),
        ("return True", "off_by_one", []),
        ("return a < b", "off_by_one", ["return a <= b"]),
        ("a(ConsistentRead=True)", "read_made_eventual", ["a(ConsistentRead=False)"]),
        ('return {"ConsistentRead": True}', "read_made_eventual", ['return {"ConsistentRead": False}']),
        ("try:\n    a()\nexcept OSError:\n    b()\n    a()", "except_removed", ["raise"]),
        ("try:\n    a()\nexcept OSError:\n    raise", "except_removed", []),
    ],
)
def test_an_operator_changes_what_its_name_says(body: str, operator: str, becomes: list[str]) -> None:
    assert sorted(made(body, operator)) == sorted(becomes)


def test_a_constant_of_the_module_is_changed_and_an_annotation_is_not() -> None:
    source = "LIMIT = 5\n\n\ndef f(a: 'tuple[1]' = 2) -> None:\n    b: dict[3, 4] = a\n"
    assert [change.becomes for change in changes("x.py", source)] == [
        "LIMIT = 6",
        "def f(a: 'tuple[1]' = 3) -> None:",
    ]


@pytest.mark.parametrize("file", scoring.FILES)
def test_every_change_of_the_pipeline_is_another_program_that_can_be_compiled(file: str) -> None:
    source = (builders.PROJECT / file).read_text(encoding="utf-8")
    found = changes(file, source)
    changed = [change.applied(source) for change in found]
    for text in changed:
        compile(text, file, "exec")
    assert len({source, *changed}) == len(found) + 1
    assert len({change.number for change in found}) == len(found) > 15


def test_a_larger_sample_is_the_smaller_one_and_more() -> None:
    every = scoring.all_changes()
    assert scoring.sample(every, 9) == scoring.sample(every[::-1], 40)[:9]


def test_what_is_called_equivalent_is_made_and_argued() -> None:
    every, named = scoring.all_changes(), equivalents.load()
    identities = {change.identity for change in every}
    assert [one for one in named if one.identity not in identities] == []
    assert all(len(one.argument.split()) > 5 for one in named)


def test_the_report_scores_by_file_and_lists_what_got_away_and_what_nothing_broke() -> None:
    first, second, third = scoring.all_changes()[:3]
    found = {
        first.number: scoring.Verdict(
            number=first.number, found=True, tried=7, broken=("no message is lost",)
        ),
        second.number: scoring.Verdict(number=second.number, found=False, tried=7),
    }
    lines = scoring.report([first, second, third], found, {third.number: "because it is"})
    assert "    1    2    50%  pipeline/state.py" in lines
    (told,) = [line for line in lines if line.startswith(f"{second.file}:{second.line}, ")]
    assert told.endswith("reached in 7 worlds")
    assert f"    {second.becomes}" in lines
    assert "       no message is lost" not in lines
    assert "       queues are empty" in lines, "no change broke it"
    assert "called equivalent: 1" in lines
    assert "    because it is" in lines


def test_verdicts_that_are_kept_are_not_hunted_again(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    hunted = []

    def hunt(changes, sound, jobs: int, most=None):
        for change, _ in changes:
            hunted.append(change.number)
            yield scoring.Verdict(number=change.number, found=True, tried=3)

    monkeypatch.setattr(scoring, "_hunted", hunt)
    every, kept = scoring.all_changes(), tmp_path / "verdicts.jsonl"
    sound: Any = None
    first = list(scoring.verdicts(every[:2], sound, 1, kept))
    again = list(scoring.verdicts(every[:3], sound, 1, kept))
    assert again[:2] == first
    assert hunted == [change.number for change in every[:3]]


def test_what_got_away_is_hunted_on_in_further_worlds(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def hunt(changes, sound, jobs: int, most=None):
        for change, first in changes:
            asked.append((change.number, first, most))
            yield scoring.Verdict(number=change.number, found=most is None, tried=most or 12)

    monkeypatch.setattr(scoring, "_hunted", hunt)
    (one, *_), kept = scoring.all_changes(), tmp_path / "verdicts.jsonl"
    sound: Any = None
    found = [list(scoring.verdicts([one], sound, 1, kept, most)) for most in (5, 5, 9, None, None)]
    assert asked == [(one.number, 0, 5), (one.number, 5, 9), (one.number, 9, None)]
    assert [verdict.found for (verdict,) in found] == [False, False, False, True, True]
