"""All stages in one loop of events: what comes back, what is held up, and what is shared."""

import numpy as np
import pytest

from harness.fleet import lanes, together
from harness.fleet.together import CLOSING, OPENING, READING

PAUSES = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 30.0])
FREE = 10**9


def simulate(
    arrivals,
    pages=0,
    page_seconds=(1.0,),
    batch_pages=1,
    failures=(),
    opening=None,
    reading=None,
    closing=None,
    **shared,
):
    """Three stages without overhead whose handlers take no time; what is given changes that."""
    arrivals = np.asarray(arrivals, dtype=float)
    files = len(arrivals)
    stages = np.zeros(3, dtype=together.STAGE)
    stages["timeout"], stages["reserved"], stages["draws"] = 1e18, -1, 1
    stages["batch"], stages["visibility"], stages["receives"], stages["growth"] = (1, 1, 10), 30.0, 5, 5
    stages["most"] = stages["at_start"] = stages["at_rest"] = 5
    for stage, changed in enumerate((opening, reading, closing)):
        for name, value in (changed or {}).items():
            stages[stage][name] = value
        stages[stage]["most"] = max(stages[stage]["most"], stages[stage]["at_start"])
    settings = np.zeros(1, dtype=together.SHARED)
    settings["account"], settings["idle_seconds"], settings["scaling_period"] = FREE, 1e18, 1.0
    settings["long_poll"], settings["stream_poll"], settings["back_off"] = 20.0, 0.25, 0.5
    settings["fewest"], settings["seed"], settings["in_order"] = 2, 7, True
    for name, value in shared.items():
        settings[name] = value
    counts = np.full(files, pages, dtype=np.int32)
    world = together.world(
        settings,
        stages,
        np.zeros(1),
        np.array(list(failures), dtype=together.FAILURE),
        counts,
        np.zeros(files, dtype=np.int64),
        arrivals,
        lanes.expand(counts, batch_pages),
        np.arange(files) % int(stages["most"][2]),
        (np.array([0, len(page_seconds)]), np.array(page_seconds, dtype=float)),
        PAUSES,
    )
    together.run(world)
    return world


def test_failed_messages_come_back_and_are_given_up_after_so_many_tries() -> None:
    """Each try fails by itself: of n messages n f^k are tried more than k times."""
    count, rate = 100_000, 0.3
    done = simulate(
        np.zeros(count), opening={"fixed": 0.01, "at_start": 50, "fail_rate": rate, "receives": 3}
    )
    stage = done.stages[OPENING]
    assert stage["invocations"] / count == pytest.approx(1 + rate + rate**2, rel=0.01)
    assert stage["given_up"] / count == pytest.approx(rate**3, rel=0.05)
    assert stage["deleted"] == count - stage["given_up"]


def test_a_failure_is_billed_for_as_long_as_those_that_were_seen_and_may_lose_its_environment() -> None:
    count = 20_000
    done = simulate(
        np.zeros(count),
        failures=[(0.5, False, False, False, True)],
        opening={"fixed": 2.0, "init_seconds": 1.0, "fail_rate": 0.25, "failures": 1, "receives": 100},
    )
    stage = done.stages[OPENING]
    assert stage["billed_ms"] == 2000 * count + 500 * stage["failed"] + 1000 * stage["colds"]
    assert stage["colds"] == pytest.approx(stage["failed"], abs=5)  # and one for each lane


def test_what_a_reader_kept_before_it_failed_is_not_read_again() -> None:
    """Its pages are billed once, though every file is tried until it does not fail."""
    count = 2_000
    done = simulate(
        np.zeros(count),
        pages=1,
        failures=[(0.0, True, True, False, False)],
        reading={"fail_rate": 0.5, "failures": 1, "receives": 1_000, "fixed": 0.001},
    )
    stage = done.stages[READING]
    assert stage["failed"] > 0.8 * count
    assert stage["billed_ms"] == pytest.approx(1000 * count, rel=0.005)
    assert np.isfinite(done.files["done"]).all()


def test_a_handler_that_takes_longer_than_its_timeout_is_billed_until_then() -> None:
    done = simulate([0.0], opening={"fixed": 90.0, "timeout": 60.0, "receives": 2, "visibility": 100.0})
    stage = done.stages[OPENING]
    assert (stage["invocations"], stage["timed_out"], stage["given_up"]) == (2, 2, 1)
    assert stage["billed_ms"] == 120_000
    assert stage["last"] == 160.0  # the second one begins when the first one's visibility timeout is over


def test_pages_that_there_is_no_time_for_go_back_and_are_read_by_the_next() -> None:
    """Ten pages of 10 s in 60 s of which 25 are kept: a page begins while 25 are left, that is at 0, 10, 20, 30."""
    done = simulate(
        [0.0], pages=10, page_seconds=[10.0], batch_pages=10, reading={"timeout": 60.0, "keeps": 25.0}
    )
    stage = done.stages[READING]
    assert (stage["invocations"], stage["handed_back"], stage["failed"]) == (3, 2, 0)
    assert stage["billed_ms"] == pytest.approx(100_000, abs=5)
    assert done.files["done"][0] == pytest.approx(100.25, abs=0.3)


def test_a_page_longer_than_what_is_left_is_read_all_the_same_when_it_is_the_first() -> None:
    done = simulate(
        [0.0], pages=2, page_seconds=[50.0], batch_pages=2, reading={"timeout": 60.0, "keeps": 25.0}
    )
    assert done.stages[READING]["invocations"] == 2
    assert np.isfinite(done.files["done"][0])


