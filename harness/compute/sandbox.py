"""An execution environment of Lambda: its own environment variables, its own copy of the application's
modules, its own /tmp.

All environments share this Python process and its third-party modules. What makes each one its own is put in
place when a process of it is resumed and put away when it pauses: module globals live exactly as long as
their environment, and so does what libraries keep of it (`shared_state`).
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, ClassVar

import boto3

from harness.compute.branches import NOTE, Branches
from harness.compute.shared_state import SharedState

BLOCK_BYTES = 512
"""What stat(2) counts a file's blocks in."""


class _CachedLoader(importlib.machinery.SourceFileLoader):
    """Compiles a file once for all environments."""

    compiled: ClassVar[dict[str, CodeType | None]] = {}

    def __init__(self, fullname: str, path: str, code: "CodeBase") -> None:
        super().__init__(fullname, path)
        self._code, self._watching = code, code.watching

    def exec_module(self, module: ModuleType) -> None:
        if self._watching is not None:
            vars(module)[NOTE] = self._watching.note
        super().exec_module(module)
        if self._code.imported is not None:
            self._code.imported(module)

    def get_code(self, fullname: str) -> CodeType | None:
        if self._watching is not None and (noting := self._watching.code(self.path)) is not None:
            return noting
        if self.path not in self.compiled:
            self.compiled[self.path] = super().get_code(fullname)
        return self.compiled[self.path]


class CodeBase(importlib.abc.MetaPathFinder):
    """The application's own modules: what lies in the functions' code folders, but for what this process runs
    itself. `imported` is told of each that has been imported; edition: how often its files may have changed.
    """

    def __init__(self, folders: Sequence[Path], handlers: Sequence[str]) -> None:
        self._all = self.folders = tuple(str(folder) for folder in dict.fromkeys(folders))
        names = {handler.partition(".")[0] for handler in handlers}
        for folder in folders:
            found = {entry.stem for entry in folder.glob("*.py")} | {
                entry.parent.name for entry in folder.glob("*/__init__.py")
            }
            names |= {name for name in found if name not in sys.modules}
        self.names = frozenset(names)
        self.watching: Branches | None = None
        self.imported: Callable[[ModuleType], None] | None = None
        self.edition = 0
        self._found: dict[tuple[str, tuple[str, ...]], importlib.machinery.ModuleSpec | None] = {}
        self.forget()

    def forget(self) -> None:
        """The files may have changed: they are read again when they are imported."""
        _CachedLoader.compiled.clear()
        self._found.clear()
        self.edition += 1
        importlib.invalidate_caches()

    @contextmanager
    def watched(self, branches: Branches) -> Iterator[None]:
        """Modules that are imported meanwhile note which of their branches are taken."""
        self.watching = branches
        try:
            yield
        finally:
            self.watching = None

    @contextmanager
    def within(self, folders: Sequence[Path]) -> Iterator[None]:
        """Imports come from these folders only: functions may have modules of the same name."""
        kept = self.choose(folders)
        try:
            yield
        finally:
            self.folders = kept

    def choose(self, folders: Sequence[Path] | None) -> tuple[str, ...]:
        """From now on imports come from these folders, from all of them for None; returns those of before."""
        kept, self.folders = self.folders, tuple(map(str, folders)) if folders is not None else self._all
        return kept

    def owns(self, module: str) -> bool:
        return module.partition(".")[0] in self.names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not self.owns(fullname):
            return None
        places = tuple(path or self.folders)
        if (fullname, places) not in self._found:
            self._found[fullname, places] = importlib.machinery.PathFinder.find_spec(fullname, places, target)
        spec = self._found[fullname, places]
        if spec is None or type(spec.loader) is not importlib.machinery.SourceFileLoader:
            return spec
        loader = _CachedLoader(spec.loader.name, spec.loader.path, self)
        inner = spec.submodule_search_locations
        return importlib.util.spec_from_file_location(
            fullname, spec.origin, loader=loader, submodule_search_locations=inner and list(inner)
        )

    @contextmanager
    def importable(self) -> Iterator[None]:
        """Imports of these modules come from the code folders; the modules that this process had are put away
        meanwhile.
        """
        host = take_modules(self)
        sys.meta_path.insert(0, self)
        try:
            yield
        finally:
            sys.meta_path.remove(self)
            take_modules(self)
            sys.modules.update(host)


def take_modules(code: CodeBase) -> dict[str, ModuleType]:
    """Removes the application's modules from `sys.modules` and returns them."""
    names = code.names  # thousands of modules are looked at, at each import
    return {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in names}


class Sandbox:
    """What an environment has to itself. `enter` and `leave` put it in place and away (see
    `kernel.Scope`). `imported` is told of each module of the application that is imported in it.
    """

    def __init__(
        self,
        code: CodeBase,
        variables: Mapping[str, str],
        folders: Sequence[Path],
        imported: Callable[[ModuleType], None] | None = None,
    ) -> None:
        self._code, self._folders, self._imported = code, folders, imported
        self._modules: dict[str, ModuleType] = {}
        self._known = 0
        self._variables = {os.fsencode(name): os.fsencode(value) for name, value in variables.items()}
        self._host_variables: Any = None
        self._boto_session: boto3.Session | None = None
        self._shared = SharedState()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._host_folder: str | None = None

    def enter(self) -> None:
        environ: Any = os.environ
        self._host_variables, environ._data = environ._data, self._variables
        self._host_folder, tempfile.tempdir = tempfile.tempdir, self._tmp
        boto3.DEFAULT_SESSION, self._boto_session = self._boto_session, boto3.DEFAULT_SESSION
        sys.modules.update(self._modules)
        self._shared.enter()
        self._code.choose(self._folders)
        self._code.imported = self._imported
        self._known = len(sys.modules)

    def leave(self) -> None:
        environ: Any = os.environ
        environ._data = self._host_variables
        tempfile.tempdir = self._host_folder
        self._shared.leave()
        self._code.imported = None
        boto3.DEFAULT_SESSION, self._boto_session = self._boto_session, boto3.DEFAULT_SESSION
        self._code.choose(None)
        if len(sys.modules) == self._known:
            for name in self._modules:
                sys.modules.pop(name, None)
        else:  # something was imported meanwhile
            self._modules = take_modules(self._code)

    @property
    def _tmp(self) -> str:
        """The temporary folder of this environment, made when it is first entered."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="environment-", dir=self._host_folder)
        return self._folder.name

    def stored_bytes(self) -> int:
        """What the files in its /tmp take on the disk."""
        if self._folder is None:
            return 0
        files = (
            os.path.join(folder, name) for folder, _, names in os.walk(self._folder.name) for name in names
        )
        return sum(os.lstat(file).st_blocks * BLOCK_BYTES for file in files)

    def load(self, handler: str) -> Any:
        """Imports the handler "module.function" in this sandbox, which must be entered."""
        module, _, name = handler.replace("/", ".").rpartition(".")
        return getattr(importlib.import_module(module), name)

    def discard(self) -> None:
        """Forgets the environment and its /tmp."""
        self._modules.clear()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
