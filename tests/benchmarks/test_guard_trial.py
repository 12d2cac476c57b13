"""The trial of the guard slows what it says it slows, and says what the guard did not do."""

import resource
import time
from typing import Any, NamedTuple

import pytest

from benchmarks import guard_trial
from fixtures import guarded as pages


class Page(NamedTuple):
    content: bytes


def spent() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize(("slow", "is_slowed"), [([], True), (["0a"], True), (["0b"], False)])
def test_pages_cost_a_share_more_cpu_time(slow: list[str], is_slowed: bool) -> None:
    def read_page(page: Page, options: object) -> str:
        ends = time.process_time() + 0.1
        while time.process_time() < ends:
            pass
        return "text"

    space: dict[str, Any] = {"read_page": read_page, "time": time}
    exec(guard_trial.SPUN.format(slow=slow, share=0.5), space)
    before = spent()
    assert space["read_page"](Page(b"\n"), None) == "text"
    assert spent() - before == pytest.approx(0.15 if is_slowed else 0.1, abs=0.02)


def test_every_kind_is_slowed_and_as_many_runs_are_of_identical_code() -> None:
    slowed = [slow for slow, _ in guard_trial.trials()]
    assert (slowed.count(""), slowed.count("all"), len(slowed)) == (20, 10, 40)
    assert set(slowed) == {"", "all", *pages.KINDS}
    assert len({name for _, name in guard_trial.trials()}) == 40


def row(slow: str, verdict: str, seconds: float = 60.0) -> dict[str, Any]:
    return {"slow": slow, "verdict": verdict, "seconds": seconds}


def test_what_the_guard_did_not_do_is_said() -> None:
    good = [row("", "not slower"), row("all", "slower")]
    assert guard_trial.failings([*good, row("fax", "not slower")]) == []
    assert guard_trial.failings([*good, row("", "slower")]) == ["1 false alarms"]
    assert guard_trial.failings([*good, *[row("fax", "undecided")] * 2]) == ["2 slowdowns missed"]
    assert guard_trial.failings([*good, row("", "not slower", 301)]) == ["a run of 301 s"]
    assert guard_trial.failings([row("", "not slower", 121)]) == ["a median of 121 s"]
