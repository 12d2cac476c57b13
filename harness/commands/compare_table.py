"""What a person sees of a comparison: the lines that differ, and what the guards say."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from reports import amounts

MOST_UNITS = 20


def table(numbers: Mapping[str, Any]) -> Table:
    """The headline, and all that surely differs, or may."""
    found = Table(box=None, header_style="bold", pad_edge=False)
    for place, title in enumerate(("", "A", "B", "change", "")):
        found.add_column(title, justify="right" if 0 < place < 4 else "left", overflow="fold")
    headline = amounts.headline(numbers)
    differ, _ = amounts.differing(numbers)
    shown = [row for row in numbers["rows"] if row in headline] + differ
    group = ""
    for row in sorted(shown, key=lambda row: list(amounts.GROUPS).index(row["group"])):
        if row["group"] != group:
            group = row["group"]
            found.add_row(Text(amounts.GROUPS[group], style="bold"))
        sides = [amounts.amount(row[side], row["unit"]) for side in "ab"]
        found.add_row(Text(f"  {row['name']}"), *sides, amounts.change(row), amounts.VERDICTS[row["verdict"]])
    return found


def lines(numbers: Mapping[str, Any]) -> Iterator[str]:
    """Lost findings come first."""
    unit = numbers["words"]["unit"][0]
    for title, units in (("LOST", numbers["lost"]), ("gained", numbers["gained"])):
        for one in units[:MOST_UNITS]:
            sides = " -> ".join(", ".join(filter(None, one[side])) or "nothing" for side in "ab")
            yield f"{title}: {one['input']} {unit} {one['unit']} {one['type']}: {sides}"
        if len(units) > MOST_UNITS:
            yield f"{title}: {len(units) - MOST_UNITS} more, in summary.json"


def verdict(numbers: Mapping[str, Any]) -> Iterator[str]:
    _, left_out = amounts.differing(numbers)
    if left_out:
        yield f"... and {left_out} lines of the bills that matter less, in the report"
    yield f"{amounts.counts(numbers)} ({amounts.how(numbers)})"
    if numbers["differs"]:
        yield f"Run otherwise: {'; '.join(numbers['differs'])}"
    else:
        yield "Same inputs, seeds and parameters on both sides"
    if numbers["unprojected"]:
        yield f"Nothing is projected: {numbers['unprojected']}"
    for note in numbers["notes"]:
        yield f"Note: {note}"
    yield from amounts.judged(numbers)
