"""What a run's folder tells of the run, number by number: read from its files, since the run may be of
another revision, or of last week.

Only what files of every version hold is taken: lines of the trace are read without regard to fields that are
not needed here.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from harness.config import ResultFields, Words
from harness.errors import UsageError
from harness.runs.run import result_path
from harness.runs.summary import work_key

BILL, TIMES, WORK, CALLS, FOUND = "bill", "times", "work", "calls", "found"
SHOWN = 2
"""Characters of a finding's mask that are left, whatever an application calls a mask."""

Key = tuple[str, str, str]
"""(group, name, unit) of a number."""
Findings = Mapping[tuple[str, int], Mapping[str, tuple[str, ...]]]
"""(input, unit of it) -> type -> masks of what was found there."""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A run. numbers: in the order in which they are told; sizes: bytes of each input, by its key; options:
    what else decided the run.
    """

    seed: int
    parameters: dict[str, str]
    options: dict[str, Any]
    numbers: dict[Key, float]
    findings: Findings
    sizes: dict[str, int]


class _Line(msgspec.Struct):
    """What is needed of a line of the trace."""

    event: str = ""
    service: str = ""
    operation: str = ""
    key: str = ""
    size: int = 0
    billed_ms: int = 0
    memory: int = 0


def is_left(path: Path) -> bool:
    """Whether a command left its summary there."""
    return (path / "summary.json").is_file()


def take(folder: Path, fields: ResultFields) -> Taken:
    """Raises `UsageError` when it holds no finished run, or one that cannot be read."""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        if summary.get("kind") != "run":
            raise UsageError(f"{folder} holds no run: its summary.json is of the kind {summary.get('kind')}")
        if summary.get("interrupted"):
            raise UsageError(f"the run in {folder} was interrupted: run it again")
        lines = json.loads((folder / "files.json").read_text(encoding="utf-8"))
        traced = list(_traced(folder / "trace.jsonl"))
        own = Words(**{name: _tuple(value) for name, value in summary["words"].items()})
        findings = _findings(folder, lines, fields)
        return Taken(
            seed=summary["seed"],
            parameters=dict(summary["parameters"]),
            options={name: summary[name] for name in ("compute", "cpuFactor", "accountConcurrency", "months")}
            | {"faults": summary["faults"]["scenario"]},
            numbers={
                (group, name, unit): float(value)
                for group, name, unit, value in _numbers(summary, own, traced, findings)
            },
            findings=findings,
            sizes={line.key: line.size for line in traced if line.event == "upload"},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"the run in {folder} is damaged, or of another version: run it again ({error})"
        ) from error


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _traced(path: Path) -> Iterator[_Line]:
    decoder = msgspec.json.Decoder(_Line)
    with path.open("rb") as file:
        for line in file:
            yield decoder.decode(line)


def _numbers(
    summary: Mapping[str, Any], words: Words, traced: list[_Line], findings: Findings
) -> Iterator[tuple[str, str, str, float]]:
    inputs, latency = summary[words.input[1]], summary[f"{words.input[0]}Latency"]
    yield BILL, "total", "dollars", summary["bill"]["total"]
    dollars: dict[str, float] = defaultdict(float)
    for line in summary["bill"]["lines"]:
        dollars[f"{line['resource']} {line['item']}"] += line["dollars"]
    for name, amount in dollars.items():
        yield BILL, name, "dollars", amount
    yield TIMES, "makespan", "seconds", summary["virtualSeconds"]
    for name in ("p50", "p95", "p99"):
        yield TIMES, f"{words.input[0]} to result, {name}", "seconds", latency[name]
    yield from _work(summary, words, traced)
    calls = Counter((line.service, line.operation) for line in traced if line.event == "call")
    for (service, operation), count in sorted(calls.items()):
        yield CALLS, f"{service} {operation}", "each", count / max(1, inputs["total"])
    yield from _found(summary, words, findings)


def _work(
    summary: Mapping[str, Any], words: Words, traced: list[_Line]
) -> Iterator[tuple[str, str, str, float]]:
    used = sum(line.billed_ms * line.memory for line in traced if line.event == "invocation")
    yield WORK, "billed GB-seconds", "GB-s", used / 1000 / 1024
    yield WORK, f"{words.work} CPU seconds", "seconds", summary[work_key(words)]["cpuSeconds"]
    functions = summary["invocations"].items()
    yield WORK, "invocations", "count", sum(one["count"] for _, one in functions)
    yield WORK, "cold starts", "count", sum(one["coldStarts"] for _, one in functions)
    for function, one in functions:
        yield WORK, f"{function} invocations", "count", one["count"]
        yield WORK, f"{function} cold starts", "count", one["coldStarts"]
        yield WORK, f"{function} failed", "count", one["errors"] + one["timeouts"]
        yield WORK, f"{function} throttled", "count", one["throttles"]


def _found(
    summary: Mapping[str, Any], words: Words, findings: Findings
) -> Iterator[tuple[str, str, str, float]]:
    inputs, units = summary[words.input[1]], summary.get(words.unit[1])
    for status in ("completed", "partial", "failed"):
        yield FOUND, f"{words.input[1]} {status}", "count", inputs[status]
    if units is not None:
        yield FOUND, f"{words.unit[1]} {words.marked_as}", "count", units[words.marked_key]
        yield FOUND, f"{words.unit[1]} {words.suspect}", "count", units.get("suspect", 0)
        yield FOUND, f"{words.unit[1]} that {words.unread}", "count", units["errors"]
    types: Counter[str] = Counter()
    for there in findings.values():
        types.update({kind: len(masks) for kind, masks in there.items()})
    for kind, count in sorted(types.items()):
        yield FOUND, kind, "count", count
    yield FOUND, "invariants violated", "count", len(summary["invariants"]["violations"])


def _findings(folder: Path, lines: list[dict[str, Any]], fields: ResultFields) -> Findings:
    found: dict[tuple[str, int], dict[str, tuple[str, ...]]] = defaultdict(dict)
    for line in lines:
        name = line["name"]
        result = json.loads((folder / "results" / result_path(name)).read_bytes())
        for unit in line["marked"]:
            found[name, int(unit)] = {}
        for one in result.get(fields.findings) or () if fields.findings else ():
            there = found[name, int(one.get(fields.error_unit) or 0)]
            kind = str(one.get(fields.finding_type))
            there[kind] = (*there.get(kind, ()), masked(str(one.get("masked", ""))))
    return {
        place: {kind: tuple(sorted(masks)) for kind, masks in there.items()} for place, there in found.items()
    }


def masked(text: str) -> str:
    """No more than a mask shows: the last characters, and what is no letter or digit."""
    shown = [place for place, letter in enumerate(text) if letter.isalnum()][-SHOWN:]
    return "".join(
        letter if not letter.isalnum() or place in shown else "*" for place, letter in enumerate(text)
    )
