"""All stages of the fleet in one loop of events, in compiled code: for fleets whose stages share a limit that
binds, whose messages come back, or whose mappings take several at once.

As exact as `lanes`, and slower: here what happens to one stage may hold up another. A lane has one event at a
time: it polls, or its invocation begins, or ends. Messages and records that will be visible wait in a heap,
those of queues that are visible in a ring. Everything stands in arrays of records that the steps share; a
message is the number of its file, or the number of files and that of its batch; a record of the stream comes
after both.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.cloud.limits import (
    PEAK_SECONDS,
    PEAK_SPAN_SECONDS,
    STREAM_BACKOFF_LIMIT_SECONDS,
    STREAM_BACKOFF_SECONDS,
)
from harness.fleet.heaps import inlined, jit, pop_pair, push_pair, uniform
from harness.fleet.lanes import SHORTEST_SECONDS

BINS = 4_096
"""Spans of time at most for which it is told how many ran and waited."""
FIRST_BIN_SECONDS = 0.01
OPENING, READING, CLOSING = 0, 1, 2
GONE, RESTS, POLLS, GATHERS, BEGINS, ENDS = range(6)
"""What a lane's next event is, if it has one."""
GOOD, FAILED, TIMED_OUT, HANDED_BACK = range(4)
"""How an invocation ends."""
RECEIVE, INVOKE, AFTER, COLD, LEFT = range(5)
"""What seconds are drawn for: see `lanes.queue_stage`."""
DRAWS = 5

