"""What a fleet uses of all that is billed: what its stages did, times what the calibration says of each."""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.bill import meter
from harness.bill.bill import Quantity
from harness.cloud.limits import PROVISIONED_LANES_PER_POLLER, RECEIVE_LIMIT
from harness.fleet.calibration import Calibration, Stage, chain
from harness.fleet.plan import Flow, Plan, StageNumbers, idle_polls, lanes_of
from harness.fleet.workload import Workload


def quantities(plan: Plan, work: Workload, calibration: Calibration, flow: Flow) -> list[Quantity]:
    """What all of it uses of what is billed."""
    requests = _requests(plan, work, calibration, flow)
    return [
        *_compute(plan, flow),
        *_pollers(plan, flow),
        *requests,
        *_storage(plan, work, calibration, flow),
        *_logs(plan, work, calibration, flow),
        *_watching(plan, calibration, flow),
        *_keys(plan, flow, requests),
    ]


def _compute(plan: Plan, flow: Flow) -> Iterator[Quantity]:
    for stage in flow.stages:
        yield from meter.of_function(
            plan.system.functions[stage.function], stage.invocations, stage.billed_ms
        )


def _pollers(plan: Plan, flow: Flow) -> Iterator[Quantity]:
    """Of mappings in provisioned mode: as many as had to be there at the busiest moment, all the time."""
    lanes = {stage.function: stage.lanes for stage in flow.stages}
    for source in plan.system.sqs_sources:
        if source.provisioned_pollers:
            needed = ceil(lanes.get(source.function, 0) / PROVISIONED_LANES_PER_POLLER)
            hours = flow.makespan / meter.HOUR_SECONDS
            yield meter.of_pollers(source.function, max(source.provisioned_pollers[0], needed), hours)


