"""What `sweep` and `search` have in common: what is tried on, where, and what is left of it."""

import csv
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.commands import choices
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.runs.rig import ComputeKind, Options
    from harness.tuning.grid import Axis
    from harness.tuning.point import Outcome
    from harness.tuning.trials import Trials
    from harness.tuning.wishes import Wish


class Wanted:
    """A command's choices. backend: (name, address, jobs); fleet: (files, pages of one, bytes of one, rate)
    to project, None to emulate. Raises `UsageError`.
    """

    def __init__(
        self,
        paths: list[Path] | None,
        template: Path | None,
        out: Path,
        *,
        seeds: int,
        backend: tuple[str | None, str | None, int | None],
        fleet: tuple[int, str | None, float, float | None] | None,
        kind: str,
    ) -> None:
        from harness.runs import out_folder
        from harness.tuning import backends
        from harness.tuning.fleet_point import Files
        from harness.tuning.sweep import KIND

        self.config = choices.config(template)
        self.source = template or self.config.root / self.config.template
        self._paths, self._template, self._out, self._kind = paths, template, out, kind
        self._seeds = seeds
        self._backend = backends.chosen(*backend)
        out_folder.check(out, KIND.name, KIND.kept, KIND.summaries)
        self._files = None
        if fleet is not None:
            count, pages, size, rate = fleet
            self._files = Files(count=count, pages=pages or "", size_bytes=size, rate=rate)
            if pages:
                import numpy as np

                from harness.fleet import workload

                workload.counts_of(pages, 1, np.random.default_rng(0))
        self._began = time.monotonic()

    def options(self, *, faults: str, compute: "ComputeKind", **chosen: Any) -> "Options":
        from harness.faults import scenario

        if compute == "measured":
            raise UsageError(
                "--compute measured would try each setting on other measurements: take recorded or modelled"
            )
        return choices.options(
            self.config, self._template, {}, compute=compute, faults=scenario.load(faults), **chosen
        )

    @contextmanager
    def trials(self, axes: "Sequence[Axis]", options: "Options", shards: int) -> "Iterator[Trials]":
        """With the folder for the results held."""
        from harness.commands.console import Screen
        from harness.runs import application, inputs, out_folder
        from harness.tuning.sweep import KIND
        from harness.tuning.trials import Trials

        self.screen = Screen()
        paths = self._paths or [application.tuning(self.config, self.screen.progress)]
        found = inputs.collect(paths, self.config.input_suffixes)
        with out_folder.held(self._out, KIND):
            yield Trials(
                self.config,
                found,
                options,
                axes,
                out=self._out,
                seeds=self._seeds,
                backend=self._backend,
                progress=self.screen.progress,
                files=self._files,
                shards=shards,
            )

    def finish(
        self,
        trials: "Trials",
        axes: "Sequence[Axis]",
        outcomes: "Sequence[Outcome]",
        wishes: "Sequence[Wish]",
        more: dict[str, Any] | None = None,
    ) -> None:
        """Writes and shows what came of it."""
        import msgspec

        from harness.commands.reporting import write_report
        from harness.tuning import sweep

        projected = None if self._files is None else msgspec.to_builtins(self._files)
        tried = list({tuple(one.parameters.items()): one.parameters for one in outcomes}.values())
        numbers = sweep.numbers(
            self.config,
            trials,
            axes,
            outcomes,
            wishes,
            kind=self._kind,
            by_fleet=trials.by_fleet(tried) if projected is None else None,
            projected=projected,
            began=self._began,
        ) | (more or {})
        out = self._out
        (out / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(numbers), indent=1))
        with (out / "table.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(sweep.table(axes, outcomes))
        write_report(out)
        self.screen.sweep(msgspec.json.decode((out / "summary.json").read_bytes()), out)
