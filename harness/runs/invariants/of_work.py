"""Of the work, which is billed: none is done twice without a cause."""

from collections import defaultdict

from harness.recorder import Call, Compute, Invocation, Message, Result, Stroke
from harness.runs.invariants.evidence import Evidence, Found, Invariants, each_result


def _work_is_not_repeated(evidence: Evidence) -> Found:
    if not evidence.fields.units:
        return
    units = sum(result.units for _, result in each_result(evidence))
    done = sum(1 for _ in evidence.events(Compute))
    received = [event for event in evidence.events(Message) if event.action == "received"]
    again = len(received) - len({(event.queue, event.message) for event in received})
    failed = sum(
        event.outcome != "success" or event.failed_records > 0 for event in evidence.events(Invocation)
    )
    lost = sum(evidence.is_gone(key, "expired") for key in evidence.uploads)
    resent = sum(
        stroke.fault == "answer_lost" and " sqs.Send" in stroke.where for stroke in evidence.events(Stroke)
    )
    if not again and not failed and not lost and not resent and done > units:
        yield (
            f"{done} recorded calls were made, though {units} would have done and nothing was delivered "
            f"twice",
        )


def _completed_files_are_not_read(evidence: Evidence) -> Found:
    """What is completed is not computed again: whatever is delivered later finds that it is done. A redrive
    may read again.
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
    computing = {event.request for event in evidence.events(Compute)}
    reads = (
        call for call in evidence.events(Call) if call.operation == "GetObject" and call.request in computing
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


INVARIANTS: Invariants = {
    "no work is done twice without a cause": _work_is_not_repeated,
    "a completed file is not read again": _completed_files_are_not_read,
    "a stored batch is not computed again": _stored_parts_are_not_computed,
    "the result of a closed file is not written again": _results_of_closed_files_are_not_written,
}
