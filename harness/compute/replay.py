"""Recorded functions outside of an emulation: what is recorded of them is not computed again."""

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.compute.ledger import Ledger
from harness.compute.policies import Recorded
from harness.compute.sandbox import CodeBase
from harness.config import RecordedFunction


@contextmanager
def replayed(ledger: Path, root: Path, recorded: Sequence[RecordedFunction]) -> Iterator[None]:
    """Meanwhile the functions, of modules in the folder `root`, give what the ledger holds of them."""
    kept = Ledger(ledger)
    code = CodeBase([root], [spec.module for spec in recorded])
    policy = Recorded(kept, code)
    originals = [(spec, importlib.import_module(spec.module)) for spec in recorded]
    functions = [getattr(module, spec.name) for spec, module in originals]
    try:
        for (spec, module), function in zip(originals, functions, strict=True):
            setattr(module, spec.name, _replaying(policy, spec, function))
        yield
    finally:
        for (spec, module), function in zip(originals, functions, strict=True):
            setattr(module, spec.name, function)
        kept.close()


def _replaying(policy: Recorded, spec: RecordedFunction, function: Callable[..., Any]) -> Callable[..., Any]:
    def replaying(*args: Any, **kwargs: Any) -> Any:
        outcome = policy.replay(spec, function, args, kwargs)
        if outcome.error is not None:
            raise outcome.error
        return outcome.value

    return replaying
