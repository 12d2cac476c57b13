"""The decision, over hundreds of simulated comparisons with noise as it was measured beside a busy process."""

import math

import numpy as np

from harness.tuning import sequential
from harness.tuning.sequential import LOOKS, OVERALL

LIMIT = 1.05
KINDS = {f"{kind} {page}": kind for kind in ("letter", "form") for page in range(2)}


def decided(
    true: dict[str, float], generator: np.random.Generator, spread: float, false_alarms: float = 0.01
) -> tuple[int, list[str], list[str]]:
    """(look, slower, undecided) at which a comparison ends; true: kind -> its ratio."""
    logs: dict[str, list[float]] = {unit: [] for unit in KINDS}
    found = None
    for look, pairs in enumerate(LOOKS, 1):
        for unit, kind in KINDS.items():
            more = pairs - len(logs[unit])
            logs[unit] += list(math.log(true.get(kind, 1.0)) + spread * generator.standard_t(4, more))
        found = sequential.look(KINDS, logs, LIMIT, false_alarms)
        if found.is_decided:
            return look, found.slower, found.undecided
    assert found is not None
    return len(LOOKS), found.slower, found.undecided


def test_identical_code_passes_at_the_first_looks() -> None:
    generator = np.random.default_rng(1)
    ends = [decided({}, generator, 0.015) for _ in range(40)]
    assert [slower for _, slower, _ in ends] == [[]] * 40
    assert sorted(look for look, _, _ in ends)[35] <= 2


def test_a_tenth_more_in_one_kind_is_found_and_named() -> None:
    generator = np.random.default_rng(2)
    ends = [decided({"form": 1.10}, generator, 0.015) for _ in range(40)]
    assert all("form" in slower and "letter" not in slower for _, slower, _ in ends)


def test_noise_does_not_hide_a_tenth_it_only_takes_longer() -> None:
    """Four times what was measured."""
    generator = np.random.default_rng(3)
    ends = [decided({"letter": 1.10, "form": 1.10}, generator, 0.06) for _ in range(20)]
    assert sum(bool(slower) for _, slower, _ in ends) >= 19
    assert max(look for look, _, _ in ends) > 2


def test_code_at_the_very_limit_is_called_slower_as_seldom_as_is_said_over_all_looks() -> None:
    """Where a false alarm is likeliest, with a tenth of them allowed, so that there are some to count."""
    generator = np.random.default_rng(4)
    alarms = [decided({"letter": LIMIT, "form": LIMIT}, generator, 0.02, 0.1)[1] for _ in range(200)]
    assert sum(map(bool, alarms)) / 200 <= 0.1


def test_what_noise_leaves_open_is_said_to_be_open() -> None:
    generator = np.random.default_rng(5)
    _, slower, undecided = decided({"letter": LIMIT, "form": LIMIT}, generator, 0.05)
    assert slower == []
    assert set(undecided) == {"letter", "form", OVERALL}


def test_a_kind_without_new_pairs_stands_as_it_stood() -> None:
    generator = np.random.default_rng(6)
    logs = {unit: list(generator.normal(0, 0.02, 6)) for unit in KINDS}
    more = {
        u: logs[u] + (list(generator.normal(0, 0.02, 3)) if k == "letter" else []) for u, k in KINDS.items()
    }
    before, after = (sequential.look(KINDS, those, LIMIT).ratios for those in (logs, more))
    assert before["form"] == after["form"]
    assert before["letter"] != after["letter"]
