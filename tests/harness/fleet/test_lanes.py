"""The compiled stages against closed forms of queueing theory, and against what AWS documents of mappings."""

import math

import numpy as np
import pytest

from harness.fleet import lanes
from harness.fleet.ordering import in_order, rearranged

NOTHING = np.zeros(1)


def stage(arrivals, seconds, lanes_at_start: int, **changed):
    """A stage without overhead, in which no environment is ever cold again."""
    settings = {
        "receive": NOTHING,
        "invoke": NOTHING,
        "handler": np.asarray(seconds, dtype=float),
        "left": NOTHING,
        "after": NOTHING,
        "cold": NOTHING,
        "init_seconds": 0.0,
        "at_start": lanes_at_start,
        "most": lanes_at_start,
        "growth": 5,
        "period": 1.0,
        "idle_seconds": 1e18,
        "seed": 1,
    } | changed
    return lanes.queue_stage(np.asarray(arrivals, dtype=float), *settings.values())


def poisson(rate: float, count: int, seed: int) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).exponential(1 / rate, count))


def assert_mean(waits: np.ndarray, expected: float, batches: int = 25) -> None:
    """The mean lies within four standard errors of what is expected, by batch means, which are not independent
    within a batch; and that error is small enough to mean something.
    """
    means = waits.reshape(batches, -1).mean(axis=1)
    error = means.std(ddof=1) / math.sqrt(batches)
    assert error < 0.1 * expected
    assert abs(waits.mean() - expected) < 4 * error


@pytest.mark.parametrize(("servers", "load"), [(1, 0.7), (8, 0.8), (50, 0.9)])
def test_waiting_in_m_m_c_is_erlangs(servers: int, load: float) -> None:
    """M/M/c: the mean wait is C(c, a) / (c mu - lambda), Erlang's C formula."""
    arrivals = poisson(load * servers, 1_000_000, 1)
    seconds = np.random.default_rng(2).exponential(1.0, len(arrivals))
    started, _, _ = stage(arrivals, seconds, servers)
    offered = load * servers
    full = offered**servers / math.factorial(servers) / (1 - load)
    delayed = full / (sum(offered**k / math.factorial(k) for k in range(servers)) + full)
    assert_mean(started - arrivals, delayed / (servers - offered))


def test_waiting_in_m_d_1_is_pollaczeks() -> None:
    """M/D/1: the mean wait is rho / (2 mu (1 - rho))."""
    arrivals = poisson(0.8, 1_000_000, 3)
    started, _, _ = stage(arrivals, np.ones(len(arrivals)), 1)
    assert_mean(started - arrivals, 0.8 / (2 * 0.2))


def test_littles_law_holds() -> None:
    """The mean number in the system is the rate times the mean time in it, whatever the distributions are."""
    arrivals = poisson(3.0, 200_000, 4)
    seconds = np.random.default_rng(5).lognormal(0.0, 1.0, len(arrivals))
    _, ended, _ = stage(arrivals, seconds, 6)
    times = np.linspace(0, arrivals[-1], 20_001)
    inside = np.searchsorted(arrivals, times, "right") - np.searchsorted(np.sort(ended), times, "right")
    rate = len(arrivals) / arrivals[-1]
    assert inside.mean() == pytest.approx(rate * (ended - arrivals).mean(), rel=0.02)


def test_a_mapping_grows_by_five_lanes_a_second_while_messages_wait() -> None:
    """300 a minute from five on, up to its most ("Configuring scaling behavior for SQS event source mappings")."""
    _, _, numbers = stage(np.zeros(10_000), np.full(10_000, 60.0), 5, most=1_250)
    started, ended, _ = stage(np.zeros(3_000), np.full(3_000, 1e6), 5, most=800)
    running = [int((started <= second + 0.5).sum()) for second in range(4)]
    assert running == [5, 10, 15, 20]
    assert (started <= 200).sum() == 800
    assert numbers[2] == 1_250
    assert ended.max() > 1e6


def test_a_mapping_does_not_grow_while_a_lane_is_free() -> None:
    started, _, numbers = stage(np.arange(100) * 1.0, np.full(100, 4.5), 5, most=1_250)
    assert numbers[2] == 5
    assert (started == np.arange(100)).all()


def test_environments_are_reused_latest_first_and_lost_after_some_idleness() -> None:
    """Two at once need two environments; afterwards one is enough, and the other is lost meanwhile."""
    arrivals = [0.0, 0.0, *(100.0 * number for number in range(1, 10)), 900.0]
    _, _, numbers = stage(arrivals, np.full(12, 1.0), 5, idle_seconds=420.0, init_seconds=0.5)
    assert numbers[1] == 3  # the two, and the second of those at 900
    assert numbers[5] == 12 * 1000 + 3 * 500


