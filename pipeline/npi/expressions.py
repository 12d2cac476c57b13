"""Many regular expressions at once, and those of users in linear time: RE2.

RE2 (https://github.com/google/re2) runs a set of expressions over a text in one pass, and in a time that no
expression can make grow faster than the text. It has neither lookaround nor backreferences. An expression
without its lookaround matches wherever the whole one does, and elsewhere: good enough to rule a text out.
What must stand before a match, or behind it, rules out more: at the edges of an expression it is kept.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

import re2

MEMORY_BYTES = 64 << 20
"""Of a set's automaton, at most; it is built as far as texts need it."""
_CLASS = r"\[\^?\]?(?:\\.|[^\]\\])*\]"
_PART = re.compile(rf"\\.|{_CLASS}|\((?:\?(?:<?[=!]|[:a-zA-Z]+\)?))?|[)^$|]", re.DOTALL)
"""What is not one character that stands for itself, or says how often."""
_ANCHORS = ("^", "$")
_LOOKAROUND = ("(?=", "(?!", "(?<=", "(?<!")
_AHEAD, _BEHIND = "(?=", "(?<="
_ALIKE = str.maketrans("ſ\u212aıİ", "skiI")
"""Letters beyond ASCII that Python takes for ASCII ones where case does not count; to RE2 they are none."""
_HAS_ALIKE = re.compile("[ſ\u212aıİ]")
_UNICODE = {r"\w": r"\pL\pN_", r"\d": r"\p{Nd}", r"\s": r"\s\pZ\x{1c}-\x{1f}\x{85}\v"}
"""What Python's classes hold beyond ASCII, as RE2 writes it, for use within brackets."""
_CLASSES = re.compile(r"\\[wds]")


class Match(Protocol):
    """Where an expression, or a group of it, matched."""

    def start(self, group: int = 0, /) -> int: ...

    def end(self, group: int = 0, /) -> int: ...

    def span(self, group: int = 0, /) -> tuple[int, int]: ...


class Expression(Protocol):
    """A compiled regular expression, of Python or of RE2."""

    @property
    def pattern(self) -> str: ...

    def search(self, text: str, start: int = 0, /) -> Match | None: ...

    def finditer(self, text: str, /) -> Iterator[Match]: ...


class Together:
    """Expressions that are looked for in one pass."""

    def __init__(self, expressions: Sequence[Expression]) -> None:
        options = re2.Options()
        options.max_mem = MEMORY_BYTES
        options.log_errors = False
        self._set = re2.Set.SearchSet(options)
        self._numbers, always = [], []
        for number, expression in enumerate(expressions):
            if expression.pattern == NEVER:
                continue
            try:
                self._set.Add(necessary(expression))
                self._numbers.append(number)
            except re2.error:
                always.append(number)
        self._always = frozenset(always)
        self._set.Compile()

    def may_match(self, text: str) -> frozenset[int]:
        """Places in the sequence of those that may match; all others do not."""
        numbers = self._numbers
        if not text.isascii() and _HAS_ALIKE.search(text):  # to translate costs more than to match
            text = text.translate(_ALIKE)
        return self._always.union([numbers[found] for found in self._set.Match(text) or ()])


NEVER = "(?!)"
"""An expression that matches nothing."""


def necessary(expression: Expression) -> str:
    """In RE2's syntax, an expression that matches wherever this one does."""
    pattern = expression.pattern
    if not pattern.isascii():
        pattern = pattern.translate(_ALIKE)
    kept: list[str] = []
    depth = skipped_to = place = begins = 0
    parts = [*_PART.finditer(pattern)]
    for number, match in enumerate(parts):
        part, before, place = match[0], pattern[place : match.start()], match.end()
        opens, closes = part[0] == "(" and part[-1] != ")", part == ")"
        depth += opens - closes
        if skipped_to:
            if closes and depth < skipped_to:
                skipped_to = 0
            continue
        kept.append(before)
        if depth == 0 and part == "|":
            begins = place
        is_edge = depth == 1 and (
            (part == _BEHIND and match.start() == begins) or (part == _AHEAD and _is_last(parts, number))
        )
        if is_edge:
            kept.append("(?:")  # in the text it stands there as well, be it part of the match or not
        elif part in _LOOKAROUND:
            skipped_to = depth
        elif part in _ANCHORS:
            continue  # the end of a label's text is not that of the page
        elif part in _UNICODE:
            kept.append(f"[{_UNICODE[part]}]")
        elif part[0] == "[":
            kept.append(_CLASSES.sub(lambda found: _UNICODE[found[0]], part))
        else:
            kept.append(part)
    if not skipped_to:
        kept.append(pattern[place:])
    ignores_case = isinstance(expression, re.Pattern) and expression.flags & re.IGNORECASE
    return ("(?i)" if ignores_case else "") + "".join(kept)


def _is_last(parts: list[re.Match[str]], number: int) -> bool:
    """Whether the group that a part opens is the last of its alternative."""
    depth = 0
    for place, match in enumerate(parts[number:], number):
        depth += (match[0][0] == "(" and match[0][-1] != ")") - (match[0] == ")")
        if not depth:
            following = parts[place + 1 : place + 2]
            end = following[0].start() if following else len(match.string)
            return end == match.end() and (not following or following[0][0] == "|")
    return False


class OwnWord:
    """A user's expression, matched as a word or words of its own, in linear time.

    Raises `ValueError` for what is no regular expression, or uses what RE2 lacks.
    """

    def __init__(self, pattern: str) -> None:
        linear(pattern)
        self.pattern = pattern
        self._bounded = linear(rf"(?:^|[^\pL\pN_])({pattern})(?:[^\pL\pN_]|$)")

    def search(self, text: str, start: int = 0, /) -> Match | None:
        while match := self._bounded.search(text, start):
            if match.end(1) > match.start(1):
                return _Word(match)
            start = match.start() + 1
        return None

    def finditer(self, text: str, /) -> Iterator[Match]:
        start = 0
        while match := self.search(text, start):
            yield match
            start = match.end()  # what parts two words is looked at from both


class _Word:
    """The first group of a match as the whole of it."""

    def __init__(self, match: Match) -> None:
        self._match = match

    def start(self, group: int = 0, /) -> int:
        return self._match.start(group + 1)

    def end(self, group: int = 0, /) -> int:
        return self._match.end(group + 1)

    def span(self, group: int = 0, /) -> tuple[int, int]:
        return self._match.span(group + 1)


def linear(pattern: str) -> Expression:
    """A user's expression, which no text makes slow. Raises `ValueError` as `OwnWord` does."""
    options = re2.Options()
    options.log_errors = False
    try:
        expression: Expression = re2.compile(pattern, options)
    except re2.error as error:
        message = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"{message} (RE2's syntax: no lookaround, no backreferences)") from error
    return expression
