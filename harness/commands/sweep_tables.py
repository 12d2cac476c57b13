"""What a person sees of a sweep or a search: the grid, and in lines what it says."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from reports import amounts


def grid(numbers: Mapping[str, Any]) -> Table:
    """A line for each setting: what it costs and takes; pale where it is not as wished."""
    words = numbers["words"]
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    names = [axis["name"] for axis in numbers["axes"]]
    for title in (*names, f"$/M {words['unit'][1]}", "above", "95 %", "makespan", "p95", "cold"):
        table.add_column(title, justify="right", no_wrap=True)
    for point in numbers["points"]:
        cells = [Text(point["parameters"][name]) for name in names]
        if point["error"]:
            table.add_row(*cells, "-")
            continue
        each, more = point["dollarsPerMillion"][words["unit"][1]], point.get("more")
        above = ("", "")
        if more and point["parameters"] == numbers["recommended"]:
            above = ("best", "")
        elif more:
            base = point["bill"]["total"] - more["cost"]["mean"]
            above = (f"{more['cost']['mean'] / base:+.2%}", _ends(more["cost"], base, 1))
        times = (duration(point["measures"][name]["mean"]) for name in ("makespan", "p95"))
        cold = f"{point['edges']['coldStarts']:,.0f}"
        cost = f"{each:,.2f}" if each is not None else f"{point['bill']['total']:.6g}"
        table.add_row(*cells, cost, *above, *times, cold, style="" if point["keeps"] else "dim")
    return table


def troubles(numbers: Mapping[str, Any]) -> Iterator[str]:
    """What goes wrong at the edges of the grid."""
    words = numbers["words"]
    for point in numbers["points"]:
        if point["error"]:
            yield f"{setting(point['parameters'])}: {point['error']}"
            continue
        edges = point["edges"]
        named = {
            "timeouts": "timed out",
            "errors": "failed",
            "handedBack": "handed back",
            "throttles": "throttled",
            "refused": "dead letters",
            "partial": f"{words['input'][1]} partial",
            "failed": f"{words['input'][1]} failed",
        }
        told = [f"{amounts.amount(edges[key], 'count')} {name}" for key, name in named.items() if edges[key]]
        told += [f"VIOLATED: {name}" for name in point["violations"]]
        if told:
            yield f"{setting(point['parameters'])}: {', '.join(told)}"


def _ends(more: Mapping[str, Any], base: float, digits: int = 2) -> str:
    """Of a difference, as parts of what it is a difference to."""
    if more["low"] is None or more["high"] is None:
        return ""
    low, high = (100 * more[end] / base for end in ("low", "high"))
    return f"{low:+.{digits}f} to {high:+.{digits}f}"


def verdict(numbers: Mapping[str, Any]) -> Iterator[str]:
    """The recommended setting, the next one, the template's own, why others differ, and the fleet's ranks."""
    wishes = f" of those with {' and '.join(numbers['wishes'])}" if numbers["wishes"] else ""
    if numbers["recommended"] is None:
        none = f": none keeps {' and '.join(numbers['wishes'])}" if wishes else ""
        yield f"No setting can be recommended{none}"
        return
    yield f"Recommended: {setting(numbers['recommended'])}, the cheapest{wishes}"
    best = next(one for one in numbers["points"] if one["parameters"] == numbers["recommended"])
    cost = best["bill"]["total"]
    if second := numbers["flatness"]["second"]:
        yield (
            f"Second best: {setting(second['parameters'])}, {_more(second, cost)}; "
            f"{numbers['flatness']['asGood']} more within {numbers['flatness']['within']:.0%}"
        )
    default = numbers["default"]
    if default and default["parameters"] != numbers["recommended"]:
        yield f"The template's own: {setting(default['parameters'])}, {_more(default, cost)}"
    for point in numbers["points"]:
        if not point["error"] and point.get("why"):
            reasons = ", ".join(
                f"{one['resource']} {one['item']} {one['dollars'] / cost:+.1%}" for one in point["why"]
            )
            yield f"{setting(point['parameters'])} differs by {reasons}"
    if alike := numbers["alike"]:
        told = ", ".join(
            f"{name} {'-' if value is None else format(value, '.2f')}"
            for name, value in alike["spearman"].items()
        )
        yield f"The fleet ranks {alike['settings']} settings alike (Spearman): {told}"


def _more(other: Mapping[str, Any], cost: float) -> str:
    return f"{other['part']:+.2%}" + (f" ({_ends(other, cost)} %)" if other["low"] is not None else "")


def setting(parameters: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in parameters.items())


def duration(seconds: float) -> str:
    """In the largest unit that it has two of."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.2f} s"
