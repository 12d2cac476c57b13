"""One stage of the fleet, exact and alone: a queue with lanes, or a stream with lanes, in compiled code.

A stage takes messages in the order of time. Of a queue, the earliest free lane takes the next message; lanes
become more while all are busy and messages wait, as a mapping's do; behind the lanes lie execution
environments that are reused latest first, which decides how many invocations are cold. A message that fails
comes back when its visibility timeout is over. Departures, sorted, are the arrivals of the next stage.
"""

import math

import numba
import numpy as np

SHORTEST_SECONDS = 0.001
"""Of a handler, where what is left over of a fit would make it shorter."""

jit = numba.njit(cache=True, nogil=True)


@jit
def _push(heap: np.ndarray, size: int, value: float) -> int:
    """Adds to a binary heap of floats, the smallest first; returns its new size."""
    place = size
    while place > 0:
        parent = (place - 1) >> 1
        if heap[parent] <= value:
            break
        heap[place] = heap[parent]
        place = parent
    heap[place] = value
    return size + 1


@jit
def _pop(heap: np.ndarray, size: int) -> int:
    """Takes the smallest away; returns the new size."""
    size -= 1
    value = heap[size]
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[place] = heap[child]
        place = child
    heap[place] = value
    return size


@jit
def _push_pair(times: np.ndarray, items: np.ndarray, size: int, time: float, item: int) -> int:
    """`_push` for a heap of (time, item)."""
    place = size
    while place > 0:
        parent = (place - 1) >> 1
        if times[parent] <= time:
            break
        times[place], items[place] = times[parent], items[parent]
        place = parent
    times[place], items[place] = time, item
    return size + 1


@jit
def _pop_pair(times: np.ndarray, items: np.ndarray, size: int) -> int:
    """`_pop` for a heap of (time, item)."""
    size -= 1
    time, item = times[size], items[size]
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and times[child + 1] < times[child]:
            child += 1
        if times[child] >= time:
            break
        times[place], items[place] = times[child], items[child]
        place = child
    times[place], items[place] = time, item
    return size


@jit
def _uniform(state: np.ndarray) -> float:
    """From 0 to 1, by a xorshift generator (Marsaglia 2003) whose state is the array's one element."""
    drawn = state[0]
    drawn ^= drawn << np.uint64(13)
    drawn ^= drawn >> np.uint64(7)
    drawn ^= drawn << np.uint64(17)
    state[0] = drawn
    return float(drawn >> np.uint64(11)) / 9007199254740992.0


@jit
def _pick(pool: np.ndarray, state: np.ndarray) -> float:
    """One of the values, each as likely as the others."""
    return float(pool[int(_uniform(state) * len(pool))])


