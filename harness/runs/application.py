"""What of the application the harness calls by the name that [tool.harness] gives: the makers of its inputs,
and what finds in lines of text.
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
    return function(config, name, "the sample's maker")


def function(config: Config, name: str, what: str) -> Callable[..., Any]:
    """The function "module:name" of the project. Raises `UsageError` when it cannot be imported."""
    module, _, attribute = name.partition(":")
    if str(config.root) not in sys.path:
        sys.path.insert(0, str(config.root))
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"{config.source}: {what} {name} cannot be imported: {error}") from error
    return found


def sample(config: Config) -> Path:
    """The folder of the project's sample, made unless it is there."""
    return _folder(config, "sample", maker(config), config.sample.files, config.sample.seed)


def made(config: Config, name: str, files: int) -> Path:
    """The folder of what the maker "module:function" makes, made unless it is there."""
    short = name.partition(":")[0].rpartition(".")[2]
    return _folder(config, short, function(config, name, "the maker"), files, config.sample.seed)


def tuning(config: Config, progress: Callable[..., Any]) -> Path:
    """The folder of the corpus that settings are tried on, made unless it is there. Raises `UsageError` when
    no maker is named.
    """
    chosen = config.tuning
    if not chosen.make:
        raise UsageError(
            "nothing to try settings on: give input files or folders of them; "
            '[tool.harness] tuning = { make = "module:function" } would name a maker'
        )
    make = function(config, chosen.make, "the maker of the tuning corpus")
    return _folder(config, "tuning", make, chosen.files, chosen.seed, progress)


def pool(config: Config, progress: Callable[..., Any]) -> Path:
    """The folder of the inputs that worlds are put together from, made unless it is there; the sample where
    no maker is named.
    """
    chosen = config.explore.pool
    if not chosen.make:
        return sample(config)
    make = function(config, chosen.make, "the maker of the pool")
    return _folder(config, "pool", make, chosen.files, chosen.seed, progress)


def _folder(
    config: Config,
    name: str,
    make: Callable[..., Any],
    files: int,
    seed: int,
    progress: Callable[..., Any] | None = None,
) -> Path:
    version = getattr(sys.modules[make.__module__], "VERSION", 0)
    folder = config.root / ".harness" / f"{name}-{version}-{files}-{seed}"
    if not (folder / "truth.json").is_file():
        if progress is None:
            make(folder, files, seed)
        else:
            with progress("Making files", files) as tell:
                make(folder, files, seed, tell)
    return folder
