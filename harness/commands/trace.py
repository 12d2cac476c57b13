"""`harness trace`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.errors import UsageError


def trace(
    directory: Annotated[Path, typer.Argument(help="Folder of a run.")],
    to_perfetto: Annotated[
        bool, typer.Option("--perfetto", help="Write a timeline for ui.perfetto.dev.")
    ] = False,
) -> None:
    """Turns the trace of a run into a timeline."""
    source = directory / "trace.jsonl"
    if not source.is_file():
        raise UsageError(f"{directory} holds no run: trace.jsonl is missing")
    if not to_perfetto:
        raise UsageError("say what to make of the trace: --perfetto")
    from harness import recorder
    from harness.commands.console import Screen
    from harness.runs import perfetto

    target = directory / "trace.perfetto.json"
    target.write_bytes(perfetto.timeline(recorder.read(source)))
    Screen().say(f"Timeline: {target} (open it at ui.perfetto.dev)")