@jit
def queue_stage(
    arrivals: np.ndarray,
    receive: np.ndarray,
    invoke: np.ndarray,
    handler: np.ndarray,
    left: np.ndarray,
    after: np.ndarray,
    cold: np.ndarray,
    init_seconds: float,
    at_start: int,
    most: int,
    growth: int,
    period: float,
    idle_seconds: float,
    failure_rate: float,
    visibility: float,
    receives: int,
    timeout: float,
    seed: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Messages of a queue through a mapping with one message an invocation.

    arrivals: when each becomes visible, ascending. handler: seconds of each one's handler, to which one of
    `left` is added, drawn. receive, invoke, after: seconds, drawn, from a lane's taking a message to its
    having it, from there to the invocation, and from its end to the lane's next message. cold: seconds,
    drawn, that a new environment takes before its init; init_seconds: of that, which is billed. growth
    lanes are added every `period` seconds, up to `most`, while all lanes are busy and messages wait.
    failure_rate: probability that an invocation fails, at a moment of the handler that is drawn evenly; the
    message comes back `visibility` seconds after it was taken, `receives` times at most.

    Returns (start of the last invocation, its end or infinity for a message that was given up, [invocations,
    cold ones, failed ones, timed out, given up, lanes at most, lane seconds, seconds until the last end,
    billed ms]).
    """
    state = np.array([np.uint64(seed) * np.uint64(2) + np.uint64(88172645463325253)])
    count, billed = len(arrivals), 0
    started, ended = np.empty(count), np.empty(count)
    lanes = np.zeros(most + 1)
    busy = np.empty(2 * most + 2)  # ends of running invocations
    idle = np.empty(2 * most + 2)  # a stack of idle environments: since when each
    retry_times, retry_items = np.empty(1024), np.empty(1024, dtype=np.int64)
    tries = np.zeros(count, dtype=np.int8)
    wanted, number_lanes = at_start, 0
    for _ in range(at_start):
        number_lanes = _push(lanes, number_lanes, 0.0)
    number_busy = number_idle = number_retries = 0
    invocations = colds = failed = timed_out = given_up = 0
    lane_seconds, last = 0.0, 0.0
    check = math.inf  # when the mapping looks whether it should have more lanes
    following = 0
    while following < count or number_retries:
        if number_retries and (following == count or retry_times[0] < arrivals[following]):
            due, item = retry_times[0], retry_items[0]
            number_retries = _pop_pair(retry_times, retry_items, number_retries)
        else:
            due, item = arrivals[following], following
            following += 1
        if lanes[0] <= due:
            check = math.inf  # a lane was free
        while wanted < most and check < lanes[0]:
            if check >= due:
                for _ in range(min(growth, most - wanted)):
                    number_lanes = _push(lanes, number_lanes, check)
                    wanted += 1
            check += period
        taken = max(due, lanes[0])
        begins = taken + _pick(receive, state) + _pick(invoke, state)
        while number_busy and busy[0] <= begins:
            idle[number_idle] = busy[0]
            number_idle += 1
            number_busy = _pop(busy, number_busy)
        is_cold = number_idle == 0 or begins - idle[number_idle - 1] > idle_seconds
        if is_cold:
            number_idle = 0
        else:
            number_idle -= 1
        init = init_seconds if is_cold else 0.0
        begun = begins + (_pick(cold, state) + init if is_cold else 0.0)
        seconds = max(SHORTEST_SECONDS, handler[item] + _pick(left, state))
        fails = failure_rate > 0 and _uniform(state) < failure_rate
        if fails:
            seconds *= _uniform(state)
        dies = seconds > timeout
        if dies:
            seconds = timeout
        ends = begun + seconds
        invocations += 1
        colds += is_cold
        billed += math.ceil((init + seconds) * 1000 - 1e-6)
        if dies:
            timed_out += 1
        else:
            number_busy = _push(busy, number_busy, ends)
        free = ends + (0.0 if fails or dies else _pick(after, state))
        number_lanes = _pop(lanes, number_lanes)
        number_lanes = _push(lanes, number_lanes, free)
        if check == math.inf and lanes[0] > taken:
            check = taken + period
        lane_seconds += free - taken
        last = max(last, ends)
        started[item] = begins
        ended[item] = ends
        if fails or dies:
            failed += 1
            tries[item] += 1
            if tries[item] >= receives:
                given_up += 1
                ended[item] = math.inf
            else:
                if number_retries == len(retry_times):
                    longer = np.empty(2 * number_retries)
                    longer[:number_retries] = retry_times
                    retry_times = longer
                    items = np.empty(2 * number_retries, dtype=np.int64)
                    items[:number_retries] = retry_items
                    retry_items = items
                number_retries = _push_pair(
                    retry_times, retry_items, number_retries, max(taken + visibility, ends), item
                )
    numbers = np.array(
        [invocations, colds, failed, timed_out, given_up, wanted, lane_seconds, last, billed],
        dtype=np.float64,
    )
    return started, ended, numbers


@jit
def stream_stage(
    arrivals: np.ndarray,
    lane_of: np.ndarray,
    lanes: int,
    poll: float,
    batch: int,
    invoke: np.ndarray,
    base: np.ndarray,
    each: np.ndarray,
    cold: np.ndarray,
    init_seconds: float,
    idle_seconds: float,
    seed: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Records of a stream through a mapping: in order, one batch of up to `batch` at a time in each lane.

    arrivals: when each record is written, ascending; it is seen at the next multiple of `poll`. An invocation
    takes one of `base`, drawn, and `each` of its records; a record is done when its part is.

    Returns (when each is done, start and end of each invocation, [invocations, cold ones, 0, 0, 0, lanes,
    lane seconds, last end, billed ms]).
    """
    count = len(arrivals)
    state = np.array([np.uint64(seed) * np.uint64(2) + np.uint64(88172645463325253)])
    done, starts, stops = np.empty(count), np.empty(count), np.empty(count)
    first = np.zeros(lanes + 1, dtype=np.int64)
    for record in range(count):
        first[lane_of[record] + 1] += 1
    for lane in range(lanes):
        first[lane + 1] += first[lane]
    order = np.empty(count, dtype=np.int64)
    following = first[:-1].copy()
    for record in range(count):
        order[following[lane_of[record]]] = record
        following[lane_of[record]] += 1
    following = first[:-1].copy()
    times, items, waiting = np.empty(lanes + 1), np.empty(lanes + 1, dtype=np.int64), 0
    for lane in range(lanes):
        if following[lane] < first[lane + 1]:
            seen = (math.floor(arrivals[order[following[lane]]] / poll) + 1) * poll
            waiting = _push_pair(times, items, waiting, seen, lane)
    busy, idle = np.empty(2 * lanes + 2), np.empty(2 * lanes + 2)
    number_busy = number_idle = invocations = colds = 0
    billed, lane_seconds, last = 0, 0.0, 0.0
    while waiting:
        taken, lane = times[0], items[0]
        waiting = _pop_pair(times, items, waiting)
        begins = taken + _pick(invoke, state)
        while number_busy and busy[0] <= begins:
            idle[number_idle] = busy[0]
            number_idle += 1
            number_busy = _pop(busy, number_busy)
        is_cold = number_idle == 0 or begins - idle[number_idle - 1] > idle_seconds
        number_idle = 0 if is_cold else number_idle - 1
        init = init_seconds if is_cold else 0.0
        begun = begins + (_pick(cold, state) + init if is_cold else 0.0)
        seconds, number = _pick(base, state), 0
        while following[lane] < first[lane + 1] and number < batch:
            record = order[following[lane]]
            if (math.floor(arrivals[record] / poll) + 1) * poll > taken:
                break
            seconds += each[record]
            done[record] = begun + seconds
            following[lane] += 1
            number += 1
        ends = begun + seconds
        starts[invocations], stops[invocations] = begins, ends
        invocations += 1
        colds += is_cold
        billed += math.ceil((init + seconds) * 1000 - 1e-6)
        lane_seconds += ends - taken
        last = max(last, ends)
        number_busy = _push(busy, number_busy, ends)
        if following[lane] < first[lane + 1]:
            seen = (math.floor(arrivals[order[following[lane]]] / poll) + 1) * poll
            waiting = _push_pair(times, items, waiting, max(seen, ends), lane)
    numbers = np.array([invocations, colds, 0, 0, 0, lanes, lane_seconds, last, billed], dtype=np.float64)
    return done, starts[:invocations], stops[:invocations], numbers


@jit
def expand(pages: np.ndarray, batch_pages: int, batches: int) -> tuple[np.ndarray, np.ndarray]:
    """(file, pages) of each batch: a file's pages spread evenly over as few batches as can hold them."""
    file_of = np.empty(batches, dtype=np.int32)
    size_of = np.empty(batches, dtype=np.int32)
    batch = 0
    for file in range(len(pages)):
        parts = (pages[file] + batch_pages - 1) // batch_pages
        for part in range(parts):
            file_of[batch] = file
            size_of[batch] = pages[file] * (part + 1) // parts - pages[file] * part // parts
            batch += 1
    return file_of, size_of


@jit
def draw_pages(
    file_of: np.ndarray,
    size_of: np.ndarray,
    source: np.ndarray,
    first: np.ndarray,
    seconds: np.ndarray,
    in_order: bool,
    seed: int,
) -> np.ndarray:
    """CPU seconds of the pages of each batch.

    source: of each file, the calibrated file whose pages it has, seconds[first[source] : first[source + 1]].
    in_order takes them as they stand, else they are drawn with replacement.
    """
    np.random.seed(seed)
    total = np.zeros(len(file_of))
    page, before = 0, -1
    for batch in range(len(file_of)):
        file = file_of[batch]
        if file != before:
            page, before = 0, file
        start, number = first[source[file]], first[source[file] + 1] - first[source[file]]
        for _ in range(size_of[batch]):
            place = page % number if in_order else int(np.random.random() * number)
            total[batch] += seconds[start + place]
            page += 1
    return total


@jit
def latest(file_of: np.ndarray, ended: np.ndarray, files: int) -> np.ndarray:
    """When the last batch of each file ended."""
    last = np.zeros(files)
    for batch in range(len(file_of)):
        last[file_of[batch]] = max(last[file_of[batch]], ended[batch])
    return last


@jit
def count_until(values: np.ndarray, step: float, points: int) -> np.ndarray:
    """How many of the values lie at or before 0, step, 2 step ...: so many points."""
    counts = np.zeros(points, dtype=np.int64)
    for value in values:
        place = math.ceil(value / step - 1e-9) if value < math.inf else points
        if place < points:
            counts[max(0, place)] += 1
    return np.cumsum(counts)
