"""The page of a projection: the estimate beside it, what it depends on, how the days go."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reports import projection_plots as plots


def contents(directory: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows beside summary.json."""
    compared = [row for row in summary["seedEstimate"] if row["low"] is not None]
    return {
        "estimate_plot": plots.estimate(compared) if compared else "",
        "tornado_plot": plots.tornado(summary["tornado"], summary["bill"]["total"]),
        "break_even_plot": plots.break_even(summary["breakEven"]),
        "over_time_plot": plots.over_time(summary["overTime"]),
    }