STAGE = np.dtype(
    [
        # a handler takes fixed + per_record x messages + per_page x pages, and what each page takes
        ("fixed", "f8"),
        ("per_record", "f8"),
        ("per_page", "f8"),
        ("init_seconds", "f8"),
        ("told_before_end", "f8"),
        ("timeout", "f8"),
        ("keeps", "f8"),  # seconds before its timeout from which on no further page is read; 0 for never
        ("reserved", "i8"),  # concurrency of its own, -1 where it shares the account's
        # its mapping; of a stream's, receives are tries of a batch, and backs_off says that it bisects
        ("first_lane", "i8"),
        ("most", "i8"),
        ("at_start", "i8"),
        ("at_rest", "i8"),
        ("growth", "i8"),
        ("batch", "i8"),
        ("window", "f8"),
        ("visibility", "f8"),
        ("receives", "i8"),
        ("backs_off", "?"),
        # of invocations, those that fail; how, begins at `failure` and has so many `failures`, none: evenly
        ("fail_rate", "f8"),
        ("failure", "i8"),
        ("failures", "i8"),
        # write units by invocation, message and page
        ("unit_fixed", "f8"),
        ("unit_record", "f8"),
        ("unit_page", "f8"),
        # what is drawn stands in `drawn` from `draw` on, so many
        ("draw", "i8", DRAWS),
        ("draws", "i8", DRAWS),
        # state: lanes that there are, and are at work; as many as the mapping wants; its look at them is due
        ("lanes", "i8"),
        ("busy", "i8"),
        ("wanted", "i8"),
        ("scaling", "?"),
        ("backing", "?"),
        ("refused", "i8"),  # lanes with messages that they were not let in with at once
        ("eases", "f8"),  # until when a further refusal leaves its mapping as it is
        ("idle", "i8"),
        ("rest_first", "i8"),
        ("rest_count", "i8"),
        ("ring_base", "i8"),
        ("ring_size", "i8"),
        ("ring_first", "i8"),
        ("ring_count", "i8"),
        ("gathering", "i8"),
        # what came of it
        ("messages", "i8"),
        ("invocations", "i8"),
        ("colds", "i8"),
        ("failed", "i8"),
        ("timed_out", "i8"),
        ("given_up", "i8"),
        ("handed_back", "i8"),
        ("throttles", "i8"),
        ("deleted", "i8"),
        ("empty_polls", "i8"),
        ("most_lanes", "i8"),
        ("billed_ms", "i8"),
        ("lane_seconds", "f8"),
        ("held_up_seconds", "f8"),  # in which writes waited for the table
        ("first", "f8"),
        ("last", "f8"),
    ],
    align=True,
)
LANE = np.dtype(
    [
        ("phase", "i4"),
        ("fate", "i4"),
        ("held", "i4"),  # messages in hand
        ("takes", "i4"),  # at most
        ("tries", "i4"),  # to invoke; of a stream's batch
        ("told", "?"),  # the next stage hears of it
        ("lost", "?"),  # so is its environment
        ("taken", "f8"),
        ("since", "f8"),  # it rests; or until when its mapping tries to invoke
        ("due", "f8"),  # its next event; an older one means nothing any more
        ("head", "i8"),  # of its records, and the last; of a stream
        ("tail", "i8"),
    ],
    align=True,
)
FILE = np.dtype(
    [
        ("pages", "i4"),
        ("source", "i4"),
        ("left", "i4"),  # batches that are not done
        ("lane", "i4"),  # of the stream
        ("first_batch", "i8"),
        ("next", "i8"),  # record in its lane
        ("latest", "f8"),  # end of a batch; then when its record was written
        ("done", "f8"),
    ],
    align=True,
)
BATCH = np.dtype([("file", "i4"), ("size", "i4"), ("first", "i4"), ("read", "i4")], align=True)
MESSAGE = np.dtype([("tries", "i2"), ("heard", "?")], align=True)
FAILURE = np.dtype(
    [("seconds", "f8"), ("read", "?"), ("kept", "?"), ("told", "?"), ("lost", "?")],
    align=True,
)
"""How an invocation failed: see `calibration.Failure`."""
SHARED = np.dtype(
    [
        ("account", "i8"),
        ("idle_seconds", "f8"),
        ("scaling_period", "f8"),
        ("long_poll", "f8"),
        ("stream_poll", "f8"),
        ("back_off", "f8"),
        ("fewest", "i8"),
        ("in_order", "?"),
        ("seed", "u8"),
        # the table: write units a second that it serves, 0 for no limit, and may ever serve
        ("capacity", "f8"),
        ("most_capacity", "f8"),
        ("free", "f8"),
        ("units", "f8"),
        ("peak_units", "f8"),
        ("minute", "f8"),
        ("grows", "f8"),
        # state
        ("now", "f8"),
        ("bin", "f8"),
        ("running", "i8"),
        ("sharing", "i8"),  # of the functions without concurrency of their own
        ("most_running", "i8"),
        ("events", "i8"),
        ("coming", "i8"),
        ("fresh", "i8"),
    ],
    align=True,
)


class World(NamedTuple):
    """All arrays of a simulation. arrivals: when each file's message is visible, ascending. page_seconds:
    at the reader's speed, of calibrated file f from page_first[f] to page_first[f + 1]. pauses: seconds
    between tries to invoke. level, area: how many run and wait now, by stage, and summed up in each bin.
    """

    shared: NDArray[Any]
    stages: NDArray[Any]
    lanes: NDArray[Any]
    held: NDArray[np.int32]
    files: NDArray[Any]
    batches: NDArray[Any]
    messages: NDArray[Any]
    failures: NDArray[Any]
    arrivals: NDArray[np.float64]
    drawn: NDArray[np.float64]
    page_first: NDArray[np.int64]
    page_seconds: NDArray[np.float64]
    pauses: NDArray[np.float64]
    event_times: NDArray[np.float64]
    events: NDArray[np.int64]
    coming_times: NDArray[np.float64]
    coming: NDArray[np.int64]
    ring: NDArray[np.int32]
    idle: NDArray[np.float64]
    resting: NDArray[np.int64]
    level: NDArray[np.float64]
    area: NDArray[np.float64]
    random: NDArray[np.uint64]


