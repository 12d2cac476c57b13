"""Of the work, which is billed: none is done twice without a cause."""

from collections import Counter, defaultdict
from math import inf

from harness.recorder import Call, Compute, Invocation, Message, Metric, Result, Stroke
from harness.runs.invariants.evidence import Evidence, Found, Invariants, each_result, has_failed

TOLD_WITHIN = 0.001
"""Seconds: a metric need not be told more exactly."""


def _work_is_not_repeated(evidence: Evidence) -> Found:
    if not evidence.fields.units:
        return
    units = sum(result.units for _, result in each_result(evidence))
    done = sum(not event.further for event in evidence.events(Compute))
    received = [event for event in evidence.events(Message) if event.action == "received"]
    again = len(received) - len({(event.queue, event.message) for event in received})
    failed = any(map(has_failed, evidence.events(Invocation)))
    lost = sum(evidence.is_gone(key, "expired") for key in evidence.uploads)
    resent = sum(
        stroke.fault == "answer_lost" and " sqs.Send" in stroke.where for stroke in evidence.events(Stroke)
    )
    given_up = any(event.action == "redriven" for event in evidence.events(Message))
    if not again and not failed and not lost and not resent and not given_up and done > units:
        yield (
            f"{done} recorded calls were made, though {units} would have done and nothing was delivered "
            f"twice",
        )


def _uploads_are_worked_on_once(evidence: Evidence) -> Found:
    """Of an upload no more is computed than it has units, unless something that came to pass with its own
    messages is a cause: one was received twice or given up, or an invocation that read it failed, or did not
    hear that what it sent was taken. That S3 tells of it twice is none.
    """
    if not evidence.fields.units:
        return
    read: dict[str, set[str]] = defaultdict(set)
    sent: dict[str, Counter[tuple[str, int]]] = defaultdict(Counter)
    for call in evidence.events(Call):
        if call.request and call.operation == "GetObject":
            read[call.request].add(call.target.partition("/")[2])
        elif call.request and call.operation.startswith("SendMessage") and call.status < 300:
            sent[call.request][call.target, call.sent_bytes] += 1
    receives = Counter(event.message for event in evidence.events(Message) if event.action == "received")
    done = Counter(event.request for event in evidence.events(Compute) if not event.further)
    worked: Counter[str] = Counter()
    excused: set[str] = set()
    for event in evidence.events(Invocation):
        keys = read[event.request]
        again = any(receives[message] > 1 for message in event.messages)
        failed = has_failed(event)
        sent_again = any(times > 1 for times in sent[event.request].values())
        if again or failed or sent_again or len(keys) > 1:
            excused |= keys
        for key in keys:
            worked[key] += done[event.request]
    for key, results in evidence.results.items():
        if key in excused or evidence.versions[key] > 1 or len(results) != 1 or not results[0].units:
            continue
        if worked[key] > results[0].units and not evidence.is_gone(key, "redriven"):
            yield (
                f"{key}: {worked[key]} recorded calls were made, though {results[0].units} would have done, "
                f"and no message about it was delivered twice",
                key,
            )


def _completed_files_are_not_read(evidence: Evidence) -> Found:
    """What is completed is not computed again, nor sent on to be computed: whatever is delivered later finds
    that it is done. A redrive may read again.
    """
    fields = evidence.fields
    if evidence.given_back:
        return
    stored = {event.key: event.t for event in evidence.events(Result)}
    completed = {
        key: stored[results[0].stored]
        for key, results in evidence.results.items()
        if len(results) == 1 and evidence.versions[key] <= 1 and results[0].status == fields.completed
    }
    began = {event.request: event.start for event in evidence.events(Invocation)}
    working = {event.request for event in evidence.events(Compute)} | {
        call.request for call in evidence.events(Call) if call.operation.startswith("SendMessage")
    }
    reads = (
        call for call in evidence.events(Call) if call.operation == "GetObject" and call.request in working
    )
    for call in reads:
        key = call.target.partition("/")[2]
        if key in completed and began[call.request] > completed[key]:
            yield (
                f"{key} was completed at {completed[key]:.3f} s and read once more by an invocation of "
                f"{began[call.request]:.3f} s",
                key,
            )


