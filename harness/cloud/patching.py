"""Many named patches at once."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any


@contextmanager
def applied(patches: Mapping[str, Callable[[], Any]]) -> Iterator[None]:
    """All of them, for as long as the context lasts."""
    with ExitStack() as stack:
        for patch in patches.values():
            stack.enter_context(patch())
        yield