def world(
    shared: NDArray[Any],
    stages: NDArray[Any],
    drawn: NDArray[np.float64],
    failures: NDArray[Any],
    pages: NDArray[np.int32],
    source: NDArray[np.int64],
    arrivals: NDArray[np.float64],
    batches: tuple[NDArray[np.int32], NDArray[np.int32]],
    stream_lane: NDArray[np.int32],
    known: tuple[NDArray[np.int64], NDArray[np.float64]],
    pauses: NDArray[np.float64],
) -> World:
    """The arrays before anything has happened. Of large ones only what is used takes memory."""
    files, (file_of, size_of) = len(arrivals), batches
    lanes = int(stages["most"].sum())
    stages["first_lane"] = np.concatenate([[0], np.cumsum(stages["most"])[:-1]])
    stages["ring_base"], stages["ring_size"] = (0, files, 0), (max(1, files), max(1, len(file_of)), 1)
    stages["first"] = np.inf
    shared["bin"], shared["grows"] = FIRST_BIN_SECONDS, PEAK_SPAN_SECONDS
    of_files = np.zeros(files, dtype=FILE)
    of_files["pages"], of_files["source"], of_files["lane"] = pages, source, stream_lane
    of_files["done"], of_files["next"] = np.inf, -1
    of_batches = np.zeros(len(file_of), dtype=BATCH)
    of_batches["file"], of_batches["size"] = file_of, size_of
    _number(of_files, of_batches)
    of_lanes = np.zeros(lanes, dtype=LANE)
    of_lanes["head"] = of_lanes["tail"] = -1
    items = 2 * files + len(file_of)
    return World(
        shared=shared,
        stages=stages,
        lanes=of_lanes,
        held=np.empty((lanes, int(stages["batch"].max())), dtype=np.int32),
        files=of_files,
        batches=of_batches,
        messages=np.zeros(files + len(file_of), dtype=MESSAGE),
        failures=failures,
        arrivals=arrivals,
        drawn=drawn,
        page_first=known[0],
        page_seconds=known[1],
        pauses=pauses,
        event_times=np.empty(2 * lanes + 8),
        events=np.empty(2 * lanes + 8, dtype=np.int64),
        coming_times=np.empty(items + 1),
        coming=np.empty(items + 1, dtype=np.int64),
        ring=np.empty(files + len(file_of) + 2, dtype=np.int32),
        idle=np.empty((len(stages), lanes + 1)),
        resting=np.empty((len(stages), lanes + 1), dtype=np.int64),
        level=np.zeros(2 * len(stages)),
        area=np.zeros((2 * len(stages), BINS)),
        random=np.array([2 * int(shared["seed"][0]) + 88172645463325253], dtype=np.uint64),
    )


@jit
def _number(files: NDArray[Any], batches: NDArray[Any]) -> None:
    """Tells files their batches, and batches the pages that come before them."""
    before, page = -1, 0
    for place in range(len(batches)):
        file = batches[place].file
        if file != before:
            files[file].first_batch, before, page = place, file, 0
        files[file].left += 1
        batches[place].first = page
        page += batches[place].size


@inlined
def _draw(w: World, stage: int, what: int) -> float:
    of = w.stages[stage]
    return float(w.drawn[of.draw[what] + int(uniform(w.random) * of.draws[what])])


@inlined
def _like(seed: int, batch: int, page: int, number: int) -> int:
    """Which of so many calibrated pages a page is like: the same one at each try (splitmix64: Steele, Lea and
    Flood 2014).
    """
    mixed = np.uint64(seed) + np.uint64(batch) * np.uint64(65_536) + np.uint64(page)
    mixed = mixed * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    chosen: int = np.int64((mixed ^ (mixed >> np.uint64(31))) % np.uint64(number))  # type: ignore[assignment]
    return chosen


@inlined
def _at(w: World, time: float, lane: int) -> None:
    if lane < len(w.lanes):
        w.lanes[lane].due = time
    w.shared[0].events = push_pair(w.event_times, w.events, w.shared[0].events, time, lane)


