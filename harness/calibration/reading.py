"""Files of logs, as they are downloaded: text or JSON, packed or not."""

import gzip
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from harness.calibration import formats
from harness.calibration.formats import Sample
from harness.calibration.samples import Answer, Gauge, Metric, Report, Samples
from harness.errors import UsageError


def read(files: Sequence[str], functions: Collection[str]) -> Samples:
    """Of files, each "FILE" or "FUNCTION=FILE"; without a function, it is the one of `functions` whose name
    is in the file's. Raises `UsageError` for what cannot be read, or tells nothing.
    """
    reports: dict[str, list[Report]] = {}
    metrics: list[Metric] = []
    answers: list[Answer] = []
    gauges: list[Gauge] = []
    for named in files:
        function, path = _parted(named, functions)
        count = 0
        for sample in _samples(path):
            count += 1
            match sample:
                case Report():
                    reports.setdefault(function or _guessed(path, functions), []).append(sample)
                case Metric():
                    metrics.append(sample)
                case Answer():
                    answers.append(sample)
                case Gauge():
                    gauges.append(sample)
        if not count:
            raise UsageError(
                f"{path} tells nothing: it has no REPORT lines, platform.report, embedded metrics, "
                f"segments or metrics of queues"
            )
    return Samples(reports, metrics, answers, gauges)


def _parted(named: str, functions: Collection[str]) -> tuple[str, Path]:
    function, equals, rest = named.partition("=")
    if not equals or Path(named).exists():
        return "", Path(named)
    if function not in functions:
        raise UsageError(f"--logs {named}: {function} is none of {', '.join(sorted(functions))}")
    return function, Path(rest)


def _guessed(path: Path, functions: Collection[str]) -> str:
    found = [name for name in functions if name.lower() in str(path).lower()]
    if len(found) != 1:
        raise UsageError(
            f"whose log is {path}? Say it as FUNCTION={path}, with one of {', '.join(sorted(functions))}"
        )
    return found[0]


def _samples(path: Path) -> Iterator[Sample]:
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the logs {path}: {error}") from error
    try:
        whole = json.loads(text)
    except ValueError:  # lines
        for number, line in enumerate(text.splitlines(), start=1):
            yield from _told(lambda line=line: formats.of_line(line), f"{path}, line {number},")  # type: ignore[misc]
    else:
        yield from _told(lambda: formats.of_json(whole), str(path))


def _told(samples: Callable[[], Iterator[Sample]], where: str) -> list[Sample]:
    try:
        return list(samples())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"the logs {where} are not as AWS writes them: {error!r}") from error
