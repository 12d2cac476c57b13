"""Which functions of the application can run at all where recorded calls are replayed: those that somebody
refers to who is not in a recorded call.

Found in the source, on the generous side: a method counts as reached when its class is referred to and
anybody says its name. So some count that never run; but what does not count surely never does.
"""

import ast
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import msgspec

Place = tuple[str, str]
"""A module, and the path of something in it: "Child.ask", or "" for what runs when it is imported."""


class _Part(msgspec.Struct):
    """A function, or what a module or class does when it is made. refers: to places, by name; says:
    attributes of whatever.
    """

    refers: set[Place]
    says: set[str]
    of_class: bool = False


def outside(modules: Mapping[str, Path], handlers: Collection[str], recorded: Collection[str]) -> set[Place]:
    """The functions that may run when these handlers ("module.name") do, outside of the recorded functions
    ("module:name"). All modules are imported.
    """
    parts: dict[Place, _Part] = {}
    imports: dict[Place, Place] = {}
    for module, path in modules.items():
        tree = ast.parse(path.read_bytes())
        imports |= {(module, name): place for name, place in _imported(tree, modules)}
        _collect(module, tree, (), parts)
    barred = {(name.partition(":")[0], name.partition(":")[2]) for name in recorded}
    known = {(handler.rpartition(".")[0], handler.rpartition(".")[2]) for handler in handlers}
    said: set[str] = set()
    found: set[Place] = set()
    while more := {
        place for place in parts.keys() - found - barred if _is_reached(place, parts, known, found, said)
    }:
        found |= more
        for place in more:
            known |= {_resolved(one, imports, modules) for one in parts[place].refers}
            said |= parts[place].says
    return found


def _is_reached(
    place: Place, parts: Mapping[Place, _Part], known: set[Place], found: set[Place], said: set[str]
) -> bool:
    around, _, name = place[1].rpartition(".")
    if not name or place in known:
        return True
    if not around:
        return False
    holder = (place[0], around)
    if not parts[holder].of_class:  # within a function
        return holder in found
    return (holder in known or holder in found) and (name.startswith("__") or name in said)


def _resolved(place: Place, imports: Mapping[Place, Place], modules: Mapping[str, Path]) -> Place:
    """Where something is that a module refers to by a name of its own: "messages.decode", "decode"."""
    module, name = place
    first, _, rest = name.partition(".")
    for _ in range(len(modules)):
        if (module, first) not in imports:
            break
        module, first = imports[module, first]
        if not first:  # a module: what is named in it
            first, _, rest = rest.partition(".")
    return module, first


def _imported(tree: ast.Module, modules: Mapping[str, Path]) -> Iterator[tuple[str, Place]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    yield alias.asname, (alias.name, "")
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                place = (whole, "") if whole in modules else (node.module, alias.name)
                yield alias.asname or alias.name, place


def _collect(module: str, node: ast.AST, where: tuple[str, ...], parts: dict[Place, _Part]) -> None:
    """Adds a function, class or module, and what is in it."""
    part = parts[module, ".".join(where)] = _Part(set(), set(), isinstance(node, ast.ClassDef))
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        waiting: list[ast.AST] = [*node.body]
    else:
        waiting = list(ast.iter_child_nodes(node))
    while waiting:
        one = waiting.pop()
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            _collect(module, one, (*where, one.name), parts)
            waiting += one.decorator_list
            if not isinstance(one, ast.ClassDef):
                waiting += [*one.args.defaults, *filter(None, one.args.kw_defaults)]
            continue
        if isinstance(one, ast.AnnAssign):  # what a type is called is not run
            waiting += [one.target, *([one.value] if one.value else [])]
            continue
        if isinstance(one, ast.Name):
            part.refers.add((module, one.id))
        elif isinstance(one, ast.Attribute):
            part.says.add(one.attr)
            if isinstance(one.value, ast.Name):
                part.refers.add((module, f"{one.value.id}.{one.attr}"))
        waiting += ast.iter_child_nodes(one)
