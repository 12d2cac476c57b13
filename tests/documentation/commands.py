"""The commands that the documentation names: in blocks of code, and between backticks in its sentences."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.builders import PROJECT

FILES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/*.md", "Makefile")
BEGIN = re.compile(r"^(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?(harness|make|python -m|sam|pytest)\b")
_FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^    (?=harness |make )(.*)$", re.MULTILINE)
_INLINE = re.compile(r"`((?:\.venv/bin/)?(?:harness|make) [^`]+)`", re.DOTALL)
_INSTEAD = re.compile(r"# or: ((?:harness|make) .*)$")
ELLIPSIS = re.compile(r"\.\.\.|…|\[|\$\(")


class Command(NamedTuple):
    """words: without variables before it; where: the file that names it."""

    where: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.where}: {' '.join(self.words)}"


def named() -> list[Command]:
    """Each command once a file."""
    found: dict[Command, None] = {}
    for pattern in FILES[:-1]:
        for path in sorted(PROJECT.glob(pattern)):
            for line in _lines(path.read_text(encoding="utf-8")):
                found |= dict.fromkeys(_commands(line, path))
    return list(found)


def _lines(text: str) -> Iterator[str]:
    for block in _FENCE.findall(text):
        yield from block.replace("\\\n", " ").splitlines()
    outside = _FENCE.sub("", text)
    yield from _INDENTED.findall(outside)
    yield from (one.replace("\n", " ") for one in _INLINE.findall(outside))


def _commands(line: str, path: Path) -> Iterator[Command]:
    where = path.relative_to(PROJECT).as_posix()
    if instead := _INSTEAD.search(line):
        yield from _commands(instead[1], path)
    for part in re.split(r"\s+(?:&&|;|\|)\s+|;\s", re.split(r"\s#\s|\s+>\s", line)[0]):
        part = part.strip()
        if not BEGIN.match(part) or ELLIPSIS.search(part):
            continue
        words = [
            word for word in shlex.split(part) if not re.fullmatch(r"[A-Z_]+=\S*", word) or "make" in part
        ]
        words = [words[0].removeprefix(".venv/bin/"), *words[1:]]
        yield Command(where, tuple(words))
