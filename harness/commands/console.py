"""What a person sees of a command: progress, and, a table of what came of a run."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic  # the real one, also where an emulation has put its own in the module
from typing import Any, TextIO, cast

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from harness.commands import console_style, sweep_tables
from harness.config import Words
from harness.exploration.findings import PREEMPTED, Failure
from harness.runs.run import FileLine
from harness.runs.summary import work_key
from reports.page_ranges import ranges

MOST_ROWS = 40
STATUSES = ("completed", "partial", "failed")
SECONDS_BETWEEN_LINES = 10.0


MANY_DOLLARS = 10
LARGEST_LINES = 3
UNBOUNDED = 1_000
"""Columns of what goes into a file or a pipe, where no line needs to be broken."""


class _Unpadded:
    """A stream without the spaces that fill up a table's lines: nobody sees where a page would end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        lines = text.split("\n")
        self._stream.write("\n".join([*(line.rstrip(" ") for line in lines[:-1]), lines[-1]]))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Console(Console):
    """Of a terminal as wide as that is; else nothing is broken, unless COLUMNS says where."""

    def __init__(self, *, stderr: bool = False, silent: bool = False) -> None:
        stream = sys.stderr if stderr else sys.stdout
        width = None if stream.isatty() or os.environ.get("COLUMNS", "").isdigit() else UNBOUNDED
        no_color = None if console_style.STYLE.color else True  # None: as NO_COLOR says
        super().__init__(
            file=cast(TextIO, _Unpadded(stream)) if width else None,
            stderr=stderr,
            quiet=silent,
            highlight=False,
            width=width,
            no_color=no_color,
        )

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Screen:
    """Standard output for results, standard error for progress: a bar on a terminal, else a line now and
    then.
    """

    def __init__(self) -> None:
        silent = console_style.STYLE.quiet or console_style.STYLE.only_json
        self._out = _Console(silent=silent)
        self._err = _Console(stderr=True, silent=silent)

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        if not self._err.is_terminal:
            yield self._lines(title, total)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(
            *columns, console=self._err, transient=True, redirect_stdout=False, redirect_stderr=False
        ) as bar:
            task = bar.add_task(title, total=total)
            yield lambda done: bar.update(task, completed=done)

    def _lines(self, title: str, total: int) -> Callable[[int], None]:
        """Says how far it is when the last line is some time ago."""
        began = said = monotonic()

        def tell(done: int) -> None:
            nonlocal said
            now = monotonic()
            if now - said >= SECONDS_BETWEEN_LINES:
                said = now
                of = f" of {total}" if total else ""
                self._err.print(
                    f"{title}: {done}{of} after {now - began:.0f} s", markup=False, soft_wrap=True
                )

        return tell

    def say(self, text: str) -> None:
        self._out.print(text, markup=False, soft_wrap=True)

    def show(self, table: Table) -> None:
        self._out.print(table)

    def left(self, out: Path, **others: str) -> None:
        """The last line of a command: the page and the numbers that it left in a folder, and what others it
        did (title=name of the file); or the numbers themselves.
        """
        if console_style.STYLE.only_json:
            sys.stdout.write((out / "summary.json").read_text(encoding="utf-8").rstrip() + "\n")
            return
        named = {"Report": "report.html", **others, "Numbers": "summary.json"}
        self.say("   ".join(f"{title.replace('_', ' ')}: {out / name}" for title, name in named.items()))

    def run(self, numbers: Mapping[str, Any], files: Sequence[FileLine], out: Path) -> None:
        """The inputs with what was found in them, then the headline numbers."""
        words = Words(**numbers["words"])
        if files:
            self._out.print(_files(files, words))
        if len(files) > MOST_ROWS:
            self.say(f"... and {len(files) - MOST_ROWS} more {words.input[1]} in {out / 'results'}")
        self._out.print(_headline(numbers, words))
        for note in numbers["notes"]:
            self.say(f"Note: {note}")
        for violation in numbers["invariants"]["violations"]:
            self.say(f"VIOLATED: {violation['invariant']}: {violation['detail']}")
        self.left(out, Results="results")

    def healing(self, numbers: Mapping[str, Any]) -> None:
        """What a redrive mended."""
        before, after = numbers["before"], numbers["after"]
        for name, counts in (("before the redrive", before), ("after it", after)):
            self.say(
                f"{name}: {counts['completed']} completed, {counts['partial']} partial, {counts['failed']} "
                f"failed"
            )
        self.say(f"{numbers['messages']} messages were given back")

    def projection(self, numbers: Mapping[str, Any], out: Path) -> None:
        """The estimate beside the projection, how long it takes, and what it depends on."""
        self._out.print(_estimate(numbers))
        spans = [
            sweep_tables.duration(numbers[key]) for key in ("makespanSeconds", "makespanLow", "makespanHigh")
        ]
        table = Table(box=None, show_header=False, pad_edge=False)
        rows = {
            "files": (
                f"{numbers['files']:,} with {numbers['pages']:,} pages in {numbers['batches']:,} batches"
            ),
            "makespan": f"{spans[0]} ({spans[1]} to {spans[2]})",
            "concurrency": f"{numbers['peakConcurrency']:,} invocations at once",
            "busiest": ", ".join(
                f"{stage['function']} {stage['utilisation']:.0%} of {stage['lanes']}"
                for stage in numbers["stages"]
            ),
            "pages a file": ", ".join(
                f"{one['pagesPerFile']}: {dollars(one['dollars'])} in "
                f"{sweep_tables.duration(one['makespanSeconds'])}"
                for one in numbers["pagesBeside"]
            ),
            "calibration": (
                f"{numbers['calibration']['pages']} pages of {numbers['calibration']['made']}, "
                f"{numbers['calibration']['secondsPerPage']:.2f} CPU s a page"
            ),
            "time": f"{numbers['realSeconds']:.1f} s, {numbers['simulationSeconds']:.1f} for the whole fleet",
        }
        for name, value in rows.items():
            table.add_row(f"[bold]{name}[/bold]", value)
        self._out.print(table)
        self.left(out)

    def accuracy(self, numbers: Mapping[str, Any], out: Path) -> None:
        """Recall and precision of each set, of all, and of each type."""
        words = numbers["words"]
        self._out.print(_verdicts(numbers["sets"] | {"all": numbers["all"]}, words))
        for name, other in numbers.get("against", {}).items():
            self.say(f"{name}, on the same words:")
            self._out.print(_verdicts(other["sets"] | {"all": other["all"]}, words))
        table = Table(box=None, header_style="bold", pad_edge=False)
        for title in ("type", "recall", f"or {words['suspect']}", "precision", "F1", "values found"):
            table.add_column(title, justify="left" if title == "type" else "right")
        for kind, row in numbers["types"].items():
            f1 = "-" if row["f1"] is None else f"{row['f1']:.3f}"
            said = row["recallOrDoubt"]["share"]
            table.add_row(
                kind,
                _share(row["recall"]),
                "-" if said is None else f"{said:.3f}",
                _share(row["precision"]),
                f1,
                _of(row["values"]),
            )
        self._out.print(table)
        wrong = len(numbers["examples"]) + numbers["examplesLeftOut"]
        self.say(f"{wrong} types were missed or found in error: {out / 'report.html'} shows them, masked")
        self.left(out)

    def sweep(self, numbers: Mapping[str, Any], out: Path) -> None:
        """The grid, the recommended setting, how flat the optimum is, and why the others differ."""
        self._out.print(sweep_tables.grid(numbers))
        for line in (*sweep_tables.verdict(numbers), *sweep_tables.troubles(numbers)):
            self.say(line)
        for note in numbers["notes"]:
            self.say(f"Note: {note}")
        self.left(out, Points="table.csv")

    def exploration(self, numbers: Mapping[str, Any], failures: Sequence[Failure], out: Path) -> None:
        """What was tried, which faults struck, and how to see each failure again."""
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_row(
            "[bold]emulations[/bold]",
            f"{numbers['trials']} of {numbers['scenario']}, {numbers['invocations']} invocations",
        )
        if numbers["happened"]:
            shares = (
                f"{name} {count / max(1, numbers['trials']):.0%}"
                for name, count in numbers["happened"].items()
            )
            table.add_row("[bold]of them[/bold]", ", ".join(shares))
        covered = numbers["coverage"]
        beyond = sum(map(len, covered["beyond"].values()))
        within = covered["branches"] - beyond
        table.add_row(
            "[bold]branches[/bold]",
            f"{covered['reached']} of {within} reached; {beyond} are beyond what emulations reach",
        )
        table.add_row(*_struck(numbers))
        table.add_row(
            "[bold]time[/bold]",
            f"{numbers['virtualSeconds'] / 3600:.1f} virtual hours in {numbers['realSeconds']:.1f} s",
        )
        table.add_row(
            "[bold]invariants[/bold]", f"broken in {numbers['failed']} of {numbers['trials']} emulations"
        )
        self._out.print(table)
        for name in numbers["never"]:
            self.say(
                f"NEVER: {name!r} came up in none of {numbers['trials']} worlds, though it must at times"
            )
        for failure in failures:
            self.say("")
            for violation in failure.small.violations:
                self.say(f"VIOLATED: {violation.invariant}: {violation.detail}")
            if failure.small.error:
                self.say(f"BROKE: {failure.small.error}")
            for kind, points in failure.small.strokes.items():
                self.say(f"  by {kind} at its opportunities {', '.join(map(str, points))}")
            if failure.small.case.world is not None:
                self.say(f"  in a world of {'; '.join(failure.small.case.world.unusual())}")
            self.say(f"  see {failure.folder / 'timeline.txt'}; again: {failure.command}")
        self.left(out)


