"""What a module of the pipeline imports, read from its source: other modules of the pipeline, and modules of
others. Imports within functions count, those under TYPE_CHECKING do not.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Closure(NamedTuple):
    """files: of the application's own modules; others: names of top-level modules that are not its own."""

    files: list[Path]
    others: set[str]


def closure(module: str, root: Path) -> Closure:
    """All that `module` imports, directly or not; the application's modules lie in `root`.

    Raises `FileNotFoundError` when there is no such module.
    """
    own = module.partition(".")[0]
    files: dict[str, Path] = {}
    others: set[str] = set()
    waiting = [module]
    if _file(module, root) is None:
        raise FileNotFoundError(f"{root} has no module {module}")
    while waiting:
        name = waiting.pop()
        if name.partition(".")[0] != own:
            others.add(name.partition(".")[0])
            continue
        path = _file(name, root)
        if name in files or path is None:  # a name within a module is none itself
            continue
        files[name] = path
        waiting += [name.rpartition(".")[0] or name, *_imported(ast.parse(path.read_bytes()))]
    return Closure(sorted(files.values()), others)


def _file(name: str, root: Path) -> Path | None:
    place = root.joinpath(*name.split("."))
    return next((one for one in (place.with_suffix(".py"), place / "__init__.py") if one.is_file()), None)


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _imported(ast.Module(node.orelse, []))
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level or not node.module:
                raise SyntaxError(f"line {node.lineno}: relative imports are not followed")
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from _imported(node)
