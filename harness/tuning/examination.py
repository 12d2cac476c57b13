"""What a system finds on sets of inputs whose truth is known.

Folders of inputs are run, with recorded compute; lines of text are given to the function that
[tool.harness.accuracy] names for them.
"""

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.compute.replay import replayed
from harness.config import Config
from harness.engine.interrupt import Interrupted
from harness.errors import UsageError
from harness.runs import application, inputs
from harness.runs import run as runs
from harness.runs.rig import Options, Progress
from harness.tuning import accuracy
from harness.tuning.accuracy import Truth, Unit, UnitTruth

TRUTH = "truth.json"
LINES = ".txt"
CLEAN = "-"

Marks = list[dict[str, str]]
Finder = Callable[[Sequence[str]], Sequence[Marks]]
"""Of texts, what is found in each: [{type, masked}, ...]."""


def examine(
    config: Config, path: Path, truth: Path | None, options: Options, progress: Progress
) -> list[Unit]:
    """The units of a set: a folder of inputs with truth.json, or a file of labelled lines. Raises
    `UsageError`.
    """
    if path.suffix.lower() == LINES:
        return _lines(path, _finder_in_lines(config))
    files, known = _files(config, path, truth)
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


def other(config: Config, name: str) -> Finder:
    """A finder that ours is compared with. Raises `UsageError` when it is not known or not installed."""
    known = config.accuracy.against if config.accuracy else {}
    if name not in known:
        raise UsageError(
            f"no finder {name} is known: [tool.harness.accuracy] against names {', '.join(known) or 'none'}"
        )
    finder = application.function(config, known[name], f"the finder {name}")
    try:
        finder([])
    except ImportError as error:
        raise UsageError(f"{error}; the extra [{name}] installs it: pip install '.[{name}]'") from error
    return finder


def by_others(
    config: Config,
    path: Path,
    truth: Path | None,
    options: Options,
    others: Mapping[str, Finder],
    progress: Progress,
) -> dict[str, list[Unit]]:
    """What other finders find on the units of a set, in the words that ours was given."""
    if path.suffix.lower() == LINES:
        return {name: _lines(path, finder) for name, finder in others.items()}
    if config.accuracy is None or not config.accuracy.words:
        raise UsageError(
            f'what words stand on {path}: [tool.harness.accuracy] words = "module:function" says it'
        )
    read = application.function(config, config.accuracy.words, "what gives the words of an input")
    files, known = _files(config, path, truth)
    found: dict[str, list[Unit]] = {name: [] for name in others}
    with (
        replayed(options.ledger, config.root, config.record),
        progress(f"Words of {path.name}", len(files)) as tell,
    ):
        for done, file in enumerate(files, 1):
            texts = read(file.path.read_bytes())
            for name, finder in others.items():
                found[name] += _in_texts(
                    f"{file.name} {config.result.error_unit}", known[file.name], finder(texts)
                )
            tell(done)
    return found


def _in_texts(units: str, known: Sequence[UnitTruth], marks: Sequence[Marks]) -> list[Unit]:
    """The units of an input; on those that a finder was given no words of, it found nothing."""
    given = itertools.chain(marks, itertools.repeat([]))
    return [
        Unit(f"{units} {place}", unit.kind, unit.things, tuple((one["type"], one["masked"]) for one in there))
        for place, (unit, there) in enumerate(zip(known, given, strict=False), 1)
    ]


def _files(
    config: Config, path: Path, truth: Path | None
) -> tuple[list[inputs.InputFile], dict[str, list[UnitTruth]]]:
    """The inputs of a folder, and what is known of them."""
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
    return files, known


def sets(config: Config) -> list[Path]:
    """The project's own: its sample, what its makers make, and its lines."""
    named = config.accuracy
    if named is None:
        raise UsageError("[tool.harness.accuracy] names no sets here: give inputs with a truth.json")
    made = [application.sample(config)] if named.sample else []
    for name, files in named.made.items():
        made.append(application.made(config, name, files))
    return made + [config.root / path for path in named.texts]


def _finder_in_lines(config: Config) -> Finder:
    if config.accuracy is None or not config.accuracy.lines:
        raise UsageError(
            'what is found in lines of text: [tool.harness.accuracy] lines = "module:function" names it'
        )
    return application.function(config, config.accuracy.lines, "what finds in lines")


def _lines(path: Path, find: Finder) -> list[Unit]:
    """Of a file of lines "type[,type] | text", a unit each; "-" where nothing is to be found."""
    rows = _rows(path)
    found = find([text for _, _, text in rows])
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
