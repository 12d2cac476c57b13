"""Modules of the application, by what imports what in their source."""

import ast
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

from harness.compute.sandbox import CodeBase


def reached(names: Collection[str], code: CodeBase, only_top: bool = False) -> dict[str, Path]:
    """The modules with these names and all of the application's that they import, directly or not, with their
    files; `only_top`: by statements at the top of a module, which run when it is imported.
    """
    found: dict[str, Path] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found or not code.owns(name) or (path := file_of(name, code)) is None:
            continue
        found[name] = path
        parent = name.rpartition(".")[0]
        if parent:
            waiting.append(parent)
        waiting += _imported(path.read_bytes(), only_top)
    return found


@lru_cache(maxsize=256)
def may_import(name: str, folders: tuple[Path, ...], code: CodeBase, edition: int) -> frozenset[str]:
    """The application's modules that a module with these folders imports at any time, by its source. edition:
    of the code, which may change.
    """
    with code.within(folders):
        return frozenset(reached([name], code))


@lru_cache(maxsize=1024)
def _imported(source: bytes, only_top: bool) -> tuple[str, ...]:
    """Names that a module's source imports, and what may be modules in them."""
    tree = ast.parse(source)
    names: list[str] = []
    for node in tree.body if only_top else ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(names)


def file_of(name: str, code: CodeBase) -> Path | None:
    """Where a module of the application lies, in the folders that imports come from; None where nowhere."""
    path: list[str] | None = None
    spec = None
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        spec = code.find_spec(".".join(parts[:count]), path)
        if spec is None:
            return None
        path = list(spec.submodule_search_locations or [])
    return Path(spec.origin) if spec is not None and spec.origin else None
