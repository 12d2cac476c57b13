"""Small changes of a module, made by a walk over its syntax tree: what a slip of the hand would make of it.

The operators were fixed before anything was scored. A change that cannot run at all (a name used before it is
bound) is none: it would be found by anybody.
"""

import ast
import hashlib
import itertools
import re
from collections.abc import Iterator

import msgspec

Edit = tuple[int, int, str]
"""Bytes from, to, and what stands in their place."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change of one file, within one line of it or a few. `where`: the function it is in; was, becomes: the
    code before and after, on one line each.
    """

    file: str
    line: int
    where: str
    operator: str
    was: str
    becomes: str
    edits: tuple[Edit, ...]

    @property
    def identity(self) -> tuple[str, ...]:
        """What it is, wherever in its file it stands."""
        return self.file, self.where, self.operator, self.was, self.becomes

    @property
    def number(self) -> str:
        """Names the change; as good as drawn by lot, so that the first ones by it are a fair sample."""
        told = "\0".join((*self.identity, str(self.edits[0][0])))
        return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()

    def applied(self, source: str) -> str:
        data = source.encode()
        for start, end, new in sorted(self.edits, reverse=True):
            data = data[:start] + new.encode() + data[end:]
        return data.decode()


def changes(file: str, source: str) -> list[Change]:
    """All changes of a module, in the order of their lines."""
    found = list(_Walk(file, source).all())
    return sorted(found, key=lambda change: (change.line, change.operator, change.becomes))


class _Walk:
    def __init__(self, file: str, source: str) -> None:
        self._file, self._data, self._tree = file, source.encode(), ast.parse(source)
        self._starts = [0, *itertools.accumulate(len(line) for line in self._data.splitlines(keepends=True))]

    def all(self) -> Iterator[Change]:
        for function in ast.walk(self._tree):
            if isinstance(function, ast.FunctionDef):
                for node in _own(function):
                    for operator in _OPERATORS:
                        for edits in operator(self, node):
                            yield self._change(function.name, operator.__name__.strip("_"), node, edits)
        for node in self._tree.body:  # constants of the module
            if isinstance(node, ast.Assign):
                for part in ast.walk(node.value):
                    for edits in _off_by_one(self, part):
                        yield self._change("", "off_by_one", part, edits)

    def span(self, node: ast.AST) -> tuple[int, int]:
        start = self._starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
        return start, self._starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]

    def text(self, node: ast.AST) -> str:
        start, end = self.span(node)
        return self._data[start:end].decode()

    def _change(self, where: str, operator: str, node: ast.AST, edits: tuple[Edit, ...]) -> Change:
        first, last = min(edit[0] for edit in edits), max(edit[1] for edit in edits)
        new = Change(file="", line=0, where="", operator="", was="", becomes="", edits=edits)
        changed = new.applied(self._data.decode()).encode()
        begins = self._data.rfind(b"\n", 0, first) + 1
        ends = self._data.find(b"\n", last)
        return Change(
            file=self._file,
            line=self._data.count(b"\n", 0, first) + 1,
            where=where,
            operator=operator,
            was=_one_line(self._data[begins:ends]),
            becomes=_one_line(changed[begins : ends + len(changed) - len(self._data)]),
            edits=edits,
        )


def _own(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """What a function is made of: without its annotations, and without functions inside of it, which are
    walked by themselves.
    """
    yield function
    waiting: list[ast.AST] = [*function.body, *function.args.defaults]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.FunctionDef):
            continue
        yield node
        children = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.AnnAssign):
            children = [child for child in children if child is not node.annotation]
        waiting += children


def _condition_negated(walk: _Walk, node: ast.AST) -> Iterator[tuple[Edit, ...]]:
    if isinstance(node, ast.If | ast.IfExp) or (isinstance(node, ast.While) and not _is_true(node.test)):
        yield ((*walk.span(node.test), f"not ({walk.text(node.test)})"),)
    if isinstance(node, ast.comprehension):
        for test in node.ifs:
            yield ((*walk.span(test), f"not ({walk.text(test)})"),)


