"""A watched module notes each way that it goes, and is otherwise as it was."""

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.compute.branches import NOTE, Branches

CODE = '''
"""What it is."""
from __future__ import annotations

import sys


def sign(number):
    """The sign of a number."""
    if number < 0:
        return "-"
    elif number == 0:
        return ""
    return "+" if number else "never"


def total(numbers):
    found = 0
    for number in numbers:
        if number and number > 0:
            found += number
    while found > 100:
        found -= 100
    return found


def kept(numbers):
    return [number for number in numbers if number % 2 if number > 2]


def tried(work):
    try:
        return work()
    except ZeroDivisionError:
        return "no"
    except (KeyError, ValueError) as error:
        return type(error).__name__


def told(thing):
    match thing:
        case {"a": 1}:
            return "one"
        case [first, *_]:
            return first
        case _:
            return "else"


class Box:
    size = 2 if sys.maxsize > 1 else 1

    def grown(self):
        if more := self.size:
            self.size += more
        return self


def line():
    raise RuntimeError("here")
'''


class Watched:
    """The module, and what it says of a call: the ways it went, "<way> in <function>"."""

    def __init__(self, path: Path) -> None:
        self.branches = Branches({"it": path})
        self.module: dict[str, Any] = {NOTE: self.branches.note, "__name__": "it"}
        code = self.branches.code(str(path))
        assert code is not None
        exec(code, self.module)

    def ways(self, function: str, *arguments: object) -> set[str]:
        self.branches.taken.clear()
        self.module[function](*arguments)
        return {self.branches.all[number].way for number in self.branches.taken}


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    path = tmp_path / "it.py"
    path.write_text(CODE)
    return Watched(path)


@pytest.mark.parametrize(
    ("function", "argument", "ways"),
    [
        ("sign", -1, {"()", "then"}),
        ("sign", 0, {"()", "else", "then"}),
        ("total", [], {"()", "done"}),
        ("total", [0, -1], {"()", "loop", "else", "done"}),
        ("total", [150, 1], {"()", "loop", "then", "done"}),
        ("kept", [2], {"()", "left out"}),
        ("kept", [3], {"()", "kept"}),
        ("tried", lambda: 1, {"()"}),
        ("tried", lambda: 1 / 0, {"()", "except ZeroDivisionError"}),
        ("tried", lambda: {}[1], {"()", "except (KeyError, ValueError)"}),
        ("told", {"a": 1}, {"()", "case {'a': 1}"}),
        ("told", [5], {"()", "case [first, *_]"}),
        ("told", 3, {"()", "case _"}),
    ],
)
def test_each_way_is_noted_when_it_is_gone(
    watched: Watched, function: str, argument: object, ways: set[str]
) -> None:
    assert watched.ways(function, argument) == ways


def test_a_watched_module_does_what_it_did(watched: Watched) -> None:
    plain: dict[str, Any] = {"__name__": "it"}
    exec(CODE, plain)
    calls: list[Callable[[dict[str, Any]], object]] = [
        *(lambda it, number=number: it["sign"](number) for number in (-2, 0, 3)),
        *(lambda it, numbers=numbers: it["total"](numbers) for numbers in ([], [1, -1, None], [99, 99, 99])),
        lambda it: it["kept"](range(9)),
        *(lambda it, thing=thing: it["told"](thing) for thing in ({"a": 1}, [7], "x")),
        lambda it: it["Box"]().grown().size,
        lambda it: it["sign"].__doc__,
        lambda it: it["__doc__"],
    ]
    assert [call(watched.module) for call in calls] == [call(plain) for call in calls]


def test_lines_stay_where_they_are(watched: Watched) -> None:
    with pytest.raises(RuntimeError, match="here") as raised:
        watched.module["line"]()
    assert raised.traceback[-1].lineno + 1 == CODE.splitlines().index('    raise RuntimeError("here")') + 1
    branch = next(one for one in watched.branches.all if one.way == "except ZeroDivisionError")
    assert CODE.splitlines()[branch.line - 1].strip() == "except ZeroDivisionError:"
    assert str(branch) == f"it.py:{branch.line} except ZeroDivisionError in tried"


def test_a_line_belongs_to_the_innermost_branch_that_leads_to_it(watched: Watched) -> None:
    def around(text: str) -> str:
        line = CODE.splitlines().index(text) + 1
        number = watched.branches.around("it.py", line)
        return str(watched.branches.all[number]).partition(" ")[2] if number is not None else ""

    assert around('        return "-"') == "then in sign"
    assert around('        return ""') == "then in sign"
    assert around("    elif number == 0:") == "else in sign"
    assert around('    return "+" if number else "never"') == "() in sign"
    assert around("        found -= 100") == "loop in total"
    assert around("            found += number") == "then in total"
    assert around('        return "no"') == "except ZeroDivisionError in tried"
    assert around("import sys") == ""


def test_the_branches_of_a_line_are_those_that_an_independent_tracer_sees(tmp_path: Path) -> None:
    """sys.settrace tells which lines run: the line after each `then` and `else` is among them or not."""
    path = tmp_path / "it.py"
    path.write_text(
        textwrap.dedent(
            """
            def f(a, b):
                if a:
                    x = 1
                else:
                    x = 2
                for i in range(b):
                    x += i
                return x
            """
        )
    )
    watched = Watched(path)
    plain: dict[str, Any] = {}
    exec(compile(path.read_text(), "plain", "exec"), plain)
    lines_of = {("then", 3): 4, ("else", 3): 6, ("loop", 7): 8}
    for arguments in ((0, 0), (0, 2), (1, 0), (1, 1)):
        ran: set[int] = set()

        def trace(frame, event, _, ran=ran):
            if frame.f_code.co_filename == "plain":
                ran.add(frame.f_lineno)
            return trace

        sys.settrace(trace)
        try:
            plain["f"](*arguments)
        finally:
            sys.settrace(None)
        watched.branches.taken.clear()
        watched.module["f"](*arguments)
        noted = {(watched.branches.all[n].way, watched.branches.all[n].line) for n in watched.branches.taken}
        assert {key for key in lines_of if lines_of[key] in ran} == noted - {("()", 2)}
