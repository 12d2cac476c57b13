"""One side of a comparison: a process that reads a tree's units when it is told to, and says what each took.

It is run as a file, by the Python of its side's environment, and imports nothing but the standard library
and what it measures: nothing of the harness, which in this tree may be another revision's.

Arguments: the tree, module and function that make the readings, the file that the module is taken from where
the tree has none, and the files with the inputs. It answers in lines of JSON: one when it is ready, and one
for each line that it is told: "read <input> <unit>", or "used" for what it needed so far.
"""

import hashlib
import importlib
import importlib.metadata
import importlib.util
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

Answer = Callable[[dict[str, Any]], None]


def cpu_seconds() -> float:
    """Of this process and its children that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


class Opened:
    """The files of the tree that are opened, its data among them."""

    def __init__(self, tree: str) -> None:
        self._tree = os.path.join(tree, "")
        self.files: set[str] = set()
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str) and arguments[0].startswith(self._tree):
            self.files.add(arguments[0])


def packages(tree: str) -> set[str]:
    """Names of the packages in the tree."""
    return {name for name in os.listdir(tree) if os.path.isfile(os.path.join(tree, name, "__init__.py"))}


def import_from(tree: str) -> None:
    """Imports of the project come from this tree, and from no other one, as an editable installation names
    it. What is installed may hold packages of the same names, but stands behind the tree.
    """
    own = packages(tree)
    installed = tuple(os.path.join(prefix, "") for prefix in {sys.prefix, sys.base_prefix})
    others = [
        entry
        for entry in sys.path
        if entry.startswith(installed) or not any(os.path.exists(os.path.join(entry, name)) for name in own)
    ]
    sys.path[:] = [tree, *others]


def readings_of(module: str, function: str, instead: str) -> Callable[[bytes], Sequence[Callable[[], Any]]]:
    """The function that makes readings: the tree's own, or that of the file where the tree has none."""
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as missing:
        if not f"{module}.".startswith(f"{missing.name}."):
            raise
        spec = importlib.util.spec_from_file_location(module, instead)
        if spec is None or spec.loader is None:
            raise
        found = importlib.util.module_from_spec(spec)
        sys.modules[module] = found
        spec.loader.exec_module(found)
    make: Callable[[bytes], Sequence[Callable[[], Any]]] = getattr(found, function)
    return make


def used(tree: str, opened: Opened) -> list[str]:
    """The tree's files that were needed, relative to it; what is installed there is none of its own."""
    files = {_file(module) for module in list(sys.modules.values())} | opened.files
    within, installed = os.path.join(tree, ""), os.path.join(sys.prefix, "")
    return sorted(
        os.path.relpath(file, tree)
        for file in files
        if file.startswith(within) and not file.startswith(installed) and not file.endswith(".pyc")
    )


def strangers(tree: str, instead: str) -> list[str]:
    """Modules with names of the tree's packages that came from elsewhere."""
    own, within = packages(tree), os.path.join(tree, "")
    return sorted(
        f"{name} from {_file(module)}"
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] in own
        and _file(module)
        and _file(module) != instead
        and not _file(module).startswith(within)
    )


def _file(module: object) -> str:
    return getattr(module, "__file__", None) or ""


def distributions() -> dict[str, str]:
    """What is installed and was imported: its version by its name."""
    named = importlib.metadata.packages_distributions()
    tops = {name.partition(".")[0] for name in list(sys.modules)}
    return {name: importlib.metadata.version(name) for top in tops for name in named.get(top, ())}


def serve(answer: Answer, tree: str, module: str, function: str, instead: str, inputs: Sequence[str]) -> None:
    opened = Opened(tree)
    import_from(tree)
    make = readings_of(module, function, instead)
    readings = []
    for path in inputs:
        with open(path, "rb") as file:
            readings.append(make(file.read()))
    answer({"ready": [len(one) for one in readings]})
    for line in sys.stdin:
        order, *numbers = line.split()
        if order == "used":
            if alien := strangers(tree, instead):
                raise ImportError(f"modules of another tree were imported: {', '.join(alien)}")
            answer({"files": used(tree, opened), "distributions": distributions()})
            continue
        place, unit = map(int, numbers)
        cpu, began = cpu_seconds(), time.perf_counter()
        value = readings[place][unit]()
        seconds, cpu = time.perf_counter() - began, cpu_seconds() - cpu
        digest = hashlib.blake2b(repr(value).encode(), digest_size=8).hexdigest()
        answer({"cpu": cpu, "wall": seconds, "value": digest})


def main() -> None:
    tree, module, function, instead, *inputs = sys.argv[1:]
    told = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what else is printed is no answer

    def answer(message: dict[str, Any]) -> None:
        told.write(json.dumps(message) + "\n")

    try:
        serve(answer, os.path.realpath(tree), module, function, instead, inputs)
    except Exception as error:
        answer({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
