"""The page of an exploration: what struck where, and the story of each failure."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reports import exploration_plots as plots


def contents(directory: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows beside summary.json; the timelines of failures lie in the exploration's folder."""
    stories = sorted(
        (directory / "failures").glob("*/timeline.txt"),
        key=lambda path: int(path.parent.name.partition("-")[0]),
    )
    by_strokes = {int(strokes): trials for strokes, trials in summary["emulationsByStrokes"].items()}
    covered = summary.get("coverage", {})
    beyond = sum(map(len, covered.get("beyond", {}).values()))
    return {
        "to_reach": covered.get("branches", 0) - beyond,
        "growth": plots.branches_reached(covered["growth"], summary["trials"], covered["branches"] - beyond)
        if covered.get("growth")
        else "",
        "struck": sum(summary["strokes"].values()),
        "preempted": "preempted" in summary["places"],
        "preemptions": summary.get("preemptions", 0),
        "places": plots.strokes_by_place(summary["places"]) if any(summary["places"].values()) else "",
        "per_emulation": plots.strokes_per_emulation(
            by_strokes, "preemptions" if "preempted" in summary["places"] else "faults that struck"
        ),
        "stories": [path.read_text(encoding="utf-8") for path in stories],
    }
