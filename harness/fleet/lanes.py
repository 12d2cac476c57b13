"""One stage of the fleet, exact and alone: a queue with lanes, or a stream with lanes, in compiled code.

A stage takes messages in the order of time. Of a queue, the earliest free lane takes the next message; lanes
become more while all are busy and messages wait, as a mapping's do; behind the lanes lie execution
environments that are reused latest first, which decides how many invocations are cold. Departures, sorted,
are the arrivals of the next stage.
"""

import math

import numpy as np

from harness.fleet.heaps import (
    advanced,
    jit,
    lower,
    pick,
    pop,
    pop_pair,
    push,
    push_pair,
    replace,
    seeded,
    upper,
)

SHORTEST_SECONDS = 0.001
"""Of a handler, where what is left over of a fit would make it shorter."""


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
    # of numpy, which asks for pages of 2 MB: compiled code would fault a hundred times as often
    started, ended = np.empty(len(arrivals)), np.empty(len(arrivals))
    drawn, scaling = (receive, invoke, left, after, cold), (at_start, most, growth, period)
    numbers = _queue_stage(
        arrivals, handler, drawn, init_seconds, scaling, idle_seconds, seed, started, ended
    )
    return started, ended, numbers


@jit
def _queue_stage(
    arrivals: np.ndarray,
    handler: np.ndarray,
    drawn: tuple[np.ndarray, ...],
    init_seconds: float,
    scaling: tuple[int, int, int, float],
    idle_seconds: float,
    seed: int,
    started: np.ndarray,
    ended: np.ndarray,
) -> np.ndarray:
    """`queue_stage`, into `started` and `ended`; returns the numbers."""
    receive, invoke, left, after, cold = drawn
    at_start, most, growth, period = scaling
    bits = seeded(seed)
    count, billed = len(arrivals), 0
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
        bits = advanced(bits)
        begins = taken + receive[upper(bits, len(receive))] + invoke[lower(bits, len(invoke))]
        is_replaced = False  # the last that ended, by what begins now
        while number_busy and busy[0] <= begins:
            idle[number_idle] = busy[0]
            number_idle += 1
            if number_busy > 2 and busy[1] > begins and busy[2] > begins:
                is_replaced = True
                break
            number_busy = pop(busy, number_busy)
        is_cold = number_idle == 0 or begins - idle[number_idle - 1] > idle_seconds
        begun, init = begins, 0.0
        if is_cold:
            number_idle = 0
            bits = advanced(bits)
            begun, init = begins + cold[upper(bits, len(cold))] + init_seconds, init_seconds
        else:
            number_idle -= 1
        bits = advanced(bits)
        seconds = max(SHORTEST_SECONDS, handler[item] + left[upper(bits, len(left))])
        ends = begun + seconds
        colds += is_cold
        billed += math.ceil((init + seconds) * 1000 - 1e-6)
        if is_replaced:
            replace(busy, number_busy, ends)
        else:
            number_busy = push(busy, number_busy, ends)
        free = ends + after[lower(bits, len(after))]
        replace(lanes, number_lanes, free)
        if check == math.inf and lanes[0] > taken:
            check = taken + period
        lane_seconds += free - taken
        last = max(last, ends)
        started[item] = begins
        ended[item] = ends
    return np.array([count, colds, wanted, lane_seconds, last, billed], dtype=np.float64)


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
    done, starts, stops = (np.empty(len(arrivals)) for _ in range(3))
    order = np.empty(len(arrivals), dtype=np.int32)
    numbers = _stream_stage(
        arrivals, lane_of, lanes, poll, batch, (invoke, base, cold), each, init_seconds, idle_seconds, seed,
        order, done, starts, stops,
    )  # fmt: skip
    invocations = int(numbers[0])
    return done, starts[:invocations], stops[:invocations], numbers