def test_the_account_is_shared_and_mappings_try_again() -> None:
    """Three at once of ten lanes; who is refused tries after 1, 2, 4 ... seconds."""
    done = simulate(np.zeros(200), opening={"fixed": 1.0, "at_start": 10, "visibility": 1e6}, account=3)
    assert done.shared["most_running"][0] == 3
    assert done.stages[OPENING]["throttles"] > 0
    assert done.stages[OPENING]["deleted"] == 200


def test_stages_take_concurrency_from_each_other() -> None:
    """Readers that fill the account make openers wait, which no stage alone could know."""
    given = {
        "pages": 1,
        "page_seconds": [20.0],
        "opening": {"fixed": 0.5, "visibility": 1e6},
        "reading": {"at_start": 8},
    }
    alone = simulate(np.arange(100) * 1.0, **given)
    shared = simulate(np.arange(100) * 1.0, **given, account=8)
    assert alone.stages[OPENING]["throttles"] == 0
    assert shared.stages[OPENING]["throttles"] > 0
    assert shared.stages[OPENING]["last"] > alone.stages[OPENING]["last"] + 10


def test_reserved_concurrency_is_a_functions_own_limit() -> None:
    done = simulate(np.zeros(50), opening={"fixed": 1.0, "at_start": 10, "reserved": 2, "visibility": 1e6})
    assert done.shared["most_running"][0] == 2


def test_an_invocation_takes_what_is_there_up_to_its_batch() -> None:
    done = simulate(
        np.zeros(95), opening={"per_record": 0.1, "at_start": 1, "at_rest": 1, "most": 1, "batch": 10}
    )
    stage = done.stages[OPENING]
    assert stage["invocations"] == 10
    assert stage["billed_ms"] == pytest.approx(9_500, abs=11)


@pytest.mark.parametrize(("arrivals", "begins"), [([0.0, 1.0, 2.0], 5.0), ([0.0, 1.0, 2.0, 3.0], 3.0)])
def test_a_batch_is_gathered_until_its_window_ends_or_it_is_full(
    arrivals: list[float], begins: float
) -> None:
    done = simulate(arrivals, opening={"fixed": 1.0, "batch": 4, "window": 5.0})
    stage = done.stages[OPENING]
    assert stage["invocations"] == 1
    assert stage["last"] == begins + 1.0


def test_lanes_end_when_nothing_comes_and_those_that_stay_poll() -> None:
    """After 20 s without a message lanes beyond the mapping's rest end; the others count a poll every 20 s."""
    burst = np.concatenate([np.zeros(400), [1_000.0]])
    done = simulate(burst, opening={"fixed": 2.0, "at_start": 5, "most": 50, "at_rest": 5})
    stage = done.stages[OPENING]
    assert stage["most_lanes"] > 20
    assert stage["lanes"] == 5
    idle = 1_000.0 - 2.0 * 400 / 30
    assert stage["empty_polls"] == pytest.approx(5 * idle / 20 + stage["most_lanes"] - 5, rel=0.1)


def test_a_table_serves_so_many_writes_a_second_and_more_after_a_while() -> None:
    """4,000 invocations at once with 100 units each, of 4,000 a second, need 100 s."""
    limits = {"capacity": 4_000.0, "most_capacity": 40_000.0}
    opening = {"unit_fixed": 100.0, "at_start": 1_000, "most": 1_000}
    done = simulate(np.zeros(4_000), opening=opening, **limits)
    assert done.stages[OPENING]["last"] == pytest.approx(99.0, abs=1.1)  # and one second's worth at once
    longer = simulate(np.zeros(200_000), opening=opening, **limits)
    rest = (200_000 * 100 - 1_800 * 4_000) / 8_000  # twice its busiest minute, after half an hour
    assert longer.stages[OPENING]["last"] == pytest.approx(1_800 + rest, rel=0.02)


def test_a_stream_tries_a_batch_again_until_it_is_given_up() -> None:
    done = simulate(np.zeros(1), pages=1, closing={"fail_rate": 1.0, "receives": 3, "fixed": 0.1})
    stage = done.stages[CLOSING]
    assert (stage["invocations"], stage["given_up"]) == (4, 1)
    assert np.isinf(done.files["done"]).all()


def test_a_stream_that_bisects_loses_only_what_it_must() -> None:
    """Half of all invocations fail, whatever they hold: every record gets through."""
    done = simulate(
        np.zeros(300),
        pages=1,
        page_seconds=[0.01],
        closing={"fail_rate": 0.5, "receives": 50, "backs_off": True},
    )
    assert np.isfinite(done.files["done"]).all()
    assert done.stages[CLOSING]["deleted"] == 300


def test_what_ran_and_waited_adds_up_to_what_was_billed() -> None:
    done = simulate(np.zeros(500), pages=3, batch_pages=2, opening={"fixed": 0.5}, reading={"at_start": 7})
    ran = done.area[:3].sum(axis=1)
    assert ran[OPENING] == pytest.approx(500 * 0.5)
    assert ran[READING] == pytest.approx(500 * 3 * 1.0, rel=1e-3)
    assert ran[READING] == pytest.approx(done.stages[READING]["billed_ms"] / 1000, rel=1e-3)
