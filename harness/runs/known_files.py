"""The files that a projection is for, where somebody has them: of an inventory, or in a folder."""

from pathlib import Path

import numpy as np

from harness.config import Config
from harness.errors import UsageError
from harness.fleet import inventory
from harness.fleet.inventory import Listed
from harness.fleet.study import Progress
from harness.runs import application, inputs


def of(config: Config, path: Path, progress: Progress) -> Listed:
    """Those that an inventory lists, or whose units are counted where they lie. Raises `UsageError`."""
    if not path.is_dir() or inventory.is_inventory(path):
        return Listed(inventory.sizes(path))
    what = config.words.unit[1]
    if not config.units:
        raise UsageError(
            f"{path} has no inventory in it; to count the {what} of its files, [tool.harness] "
            'units = "module:function" must name what does'
        )
    count = application.function(config, config.units, "what counts units")
    found = inputs.collect([path], config.input_suffixes)
    units = []
    with progress(f"Counting {what}", len(found)) as tell:
        for number, file in enumerate(found, 1):
            try:
                units.append(count(file.path.read_bytes()))
            except Exception as error:  # of whatever class the application has for a file that is none
                raise UsageError(f"{file.path}: its {what} cannot be counted: {error}") from error
            tell(number)
    sizes = np.array([file.path.stat().st_size for file in found], dtype=np.int64)
    return Listed(sizes, np.array(units, dtype=np.int32))
