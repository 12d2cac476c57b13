"""What a system finds on sets of inputs whose truth is known.

Folders of inputs are run, with recorded compute; lines of text are given to the function that
[tool.harness.accuracy] names for them.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from harness.config import Config
from harness.engine.interrupt import Interrupted
from harness.errors import UsageError
from harness.runs import application, inputs
from harness.runs import run as runs
from harness.runs.rig import Options, Progress
from harness.tuning import accuracy
from harness.tuning.accuracy import Truth, Unit

TRUTH = "truth.json"
LINES = ".txt"
CLEAN = "-"


def examine(
    config: Config, path: Path, truth: Path | None, options: Options, progress: Progress
) -> list[Unit]:
    """The units of a set: a folder of inputs with truth.json, or a file of labelled lines. Raises
    `UsageError`.
    """
    if path.suffix.lower() == LINES:
        return _lines(config, path)
    source = truth or (path if path.is_dir() else path.parent) / TRUTH
    try:
        known = accuracy.truths(json.loads(source.read_bytes()), config.words.marked_key, str(source))
    except OSError as error:
        raise UsageError(
            f"what stands on {path} must be known: {source}: {error.strerror}; give --truth FILE"
        ) from error
    except ValueError as error:
        raise UsageError(f"{source} is not JSON: {error}") from error
    files = [file for file in inputs.collect([path], config.input_suffixes) if file.name in known]
    if not files:
        raise UsageError(f"{source} names no input of {path}")
    finished = runs.run(config, files, options, progress)
    if finished.emulation.interrupted:  # what had no result yet would count as missed
        raise Interrupted("nothing was measured; the pages recorded so far are kept")
    return [
        unit
        for file in files
        for unit in accuracy.of_result(
            file.name, known[file.name], finished.results.get(file.name, {}), config.result
        )
    ]


def sets(config: Config) -> list[Path]:
    """The project's own: its sample, what its makers make, and its lines."""
    named = config.accuracy
    if named is None:
        raise UsageError("[tool.harness.accuracy] names no sets here: give inputs with a truth.json")
    made = [application.sample(config)] if named.sample else []
    for name, files in named.made.items():
        made.append(application.made(config, name, files))
    return made + [config.root / path for path in named.texts]


def _lines(config: Config, path: Path) -> list[Unit]:
    """Of a file of lines "type[,type] | text", a unit each; "-" where nothing is to be found."""
    if config.accuracy is None or not config.accuracy.lines:
        raise UsageError(
            'what is found in lines of text: [tool.harness.accuracy] lines = "module:function" names it'
        )
    rows = _rows(path)
    find = application.function(config, config.accuracy.lines, "what finds in lines")
    found: Sequence[list[dict[str, str]]] = find([text for _, _, text in rows])
    units = []
    for (number, types, text), marks in zip(rows, found, strict=True):
        kind = f"{path.stem}, {'to be found' if types else 'clean'}"
        wanted = tuple(Truth(one, "", text) for one in types)
        units.append(
            Unit(
                f"{path.name} line {number}",
                kind,
                wanted,
                tuple((one["type"], one["masked"]) for one in marks),
            )
        )
    return units


def _rows(path: Path) -> list[tuple[int, list[str], str]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as text: {error}") from error
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        types, parted, text = line.partition(" | ")
        if not parted:
            raise UsageError(f'{path} line {number}: "type[,type] | text" is expected, "-" for no type')
        rows.append((number, [] if types.strip() == CLEAN else types.strip().split(","), text))
    if not rows:
        raise UsageError(f"{path} has no labelled line")
    return rows
