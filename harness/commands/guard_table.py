"""What a person sees of a comparison with a base revision."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

MOST_CHANGES = 40
SLOWEST = 3
UNKNOWN = 100.0
"""An interval up to more than this ratio says nothing."""


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
    yield _verdict(numbers)


def _kinds(numbers: Mapping[str, Any]) -> Table:
    counted = {"cpu": "CPU time", "instructions": "instructions"}[numbers["count"]]
    table = _table("kind", counted, "interval", "pairs", "wall time", "interval")
    for kind, row in numbers["kinds"].items():
        wall = row["wall"]
        ratio, of_wall = f"{row['ratio']:.3f}", f"{wall['ratio']:.3f}"
        table.add_row(Text(kind), ratio, _interval(row), str(row["pairs"]), of_wall, _interval(wall))
    return table


def _interval(row: Mapping[str, Any]) -> str:
    return f"{row['low']:.3f} to {row['high']:.3f}" if row["high"] < UNKNOWN else "not known yet"


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


def _verdict(numbers: Mapping[str, Any]) -> str:
    limit, base = f"{numbers['failAbove']:g}", numbers["base"]
    how = f"{numbers['pairs']} pairs in {numbers['realSeconds']:.0f} s"
    match numbers["verdict"]:
        case "slower":
            return f"SLOWER than {base}: {', '.join(numbers['slower'])}; surely above {limit} ({how})"
        case "not slower":
            return f"Not slower than {base}: surely at most {limit} ({how})"
        case "undecided":
            kinds = ", ".join(numbers["undecided"]) or "all"
            return f"Not surely above {limit} of {base}, nor surely below: {kinds} ({how})"
        case _:
            return f"Not decided: interrupted ({how})"