@jit
def _stream_stage(
    arrivals: np.ndarray,
    lane_of: np.ndarray,
    lanes: int,
    poll: float,
    batch: int,
    drawn: tuple[np.ndarray, ...],
    each: np.ndarray,
    init_seconds: float,
    idle_seconds: float,
    seed: int,
    order: np.ndarray,
    done: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
) -> np.ndarray:
    """`stream_stage`, into `done`, `starts` and `stops`; order: room for the records of each lane. Returns
    the numbers.
    """
    invoke, base, cold = drawn
    count = len(arrivals)
    state = np.array([np.uint64(seed) * np.uint64(2) + np.uint64(88172645463325253)])
    first = np.zeros(lanes + 1, dtype=np.int64)
    for record in range(count):
        first[lane_of[record] + 1] += 1
    for lane in range(lanes):
        first[lane + 1] += first[lane]
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
    return np.array([invocations, colds, lanes, lane_seconds, last, billed], dtype=np.float64)


def expand(pages: np.ndarray, batch_pages: int) -> tuple[np.ndarray, np.ndarray]:
    """(file, pages) of each batch: a file's pages spread evenly over as few batches as can hold them."""
    batches = _batches(pages, batch_pages)
    file_of, size_of = np.empty(batches, dtype=np.int32), np.empty(batches, dtype=np.int32)
    _expand(pages, batch_pages, file_of, size_of)
    return file_of, size_of


@jit
def _batches(pages: np.ndarray, batch_pages: int) -> int:
    batches = 0
    for number in pages:
        batches += (number + batch_pages - 1) // batch_pages
    return batches


@jit
def _expand(pages: np.ndarray, batch_pages: int, file_of: np.ndarray, size_of: np.ndarray) -> None:
    batch = 0
    for file in range(len(pages)):
        parts = (pages[file] + batch_pages - 1) // batch_pages
        for part in range(parts):
            file_of[batch] = file
            size_of[batch] = pages[file] * (part + 1) // parts - pages[file] * part // parts
            batch += 1


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
    total = np.empty(len(file_of))
    _draw_pages(file_of, size_of, source, first, seconds, in_order, seed, total)
    return total


@jit
def _draw_pages(
    file_of: np.ndarray,
    size_of: np.ndarray,
    source: np.ndarray,
    first: np.ndarray,
    seconds: np.ndarray,
    in_order: bool,
    seed: int,
    total: np.ndarray,
) -> None:
    bits = seeded(seed)
    page, before = 0, -1
    for batch in range(len(file_of)):
        file, size = file_of[batch], size_of[batch]
        if file != before:
            page, before = 0, file
        start, number = first[source[file]], first[source[file] + 1] - first[source[file]]
        took = 0.0
        if in_order:
            for one in range(page, page + size):
                took += seconds[start + one % number]
        else:
            for _ in range(size >> 1):
                bits = advanced(bits)
                took += seconds[start + upper(bits, number)] + seconds[start + lower(bits, number)]
            if size & 1:
                bits = advanced(bits)
                took += seconds[start + upper(bits, number)]
        page += size
        total[batch] = took


@jit
def taken_in_order(
    order: np.ndarray, sizes: np.ndarray, cpu: np.ndarray, speed: float, per_page: float, fixed: float
) -> np.ndarray:
    """Seconds of the handlers of batches, in this order: of so many pages (`sizes`), which take `cpu` seconds
    of a whole vCPU.
    """
    seconds = np.empty_like(cpu)
    for place in range(len(order)):
        batch = order[place]
        seconds[place] = per_page * sizes[batch] + fixed + cpu[batch] / speed
    return seconds


def latest(
    file_of: np.ndarray, order: np.ndarray, ended: np.ndarray, before_end: float, files: int
) -> np.ndarray:
    """When the last batch of each file, told of so long before its end, was done; infinite for a file without
    any. ended: of the batches in this order.
    """
    last = np.full(files, -np.inf)
    _latest(file_of, order, ended, before_end, last)
    return last


@jit
def _latest(
    file_of: np.ndarray, order: np.ndarray, ended: np.ndarray, before_end: float, last: np.ndarray
) -> None:
    for place in range(len(order)):
        file = file_of[order[place]]
        last[file] = max(last[file], ended[place] - before_end)
    for file in range(len(last)):
        if last[file] == -np.inf:
            last[file] = np.inf


@jit
def count_until(values: np.ndarray, step: float, points: int) -> np.ndarray:
    """How many of the values lie at or before 0, step, 2 step ...: so many points."""
    counts = np.zeros(points, dtype=np.int64)
    for value in values:
        place = math.ceil(value / step - 1e-9) if value < math.inf else points
        if place < points:
            counts[max(0, place)] += 1
    return np.cumsum(counts)
