"""Sets of RE2 expressions, built once for all environments of a process.

An environment imports its application anew, and what that builds out of constants is built anew with it: a
set of a hundred expressions takes 30 ms, more than the rest of an import. What an import costs on AWS is
measured in a process of its own, so virtual time knows nothing of this. Runs that measure their compute as
they go do without.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

_MOST = 64
"""Sets that are kept; an application that makes them of its inputs has no use for this."""

_built: dict[tuple[object, ...], Any] = {}
"""Compiled sets by anchor, options and expressions; nothing changes them any more."""
_added: dict[tuple[object, ...], Exception | None] = {}
"""Whether RE2 takes an expression: the error that it raises, if it does."""


@contextmanager
def shared() -> Iterator[None]:
    """For as long as the context lasts, equal sets are one. Does nothing where RE2 is not installed."""
    try:
        import re2
    except ImportError:
        yield
        return
    with mock.patch.object(re2, "Set", _set(re2)):
        yield


def _set(re2: Any) -> type:
    original = re2.Set

    class Set(original):  # type: ignore[misc, valid-type]
        """Gathers its expressions, and takes the set of them that there is when it is compiled."""

        __slots__ = ("_anchor", "_expressions", "_key", "_options")
        _set: Any

        def __init__(self, anchor: object, options: Any = None) -> None:
            super().__init__(anchor, options)
            self._anchor, self._options = anchor, options or re2.Options()
            self._key = (anchor, *(getattr(self._options, name) for name in re2.Options.NAMES))
            self._expressions: list[object] = []

        def Add(self, pattern: object) -> int:  # noqa: N802
            known = (*self._key, pattern)
            if known not in _added:
                try:
                    original(self._anchor, self._options).Add(pattern)
                    _added[known] = None
                except re2.error as error:
                    _added[known] = error
            if (refused := _added[known]) is not None:
                raise refused
            self._expressions.append(pattern)
            return len(self._expressions) - 1

        def Compile(self) -> None:  # noqa: N802
            whole = (*self._key, *self._expressions)
            if whole not in _built:
                made = original(self._anchor, self._options)
                for pattern in self._expressions:
                    made.Add(pattern)
                made.Compile()
                if len(_built) >= _MOST:
                    _built.clear()
                    _added.clear()
                _built[whole] = made._set
            self._set = _built[whole]

    return Set