def _struck(numbers: Mapping[str, Any]) -> tuple[str, str]:
    """The row of an exploration that tells what struck: faults, or preemptions where it was of schedules."""
    preempted = numbers["places"].get(PREEMPTED)
    struck = numbers["strokes"] if preempted is None else preempted
    told = [f"{count} {what}" for what, count in struck.items()]
    title = "faults" if preempted is None else "preemptions"
    return f"[bold]{title}[/bold]", f"{sum(struck.values())}: {', '.join(told)}"


def _files(files: Sequence[FileLine], words: Words) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in (words.input[0], "status", words.unit[1], words.marked, "remarks"):
        table.add_column(title, justify="right" if title == words.unit[1] else "left", overflow="fold")
    for line in files[:MOST_ROWS]:
        remarks = line.reason or ", ".join(line.found)
        if line.suspects:
            pages = [int(one.partition(":")[0]) for one in line.suspects]
            remarks += f"{'; ' if remarks else ''}{words.suspect}: {ranges(pages)}"
        cells = (line.name, line.status, str(line.units), ranges(line.marked) or "-", remarks)
        table.add_row(*(Text(cell) for cell in cells))  # a name may look like markup
    return table


def _verdicts(sets: Mapping[str, Mapping[str, Any]], words: Mapping[str, Any]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    doubt = words["suspect"]
    titles = ["recall", f"or {doubt}", "all types", "precision", "accused", f"clean, {doubt}"]
    for title in ("set", words["unit"][1], *titles):
        table.add_column(title, justify="left" if title == "set" else "right")
    for name, row in sets.items():
        shares = [
            "-" if row[key]["share"] is None else f"{row[key]['share']:.3f}"
            for key in ("recall", "recallOrDoubt", "allTypes", "precision")
        ]
        table.add_row(Text(name), str(row["units"]), *shares, _of(row["accused"]), _of(row["doubted"]))
    return table


def _share(share: Mapping[str, Any]) -> str:
    if share["share"] is None:
        return "-"
    return f"{share['share']:.3f} ({share['low']:.2f}-{share['high']:.2f})"


def _of(share: Mapping[str, Any]) -> str:
    return f"{share['part']} of {share['whole']}"


def _headline(numbers: Mapping[str, Any], words: Words) -> Table:
    (one_input, inputs), (one_unit, units) = words.input, words.unit
    table = Table(box=None, show_header=False, pad_edge=False)
    put, counted, work = numbers[inputs], numbers.get(units), numbers[work_key(words)]
    latency, throughput = numbers[f"{one_input}Latency"], numbers["throughput"]
    without = put["total"] - sum(put[status] for status in STATUSES)
    of_units = f", {throughput[f'{units}PerSecond']:.2f} {units}/s" if counted else ""
    rows = {
        inputs: f"{put['total']}: {', '.join(f'{put[status]} {status}' for status in STATUSES)}",
        units: "",
        "virtual time": f"{numbers['virtualSeconds']:.1f} s (emulated in {numbers['realSeconds']:.1f} s)",
        "throughput": f"{throughput[f'{inputs}PerSecond']:.2f} {inputs}/s{of_units}",
        "input to result": ", ".join(f"{name} {seconds:.1f} s" for name, seconds in latency.items()),
        words.work: "",
        "invocations": _invocations(list(numbers["invocations"].values())),
        "bill": _bill(numbers["bill"]),
        "invariants": f"{len(numbers['invariants']['checked'])} checked, "
        f"{len(numbers['invariants']['violations'])} violated",
    }
    if without:
        rows[inputs] += f", {without} without a result"
    if counted:
        marked = f"{counted[words.marked_key]} {words.marked_as}"
        rows[units] = f"{counted['total']}: {marked}, {counted['errors']} {words.unread}"
        if counted["suspect"]:
            rows[units] += f", {counted['suspect']} {words.suspect}"
    if work["cpuSeconds"]:
        each = work[f"cpuSecondsPer{one_unit.capitalize()}"]
        rows[words.work] = f"{work['cpuSeconds']:.1f} CPU s, {each:.2f} s a {one_unit}"
    if not numbers["hasResults"]:
        rows |= {
            inputs: f"{put['total']} put in; this system has no place for results",
            "throughput": "",
            "input to result": "",
        }
    for name, value in rows.items():
        if value:
            table.add_row(f"[bold]{name}[/bold]", value)
    return table


def _estimate(numbers: Mapping[str, Any]) -> Table:
    """Dollars by service; the customer's beside ours where there is an estimate."""
    table = Table(box=None, pad_edge=False)
    for name in ("service", "estimated", "projected", "5 % to 95 %", "verdict"):
        table.add_column(name, justify="left" if name in ("service", "verdict") else "right", no_wrap=True)
    for row in numbers["seedEstimate"]:
        said = _span(row["low"], row["high"]) if row["low"] is not None else ""
        ends = _span(row["projectedLow"], row["projectedHigh"])
        table.add_row(row["service"], said, dollars(row["projected"]), ends, row["verdict"])
    if not numbers["seedEstimate"]:
        bill = numbers["bill"]
        table.add_row("total", "", dollars(bill["total"]), _span(bill["low"], bill["high"]), "")
    return table


def _bill(bill: Mapping[str, Any]) -> str:
    """The total and its largest lines."""
    largest = sorted(bill["lines"], key=lambda line: -line["dollars"])[:LARGEST_LINES]
    lines = ", ".join(f"{line['resource']} {line['item']} {dollars(line['dollars'])}" for line in largest)
    return f"{dollars(bill['total'])}: {lines}" if largest else dollars(bill["total"])


def _span(low: float, high: float) -> str:
    """Dollars from one amount to another; whole ones where they are many."""
    return f"${low:,.0f} - {high:,.0f}" if high >= MANY_DOLLARS else f"{dollars(low)} - {dollars(high)}"


def dollars(amount: float) -> str:
    """An amount in the currency of the price table; small ones with the digits that they need."""
    return f"${amount:,.2f}" if amount >= 1 or not amount else f"${amount:.6f}"


def _invocations(entries: Sequence[Mapping[str, Any]]) -> str:
    def sum_of(*names: str) -> int:
        return sum(int(entry[name]) for entry in entries for name in names)

    handed_back = f"{sum_of('failedRecords'):,} records handed back, " if sum_of("failedRecords") else ""
    stopped = sum_of("loopsStopped")
    failed = f"{sum_of('errors', 'timeouts')} failed, {handed_back}"
    if stopped:
        failed += f"{stopped:,} refused as recursive loops (see RecursiveLoop in docs/aws.md), "
    return f"{sum_of('count')}, {sum_of('coldStarts')} cold, {failed}{sum_of('billedMs') / 1000:.1f} s billed"
