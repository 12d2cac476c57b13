"""How far each file of an emulation had come, moment by moment: in which states faults struck and uploads
were overwritten.
"""

import bisect
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from harness.config import StateFields
from harness.engine.clock import seconds_of
from harness.recorder import Stroke
from harness.runs.emulation import Emulation

NOTHING = "nothing known"
"""The state of a system that knows of no file yet."""


class States:
    """Of the files whose items a table's stream told of."""

    def __init__(self, emulation: Emulation, fields: StateFields | None) -> None:
        self._fields = fields
        self._of_file: dict[str, tuple[list[float], list[str]]] = defaultdict(lambda: ([], []))
        self._uploads: dict[str, str] = {}
        for record in emulation.changes if fields is not None else ():
            told = record["dynamodb"]
            image = told.get("NewImage", {})
            if fields is not None and fields.total in image:
                name = str(told["Keys"])
                self._uploads[name] = image.get(fields.file, {}).get("S", "")
                moments, states = self._of_file[name]
                moments.append(seconds_of(told["ApproximateCreationDateTime"]))
                states.append(self._state(image))
        self._emulation = emulation

    def at(self, moment: float, upload: str = "") -> frozenset[str]:
        """The states that files were in, of one upload if it is named; none where no file was known."""
        return frozenset(
            states[place - 1]
            for name, (moments, states) in self._of_file.items()
            if (place := bisect.bisect_right(moments, moment)) and upload in ("", self._uploads[name])
        )

    def is_in_work(self, upload: str, moment: float) -> bool:
        """Whether a file of that upload was in work."""
        at_work = self._fields.processing if self._fields is not None else ""
        return any(state.partition(",")[0] == at_work for state in self.at(moment, upload))

    def ways(self) -> Iterable[list[str]]:
        """The statuses that each file went through."""
        return ([state.partition(",")[0] for state in states] for _, states in self._of_file.values())

    def struck(self) -> frozenset[str]:
        """Each fault with each state of a file that it struck in: "throttled: PROCESSING, some counted"."""
        return frozenset(
            f"{stroke.fault}: {state}"
            for stroke in self._emulation.recorder.events
            if isinstance(stroke, Stroke)
            for state in self.at(stroke.t) or (NOTHING,)
        )

    def _state(self, image: dict[str, Any]) -> str:
        fields = self._fields
        assert fields is not None
        counted = [int(image[name]["N"]) for name in fields.counted if name in image]
        words = [image[fields.status]["S"]]
        if sum(counted):
            words.append("all counted" if int(image[fields.remaining]["N"]) <= 0 else "some counted")
        if sum(counted[1:]):
            words.append("some failed")
        return ", ".join(words)