def test_a_stream_takes_what_a_poll_has_brought_up_to_a_batch_one_at_a_time() -> None:
    """Records of one lane: seen at the next quarter second, in batches of two, in order."""
    arrivals = np.array([0.1, 0.12, 0.13, 0.6])
    done, starts, stops, numbers = lanes.stream_stage(
        arrivals, np.zeros(4, dtype=np.int64), 1, 0.25, 2, NOTHING, np.array([1.0]), np.full(4, 0.5), NOTHING, 0.0,
        1e18, 1,
    )  # fmt: skip
    assert starts.tolist() == [0.25, 2.25]
    assert done.tolist() == [1.75, 2.25, 3.75, 4.25]
    assert stops.tolist() == [2.25, 4.25]
    assert numbers[0] == 2


def test_pages_are_spread_evenly_over_as_few_batches_as_can_hold_them() -> None:
    file_of, size_of = lanes.expand(np.array([16, 0, 15, 1], dtype=np.int32), 15)
    assert file_of.tolist() == [0, 0, 2, 3]
    assert size_of.tolist() == [8, 8, 15, 1]


SPREADS = ["even", "crowded", "alike", "within a step", "infinite", "one", "none"]


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("count", [5_000, 200_000])
def test_the_order_of_times_is_that_of_a_stable_sort(spread: str, count: int) -> None:
    generator = np.random.default_rng(7)
    times = {
        "even": generator.random(count),
        "crowded": generator.lognormal(0, 3, count),
        "alike": np.repeat(generator.random(count // 20), 20),
        "within a step": np.concatenate([generator.random(count) * 1e-9, [1e9]]),
        "infinite": np.where(generator.random(count) < 0.2, np.inf, generator.random(count)),
        "one": np.ones(1),
        "none": np.array([]),
    }[spread]
    ascending, order = in_order(times)
    assert (order == np.argsort(times, kind="stable")).all()
    assert (ascending == times[order]).all()
    assert (rearranged(times, order) == ascending).all()


def test_a_batch_takes_as_long_as_its_pages_each_of_which_is_any_of_its_files_like() -> None:
    """Pages are drawn evenly, whether a batch has an odd number of them or an even one, and independently."""
    batches = 200_000
    sizes = np.where(np.arange(batches) % 2 == 0, 3, 2).astype(np.int32)
    drawn = lanes.draw_pages(
        np.arange(batches, dtype=np.int32), sizes, np.arange(batches) % 2, np.array([0, 3, 5]),
        np.array([1.0, 10.0, 100.0, 7.0, 8.0]), False, 3,
    )  # fmt: skip
    hundreds, rest = np.divmod(drawn[::2], 100)
    tens, ones = np.divmod(rest, 10)
    for many in (hundreds, tens, ones):
        assert np.bincount(many.astype(int)) / len(many) == pytest.approx(
            [8 / 27, 12 / 27, 6 / 27, 1 / 27], abs=0.004
        )
    values, counts = np.unique(drawn[1::2], return_counts=True)
    assert values.tolist() == [14.0, 15.0, 16.0]
    assert counts / counts.sum() == pytest.approx([0.25, 0.5, 0.25], abs=0.005)


def test_pages_of_neighbouring_seeds_have_nothing_in_common() -> None:
    def drawn(seed: int) -> np.ndarray:
        files = np.zeros(2_000, dtype=np.int32)
        ones = np.ones(2_000, dtype=np.int32)
        return lanes.draw_pages(
            files, ones, np.zeros(1, dtype=int), np.array([0, 4]), np.arange(4.0), False, seed
        )

    alike = [(drawn(seed) == drawn(seed + 1)).mean() for seed in range(20)]
    assert alike == pytest.approx(np.full(20, 0.25), abs=0.05)


def test_pages_as_they_stand_go_on_from_batch_to_batch_of_a_file() -> None:
    files, sizes = np.array([0, 0, 1], dtype=np.int32), np.array([2, 2, 1], dtype=np.int32)
    drawn = lanes.draw_pages(
        files, sizes, np.zeros(2, dtype=int), np.array([0, 3]), np.array([1.0, 10.0, 100.0]), True, 1
    )
    assert drawn.tolist() == [11.0, 101.0, 1.0]


def test_a_file_is_done_with_its_last_batch_and_never_without_one() -> None:
    files, order = np.array([0, 0, 2], dtype=np.int32), np.array([1, 2, 0], dtype=np.int32)
    done = lanes.latest(files, order, np.array([9.0, 7.0, 5.0]), 0.5, 3)
    assert done.tolist() == [8.5, math.inf, 6.5]
