"""What a person sees of a comparison with a base revision."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from reports import ratios

MOST_CHANGES = 40
SLOWEST = 3


def tables(numbers: Mapping[str, Any]) -> Iterator[Table]:
    """The ratio of each kind, and what became slowest; nothing before the first look."""
    if numbers["kinds"]:
        yield _kinds(numbers)
        yield _slowest(numbers["units"][:SLOWEST])


def lines(numbers: Mapping[str, Any]) -> Iterator[str]:
    """What differs on the way, and the verdict."""
    changes = numbers["changes"]
    for change in changes[:MOST_CHANGES]:
        counted = "" if change["added"] is None else f" +{change['added']} -{change['removed']}"
        yield f"  changed on the way: {change['path']}{counted}"
    if len(changes) > MOST_CHANGES:
        yield f"  ... and {len(changes) - MOST_CHANGES} more files in summary.json"
    if numbers["kinds"] and not changes:
        yield "Nothing that is needed on the way differs between the two."
    for name, (then, now) in numbers["requirements"].items():
        yield f"  required otherwise: {name} {then}, here {now or 'not at all'}"
    if numbers["otherwise"]:
        yield f"  read otherwise than by the base: {', '.join(numbers['otherwise'])}"
    yield f"{ratios.verdict(numbers)} ({ratios.how(numbers)})"


def _kinds(numbers: Mapping[str, Any]) -> Table:
    table = _table("kind", ratios.COUNTED[numbers["count"]], "interval", "pairs", "wall time", "interval")
    for kind, row in numbers["kinds"].items():
        wall = row["wall"]
        ratio, of_wall = f"{row['ratio']:.3f}", f"{wall['ratio']:.3f}"
        table.add_row(
            Text(kind), ratio, ratios.interval(row), str(row["pairs"]), of_wall, ratios.interval(wall)
        )
    return table


def _slowest(units: Sequence[Mapping[str, Any]]) -> Table:
    table = _table("slowest against the base", "ratio", "CPU s", "of the base")
    for row in units:
        seconds = f"{row['cpuSeconds']:.3f}", f"{row['baseCpuSeconds']:.3f}"
        table.add_row(Text(row["unit"]), f"{row['ratio']:.3f}", *seconds)
    return table


def _table(first: str, *numbers: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(first)
    for title in numbers:
        table.add_column(title, justify="right")
    return table
