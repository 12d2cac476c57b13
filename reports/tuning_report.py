"""What a sweep or a search left, for its page; its pictures also lie in files of their own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reports import tuning_plots

MEASURES = ("makespan", "p95")


def contents(directory: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    points, axes = summary["points"], [axis["name"] for axis in summary["axes"]]
    fronts = {
        measure: tuning_plots.front(points, summary["recommended"], summary["fronts"][measure], measure)
        for measure in MEASURES
    }
    curves = {}
    for axis in axes:
        others = [name for name in axes if name != axis]
        if (drawn := tuning_plots.curves(points, axis, others)) is not None:
            curves[axis] = drawn
    folder = directory / "pictures"
    folder.mkdir(exist_ok=True)
    for name, plot in {**{f"cost-{one}": plot for one, plot in fronts.items()}, **curves}.items():
        (folder / f"{name}.svg").write_text(plot, encoding="utf-8")
    return {"fronts_drawn": fronts, "curves": curves}
