"""Which branches of the handlers an exploration has reached, and why it could not reach the others."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from fnmatch import fnmatchcase
from typing import Any

from harness.compute import modules, reach
from harness.compute.branches import Branch, Branches
from harness.compute.sandbox import CodeBase
from harness.config import RecordedFunction

REPLAYED = "runs in recorded calls only, which are replayed"


class Coverage:
    """Of the modules that the handlers import."""

    def __init__(
        self,
        code: CodeBase,
        handlers: Collection[str],
        recorded: Collection[RecordedFunction],
        beyond: Mapping[str, str],
    ) -> None:
        """handlers: "module.function"; beyond: why branches are not to be reached, by patterns of what they
        are called, with * and ? as in file names.
        """
        entries = [handler.replace("/", ".") for handler in handlers]
        own = modules.reached([entry.rpartition(".")[0] for entry in entries], code)
        self._code, self._beyond = code, beyond
        self._branches = Branches(own)
        live = reach.outside(own, entries, [spec.function for spec in recorded])
        self._replayed = [place not in live for place in self._branches.places]

    def watching(self) -> AbstractContextManager[None]:
        """Handlers that are imported meanwhile say which branches they take."""
        self._branches.taken.clear()
        return self._code.watched(self._branches)

    @property
    def taken(self) -> frozenset[int]:
        """Numbers of the branches that were taken since somebody last watched."""
        return frozenset(self._branches.taken)

    def around(self, file: str, line: int) -> int | None:
        """Number of the branch without which a line does not run; None where it always does."""
        return self._branches.around(file, line)

    def ways(self, file: str, line: int) -> list[int]:
        """Numbers of the branches that go on from a line."""
        return self._branches.ways(file, line)

    def numbers(self, reached: Collection[int]) -> dict[str, Any]:
        """What summary.json says: how many branches there are, how many were reached of those that can be,
        those that were not, and how many others lie beyond what emulations reach, by the reason.
        """
        missed: list[str] = []
        beyond: dict[str, list[str]] = {}
        for number, branch in enumerate(self._branches.all):
            if number not in reached:
                reason = self._reason(number, branch)
                (beyond.setdefault(reason, []) if reason else missed).append(str(branch))
        total = len(self._branches.all)
        return {
            "branches": total,
            "reached": len(reached),
            "notReached": missed,
            "beyond": {reason: sorted(names) for reason, names in beyond.items()},
        }

    def _reason(self, number: int, branch: Branch) -> str:
        if self._replayed[number]:
            return REPLAYED
        return next(self._matching(str(branch)), "")

    def _matching(self, name: str) -> Iterator[str]:
        return (reason for pattern, reason in self._beyond.items() if fnmatchcase(name, pattern))
