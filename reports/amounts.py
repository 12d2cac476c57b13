"""Numbers of a comparison as people read them."""

from collections.abc import Mapping
from typing import Any

HOUR = 3600
VERDICTS = {"same": "the same", "noise": "noise", "more": "more", "less": "less", "open": "no interval"}
GROUPS = {
    "fleet": "8 million files",
    "bill": "bill of a run",
    "times": "times of a run",
    "work": "work of a run",
    "calls": "API calls a file",
    "found": "found",
}
SURE = ("more", "less")
LEAST = 0.001
"""Of a bill."""


def amount(value: float, unit: str) -> str:
    match unit:
        case "dollars":
            if abs(value) >= 1 or not value:
                return f"${value:,.2f}"
            return f"${value:.6f}" if abs(value) >= 1e-4 else f"${value:.1e}"
        case "seconds":
            return f"{value / HOUR:,.2f} h" if value >= 2 * HOUR else f"{value:,.2f} s"
        case "count":
            return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
        case _:
            return f"{value:,.2f}"


def change(row: Mapping[str, Any]) -> str:
    """By how much B is above A, with the ends of the interval where it has any width."""
    if row["verdict"] == "same":
        return "0"
    if not row["a"]:
        return "new"
    if not row["b"]:
        return "gone"
    told = part(row["difference"] / row["a"])
    low, high = row["low"], row["high"]
    if low is None or high is None:
        return f"{told} %"
    ends = part(low / row["a"]), part(high / row["a"])
    return f"{told} %" if ends[0] == ends[1] else f"{told} % ({ends[0]} to {ends[1]})"


def headed(row: Mapping[str, Any]) -> str:
    """The change in words that can stand alone."""
    if row["verdict"] == "same":
        return VERDICTS["same"]
    return f"{change(row)}, noise" if row["verdict"] == "noise" else change(row)


def part(share: float) -> str:
    return f"{100 * share:+.1f}" if abs(share) >= 0.0995 else f"{100 * share:+.2f}"


def headline(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows that count most, those of them that are known."""
    rows = {(row["group"], row["name"], row["unit"]): row for row in summary["rows"]}
    keys = [tuple(key) for key in summary["headline"]]
    if keys[0] not in rows:  # nothing of a fleet: the runs themselves
        keys = [("bill", "total", "dollars"), ("times", "makespan", "seconds"), *keys]
    return [rows[key] for key in keys if key in rows]


def differing(summary: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], int]:
    """(the rows that differ by more than noise, dollars by how much they matter, and how many are left out):
    below the headline; lines of a bill that move less than a thousandth of it are left out, and a run's own
    where millions of files have theirs.
    """
    shown, top = [], headline(summary)
    totals = {row["group"]: row["a"] for row in summary["rows"] if row["name"] == "total"}
    differ = [row for row in summary["rows"] if row["verdict"] not in ("same", "noise") and row not in top]
    for row in differ:
        of_bill = row["unit"] == "dollars"
        if of_bill and row["group"] == "bill" and "fleet" in totals and row["name"] != "total":
            continue
        if of_bill and abs(row["difference"]) < LEAST * totals[row["group"]]:
            continue
        shown.append(row)
    groups = list(GROUPS)
    shown.sort(key=lambda row: (groups.index(row["group"]), _importance(row)))
    return shown, len(differ) - len(shown)


def _importance(row: Mapping[str, Any]) -> float:
    return -abs(row["difference"]) if row["unit"] == "dollars" else 0.0


def titled(row: Mapping[str, Any]) -> str:
    return f"{GROUPS.get(row['group'], row['group'])}: {row['name']}"


def counts(summary: Mapping[str, Any]) -> str:
    """How many lines differ surely, by noise, and not at all."""
    verdicts = [row["verdict"] for row in summary["rows"]]
    differ, noise = sum(one in (*SURE, "open") for one in verdicts), verdicts.count("noise")
    told = [
        f"{differ} of {len(verdicts)} lines differ",
        *([f"{noise} by no more than noise"] if noise else []),
        f"{verdicts.count('same')} are the same",
    ]
    return ", ".join(told)


def how(summary: Mapping[str, Any]) -> str:
    """What the intervals are."""
    seeds = len(summary["seeds"])
    if seeds > 1:
        return f"{seeds} paired seeds; 95 % intervals of the differences, by Student's t"
    if summary["unprojected"]:
        return "one run each: no interval"
    return "one run each: no interval, but for the fleet's (5 % to 95 %, drawn for both together)"


def judged(summary: Mapping[str, Any]) -> list[str]:
    """What the guards say; nothing when there are none."""
    told = []
    guard = summary["guard"]
    if guard is not None:
        limit = f"{100 * guard['failAbove']:g} %"
        if guard["undecided"]:
            return [f"NOT DECIDED on the {guard['on']}: {guard['undecided']}", *_of_lost(summary)]
        said = "FAILS: surely" if guard["failed"] else "Passes: not surely"
        told.append(f"{said} more than {limit} above A in its {guard['on']}")
    return [*told, *_of_lost(summary)]


def _of_lost(summary: Mapping[str, Any]) -> list[str]:
    if not summary["failOnLostFindings"]:
        return []
    return ["FAILS: findings are lost" if summary["lost"] else "Passes: no finding is lost"]
