"""Which branches of the application have been taken: noted by the application itself, whose modules are
imported with notes in them while somebody watches.

A module's syntax tree gets a note at each place where it can go one way or another: what an `if` is decided
to be, the body of a loop, of an except clause, of a case, of a function. A note is one addition to a set.
Unlike a tracer it does not slow what is not the application's, minds no greenlets, and needs no hook of the
interpreter; and the lines of the code stay where they are.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import CodeType

import msgspec

NOTE = "__branch_taken__"
"""Name in each watched module for what notes a branch."""


class Branch(msgspec.Struct, frozen=True, order=True):
    """A way on from a line of a file (its path in the code folder): "else" from an `if` that does not
    hold, "()" for a function that is entered at all. lines: from and to, of what runs only if it is taken.
    """

    file: str
    line: int
    way: str
    where: str = ""
    lines: tuple[int, int] = (0, 0)

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.way}{f' in {self.where}' if self.where else ''}"


class Branches:
    """The branches of some modules. A branch's number is its place among them."""

    def __init__(self, modules: Mapping[str, Path]) -> None:
        """modules: files by the modules' names. Raises `SyntaxError`, where one has one."""
        self.all: list[Branch] = []
        self.places: list[tuple[str, str]] = []
        """Module and function of each of them."""
        self.taken: set[int] = set()
        """Numbers of those that were taken since somebody last cleared it."""
        self._codes: dict[str, CodeType] = {}
        for name, file in sorted(modules.items()):
            ending = "/__init__.py" if file.name == "__init__.py" else ".py"
            self._add(file, name.replace(".", "/") + ending)
            self.places += [(name, branch.where) for branch in self.all[len(self.places) :]]

    def code(self, path: str) -> CodeType | None:
        """What a module is to be run as; None for one that is not watched."""
        return self._codes.get(path)

    def _add(self, file: Path, name: str) -> None:
        tree = ast.parse(file.read_bytes(), str(file))
        noted = _Noting(name, self.all).visit(tree)
        self._codes[str(file)] = compile(
            ast.fix_missing_locations(noted), str(file), "exec", dont_inherit=True
        )

    def around(self, file: str, line: int) -> int | None:
        """Number of the innermost branch that must be taken for a line to run; None for none."""
        holding = [
            (branch.lines[1] - branch.lines[0], number)
            for number, branch in enumerate(self.all)
            if branch.file == file and branch.lines[0] <= line <= branch.lines[1]
        ]
        return min(holding)[1] if holding else None

    def ways(self, file: str, line: int) -> list[int]:
        """Numbers of the branches that go on from a line."""
        return [number for number, one in enumerate(self.all) if (one.file, one.line) == (file, line)]

    @property
    def note(self) -> Callable[[int], None]:
        """What a watched module calls with the number of a branch."""
        return self.taken.add


class _Noting(ast.NodeTransformer):
    """Puts a note at each branch of a module, and adds the branches to a list."""

    def __init__(self, file: str, known: list[Branch]) -> None:
        self._file, self._known = file, known
        self._where: list[str] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self._where.append(node.name)
        number = self._number(node, "()", [node])
        self._visit_parts(node)
        self._where.pop()
        place = 1 if ast.get_docstring(node, clean=False) is not None else 0
        node.body.insert(place, self._statement(number, node))
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self._where.append(node.name)
        self._visit_parts(node)
        self._where.pop()
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        if not _is_for_types(node.test):
            node.test = self._decided(node.test, "then", "else", node.body, node.orelse)
        self._visit_parts(node)
        return node

    def visit_While(self, node: ast.While) -> ast.AST:
        if isinstance(node.test, ast.Constant):
            node.body.insert(0, self._statement(self._number(node, "loop", node.body), node))
        else:
            node.test = self._decided(node.test, "loop", "done", node.body, node.orelse)
        self._visit_parts(node)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        node.test = self._decided(node.test, "then", "else")
        self._visit_parts(node)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        node.ifs = [self._decided(test, "kept", "left out") for test in node.ifs]
        self._visit_parts(node)
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        node.body.insert(0, self._statement(self._number(node, "loop", node.body), node))
        self._visit_parts(node)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        kind = f" {ast.unparse(node.type)}" if node.type else ""
        node.body.insert(0, self._statement(self._number(node, f"except{kind}", node.body), node))
        self._visit_parts(node)
        return node

    def visit_match_case(self, node: ast.match_case) -> ast.AST:
        way = f"case {ast.unparse(node.pattern)}"
        node.body.insert(0, self._statement(self._number(node.body[0], way, node.body), node.body[0]))
        self._visit_parts(node)
        return node

    def _visit_parts(self, node: ast.AST) -> None:
        for part in ast.iter_child_nodes(node):
            if not _is_note(part):
                self.visit(part)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        self._visit_parts(node)
        return node

    def _number(self, node: ast.AST, way: str, held: Sequence[ast.stmt] = ()) -> int:
        lines = (held[0].lineno, held[-1].end_lineno or 0) if held else (0, 0)
        where = ".".join(self._where)
        self._known.append(Branch(self._file, node.lineno, way, where, lines))  # type: ignore[attr-defined]
        return len(self._known) - 1

    def _decided(
        self,
        test: ast.expr,
        holds: str,
        fails: str,
        then: Sequence[ast.stmt] = (),
        otherwise: Sequence[ast.stmt] = (),
    ) -> ast.expr:
        """(test and not note(holds)) or note(fails): as true as the test is, since a note is None."""
        taken, passed = self._number(test, holds, then), self._number(test, fails, otherwise)
        noted = ast.BoolOp(
            ast.Or(),
            [
                ast.BoolOp(ast.And(), [test, ast.UnaryOp(ast.Not(), self._note(taken))]),
                self._note(passed),
            ],
        )
        return ast.copy_location(noted, test)

    def _statement(self, number: int, node: ast.AST) -> ast.stmt:
        return ast.copy_location(ast.Expr(self._note(number)), node)

    def _note(self, number: int) -> ast.Call:
        return ast.Call(ast.Name(NOTE, ast.Load()), [ast.Constant(number)], [])


def _is_note(node: ast.AST) -> bool:
    called = node.value if isinstance(node, ast.Expr) else node
    return isinstance(called, ast.Call) and isinstance(called.func, ast.Name) and called.func.id == NOTE


def _is_for_types(test: ast.expr) -> bool:
    """`if TYPE_CHECKING`, which never holds where code runs."""
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"
