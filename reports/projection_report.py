"""The page of a projection: the estimate beside it, what it depends on, how the days go."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from reports import projection_plots as plots

SLIDERS = {
    "pages": "pages a file",
    "seconds": "CPU seconds a page",
    "batch": "pages a batch, at most",
    "memory": "memory of a worker, MB",
    "workers": "workers at once",
}
"""Settings that the explorer changes, and what they are called."""


def contents(directory: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows beside summary.json."""
    compared = [row for row in summary["seedEstimate"] if row["low"] is not None]
    told = summary["explorer"] | {
        "files": summary["files"],
        "stages": [stage["function"] for stage in summary["stages"]],
    }
    return {
        "estimate_plot": plots.estimate(compared) if compared else "",
        "tornado_plot": plots.tornado(summary["tornado"], summary["bill"]["total"]),
        "break_even_plot": plots.break_even(summary["breakEven"]),
        "compared_plot": plots.compared(told_of)
        if (told_of := summary["validationOverTime"])["levels"]
        else "",
        "over_time_plot": plots.over_time(summary["overTime"]),
        "explorer_labels": SLIDERS,
        "explorer_surface": _in_script(told),
    }


def _in_script(told: object) -> Markup:
    """JSON that may stand in an element of a page's script."""
    return Markup(json.dumps(told).replace("<", "\\u003c"))  # noqa: S704 our own
