"""Page numbers as people write them."""

from itertools import groupby


def ranges(pages: list[int]) -> str:
    """Ascending page numbers, runs drawn together: "1-3, 7"."""
    runs = [[page for _, page in run] for _, run in groupby(enumerate(pages), lambda pair: pair[1] - pair[0])]
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