def _stored_parts_are_not_computed(evidence: Evidence) -> Found:
    """A part is computed again only by an invocation that began before an earlier one had stored it: that one
    failed, or the two had it at the same time.
    """
    if evidence.state is None or evidence.state.parts is None:
        return
    named = evidence.state.parts
    stored: dict[str, float] = {}
    for record in evidence.part_images:
        if record.item.get(named.status) == named.completed:
            stored.setdefault(record.key, record.t)
    began = {event.request: event.start for event in evidence.events(Invocation)}
    computing = {event.request for event in evidence.events(Compute)}
    touched: dict[str, set[str]] = defaultdict(set)
    for call in evidence.events(Call):
        if call.request in computing and call.item in stored:
            touched[call.request].add(call.item)
    for request, parts in touched.items():
        if request in began and all(began[request] > stored[part] for part in parts):
            part = min(parts)
            yield (
                f"{part} was stored at {stored[part]:.3f} s and computed once more by an invocation of "
                f"{began[request]:.3f} s",
            )


def _results_of_closed_files_are_not_written(evidence: Evidence) -> Found:
    """Who finds a file closed has nothing to write. A change of the table is told to the second."""
    began = {event.request: event.start for event in evidence.events(Invocation)}
    of_upload = {result.stored: key for key, result in each_result(evidence)}
    for call in evidence.events(Call):
        key = of_upload.get(call.target.partition("/")[2], "")
        if call.operation != "PutObject" or call.status >= 300 or call.request not in began:
            continue
        for since, until in evidence.closed.get(key, ()):
            if since + 1 < began[call.request] and call.t < until:
                yield (
                    f"{key} was closed at {since:.0f} s, and its result written once more by an invocation "
                    f"of {began[call.request]:.3f} s",
                    key,
                )


def _work_is_told_as_it_was(evidence: Evidence) -> Found:
    """The metric of the seconds that units take has a value for each recorded call of its invocation, or one
    of them all, and together they are what those calls took. Rounding may take half a millisecond from each.
    Who tells of units tells of their seconds.
    """
    if not evidence.told.seconds:
        return
    worked: dict[str, list[float]] = defaultdict(list)
    for event in evidence.events(Compute):
        worked[event.request].append(event.seconds)
    lasted = {event.request: event.duration_seconds for event in evidence.events(Invocation)}
    told: dict[str, list[float]] = defaultdict(list)
    for metric in evidence.events(Metric):
        if metric.name == evidence.told.seconds:
            told[metric.request] += metric.values
        elif metric.name == evidence.told.pages and worked[metric.request]:
            told[metric.request] += ()
    for request, values in told.items():
        done = worked[request]
        least, most = sum(done) - TOLD_WITHIN * len(values), lasted.get(request, inf) + TOLD_WITHIN
        if len(values) not in (1, len(done)) or not least <= sum(values) <= most:
            yield (
                f"{request} told of {len(values)} {evidence.told.seconds}, {sum(values):.3f} together, and "
                f"made {len(done)} recorded calls of {sum(done):.3f} s",
            )


def _files_are_told_as_they_were(evidence: Evidence) -> Found:
    """Where nothing comes twice, who opens or closes a file tells so once."""
    if evidence.state is None or not evidence.is_undisturbed or not evidence.events(Metric):
        return
    closed = sum(evidence.is_closing(step) for way in evidence.ways for step in way)
    for name, files in ((evidence.told.opened, len(evidence.ways)), (evidence.told.closed, closed)):
        told = sum(sum(metric.values) for metric in evidence.events(Metric) if metric.name == name)
        if name and told != files:
            yield (f"{told:g} {name} were told of, though there were {files}",)


INVARIANTS: Invariants = {
    "no work is done twice without a cause": _work_is_not_repeated,
    "an upload is worked on once": _uploads_are_worked_on_once,
    "a completed file is not read again": _completed_files_are_not_read,
    "a stored batch is not computed again": _stored_parts_are_not_computed,
    "the result of a closed file is not written again": _results_of_closed_files_are_not_written,
    "metrics tell the work that was done": _work_is_told_as_it_was,
    "metrics tell the files that were opened and closed": _files_are_told_as_they_were,
}
