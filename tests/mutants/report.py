"""How many seeds each deliberate bug takes: `python -m tests.mutants.report [hunts]`, the median of several
hunts.
"""

import statistics
import sys
import tempfile
from pathlib import Path

from tests.mutants.catalogue import MUTANTS
from tests.mutants.hunting import hunt

MOST_SEEDS = 200


def main(hunts: int) -> None:
    for mutant in MUTANTS:
        with tempfile.TemporaryDirectory() as folder:
            caught = [
                hunt(mutant, Path(folder) / str(number), 1000 * number, MOST_SEEDS) for number in range(hunts)
            ]
        seeds = [catch.seeds or MOST_SEEDS + 1 for catch in caught]
        found = ", ".join(sorted({invariant for catch in caught for invariant in catch.invariants}))
        print(f"{statistics.median(seeds):5.0f} seeds  {mutant.name}: {found}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
