"""A point may take minutes: until then it is told again and again how far it is."""

import threading

import pytest

from harness.tuning import trials


def test_how_far_it_is_is_told_while_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "BEAT_SECONDS", 0.001)
    told: list[int] = []
    again = threading.Event()

    def tell(done: int) -> None:
        told.append(done)
        if told.count(4) >= 3:
            again.set()

    before = threading.active_count()
    with trials._beating(tell, 3) as now:
        now(4)
        assert again.wait(10)
    assert told[0] == 3
    assert threading.active_count() == before
