"""What a person sees of a command: a progress bar on a terminal, a table of what came of a run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from harness.exploration.findings import Failure
from harness.runs.run import FileLine
from reports.page_ranges import ranges

MOST_ROWS = 40


class Screen:
    """Standard output for results, standard error for progress (nothing there when it is no terminal)."""

    def __init__(self) -> None:
        self._out = Console(highlight=False)
        self._err = Console(stderr=True)

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        if not self._err.is_terminal:
            yield lambda _: None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._err, transient=True, redirect_stdout=False, redirect_stderr=False) as bar:
            task = bar.add_task(title, total=total)
            yield lambda done: bar.update(task, completed=done)

    def say(self, text: str) -> None:
        self._out.print(text, markup=False, soft_wrap=True)

    def run(self, numbers: Mapping[str, Any], files: Sequence[FileLine], out: Path) -> None:
        """The files with what was found in them, then the headline numbers."""
        self._out.print(_files(files))
        if len(files) > MOST_ROWS:
            self.say(f"... and {len(files) - MOST_ROWS} more files in {out / 'results'}")
        self._out.print(_headline(numbers))
        for violation in numbers["invariants"]["violations"]:
            self.say(f"VIOLATED: {violation['invariant']}: {violation['detail']}")
        self.say(f"Results: {out / 'results'}   Report: {out / 'report.html'}   Numbers: {out / 'summary.json'}")

    def healing(self, numbers: Mapping[str, Any]) -> None:
        """What a redrive mended."""
        before, after = numbers["before"], numbers["after"]
        for name, counts in (("before the redrive", before), ("after it", after)):
            self.say(f"{name}: {counts['completed']} completed, {counts['partial']} partial, {counts['failed']} failed")
        self.say(f"{numbers['messages']} messages were given back")

    def exploration(self, numbers: Mapping[str, Any], failures: Sequence[Failure], out: Path) -> None:
        """What was tried, which faults struck, and how to see each failure again."""
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_row("[bold]emulations[/bold]", f"{numbers['trials']} of {numbers['scenario']}, {numbers['invocations']} invocations")
        strokes = ", ".join(f"{count} {kind}" for kind, count in numbers["strokes"].items())
        table.add_row("[bold]faults[/bold]", f"{sum(numbers['strokes'].values())}: {strokes}")
        table.add_row("[bold]time[/bold]", f"{numbers['virtualSeconds'] / 3600:.1f} virtual hours in {numbers['realSeconds']:.1f} s")
        table.add_row("[bold]invariants[/bold]", f"broken in {numbers['failed']} of {numbers['trials']} emulations")
        self._out.print(table)
        for failure in failures:
            self.say("")
            for violation in failure.small.violations:
                self.say(f"VIOLATED: {violation.invariant}: {violation.detail}")
            if failure.small.error:
                self.say(f"BROKE: {failure.small.error}")
            for kind, points in failure.small.strokes.items():
                self.say(f"  by {kind} at its opportunities {', '.join(map(str, points))}")
            self.say(f"  see {failure.folder / 'timeline.txt'}; again: {failure.command}")
        self.say(f"Report: {out / 'report.html'}")


def _files(files: Sequence[FileLine]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("file", "status", "pages", "NPI pages", "remarks"):
        table.add_column(title, justify="right" if title == "pages" else "left", overflow="fold")
    for line in files[:MOST_ROWS]:
        remarks = line.reason or ", ".join(line.found)
        table.add_row(line.name, line.status, str(line.pages), ranges(line.npi_pages) or "-", remarks)
    return table


def _headline(numbers: Mapping[str, Any]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    files, pages, ocr = numbers["files"], numbers["pages"], numbers["ocr"]
    latency, throughput = numbers["fileLatency"], numbers["throughput"]
    invocations = numbers["invocations"].values()
    rows = {
        "files": f"{files['total']}: {files['completed']} completed, {files['partial']} partial, {files['failed']} failed",
        "pages": f"{pages['total']}: {pages['npi']} with NPI, {pages['errors']} could not be read",
        "virtual time": f"{numbers['virtualSeconds']:.1f} s (emulated in {numbers['realSeconds']:.1f} s)",
        "throughput": f"{throughput['filesPerSecond']:.2f} files/s, {throughput['pagesPerSecond']:.2f} pages/s",
        "upload to result": f"p50 {latency['p50']:.1f} s, p95 {latency['p95']:.1f} s, p99 {latency['p99']:.1f} s",
        "OCR": f"{ocr['cpuSeconds']:.1f} CPU s, {ocr['cpuSecondsPerPage']:.2f} s a page",
        "invocations": f"{sum(entry['count'] for entry in invocations)}, {sum(entry['coldStarts'] for entry in invocations)} cold, "
        f"{sum(entry['errors'] + entry['timeouts'] for entry in invocations)} failed, "
        f"{sum(entry['billedMs'] for entry in invocations) / 1000:.1f} s billed",
        "invariants": f"{len(numbers['invariants']['checked'])} checked, {len(numbers['invariants']['violations'])} violated",
    }
    for name, value in rows.items():
        table.add_row(f"[bold]{name}[/bold]", value)
    return table
