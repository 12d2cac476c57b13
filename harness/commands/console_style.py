"""What whoever calls a command wants to see of it."""

from collections.abc import Sequence

import msgspec

FLAGS = ("--json", "--quiet", "--no-color")


class Style(msgspec.Struct, frozen=True):
    """only_json: the summary as JSON, and nothing else."""

    only_json: bool = False
    quiet: bool = False
    color: bool = True


STYLE = Style()
"""Of this process."""


def first(words: Sequence[str]) -> list[str]:
    """The words of a command line with the flags of all commands in front, wherever before a "--" they
    stood.
    """
    ends = words.index("--") if "--" in words else len(words)
    flags = [word for word in words[:ends] if word in FLAGS]
    return [*flags, *(word for word in words[:ends] if word not in FLAGS), *words[ends:]]