def _requests(plan: Plan, work: Workload, calibration: Calibration, flow: Flow) -> list[Quantity]:
    """Of queues, tables and buckets: what functions ask for, mappings, uploads and S3's own messages."""
    found = chain(plan.system)
    names = {arn: logical_id for logical_id, arn in plan.system.queues.items()}
    of_files, of_batches = names[found.files.queue_arn], names[found.batches.queue_arn]
    pages, files, batches = float(work.pages.sum()), len(work.pages), flow.batches
    used: dict[tuple[str, str, str], float] = {}

    def add(price: str, item: str, resource: str, quantity: float) -> None:
        used[price, item, resource] = used.get((price, item, resource), 0.0) + quantity

    opening = calibration.stages[0]
    for stage, numbers in zip(calibration.stages, flow.stages, strict=True):
        tests = numbers.messages - files if stage is opening else 0  # S3's test message asks for nothing
        good, bad = _good_and_bad(stage, numbers)
        for use in stage.calls:
            if stage is opening and (use.resource, use.item) == (of_batches, "SendMessage requests"):
                continue  # counted from the batches below
            quantity = use.line.at(numbers.deleted - tests, pages, good)
            add(use.price, use.item, use.resource, quantity)
        for use in stage.failing.calls if stage.failing else ():
            add(use.price, use.item, use.resource, use.line.fixed * bad)
    bucket, standard = next(iter(plan.system.buckets)), "sqs.requests.standard"
    add("s3.requests.write", "PutObject requests", bucket, files)
    add(standard, "SendMessage requests", of_files, flow.stages[0].messages)
    batches_of = -(-work.pages // plan.batch_pages)
    add(standard, "SendMessage requests", of_batches, _sends(calibration, work.pages, batches_of))
    size = calibration.batch_bytes.at(0, pages / max(1, batches), 1) + calibration.batch_bytes.per_record
    for source, numbers in ((found.files, flow.stages[0]), (found.batches, flow.stages[1])):
        chunks = max(1, ceil(size / meter.SQS_CHUNK_BYTES)) if source is found.batches else 1
        queue = names[source.queue_arn]
        add(standard, "ReceiveMessage requests", queue, numbers.invocations * chunks)
        add(standard, "DeleteMessage requests", queue, numbers.invocations - numbers.failed)
        add(standard, "empty ReceiveMessage requests", queue, numbers.empty_polls)
    add(standard, "SendMessage requests", of_batches, flow.stages[1].handed_back)
    for source in plan.system.sqs_sources:
        if source not in (found.files, found.batches):
            polls = idle_polls(lanes_of(source).at_rest, flow.makespan)
            add(standard, "empty ReceiveMessage requests", names[source.queue_arn], polls)
    return [Quantity(*key, quantity) for key, quantity in sorted(used.items())]


def _good_and_bad(stage: Stage, numbers: StageNumbers) -> tuple[float, float]:
    """Invocations that use what a good one does, and what a failed one does; where none failed in the
    calibration, failed ones use as much as good ones.
    """
    if stage.failing is None:
        return numbers.invocations, 0.0
    return numbers.invocations - numbers.failed, numbers.failed


def _sends(calibration: Calibration, pages: NDArray[Any], batches: NDArray[Any]) -> float:
    """Requests that send the batches of each file: ten at a time, in chunks of 64 KB."""
    line = calibration.batch_bytes
    sizes = line.per_page * pages + (line.per_record + line.fixed) * batches
    requests = -(-batches // RECEIVE_LIMIT)
    return float(np.maximum(requests, np.ceil(sizes / meter.SQS_CHUNK_BYTES)).sum())


def _storage(plan: Plan, work: Workload, calibration: Calibration, flow: Flow) -> Iterator[Quantity]:
    pages, files = float(work.pages.sum()), len(work.pages)
    for stored in calibration.stored:
        size = stored.size_bytes.at(flow.batches, pages, files)
        count = stored.count.at(flow.batches, pages, files)
        if stored.kind == "table":
            yield from meter.of_table(plan.system, stored.resource, size, count, plan.table_months)
        else:
            yield meter.of_bucket(stored.resource, size + work.total_bytes, plan.months)


def _logs(plan: Plan, work: Workload, calibration: Calibration, flow: Flow) -> Iterator[Quantity]:
    pages = float(work.pages.sum())
    for stage, numbers in zip(calibration.stages, flow.stages, strict=True):
        good, bad = _good_and_bad(stage, numbers)
        size = stage.log_bytes.at(numbers.deleted, pages, good)
        size += stage.failing.log_bytes * bad if stage.failing else 0.0
        size += stage.cold_log_bytes * numbers.cold_starts
        yield from meter.of_log(plan.system.functions[stage.function], size, plan.months)


def _watching(plan: Plan, calibration: Calibration, flow: Flow) -> Iterator[Quantity]:
    """What functions tell of themselves for as long as they are at work, and what stands there to look at
    it.
    """
    hours = ceil(max(1e-9, flow.makespan) / meter.HOUR_SECONDS)
    for namespace, count in sorted(calibration.metrics.items()):
        yield meter.of_metrics(namespace, count * hours)
    yield from meter.of_watching(plan.system, plan.months)


def _keys(plan: Plan, flow: Flow, requests: Sequence[Quantity]) -> Iterator[Quantity]:
    """Requests for the keys of what is encrypted with one: a table's and a bucket's by each function, a
    queue's by who sends and who receives, each whenever a service does not keep the key for it any more;
    with each request where it keeps none.
    """
    spans = {stage.function: max(1e-9, stage.ended_seconds - stage.began_seconds) for stage in flow.stages}
    readers = {source.queue_arn: source.function for source in plan.system.sqs_sources}
    for resource, kept in plan.system.keys.items():
        if not kept:
            asked = sum(one.quantity for one in requests if one.resource == resource)
        elif resource in plan.system.queues:
            asked = 2 * ceil(spans.get(readers.get(plan.system.queues[resource], ""), 0.0) / kept)
        else:
            asked = sum(ceil(span / kept) for span in spans.values())
        yield Quantity("kms.requests", "requests for its key", resource, asked)