def _condition_dropped(walk: _Walk, node: ast.AST) -> Iterator[tuple[Edit, ...]]:
    """All of it, or one of its clauses."""
    tests = [node.test] if isinstance(node, ast.If | ast.IfExp) else []
    tests += node.ifs if isinstance(node, ast.comprehension) else []
    for test in tests:
        yield ((*walk.span(test), "True"),)
        if isinstance(node, ast.If):
            yield ((*walk.span(test), "False"),)
    if isinstance(node, ast.BoolOp):
        neutral = str(isinstance(node.op, ast.And))
        for clause in node.values:
            yield ((*walk.span(clause), neutral),)


def _clause_dropped(walk: _Walk, node: ast.AST) -> Iterator[tuple[Edit, ...]]:
    """Of a ConditionExpression: something that is always so stands in its place, with the same values, since
    DynamoDB refuses values that no expression uses.
    """
    if not (isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_condition(node.value)):
        return
    clauses = _clauses(node.value)
    for number, clause in enumerate(clauses):
        values = re.findall(r":\w+", clause)
        true = [f"{value} = {value}" for value in values]
        others = clauses[:number] + true + clauses[number + 1 :]
        left = " AND ".join(others) or "(attribute_exists(PK) OR attribute_not_exists(PK))"
        yield ((*walk.span(node), repr(left)),)


def _is_condition(text: str) -> bool:
    return not re.match(r"(ADD|SET|REMOVE|DELETE) ", text) and bool(
        re.search(r"attribute_(not_)?exists\(|contains\(|[=<>] :\w", text)
    )


def _clauses(text: str) -> list[str]:
    """Parted at the ANDs that stand in no parentheses."""
    parts, depth, found = text.split(" AND "), 0, [""]
    for part in parts:
        found[-1] = f"{found[-1]} AND {part}" if depth else part
        depth += part.count("(") - part.count(")")
        if not depth:
            found.append("")
    return found[:-1]


def _statements_swapped(walk: _Walk, node: ast.AST) -> Iterator[tuple[Edit, ...]]:
    for name in ("body", "orelse", "finalbody"):
        body = getattr(node, name, None)
        for first, second in itertools.pairwise(body if isinstance(body, list) else []):
            if _may_move(first) and _may_move(second) and not (_bound(first) & _used(second)):
                yield (
                    (*walk.span(first), walk.text(second)),
                    (*walk.span(second), walk.text(first)),
                )


def _may_move(statement: ast.AST) -> bool:
    return isinstance(statement, ast.Expr | ast.Assign | ast.AugAssign | ast.If | ast.For) and not (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _bound(statement: ast.AST) -> set[str]:
    return {
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _used(statement: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


def _call_left_out(walk: _Walk, node: ast.AST) -> Iterator[tuple[Edit, ...]]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield ((*walk.span(node), "pass"),)


_NEXT = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">"}


def _off_by_one(walk: _Walk, node: ast.AST) -> Iterator[tuple[Edit, ...]]:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield ((*walk.span(node), str(node.value + 1)),)
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _NEXT:
        becomes = _NEXT[type(node.ops[0])]
        start, end = walk.span(node.left)[1], walk.span(node.comparators[0])[0]
        yield ((start, end, f" {becomes} "),)


def _read_made_eventual(walk: _Walk, node: ast.AST) -> Iterator[tuple[Edit, ...]]:
    if isinstance(node, ast.keyword) and node.arg == "ConsistentRead" and _is_true(node.value):
        yield ((*walk.span(node.value), "False"),)
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "ConsistentRead" and _is_true(value):
                yield ((*walk.span(value), "False"),)


def _except_removed(walk: _Walk, node: ast.AST) -> Iterator[tuple[Edit, ...]]:
    """What was caught rises."""
    if isinstance(node, ast.ExceptHandler) and not _rises(node.body[0]):
        yield ((walk.span(node.body[0])[0], walk.span(node.body[-1])[1], "raise"),)


def _rises(node: ast.AST) -> bool:
    return isinstance(node, ast.Raise) and node.exc is None


def _is_true(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _one_line(text: bytes) -> str:
    return " ".join(text.decode().split())


_OPERATORS = (
    _condition_negated,
    _condition_dropped,
    _clause_dropped,
    _statements_swapped,
    _call_left_out,
    _off_by_one,
    _read_made_eventual,
    _except_removed,
)
