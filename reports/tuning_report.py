"""What a sweep or a search left, for its page; its pictures also lie in files of their own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reports import tuning_plots

MEASURES = ("makespan", "p95")


def contents(directory: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    plots = {
        measure: tuning_plots.front(
            summary["points"], summary["recommended"], summary["fronts"][measure], measure
        )
        for measure in MEASURES
    }
    folder = directory / "pictures"
    folder.mkdir(exist_ok=True)
    for measure, plot in plots.items():
        (folder / f"cost-{measure}.svg").write_text(plot, encoding="utf-8")
    return {"plots": plots}
