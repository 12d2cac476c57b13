"""One stage of the fleet, exact and alone: a queue with lanes, or a stream with lanes, in compiled code.

A stage takes messages in the order of time. Of a queue, the earliest free lane takes the next message; lanes
become more while all are busy and messages wait, as a mapping's do; behind the lanes lie execution
environments that are reused latest first, which decides how many invocations are cold. Departures, sorted,
are the arrivals of the next stage.
"""

import math

import numpy as np

from harness.fleet.heaps import jit, pick, pop, pop_pair, push, push_pair

SHORTEST_SECONDS = 0.001
"""Of a handler, where what is left over of a fit would make it shorter."""


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
    seed: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Messages of a queue through a mapping with one message an invocation.

    arrivals: when each becomes visible, ascending. handler: seconds of each one's handler, to which one of
    `left` is added, drawn. receive, invoke, after: seconds, drawn, from a lane's taking a message to its
    having it, from there to the invocation, and from its end to the lane's next message. cold: seconds,
    drawn, that a new environment takes before its init; init_seconds: of that, which is billed. growth
    lanes are added every `period` seconds, up to `most`, while all lanes are busy and messages wait.

    Returns (start and end of each one's invocation, [invocations, cold ones, lanes at most, lane seconds,
    seconds until the last end, billed ms]).
    """
    state = np.array([np.uint64(seed) * np.uint64(2) + np.uint64(88172645463325253)])
    count, billed = len(arrivals), 0
    started, ended = np.empty(count), np.empty(count)
    lanes = np.zeros(most + 1)
    busy = np.empty(2 * most + 2)  # ends of running invocations
    idle = np.empty(2 * most + 2)  # a stack of idle environments: since when each
    wanted, number_lanes = at_start, 0
    for _ in range(at_start):
        number_lanes = push(lanes, number_lanes, 0.0)
    number_busy = number_idle = colds = 0
    lane_seconds, last = 0.0, 0.0
    check = math.inf  # when the mapping looks whether it should have more lanes
    for item in range(count):
        due = arrivals[item]
        if lanes[0] <= due:
            check = math.inf  # a lane was free
        while wanted < most and check < lanes[0]:
            if check >= due:
                for _ in range(min(growth, most - wanted)):
                    number_lanes = push(lanes, number_lanes, check)
                    wanted += 1
            check += period
        taken = max(due, lanes[0])
        begins = taken + pick(receive, state) + pick(invoke, state)
        while number_busy and busy[0] <= begins:
            idle[number_idle] = busy[0]
            number_idle += 1
            number_busy = pop(busy, number_busy)
        is_cold = number_idle == 0 or begins - idle[number_idle - 1] > idle_seconds
        if is_cold:
            number_idle = 0
        else:
            number_idle -= 1
        init = init_seconds if is_cold else 0.0
        begun = begins + (pick(cold, state) + init if is_cold else 0.0)
        seconds = max(SHORTEST_SECONDS, handler[item] + pick(left, state))
        ends = begun + seconds
        colds += is_cold
        billed += math.ceil((init + seconds) * 1000 - 1e-6)
        number_busy = push(busy, number_busy, ends)
        free = ends + pick(after, state)
        number_lanes = pop(lanes, number_lanes)
        number_lanes = push(lanes, number_lanes, free)
        if check == math.inf and lanes[0] > taken:
            check = taken + period
        lane_seconds += free - taken
        last = max(last, ends)
        started[item] = begins
        ended[item] = ends
    numbers = np.array([count, colds, wanted, lane_seconds, last, billed], dtype=np.float64)
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

    Returns (when each is done, start and end of each invocation, [invocations, cold ones, lanes, lane
    seconds, last end, billed ms]).
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
            waiting = push_pair(times, items, waiting, seen, lane)
    busy, idle = np.empty(2 * lanes + 2), np.empty(2 * lanes + 2)
    number_busy = number_idle = invocations = colds = 0
    billed, lane_seconds, last = 0, 0.0, 0.0
    while waiting:
        taken, lane = times[0], items[0]
        waiting = pop_pair(times, items, waiting)
        begins = taken + pick(invoke, state)
        while number_busy and busy[0] <= begins:
            idle[number_idle] = busy[0]
            number_idle += 1
            number_busy = pop(busy, number_busy)
        is_cold = number_idle == 0 or begins - idle[number_idle - 1] > idle_seconds
        number_idle = 0 if is_cold else number_idle - 1
        init = init_seconds if is_cold else 0.0
        begun = begins + (pick(cold, state) + init if is_cold else 0.0)
        seconds, number = pick(base, state), 0
        while following[lane] < first[lane + 1] and number < batch:
            record = order[following[lane]]
            if (math.floor(arrivals[record] / poll) + 1) * poll > taken:
                break
            seconds += each[record]
            done[record] = begun + max(SHORTEST_SECONDS, seconds)
            following[lane] += 1
            number += 1
        seconds = max(SHORTEST_SECONDS, seconds)
        ends = begun + seconds
        starts[invocations], stops[invocations] = begins, ends
        invocations += 1
        colds += is_cold
        billed += math.ceil((init + seconds) * 1000 - 1e-6)
        lane_seconds += ends - taken
        last = max(last, ends)
        number_busy = push(busy, number_busy, ends)
        if following[lane] < first[lane + 1]:
            seen = (math.floor(arrivals[order[following[lane]]] / poll) + 1) * poll
            waiting = push_pair(times, items, waiting, max(seen, ends), lane)
    numbers = np.array([invocations, colds, lanes, lane_seconds, last, billed], dtype=np.float64)
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
