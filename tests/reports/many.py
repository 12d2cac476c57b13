"""A run's folder as if it had been of many times as many files: its events come again, later, under other names."""

import json
from pathlib import Path

SECONDS_APART = 0.7


def multiplied(run: Path, out: Path, times: int) -> Path:
    """A folder with the files of a page: each copy's files, requests and messages have names of their own."""
    out.mkdir(parents=True)
    summary = json.loads((run / "summary.json").read_text())
    lines = json.loads((run / "files.json").read_text())
    events = [json.loads(line) for line in (run / "trace.jsonl").read_text().splitlines()]
    words = summary["words"]
    for group in (words["input"][1], words["unit"][1]):
        summary[group] = {name: times * count for name, count in summary[group].items()}
    (out / "summary.json").write_text(json.dumps(summary))
    (out / "files.json").write_text(
        json.dumps([_line(line, copy) for copy in range(times) for line in lines])
    )
    names = sorted(
        {line[field] for line in lines for field in ("uploadKey", "resultKey")}, key=len, reverse=True
    )
    with (out / "trace.jsonl").open("w") as file:
        for copy in range(times):
            for event in events:
                if event["event"] != "depth":
                    file.write(json.dumps(_event(event, copy, names)) + "\n")
    return out


def _line(line: dict, copy: int) -> dict:
    return line | {
        "name": f"{copy:04}/{line['name']}",
        "uploadKey": f"{line['uploadKey']}#{copy}",
        "resultKey": f"{line['resultKey']}#{copy}",
    }


def _event(event: dict, copy: int, names: list[str]) -> dict:
    later = SECONDS_APART * copy
    found = event | {field: event[field] + later for field in ("t", "start") if field in event}
    for field in ("request", "message"):
        if found.get(field):
            found[field] = f"{found[field]}#{copy}"
    for field in ("key", "target"):
        if any(found.get(field, "").endswith(name) for name in names):
            found[field] = f"{found[field]}#{copy}"
    return found
