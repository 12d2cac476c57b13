"""What of the application the harness calls by the name that [tool.harness] gives: the maker of its
sample.
"""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.config import Config
from harness.errors import UsageError


def maker(config: Config) -> Callable[..., Any]:
    """The function that makes inputs. Raises `UsageError` when none is named, or it cannot be imported."""
    name = config.sample.make
    if not name:
        where = f"{config.source} does not" if config.source else f"no pyproject.toml lies in {config.root}"
        raise UsageError(
            "there is no maker of a sample here: [tool.harness] "
            f'sample = {{ make = "module:function" }} names one, and {where}'
        )
    module, _, function = name.partition(":")
    if str(config.root) not in sys.path:
        sys.path.insert(0, str(config.root))
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"{config.source}: the sample's maker {name} cannot be imported: {error}") from error
    return found


def sample(config: Config) -> Path:
    """The folder of the project's sample, made unless it is there."""
    make = maker(config)
    version = getattr(sys.modules[make.__module__], "VERSION", 0)
    folder = config.root / ".harness" / f"sample-{version}-{config.sample.files}-{config.sample.seed}"
    if not (folder / "truth.json").is_file():
        make(folder, config.sample.files, config.sample.seed)
    return folder
