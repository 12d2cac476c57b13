"""Decides, look by look, whether one side costs more than the other by more than a limit.

To look at an interval again and again until it says what is feared would find it sooner or later. So the
chance of a false alarm is divided beforehand (Bonferroni), evenly among all looks and all that is asked: each
kind, and all of them together. All intervals of a whole run hold at once, then, but for that chance: whatever
the looks have to do with each other, and whenever one stops.
"""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from harness.tuning import ratios
from harness.tuning.ratios import Ratio

LOOKS = (6, 9, 13, 19, 28, 41)
"""Pairs of each unit after which it is looked. With fewer than six there is no telling a pair that something
struck from the others; from one look to the next the interval narrows by a sixth.
"""
FALSE_ALARMS = 0.01
"""Of comparisons in which nothing is slower than the limit, those that say so at most."""
OVERALL = "all"


class Standing(msgspec.Struct, frozen=True):
    """What is known after a look. ratios: of each kind, and of all under `OVERALL`; units: of each unit, by
    itself.
    """

    ratios: dict[str, Ratio]
    units: dict[str, Ratio]
    limit: float

    @property
    def slower(self) -> list[str]:
        """Kinds of which it is sure that they cost more than the limit."""
        return [kind for kind, one in self.ratios.items() if one.low > self.limit]

    @property
    def undecided(self) -> list[str]:
        """Kinds that may cost more, or may not."""
        return [kind for kind, one in self.ratios.items() if one.low <= self.limit < one.high]

    @property
    def is_decided(self) -> bool:
        """Whether more pairs would say nothing new; when no kind costs more, nor do all of them together."""
        return bool(self.slower) or not [kind for kind in self.undecided if kind != OVERALL]


def tail(kinds: int, false_alarms: float) -> float:
    """The part of that chance that is one look's at one kind."""
    return false_alarms / (len(LOOKS) * (kinds + 1))


def look(
    kinds: Mapping[str, str],
    logs: Mapping[str, Sequence[float]],
    limit: float,
    false_alarms: float = FALSE_ALARMS,
) -> Standing:
    """The standing by the logarithms of each unit's ratios. kinds: unit -> its kind. The same pairs give the
    same standing.
    """
    names = list(dict.fromkeys(kinds.values()))
    part = tail(len(names), false_alarms)
    count = ratios.resamples(part)
    # Each unit has draws of its own: a kind of which there are no new pairs stands as it stood.
    units = {
        unit: ratios.resampled(logs[unit], np.random.default_rng(place), count)
        for place, unit in enumerate(kinds)
    }
    found = {
        name: ratios.ratio([units[unit] for unit, kind in kinds.items() if kind == name], part)
        for name in names
    }
    found[OVERALL] = ratios.ratio(list(units.values()), part)
    return Standing(found, {unit: ratios.ratio([one], part) for unit, one in units.items()}, limit)