@inlined
def _comes(w: World, time: float, item: int) -> None:
    w.shared[0].coming = push_pair(w.coming_times, w.coming, w.shared[0].coming, time, item)


@inlined
def _pass(w: World, until: float) -> None:
    """Time passes: what runs and waits is summed up in bins, which become longer when they do not reach."""
    shared = w.shared[0]
    since = shared.now
    shared.now = until
    while until >= shared.bin * BINS:
        for row in range(len(w.level)):
            for place in range(BINS // 2):
                w.area[row, place] = w.area[row, 2 * place] + w.area[row, 2 * place + 1]
            w.area[row, BINS // 2 :] = 0.0
        shared.bin *= 2
    place = int(since / shared.bin)
    while since < until:
        end = min(until, shared.bin * (place + 1))
        for row in range(len(w.level)):
            w.area[row, place] += w.level[row] * (end - since)
        since = max(since, end)
        place += 1


@inlined
def _seen(w: World, file: int) -> float:
    """When a poll of the stream brings a file's record."""
    poll = w.shared[0].stream_poll
    return float((math.floor(w.files[file].latest / poll) + 1) * poll)


@jit
def _sweep(w: World, stage: int, t: float) -> None:
    """Lanes whose long poll brought nothing: some end, as far as the mapping may be at rest."""
    of, poll = w.stages[stage], w.shared[0].long_poll
    size, kept = w.resting.shape[1], 0
    for place in range(of.rest_count):
        lane = w.resting[stage, (of.rest_first + place) % size]
        polls = int((t - w.lanes[lane].since) / poll)
        if polls:
            of.wanted = of.at_start if of.lanes > of.at_start else of.at_rest
            if of.lanes > of.wanted:
                of.empty_polls += 1
                of.lanes -= 1
                w.lanes[lane].phase = GONE
                continue
            of.empty_polls += polls
            w.lanes[lane].since += polls * poll
        w.resting[stage, (of.rest_first + kept) % size] = lane
        kept += 1
    of.rest_count = kept


@jit
def _becomes_visible(w: World, item: int, t: float) -> None:
    """A message of a queue: a lane that gathers takes it, or one that rests."""
    stage = OPENING if item < len(w.files) else READING
    of = w.stages[stage]
    if of.rest_count:
        oldest = w.lanes[w.resting[stage, of.rest_first % w.resting.shape[1]]].since
        if t - oldest >= w.shared[0].long_poll:
            _sweep(w, stage, t)
    of.first = min(of.first, t)
    if w.messages[item].tries:  # it is older than those that wait
        of.ring_first -= 1
        w.ring[of.ring_base + of.ring_first % of.ring_size] = item
    else:
        of.messages += 1
        w.ring[of.ring_base + (of.ring_first + of.ring_count) % of.ring_size] = item
    of.ring_count += 1
    w.level[3 + stage] += 1
    if of.gathering:
        first = -1
        for lane in range(of.first_lane, of.first_lane + of.most):
            if w.lanes[lane].phase == GATHERS and (first < 0 or w.lanes[lane].taken < w.lanes[first].taken):
                first = lane
        _take(w, stage, first)
        if w.lanes[first].held == of.batch:
            _invokes(w, stage, first, t)
    elif of.rest_count:
        lane = w.resting[stage, of.rest_first % w.resting.shape[1]]
        of.rest_first += 1
        of.rest_count -= 1
        of.busy += 1
        w.lanes[lane].phase = POLLS
        _at(w, t, lane)


@jit
def _is_written(w: World, file: int) -> None:
    """A record of the stream: its lane takes it at the next poll, if it has nothing else to do."""
    of, row = w.stages[CLOSING], w.files[file]
    of.messages += 1
    of.first = min(of.first, row.latest)
    number = of.first_lane + row.lane
    lane = w.lanes[number]
    w.level[3 + CLOSING] += 1
    if lane.head < 0:
        lane.head = file
    else:
        w.files[lane.tail].next = file
    lane.tail = file
    if lane.phase == RESTS:
        lane.phase = POLLS
        _at(w, _seen(w, file), number)


@inlined
def _take(w: World, stage: int, number: int) -> None:
    """Messages that are visible, as many as the lane may have."""
    of, lane = w.stages[stage], w.lanes[number]
    while of.ring_count and lane.held < of.batch:
        w.held[number, lane.held] = w.ring[of.ring_base + of.ring_first % of.ring_size]
        lane.held += 1
        of.ring_first += 1
        of.ring_count -= 1
        w.level[3 + stage] -= 1


@jit
def _invokes(w: World, stage: int, number: int, t: float) -> None:
    """The lane has its messages and will invoke."""
    of, lane = w.stages[stage], w.lanes[number]
    if lane.phase == GATHERS:
        of.gathering -= 1
    lane.phase, lane.tries = BEGINS, 0
    received = t + _draw(w, stage, RECEIVE)
    lane.since = received + of.visibility
    _at(w, received + _draw(w, stage, INVOKE), number)


@jit
def _poll_queue(w: World, stage: int, number: int, t: float) -> None:
    of, lane = w.stages[stage], w.lanes[number]
    lane.held, lane.taken = 0, t
    _take(w, stage, number)
    if not lane.held:
        lane.phase, lane.since = RESTS, t
        of.busy -= 1
        w.resting[stage, (of.rest_first + of.rest_count) % w.resting.shape[1]] = number
        of.rest_count += 1
        return
    if of.busy == of.lanes and not of.scaling and of.lanes < of.most:
        of.scaling = True
        _at(w, t + w.shared[0].scaling_period, len(w.lanes) + stage)
    if of.window > 0 and lane.held < of.batch:
        lane.phase = GATHERS
        of.gathering += 1
        _at(w, t + of.window, number)
    else:
        _invokes(w, stage, number, t)


@jit
def _poll_stream(w: World, number: int, t: float) -> None:
    lane = w.lanes[number]
    lane.held, lane.taken = 0, t
    while lane.head >= 0 and lane.held < lane.takes and _seen(w, lane.head) <= t:
        w.held[number, lane.held] = lane.head
        lane.held += 1
        lane.head = w.files[lane.head].next
    w.level[3 + CLOSING] -= lane.held
    lane.phase, lane.since = BEGINS, np.inf
    _at(w, t + _draw(w, CLOSING, INVOKE), number)


@jit
def _scale(w: World, stage: int, t: float) -> None:
    """A mapping looks whether it should have more lanes: while all are at work and messages wait."""
    of = w.stages[stage]
    of.scaling = of.busy >= of.lanes and of.lanes < of.most
    if not of.scaling:
        return
    if not of.backing and not of.refused and of.ring_count:
        of.wanted = min(of.lanes + max(of.growth, of.at_start - of.lanes), of.most)
        for lane in range(of.first_lane, of.first_lane + of.most):
            if of.lanes >= of.wanted:
                break
            if w.lanes[lane].phase == GONE:
                w.lanes[lane].phase = POLLS
                of.lanes += 1
                of.busy += 1
                _at(w, t, lane)
        of.most_lanes = max(of.most_lanes, of.lanes)
    _at(w, t + w.shared[0].scaling_period, len(w.lanes) + stage)


@jit
def _backs(w: World, stage: int) -> None:
    """A mapping wants fewer lanes, and no more before something succeeds."""
    of = w.stages[stage]
    of.backing = True
    of.wanted = max(w.shared[0].fewest, int(min(of.wanted, of.lanes) * w.shared[0].back_off))


@jit
def _throttled(w: World, stage: int, number: int, t: float) -> None:
    """Lambda answers 429: the mapping tries again, until its messages are visible to others."""
    of, lane = w.stages[stage], w.lanes[number]
    of.throttles += 1
    if stage != CLOSING:
        of.refused += lane.tries == 0
        if t >= of.eases:
            of.eases = t + w.shared[0].scaling_period
            _backs(w, stage)
    pause = w.pauses[min(lane.tries, len(w.pauses) - 1)]
    lane.tries += 1
    if t + pause < lane.since:
        _at(w, t + pause, number)
    else:
        _come_back(w, stage, number, t)
        _goes_on(w, stage, number, t, True)


@jit
def _read(w: World, stage: int, number: int, before: float) -> tuple[float, int]:
    """(seconds, pages) of all pages of a reader's batches, as far as its time reaches: at least one page."""
    of, seconds, pages = w.stages[stage], before, 0
    for place in range(w.lanes[number].held):
        item = w.held[number, place]
        if w.messages[item].heard:
            continue
        place_of = item - len(w.files)
        batch = w.batches[place_of]
        like = w.files[batch.file].source
        first = w.page_first[like]
        count = w.page_first[like + 1] - first
        for page in range(batch.read, batch.size):
            if page > batch.read and of.keeps > 0 and of.timeout - seconds < of.keeps:
                break
            if w.shared[0].in_order:
                chosen = (batch.first + page) % count
            else:
                chosen = _like(w.shared[0].seed, place_of, page, count)
            seconds += of.per_page + w.page_seconds[first + chosen]
            pages += 1
    return seconds - before, pages


@jit
def _begins(w: World, stage: int, number: int, t: float) -> None:
    """An invocation begins, unless a limit is reached; all that will come of it is known now."""
    shared, of, lane = w.shared[0], w.stages[stage], w.lanes[number]
    if w.level[stage] >= of.reserved if of.reserved >= 0 else shared.sharing >= shared.account:
        _throttled(w, stage, number, t)
        return
    shared.running += 1
    shared.sharing += of.reserved < 0
    shared.most_running = max(shared.most_running, shared.running)
    w.level[stage] += 1
    of.invocations += 1
    init, begun = 0.0, t
    if of.idle and t - w.idle[stage, of.idle - 1] <= shared.idle_seconds:
        of.idle -= 1
    else:
        of.idle = 0
        of.colds += 1
        init = of.init_seconds
        begun += _draw(w, stage, COLD) + init
    pages, seconds = 0, of.fixed + _draw(w, stage, LEFT)
    for place in range(lane.held):
        item, seconds = w.held[number, place], seconds + of.per_record
        if stage != READING:
            pages += w.files[item].pages
            seconds += of.per_page * w.files[item].pages
        if stage == CLOSING:
            w.files[item].done = begun + max(SHORTEST_SECONDS, seconds)
    seconds = max(SHORTEST_SECONDS, seconds)
    beside = seconds
    if stage == READING:
        reading, pages = _read(w, stage, number, seconds)
        seconds += reading
    lane.fate, lane.told, lane.lost = GOOD, True, False
    if of.fail_rate > 0 and uniform(w.random) < of.fail_rate:
        lane.fate, lane.told = FAILED, False
        if of.failures:
            failure = w.failures[of.failure + int(uniform(w.random) * of.failures)]
            seconds = failure.seconds + (seconds - beside if failure.read else 0.0)
            lane.told, lane.lost = failure.told, failure.lost
            if failure.kept:
                _keep(w, number)
        else:
            seconds *= uniform(w.random)
    elif shared.capacity > 0:
        seconds += _writes(w, stage, t, of.unit_fixed + of.unit_record * lane.held + of.unit_page * pages)
    if seconds > of.timeout:
        seconds, lane.fate, lane.told, lane.lost = of.timeout, TIMED_OUT, False, True
    ends = begun + seconds
    of.billed_ms += math.ceil((init + seconds) * 1000 - 1e-6)
    of.last = max(of.last, ends)
    lane.phase = ENDS
    _at(w, ends, number)
    if lane.told and stage != CLOSING:
        _tells(w, stage, number, pages, ends if lane.fate else ends - min(of.told_before_end, beside))


@jit
def _keep(w: World, number: int) -> None:
    """What a reader read before it failed need not be read again."""
    for place in range(w.lanes[number].held):
        batch = w.held[number, place] - len(w.files)
        w.batches[batch].read = w.batches[batch].size


@jit
def _writes(w: World, stage: int, t: float, units: float) -> float:
    """Seconds for which writes wait until the table serves them. On demand it serves twice as much as its
    busiest minute so far, anew every half hour (DynamoDB developer guide, "On-demand capacity mode").
    """
    shared = w.shared[0]
    while t >= shared.minute + PEAK_SECONDS:
        shared.peak_units = max(shared.peak_units, min(shared.capacity, shared.units / PEAK_SECONDS))
        shared.units = 0.0
        shared.minute += PEAK_SECONDS
        if shared.minute >= shared.grows:
            shared.capacity = min(shared.most_capacity, max(shared.capacity, 2 * shared.peak_units))
            shared.grows += PEAK_SPAN_SECONDS
    shared.units += units
    held_up = max(0.0, shared.free - t)
    shared.free = max(shared.free, t - 1.0) + units / shared.capacity
    w.stages[stage].held_up_seconds += held_up
    return float(held_up)


@jit
def _tells(w: World, stage: int, number: int, pages: int, moment: float) -> None:
    """The next stage hears of what an invocation did, each thing once."""
    of, lane, files = w.stages[stage], w.lanes[number], len(w.files)
    if stage == OPENING:  # it tells of each file when it has come to that
        for place in range(lane.held):
            moment -= of.per_record + of.per_page * w.files[w.held[number, place]].pages
    for place in range(lane.held):
        item = w.held[number, place]
        if stage == OPENING:
            moment += of.per_record + of.per_page * w.files[item].pages
        if w.messages[item].heard:
            continue
        if stage == OPENING:
            w.messages[item].heard = True
            first = w.files[item].first_batch
            for batch in range(first, first + w.files[item].left):
                _comes(w, moment, files + batch)
            continue
        batch = w.batches[item - files]
        reached = min(batch.size, batch.read + pages) if lane.held == 1 else batch.size
        if reached < batch.size and lane.fate:
            continue
        if reached < batch.size:  # what is left goes back, as a message of its own
            batch.read = reached
            w.messages[item].tries = 0
            of.handed_back += 1
            lane.fate = HANDED_BACK
            _comes(w, moment, item)
            continue
        w.messages[item].heard = True
        file = w.files[batch.file]
        file.latest = max(file.latest, moment)
        file.left -= 1
        if file.left == 0:
            _comes(w, file.latest, len(w.messages) + batch.file)


@jit
def _ends(w: World, stage: int, number: int, t: float) -> None:
    of, lane = w.stages[stage], w.lanes[number]
    w.shared[0].running -= 1
    w.shared[0].sharing -= of.reserved < 0
    w.level[stage] -= 1
    failed = lane.fate == FAILED or lane.fate == TIMED_OUT
    of.failed += failed
    of.timed_out += lane.fate == TIMED_OUT
    if not lane.lost:
        w.idle[stage, of.idle] = t
        of.idle += 1
    if stage == CLOSING:
        _stream_goes_on(w, number, t, failed)
    elif failed:
        _come_back(w, stage, number, t)
        _goes_on(w, stage, number, t, True)
    else:
        of.deleted += lane.held
        _goes_on(w, stage, number, t + _draw(w, stage, AFTER), False)


@jit
def _come_back(w: World, stage: int, number: int, t: float) -> None:
    """Messages that were not deleted are visible again when their timeout is over, or are given up."""
    of, lane = w.stages[stage], w.lanes[number]
    for place in range(lane.held):
        item = w.held[number, place]
        w.messages[item].tries += 1
        if w.messages[item].tries >= of.receives:
            of.given_up += 1
        else:
            _comes(w, max(lane.taken + of.visibility, t), item)


@jit
def _goes_on(w: World, stage: int, number: int, t: float, failed: bool) -> None:
    """A queue's lane polls again, or ends when its mapping wants fewer."""
    of, lane = w.stages[stage], w.lanes[number]
    of.backing = False
    of.refused -= lane.tries > 0
    lane.tries = 0
    if failed and of.backs_off:
        _backs(w, stage)
    of.lane_seconds += t - lane.taken
    if of.lanes > of.wanted:
        of.lanes -= 1
        of.busy -= 1
        lane.phase = GONE
    else:
        lane.phase = POLLS
        _at(w, t, number)


@jit
def _stream_goes_on(w: World, number: int, t: float, failed: bool) -> None:
    """A stream's lane takes the next records; after a failure the same, half of them where it bisects."""
    of, lane = w.stages[CLOSING], w.lanes[number]
    of.lane_seconds += t - lane.taken
    again = t
    if failed:
        lane.tries += 1
        given_up = lane.tries > of.receives
        for place in range(lane.held - 1, -1, -1):
            file = w.held[number, place]
            w.files[file].done = np.inf
            if given_up:
                of.given_up += 1
                continue
            w.files[file].next = lane.head
            if lane.head < 0:
                lane.tail = file
            lane.head = file
            w.level[3 + CLOSING] += 1
        if given_up:
            lane.tries, lane.takes = 0, of.batch
        elif of.backs_off and lane.held > 1:
            lane.takes = lane.held // 2
        else:
            pause = STREAM_BACKOFF_SECONDS * 2.0 ** min(lane.tries - 1, 10)
            again += min(STREAM_BACKOFF_LIMIT_SECONDS, pause)
    else:
        of.deleted += lane.held
        lane.tries, lane.takes = 0, of.batch
    if lane.head >= 0:
        lane.phase = POLLS
        _at(w, max(_seen(w, lane.head), again), number)
    else:
        lane.phase = RESTS


@jit
def _start(w: World) -> None:
    for stage in range(len(w.stages)):
        of = w.stages[stage]
        of.lanes = of.wanted = of.most_lanes = of.at_start
        for number in range(of.first_lane, of.first_lane + of.at_start):
            w.lanes[number].takes = of.batch
            if stage == CLOSING:
                w.lanes[number].phase = RESTS
            else:
                of.busy += 1
                w.lanes[number].phase = POLLS
                _at(w, 0.0, number)


@jit
def run(w: World) -> None:
    """Lets everything happen that will."""
    _start(w)
    shared, files, count = w.shared[0], len(w.files), len(w.lanes)
    while True:
        lane_at = w.event_times[0] if shared.events else np.inf
        item_at = w.coming_times[0] if shared.coming else np.inf
        fresh_at = w.arrivals[shared.fresh] if shared.fresh < files else np.inf
        t = min(lane_at, item_at, fresh_at)
        if t == np.inf:
            break
        if t > shared.now:
            _pass(w, t)
        if fresh_at <= t:
            _becomes_visible(w, shared.fresh, t)
            shared.fresh += 1
            continue
        if item_at <= t:
            item = w.coming[0]
            shared.coming = pop_pair(w.coming_times, w.coming, shared.coming)
            if item < len(w.messages):
                _becomes_visible(w, item, t)
            else:
                _is_written(w, item - len(w.messages))
            continue
        number = w.events[0]
        shared.events = pop_pair(w.event_times, w.events, shared.events)
        if number >= count:
            _scale(w, number - count, t)
            continue
        if w.lanes[number].due != t:
            continue
        stage = OPENING
        while stage < CLOSING and number >= w.stages[stage + 1].first_lane:
            stage += 1
        phase = w.lanes[number].phase
        if phase == POLLS:
            if stage == CLOSING:
                _poll_stream(w, number, t)
            else:
                _poll_queue(w, stage, number, t)
        elif phase == GATHERS:
            _invokes(w, stage, number, t)
        elif phase == BEGINS:
            _begins(w, stage, number, t)
        elif phase == ENDS:
            _ends(w, stage, number, t)
    for stage in range(CLOSING):
        _sweep(w, stage, shared.now)
