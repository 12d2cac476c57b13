"""What a change does to the bill for millions of files: the fleet by the calibration of either side.

Both sides are projected by this harness and its prices, each with its own template and parameters, so that a
difference is one of the application. With paired seeds each seed's calibrations give a difference. One run of
each gives one difference; then what is drawn for the intervals of a projection (the calibrated files, and
inputs that nobody knows) is drawn once for both, and what both share falls out of the difference.
"""

from collections.abc import Callable, Mapping, Sequence
from math import exp, log
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from harness.bill.prices import Prices
from harness.cloud.limits import NEW_TABLE_SHARDS
from harness.config import Config
from harness.errors import UsageError
from harness.fleet import uncertainty
from harness.fleet.calibration import Calibration
from harness.runs import planning
from harness.tuning.fleet_point import Files, Projected, deployed, projected
from harness.tuning.measures import Key, Taken
from harness.tuning.point import Outcome
from harness.tuning.statistics import Interval

FLEET = "fleet"
FILES = Files(count=8_000_000, pages="10", size_bytes=750_000)
"""As `harness project` has them."""
TOTAL: Key = (FLEET, "total", "dollars")
MAKESPAN: Key = (FLEET, "makespan", "seconds")
Tell = Callable[[int], None]


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a side: how to make its fleet."""

    config: Config
    calibration: Calibration
    taken: Taken
    prices: Prices

    @property
    def template(self) -> Path:
        return self.config.root / self.config.template


_made: dict[bytes, Outcome] = {}
"""Sides that are alike are projected once."""


def numbers(side: Side) -> dict[Key, float]:
    """The bill, line by line, and the makespan. Raises `UsageError` for what the fleet does not model."""
    task = Projected(
        config=side.config,
        template=side.template,
        tried={},
        parameters=side.taken.parameters,
        seed=side.taken.seed,
        calibration=side.calibration,
        files=FILES,
        prices=side.prices,
        shards=NEW_TABLE_SHARDS,
        cpu_factor=side.calibration.cpu_factor,
        account_concurrency=side.taken.options["accountConcurrency"],
        months=side.taken.options["months"],
    )
    name = _name(side)
    if name not in _made:
        _made[name] = projected(task)
    outcome = _made[name]
    if outcome.error:
        raise UsageError(outcome.error)
    found: dict[Key, float] = {TOTAL: outcome.dollars}
    for line in outcome.lines:
        key = FLEET, f"{line.resource} {line.item}", "dollars"
        found[key] = found.get(key, 0.0) + line.dollars
    return found | {MAKESPAN: outcome.makespan}


def _name(side: Side) -> bytes:
    """All that decides a projection."""
    known = msgspec.structs.replace(side.calibration, made="")
    config = msgspec.structs.replace(side.config, root=Path(), source=None)
    parts = [
        known,
        side.template.read_bytes(),
        side.taken.seed,
        side.taken.parameters,
        side.taken.options,
        msgspec.to_builtins(config, enc_hook=str),
    ]
    return msgspec.msgpack.encode(parts, enc_hook=str)


def differences(
    one: Side, other: Side, totals: tuple[Mapping[Key, float], Mapping[Key, float]], tell: Tell
) -> dict[Key, Interval]:
    """Of one run each: how much more the other side has, from the 5 % to the 95 % of a projection's
    intervals, which are drawn for both together. totals: the `numbers` of both.
    """
    smalls = [_small(side) for side in (one, other)]
    bases = [_keyed(small.case()) for small in smalls]
    factors_of = np.random.default_rng([one.taken.seed, 2])
    drawn: dict[Key, list[float]] = {key: [] for whole in totals for key in whole}
    for number in range(uncertainty.REPLICATES):
        factors = {
            one.name: exp(factors_of.uniform(log(one.low), log(one.high)))
            for one in uncertainty.ranges("as given")
        }
        cases = [
            _keyed(small.case(factors, small.resampled(np.random.default_rng([one.taken.seed, 3, number]))))
            for small in smalls
        ]
        for key, values in drawn.items():
            before, after = (
                whole.get(key, 0.0) * (case.get(key, 0.0) / base[key] if base.get(key) else 1.0)
                for whole, case, base in zip(totals, cases, bases, strict=True)
            )
            values.append(after - before)
        tell(number + 1)
    found = {}
    for key, values in drawn.items():
        low, high = np.quantile(values, (uncertainty.LOW, uncertainty.HIGH))
        mean = totals[1].get(key, 0.0) - totals[0].get(key, 0.0)
        found[key] = Interval(mean, min(mean, float(low)), max(mean, float(high)))
    return found


def _small(side: Side) -> uncertainty.Small:
    parameters, system = deployed(side.config, side.template, side.taken.parameters)
    known = _in_order(side.calibration)
    plan = planning.plan(
        side.config,
        parameters,
        system,
        known,
        cpu_factor=known.cpu_factor,
        shards=NEW_TABLE_SHARDS,
        account_concurrency=side.taken.options["accountConcurrency"],
        seed=side.taken.seed,
        months=side.taken.options["months"],
    )
    return uncertainty.Small(
        plan,
        known,
        side.prices,
        False,
        FILES.count,
        lambda count: FILES.workload(known, side.taken.seed, count),
        draws_pages=False,  # a file's pages are in another order on each side
    )


def _in_order(known: Calibration) -> Calibration:
    """The calibrated files in an order that does not hang on when each was done: what is drawn of them is
    drawn alike on both sides.
    """
    order = sorted(range(len(known.pages)), key=lambda one: (known.sizes[one], len(known.pages[one])))

    def ordered(values: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(values[one] for one in order)

    return msgspec.structs.replace(
        known,
        pages=ordered(known.pages),
        sizes=ordered(known.sizes),
        uploaded=ordered(known.uploaded),
        heard=ordered(known.heard),
    )


def _keyed(case: uncertainty.Case) -> dict[Key, float]:
    lines = {
        (FLEET, f"{resource} {item}", "dollars"): amount for (resource, item), amount in case.lines.items()
    }
    return {**lines, TOTAL: case.total, MAKESPAN: case.makespan}
