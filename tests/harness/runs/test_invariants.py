"""Invariants of the way, each shown evidence that breaks it and evidence that does not: a file "doc" of two
batches of two pages, whose changes in the table are written by hand.
"""

import datetime
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

import msgspec
import pytest
from boto3.dynamodb.types import TypeSerializer

from harness.cloud.system import Notification, Redelivery, SqsSource, StreamSource, System
from harness.config import Calibrate, Content, Life, PartFields, ResultFields, StateFields
from harness.engine.clock import EPOCH
from harness.recorder import (
    Call,
    Compute,
    Event,
    Invocation,
    Message,
    Metric,
    Recorder,
    Result,
    Stroke,
    Throttle,
)
from harness.runs import invariants
from harness.runs.emulation import Emulation
from harness.runs.invariants import Usual, of_messages
from harness.runs.results import by_upload
from harness.services.queues import Gone

FIELDS = ResultFields(
    key="doc", status="status", units="pages", marked="marked", errors="errors", error_unit="page"
)
PARTS = PartFields(
    number="batch",
    status="status",
    completed="COMPLETED",
    units="pages",
    marked="marked",
    counted="counted",
    failed="failedOnes",
    handed="by",
)
STATE = StateFields(
    file="doc",
    status="status",
    processing="PROCESSING",
    total="total",
    counted=("done", "failed"),
    remaining="left",
    parts=PARTS,
    abandoned=("tried", 3),
)
_dump = TypeSerializer().serialize

COUNTERS = "counters are those of the batches in the sets"
STORED_FIRST = "a batch is stored before it is counted"
MARKED = "marked units are those of the counted batches"
CLOSED = "a file is closed with all that is stored of it"
TAKEN_BACK = "nothing that was counted is taken back"
STORED_ONCE = "a stored batch is not computed again"
IN_TIME = "when faults rest it ends in time"
SHARED_OUT = "batches share out the units of their file"
ALONE = "a unit that cannot be read costs nothing but itself"


def file(
    complete: set[int],
    given_up: set[int] = frozenset(),
    /,
    marked: tuple = (),
    status: str = "PROCESSING",
    **other: Any,
) -> dict[str, Any]:
    """An image of the file's item; `other` contradicts what the sets say."""
    counted = complete | given_up
    return {
        "PK": "doc",
        "SK": "FILE",
        "doc": "doc",
        "status": status,
        "total": 2,
        "done": len(complete),
        "failed": len(given_up),
        "left": 2 - len(counted),
        "marked": list(marked),
        **({"counted": counted} if counted else {}),
        **({"failedOnes": given_up} if given_up else {}),
    } | other


def batch(number: int, marked: tuple = (), status: str = "COMPLETED") -> dict[str, Any]:
    pages = f"{2 * number - 1}-{2 * number}"
    return {
        "PK": "doc",
        "SK": f"B{number}",
        "batch": number,
        "pages": pages,
        "marked": list(marked),
        "status": status,
    }


def evidence(
    *images: dict[str, Any],
    events: tuple[Event, ...] = (),
    results: dict[str, Any] | None = None,
    expected: dict[str, Any] | None = None,
    system: System | None = None,
    **more: Any,
) -> invariants.Evidence:
    """One image a second; `results`: what differs from a clean result of four pages."""
    recorder = Recorder()
    recorder.events.extend(events)
    changes = []
    for second, image in enumerate(images):
        item = {name: _dump(value) for name, value in image.items()}
        at = EPOCH + datetime.timedelta(seconds=second)
        keys = {name: item[name] for name in ("PK", "SK")}
        changes.append({"dynamodb": {"Keys": keys, "NewImage": item, "ApproximateCreationDateTime": at}})
    nothing = System(
        functions={},
        sqs_sources=(),
        stream_sources=(),
        notifications=(),
        buckets={},
        queues={},
        tables={},
        expiring={},
    )
    emulation = Emulation(
        recorder=recorder,
        results={},
        items={},
        leftovers={},
        gone=[],
        changes=changes,
        opportunities={},
        given_up=None,
        redriven=0,
        ended=0.0,
        finished=True,
        system=system or nothing,
        **more,
    )
    found, wanted = (of_document(one) if one is not None else {} for one in (results, expected))
    return invariants.Evidence(emulation, ["doc"], found, FIELDS, STATE, wanted)


def of_document(different: dict[str, Any]):
    clean = {"doc": "doc", "status": "COMPLETED", "pages": 4, "marked": [], "errors": [], "findings": []}
    return by_upload({"results/doc": msgspec.json.encode(clean | different)}, FIELDS)


def broken(found: invariants.Evidence) -> set[str]:
    """Names of the invariants of the way that are broken."""
    names = {COUNTERS, STORED_FIRST, MARKED, CLOSED, TAKEN_BACK, STORED_ONCE, IN_TIME, ALONE, SHARED_OUT}
    return {violation.invariant for violation in invariants.check(found)[1]} & names


NEW, ONE = file(set()), file({1}, marked=(2,))
BOTH = file({1, 2}, marked=(2, 3))
WHOLE = (
    NEW,
    batch(1, (2,)),
    ONE,
    batch(2, (3,)),
    BOTH,
    file({1, 2}, marked=(2, 3), status="COMPLETED"),
)
GIVEN_UP = (NEW, batch(1, (2,)), ONE, batch(2, status="FAILED"), file({1}, {2}, marked=(2,)))
PARTIAL = file({1}, {2}, marked=(2,), status="PARTIAL")
HEALED = file({1, 2}, marked=(2, 3))


@pytest.mark.parametrize(
    "images",
    [
        WHOLE,
        (*GIVEN_UP, PARTIAL),
        (*GIVEN_UP, PARTIAL, batch(2, (3,)), HEALED),  # given back after it was closed
        (*GIVEN_UP, batch(2, (3,)), HEALED),  # a worker stored it after all
        (NEW, batch(1, (1, 2)), batch(1, (2,)), ONE),  # two workers stored it, and either is counted
        (NEW, batch(1, (2,)), batch(1, (1, 2)), ONE),
        (file(set(), total=0, left=0), NEW, batch(1, (2,)), ONE),  # one that was buried gives way
    ],
)
def test_sound_ways_break_nothing(images: tuple[dict[str, Any], ...]) -> None:
    assert broken(evidence(*images)) == set()


@pytest.mark.parametrize(
    ("images", "names"),
    [
        ((NEW, batch(1, (2,)), file({1}, marked=(2,), done=2, left=0)), {COUNTERS}),  # twice into the counter
        ((NEW, batch(1, (2,)), file({1}, marked=(2,), counted={1, 2})), {COUNTERS, STORED_FIRST}),
        ((NEW, batch(1), file({1}, failedOnes={2}, failed=1, done=0)), {COUNTERS, STORED_FIRST}),
        ((NEW, batch(7), file({7})), {COUNTERS}),  # of a batch that the file does not have
        ((NEW, file({1}, marked=(2,)), batch(1, (2,))), {STORED_FIRST}),
        ((NEW, batch(1, status="FAILED"), file({1})), {STORED_FIRST}),
        ((NEW, file(set(), {1})), {STORED_FIRST}),  # nothing says why it failed
        ((NEW, batch(1), file(set(), {1})), {STORED_FIRST}),  # and nor does what was stored of it
        ((NEW, batch(1, (2,)), file({1})), {MARKED}),  # left out
        ((NEW, batch(1, (2,)), file({1}, marked=(2, 2))), {MARKED}),  # twice
        ((NEW, batch(1, (2,)), file({1}, marked=(1,))), {MARKED}),
        ((NEW, batch(1, (2,)), ONE, file({1}, marked=())), {MARKED}),  # lost while nothing is counted
        ((*WHOLE[:5], file({1, 2}, marked=(2,), status="COMPLETED")), {CLOSED}),
        ((*WHOLE[:5], file({1, 2}, marked=(1, 2, 3), status="COMPLETED")), {CLOSED}),
        ((*GIVEN_UP[:4], batch(2), GIVEN_UP[4], PARTIAL), {CLOSED}),
        ((NEW, batch(1, (2,)), ONE, NEW), {MARKED, TAKEN_BACK}),
        ((*WHOLE[:5], file({1}, {2}, marked=(2, 3))), {TAKEN_BACK, STORED_FIRST}),  # done, and then failed
        ((NEW, batch(1, (2,)), ONE, batch(1, status="FAILED"), ONE), {TAKEN_BACK}),
        ((NEW, batch(1, (2,)), ONE, file({1}, marked=(2,), total=3, left=2)), {TAKEN_BACK}),
    ],
)
def test_ways_that_break_an_invariant(images: tuple[dict[str, Any], ...], names: set[str]) -> None:
    assert broken(evidence(*images)) == names


NOT_OPENED = {"total": 0, "left": 0}
STAYS = "a terminal state stays, but for healing"


@pytest.mark.parametrize(
    ("between", "gone", "is_broken"),
    [
        ({"status": "FAILED"} | NOT_OPENED, ("doc",), False),  # another message tells of what was given up
        ({"status": "FAILED"} | NOT_OPENED, (), True),
        ({"status": "FAILED"} | NOT_OPENED, ("other",), True),
        ({"status": "COMPLETED"} | NOT_OPENED, ("doc",), True),
        ({"status": "FAILED"}, ("doc",), True),  # it had been opened
    ],
)
def test_a_file_that_was_given_up_unopened_may_be_in_work_again(
    between: dict[str, Any], gone: tuple[str, ...], is_broken: bool
) -> None:
    """World 465: S3 told twice of an upload, and the first message had died."""
    again = {name: between[name] for name in NOT_OPENED if name in between}
    found = evidence(file(set(), **between), file(set(), **again))
    given_up = [Gone("FileQueue", "redriven", json.dumps({"key": key})) for key in gone]
    found = msgspec.structs.replace(found, emulation=msgspec.structs.replace(found.emulation, gone=given_up))
    assert (STAYS in {one.invariant for one in invariants.check(found)[1]}) == is_broken


def test_a_file_that_is_closed_for_good_need_not_show_what_its_batches_found() -> None:
    """Its result could not be put together, whatever the batches hold."""
    assert broken(evidence(*WHOLE[:5], file({1, 2}, status="FAILED"))) == set()


def test_an_item_after_one_that_was_removed_begins_anew() -> None:
    found = evidence(*WHOLE, NEW)
    removed = {
        "dynamodb": {
            "Keys": found.emulation.changes[0]["dynamodb"]["Keys"],
            "OldImage": {"total": {"N": "2"}},
        }
    }
    assert broken(found) == {MARKED, TAKEN_BACK}
    found.emulation.changes.insert(-1, removed)
    assert broken(evidence(*WHOLE, NEW, events=())) == {MARKED, TAKEN_BACK}
    assert broken(invariants.Evidence(found.emulation, ["doc"], {}, FIELDS, STATE)) == set()


def test_a_file_of_two_versions_of_which_one_has_a_result_shares_out_nothing_that_is_known() -> None:
    """The result is that of the other version; the empty one was given up before it had one."""
    empty = {**file(set(), total=0, left=0), "PK": "FILE#2"}
    assert broken(evidence(*WHOLE, empty)) == set()


def test_without_names_of_the_parts_nothing_is_asked_of_the_way() -> None:

    found = evidence(NEW, file({1}, marked=(9, 9), done=2, left=0))
    silent = msgspec.structs.replace(STATE, parts=None)
    assert broken(invariants.Evidence(found.emulation, ["doc"], {}, FIELDS, silent)) == set()


@pytest.mark.parametrize(
    ("first", "second", "names"),
    [
        (("1-2",), ("3-4",), set()),
        (("1-3",), ("4-4", "4-4"), set()),
        (("1-2",), ("4-4",), {SHARED_OUT}),  # the third is in none
        (("1-3",), ("3-4",), {SHARED_OUT}),  # it is in both
        (("1-2",), ("3-5",), {SHARED_OUT}),  # more than the result has
        (("1-2",), ("3-4", "4-4"), {SHARED_OUT}),  # what was left of it is taken for all of it
    ],
)
def test_batches_share_out_the_pages(
    first: tuple[str, ...], second: tuple[str, ...], names: set[str]
) -> None:
    images = [batch(number) | {"pages": one} for number, said in ((1, first), (2, second)) for one in said]
    stored = Result(t=9.0, key="results/doc", size_bytes=1)
    found = evidence(NEW, *images, file({1, 2}), results={}, events=(stored,), system=queue_system(3))
    assert broken(found) == names


def invocation(request: str, start: float, end: float, function: str = "Worker") -> Invocation:
    return Invocation(
        t=end,
        function=function,
        request=request,
        environment="e",
        start=start,
        init_seconds=0.0,
        duration_seconds=end - start,
        billed_ms=1,
        memory_mb=128,
        cold=False,
        outcome="success",
    )


def reading(request: str, start: float, item: str = "doc/B1", computes: bool = True) -> tuple[Event, ...]:
    """An invocation that looks at a batch's item and computes, or not."""
    call = Call(t=start, caller="Worker", service="dynamodb", operation="GetItem", request=request, item=item)
    done = Compute(t=start + 1, function="read", cpu_seconds=1.0, request=request)
    return (call, *((done,) if computes else ()), invocation(request, start, start + 2))


@pytest.mark.parametrize(
    ("events", "names"),
    [
        (reading("a", 0.5), set()),
        ((*reading("a", 0.5), *reading("b", 0.9)), set()),  # both had it before it was stored
        ((*reading("a", 0.5), *reading("b", 1.5, computes=False)), set()),  # a late one finds that it is done
        ((*reading("a", 0.5), *reading("b", 1.5, item="doc/B2")), set()),
        ((*reading("a", 0.5), *reading("b", 1.5)), {STORED_ONCE}),
    ],
)
def test_a_batch_is_not_computed_by_who_comes_after_it_was_stored(events: Any, names: set[str]) -> None:
    found = evidence(NEW, batch(1, (2,)), ONE, events=events, system=queue_system(3))
    assert broken(found) == names


def queue_system(receives: int, maximum: int | None = None, timeout: int = 10) -> System:
    """A function that consumes a queue, whose dead letters another consumes, and one of a table's stream."""
    source = SqsSource(
        logical_id="Work",
        function="Worker",
        queue_arn="arn:work",
        batch_size=1,
        window_seconds=0,
        maximum_concurrency=maximum,
        provisioned_pollers=None,
        report_item_failures=True,
        filters=(),
    )
    stream = StreamSource(
        logical_id="Changes",
        function="Worker",
        stream_arn="arn:x:table/t",
        batch_size=1,
        window_seconds=0,
        lanes=1,
        maximum_retries=3,
        maximum_record_age_seconds=-1,
        bisect=False,
        report_item_failures=False,
        on_failure="",
        filters=(),
    )

    dead = msgspec.structs.replace(source, logical_id="Dead", queue_arn="arn:dead")
    worker = type("Worker", (), {"timeout_seconds": timeout})()
    return System(
        functions={"Worker": worker},  # type: ignore[dict-item]
        sqs_sources=(source, dead),
        stream_sources=(stream,),
        notifications=(),
        buckets={},
        queues={"WorkQueue": "arn:work", "DeadQueue": "arn:dead"},
        tables={},
        expiring={},
        dead_letters=frozenset({"arn:dead"}),
        redelivery={"arn:work": Redelivery(60, receives), "arn:dead": Redelivery(30, 1000)},
    )


def test_the_bound_is_what_timeouts_receives_and_retries_add_up_to() -> None:
    sent = tuple(Message(t=0.0, queue="WorkQueue", action="sent", message=str(number)) for number in range(4))
    found = evidence(NEW, system=queue_system(3), events=sent)
    work = 3 * (60 + 2 * (10 + 10))  # received three times; four messages on two lanes
    dead = 30 + (10 + 10)  # taken at the first try
    stream = 2 * (1 + 1) * (10 + 10) + 60  # one record, alone and in a batch, twice; the longest pause
    assert of_messages.longest_seconds(found) == work + dead + stream


@pytest.mark.parametrize(("end", "names"), [(1279.0, set()), (1281.0, {IN_TIME})])
def test_work_ends_within_the_bound_after_the_last_cause(end: float, names: set[str]) -> None:
    system = queue_system(1)  # (60 + 20) + (30 + 20) + 2 * 20 + 60 = 230
    late = (invocation("a", end - 1, end),)
    assert broken(evidence(events=late, system=system, rested=1050.0)) == names


def test_a_queue_that_redelivers_for_ever_has_no_bound() -> None:
    late = (invocation("a", 9e5, 1e6),)
    assert broken(evidence(events=late, system=queue_system(0))) == set()


BAD = {"page": 4, "reason": "unreadable"}
FOUND = {"page": 2, "type": "SSN"}
CALM = {"status": "PARTIAL", "marked": [2], "errors": [BAD], "findings": [FOUND]}
DEAD = [{"page": 3, "reason": "given up"}, {"page": 4, "reason": "given up"}]


@pytest.mark.parametrize(
    ("result", "names"),
    [
        (CALM, set()),
        (CALM | {"errors": DEAD}, set()),  # its batch was given up
        (CALM | {"errors": [{"page": 1, "reason": "given up"}, BAD]}, {ALONE}),  # of a batch that is done
        (CALM | {"findings": []}, {ALONE}),
        (CALM | {"marked": []}, {ALONE}),
        (CALM | {"errors": DEAD, "findings": [FOUND | {"type": "ITIN"}]}, {ALONE}),
    ],
)
def test_beside_what_was_given_up_every_page_is_that_of_the_calm_run(
    result: dict[str, Any], names: set[str]
) -> None:
    assert broken(evidence(*GIVEN_UP, PARTIAL, results=result, expected=CALM)) == names


def test_a_page_that_was_too_slow_may_be_in_error() -> None:
    slow = CALM | {"errors": [{"page": 1, "reason": "took too long"}, BAD]}
    read = Call(t=1, caller="Worker", service="s3", operation="GetObject", target="bucket/doc", request="a")
    late = Compute(t=2, function="read", cpu_seconds=9.0, request="a", error="TooSlow")
    told = evidence(*GIVEN_UP, PARTIAL, results=slow, expected=CALM, events=(read, late))
    assert ALONE not in broken(told)


@pytest.mark.parametrize(
    "key", ["uploads/a.tif", "uploads/quote'\"<tag>.tif", "uploads/back\\slash.tif", "uploads/ü №7.tif"]
)
@pytest.mark.parametrize(
    "names_it",
    [lambda key: msgspec.json.encode({"key": key}).decode(), lambda key: json.dumps([key]), quote_plus],
)
def test_a_message_is_about_a_key_however_it_writes_it(key: str, names_it: Callable[[str], str]) -> None:
    body = names_it(key).replace("%2F", "/")
    told = msgspec.structs.replace(
        evidence(NEW),
        emulation=msgspec.structs.replace(evidence(NEW).emulation, gone=[Gone("Queue", "redriven", body)]),
    )
    assert told.is_gone(key, "redriven")
    assert not told.is_gone(key, "expired")
    assert not told.is_gone(key + "f", "redriven")


@pytest.mark.parametrize(
    ("tried", "healed", "left"), [(0, False, True), (2, False, True), (3, False, False), (3, True, True)]
)
def test_only_a_file_that_nobody_tries_to_close_any_more_may_be_left_open(
    tried: int, healed: bool, left: bool
) -> None:
    """Somebody tried three times and failed; once what was given up has come back, that is no excuse."""
    told = msgspec.structs.replace(
        evidence(*WHOLE[:5], file({1, 2}, marked=(2, 3), tried=tried)), healed=healed
    )
    names = {violation.invariant for violation in invariants.check(told)[1]}
    assert ("every file is closed" in names) == left


SAYS_ALL = "a result says all that one of a calm run says"


@pytest.mark.parametrize(
    ("said", "is_broken"),
    [
        ({}, False),
        ({"doubts": [{"page": 2}], "share": 25.0, "batches": 3}, False),
        ({"doubts": []}, True),
        ({"doubts": [{"page": 2}], "share": 50.0}, True),
        (
            {"status": "PARTIAL", "errors": [{"page": 2, "reason": "gone"}], "share": 50.0},
            False,
        ),  # it lacks a unit
    ],
)
def test_a_result_that_is_the_calm_one_says_the_same_in_doubts_and_in_what_is_always_so(
    said: dict[str, Any], is_broken: bool
) -> None:
    usual = {"doubts": [{"page": 2}], "share": 25.0, "batches": 2}
    stored = Result(t=5.0, key="results/doc", size_bytes=1)
    found = evidence(*WHOLE, events=(stored,), results=usual | said, expected=usual)
    fields = msgspec.structs.replace(FIELDS, suspects="doubts", same=("share",))
    found = msgspec.structs.replace(found, fields=fields)
    assert (SAYS_ALL in {one.invariant for one in invariants.check(found)[1]}) == is_broken


BESIDE = "beside a result lies what lay there in a calm run"


@pytest.mark.parametrize(
    ("pdf", "reason", "is_broken"),
    [
        (b"%PDF as it was", "", False),
        (b"%PDF without words", "", True),
        (None, "", True),
        (None, "no time", False),
    ],
)
def test_beside_a_result_lies_what_lay_beside_the_calm_one(
    pdf: bytes | None, reason: str, is_broken: bool
) -> None:
    def left(document: bytes | None, why: str) -> dict[str, bytes]:
        clean = {
            "doc": "doc",
            "status": "COMPLETED",
            "pages": 4,
            "marked": [],
            "errors": [],
            "findings": [],
            "why": why,
        }
        return {"results/a.b.json": msgspec.json.encode(clean)} | (
            {"results/a.b.pdf": document} if document else {}
        )

    stored = Result(t=6, key="results/a.b.json", size_bytes=1)
    plain, objects = evidence(*WHOLE, events=(stored,)), left(pdf, reason)
    told = msgspec.structs.replace(
        plain,
        emulation=msgspec.structs.replace(plain.emulation, results=objects),
        results=by_upload(objects, FIELDS),
        expected=by_upload(left(b"%PDF as it was", ""), FIELDS),
    )
    assert (BESIDE in {violation.invariant for violation in invariants.check(told)[1]}) == is_broken


AGAIN = "the result of a closed file is not written again"


@pytest.mark.parametrize(
    ("began", "images", "is_broken"),
    [
        (4.0, WHOLE, False),  # it was closed at 5 s, by this invocation or meanwhile
        (5.9, WHOLE, False),  # and that is told to the second
        (7.0, WHOLE, True),
        (7.0, WHOLE[:5], False),  # it is open still
        (7.0, (*WHOLE, BOTH), False),  # and here again, by 6 s
    ],
)
def test_the_result_of_a_closed_file_is_not_written_again(
    began: float, images: tuple[dict[str, Any], ...], is_broken: bool
) -> None:
    write = Call(
        t=9, caller="Closer", service="s3", operation="PutObject", target="bucket/results/doc", request="a"
    )
    events = (Result(t=5, key="results/doc", size_bytes=1), invocation("a", began, 9.5), write)
    told = evidence(*images, events=events, results={})
    assert (AGAIN in {violation.invariant for violation in invariants.check(told)[1]}) == is_broken


@pytest.mark.parametrize(("cut_short", "broken_by_it"), [(True, False), (False, True)])
def test_a_page_that_cannot_be_read_may_take_too_long_to_say_so(cut_short: bool, broken_by_it: bool) -> None:
    """Page 1 is in error in the calm run, too, for another reason, and no part of it was given up."""
    calm = CALM | {"errors": [{"page": 1, "reason": "unreadable"}, BAD]}
    slow = CALM | {"errors": [{"page": 1, "reason": "took too long"}, BAD]}
    read = Call(t=1, caller="Worker", service="s3", operation="GetObject", target="bucket/doc", request="a")
    late = Compute(
        t=2, function="read", cpu_seconds=9.0, request="a", error="Unreadable", cut_short=cut_short
    )
    told = evidence(*GIVEN_UP, PARTIAL, results=slow, expected=calm, events=(read, late))
    assert (ALONE in broken(told)) == broken_by_it


FAILS_WITH = "a batch fails when its own message is given up"


@pytest.mark.parametrize(
    ("opener", "gone", "is_broken"),
    [
        ("first", [("Uploads", "first")], False),
        ("first", [("Batches", "of doc")], False),
        ("first", [("Uploads", "second")], True),  # it told of the upload as well, and opened nothing
        ("first", [], True),
    ],
)
def test_a_batch_fails_when_its_own_message_is_given_up(
    opener: str, gone: list[tuple[str, str]], is_broken: bool
) -> None:
    opened = [image | {"opener": opener} for image in GIVEN_UP]
    lost = [Gone(queue=queue, action="redriven", body='"doc"') for queue, _ in gone]
    events = tuple(Message(t=9, queue=queue, action="redriven", message=message) for queue, message in gone)
    told = evidence(*opened, events=events, system=uploads_into("Uploads"))
    emulation = msgspec.structs.replace(told.emulation, gone=lost)
    state = msgspec.structs.replace(STATE, opener="opener")
    told = msgspec.structs.replace(told, emulation=emulation, state=state)
    assert (FAILS_WITH in {violation.invariant for violation in invariants.check(told)[1]}) == is_broken


def uploads_into(queue: str) -> System:
    told = Notification(
        bucket="bucket", event="s3:ObjectCreated:*", queue_arn=f"arn:{queue}", prefix="", suffix=""
    )
    return System(
        functions={},
        sqs_sources=(),
        stream_sources=(),
        notifications=(told,),
        buckets={},
        queues={name: f"arn:{name}" for name in (queue, "Batches")},
        tables={},
        expiring={},
    )


OTHER_OBJECTS = "no other objects are stored than in a calm run"


@pytest.mark.parametrize(
    ("target", "usual", "is_broken"),
    [
        ("bucket/work/1/2.text", None, False),
        ("bucket/work/1/2.text", {"work/#/#.text"}, False),
        ("bucket/work/1/2.text", {"work/#/#.json"}, True),
        ("bucket/results/doc.pdf", set(), False),  # beside a result
        ("bucket/elsewhere", set(), False),  # named by a part's item
    ],
)
def test_functions_store_no_other_objects_than_in_a_calm_run(
    target: str, usual: set[str] | None, is_broken: bool
) -> None:
    put = Call(t=1, caller="Worker", service="s3", operation="PutObject", target=target, request="a")
    result = Result(t=5, key="results/doc", size_bytes=1)
    told = evidence(NEW, batch(1) | {"where": "elsewhere"}, file({1}), events=(put, result), results={})
    parts = msgspec.structs.replace(PARTS, content=Content(attribute="held", most="Most", elsewhere="where"))
    told = msgspec.structs.replace(told, state=msgspec.structs.replace(STATE, parts=parts))
    told = msgspec.structs.replace(told, usual=Usual(frozenset(usual)) if usual is not None else None)
    assert (OTHER_OBJECTS in {violation.invariant for violation in invariants.check(told)[1]}) == is_broken


READ_AGAIN = "a completed file is not read again"


@pytest.mark.parametrize(
    ("began", "sends", "images", "is_broken"),
    [
        (7.0, True, WHOLE, True),
        (7.0, False, WHOLE, False),  # it looked, and found that all is done
        (4.0, True, WHOLE, False),  # it was completed at 5 s
    ],
)
def test_a_completed_file_is_not_sent_on_again(
    began: float, sends: bool, images: tuple[dict[str, Any], ...], is_broken: bool
) -> None:
    read = Call(t=8, caller="Opener", service="s3", operation="GetObject", target="bucket/doc", request="a")
    send = Call(t=9, caller="Opener", service="sqs", operation="SendMessageBatch", target="q", request="a")
    events = (Result(t=5, key="results/doc", size_bytes=1), invocation("a", began, 9.5), read)
    told = evidence(*images, events=(*events, send) if sends else events, results={})
    assert (READ_AGAIN in {violation.invariant for violation in invariants.check(told)[1]}) == is_broken


CLOSED_ONCE = "a file is closed once, when all of it is counted"


@pytest.mark.parametrize(
    ("images", "is_broken"),
    [
        (WHOLE, False),
        ((*WHOLE, BOTH, WHOLE[-1]), False),  # it was in work again
        ((*GIVEN_UP, PARTIAL, batch(2, (3,)), HEALED), False),
        ((*WHOLE, WHOLE[-1]), True),
        ((*GIVEN_UP, PARTIAL, file({1, 2}, marked=(2,), status="PARTIAL")), True),
        ((*WHOLE[:3], file({1}, marked=(2,), status="COMPLETED")), True),
        ((file(set(), total=0, left=0), NEW, file(set(), status="FAILED")), True),  # opened meanwhile
        ((file(set(), total=0, left=0), file(set(), total=0, left=0, status="FAILED"), NEW), False),
    ],
)
def test_a_file_is_closed_once_when_all_of_it_is_counted(
    images: tuple[dict[str, Any], ...], is_broken: bool
) -> None:
    found = invariants.check(evidence(*images))[1]
    assert (CLOSED_ONCE in {violation.invariant for violation in found}) == is_broken


GIVEN_UP_WHEN_DUE = "only a file that is to be closed is given up"


@pytest.mark.parametrize(
    ("image", "is_broken"),
    [
        (file({1, 2}, marked=(2, 3), tried=1), False),
        (file({1, 2}, marked=(2, 3), tried=4), True),  # three times at most
        (file({1, 2}, marked=(2, 3), tried=1, status="COMPLETED"), True),
        (file({1}, marked=(2,), tried=1), True),  # a batch is to come
    ],
)
def test_only_a_file_that_is_to_be_closed_is_given_up(image: dict[str, Any], is_broken: bool) -> None:
    found = evidence(*WHOLE[:4], image)
    assert (GIVEN_UP_WHEN_DUE in {one.invariant for one in invariants.check(found)[1]}) == is_broken


ONCE = "an upload is worked on once"


def worked(request: str, pages: int, message: str = "", **of_it: Any) -> tuple[Event, ...]:
    """An invocation that reads the document and makes recorded calls."""
    read = Call(
        t=1, caller="Worker", service="s3", operation="GetObject", target="bucket/doc", request=request
    )
    calls = (Compute(t=1, function="read", cpu_seconds=1, request=request) for _ in range(pages))
    ended = msgspec.structs.replace(invocation(request, 0.0, 2.0), messages=(message,), **of_it)
    return (read, *calls, ended)


def further(request: str) -> Compute:
    return Compute(t=1, function="read", cpu_seconds=1, request=request, further=True)


def sent(request: str, size: int) -> Call:
    call = Call(t=1, caller="Worker", service="sqs", operation="SendMessage", target="q", request=request)
    return msgspec.structs.replace(call, sent_bytes=size)


def received(message: str) -> Message:
    return Message(t=0, queue="q", action="received", message=message)


ANOTHER = (*worked("a", 4, "1"), received("1"), *worked("b", 4, "2"), received("2"))
"""Two messages told of the same upload, and both were worked on."""


@pytest.mark.parametrize(
    ("events", "is_broken"),
    [
        (worked("a", 4), False),
        ((*worked("a", 2), *worked("b", 2)), False),
        ((*worked("a", 4), further("a")), False),  # another attempt at a unit, with more of its data
        (worked("a", 5), True),
        (ANOTHER, True),
        ((*ANOTHER, received("2")), False),  # one of them was delivered twice
        ((*worked("a", 4, outcome="killed"), *worked("b", 4)), False),
        ((*worked("a", 4, failed_records=1), *worked("b", 4)), False),
        ((*ANOTHER, sent("a", 9), sent("a", 9)), False),  # what was sent once more need not have been lost
        ((*ANOTHER, sent("a", 9), sent("b", 9)), True),
    ],
)
def test_an_upload_that_is_told_of_twice_is_worked_on_once(
    events: tuple[Event, ...], is_broken: bool
) -> None:
    stored = Result(t=5, key="results/doc", size_bytes=1)
    found = evidence(*WHOLE, events=(stored, *events), results={})
    assert (ONCE in {violation.invariant for violation in invariants.check(found)[1]}) == is_broken


AGAIN_FOR_A_CAUSE = "a message comes again for a cause only"


def handled(message: str, start: float, end: float, **of_it: Any) -> Invocation:
    return msgspec.structs.replace(invocation("a", start, end), messages=(message,), **of_it)


def arrived(*times: float) -> tuple[Message, ...]:
    return tuple(Message(t=at, queue="WorkQueue", action="received", message="m") for at in times)


@pytest.mark.parametrize(
    ("events", "is_broken"),
    [
        ((*arrived(1.0), handled("m", 1.1, 9.0)), False),
        ((*arrived(1.0, 6.0), handled("m", 1.1, 9.0)), True),  # while it was in work
        ((*arrived(1.0, 10.0), handled("m", 1.1, 9.0)), True),
        ((*arrived(1.0, 10.0), handled("m", 1.1, 9.0, outcome="killed")), False),
        ((*arrived(1.0, 10.0), handled("m", 1.1, 9.0, failed_records=1)), False),
        ((*arrived(1.0, 10.0), handled("other", 1.1, 9.0)), False),  # nobody had it
        (
            (
                *arrived(1.0, 6.0),
                Stroke(t=1.0, fault="duplicate_delivery", number=1, where="WorkQueue m"),
                handled("m", 1.1, 9.0),
            ),
            False,
        ),
        (
            (
                Stroke(
                    t=0.5, fault="deletion_lost", number=1, where="WorkQueue m"
                ),  # at a receive before these
                *arrived(1.0, 10.0),
                handled("m", 1.1, 9.0),
            ),
            False,
        ),
        (
            (
                *arrived(1.0, 10.0),
                handled("m", 1.1, 9.0),
                Stroke(t=9.0, fault="delete_fails", number=1, where="Work"),
            ),
            False,
        ),
        (
            (
                *arrived(1.0, 10.0),
                handled("m", 1.1, 9.0),
                Stroke(t=12.0, fault="delete_fails", number=1, where="Work"),
            ),
            True,
        ),
        (
            (
                *arrived(1.0, 30.0),
                Throttle(t=2.0, function="Worker", reason="full"),
                handled("m", 25.0, 40.0),
            ),
            False,
        ),
    ],
)
def test_a_message_that_was_processed_comes_again_for_a_cause_only(
    events: tuple[Event, ...], is_broken: bool
) -> None:
    found = evidence(events=events, system=queue_system(3))
    assert (AGAIN_FOR_A_CAUSE in {one.invariant for one in invariants.check(found)[1]}) == is_broken


GIVEN_UP_FOR_A_CAUSE = "nothing is given up without a cause"


@pytest.mark.parametrize(
    ("event", "is_broken"),
    [
        (None, True),
        (Stroke(t=1.0, fault="killed_before_call", number=1, where="Worker s3.GetObject"), False),
        (Stroke(t=1.0, fault="killed_before_call", number=1, where="Opener s3.GetObject"), True),
        (Stroke(t=1.0, fault="late_event", number=1, where="Worker"), True),
        (Stroke(t=1.0, fault="poller_dies_before", number=1, where="Work"), False),
        (Stroke(t=1.0, fault="poison_message", number=1, where="WorkQueue"), False),
        (Stroke(t=1.0, fault="removed", number=1, where="doc"), True),  # users do that
        (Throttle(t=1.0, function="Worker", reason="full"), False),
        (Throttle(t=1.0, function="Opener", reason="full"), True),
    ],
)
def test_a_message_is_given_up_when_something_struck_who_received_it(
    event: Event | None, is_broken: bool
) -> None:
    found = evidence(events=(event,) if event else (), system=queue_system(3))
    gone = [Gone("WorkQueue", "redriven", '{"key": "doc"}')]
    found = msgspec.structs.replace(found, emulation=msgspec.structs.replace(found.emulation, gone=gone))
    assert (GIVEN_UP_FOR_A_CAUSE in {one.invariant for one in invariants.check(found)[1]}) == is_broken


@pytest.mark.parametrize(
    ("queue", "healed", "is_broken"),
    [("DeadQueue", False, False), ("DeadQueue", True, True), ("WorkQueue", False, True), ("", False, True)],
)
def test_a_file_may_wait_whose_dead_letter_was_given_up_as_well(
    queue: str, healed: bool, is_broken: bool
) -> None:
    """World 2665: three fifths of the calls that were to bury it were killed, a thousand times over."""
    found = evidence(NEW, system=queue_system(3))
    gone = [Gone(queue, "redriven", '{"key": "doc"}')] if queue else []
    emulation = msgspec.structs.replace(found.emulation, gone=gone)
    found = msgspec.structs.replace(found, emulation=emulation, healed=healed)
    wanted = {"every file is closed", "one result for each version of an upload"}
    names = {one.invariant for one in invariants.check(found)[1]}
    assert names & wanted == (wanted if is_broken else set())


IN_VAIN = "a condition fails for a cause only"


def refused(t: float = 1.0) -> Call:
    return Call(
        t=t,
        caller="Worker",
        service="dynamodb",
        operation="UpdateItem",
        status=400,
        error="ConditionalCheckFailedException",
        request="a",
        item="doc/FILE",
    )


@pytest.mark.parametrize(
    ("events", "is_broken"),
    [
        ((), False),
        ((refused(),), True),
        ((refused(), Stroke(t=0.5, fault="slow_environment", number=1, where="Worker")), True),
        ((refused(), Stroke(t=0.5, fault="duplicate_event", number=1, where="doc")), False),
        ((refused(), received("1"), received("2")), True),
        ((refused(), received("1"), received("1")), False),
        ((refused(), *worked("b", 1, outcome="killed")), False),
        ((refused(), *worked("b", 1, failed_records=1)), False),
        ((refused(), Message(t=0.0, queue="q", action="redriven", message="1")), False),
    ],
)
def test_a_condition_fails_only_where_something_came_twice_or_failed(
    events: tuple[Event, ...], is_broken: bool
) -> None:
    found = evidence(*WHOLE, events=events)
    assert (IN_VAIN in {one.invariant for one in invariants.check(found)[1]}) == is_broken


@pytest.mark.parametrize(
    ("error", "is_broken"),
    [("", False), ("ThrottlingException", False), ("ValidationException", True), ("MalformedXML", True)],
)
def test_no_call_is_malformed(error: str, is_broken: bool) -> None:
    found = evidence(*WHOLE, events=(msgspec.structs.replace(refused(), error=error),))
    assert ("no call is malformed" in {one.invariant for one in invariants.check(found)[1]}) == is_broken


UNHEARD = "a condition that fails is heard"


def other(t: float, **of_it: Any) -> Call:
    """Another request whose condition fails."""
    return msgspec.structs.replace(refused(t), sent_bytes=9, **of_it)


def taken(t: float, request: str, item: str = "doc/FILE", operation: str = "UpdateItem") -> Call:
    """A call that is answered well."""
    return msgspec.structs.replace(
        refused(t), status=200, error="", request=request, item=item, operation=operation
    )


@pytest.mark.parametrize(
    ("events", "is_broken"),
    [
        ((refused(1.0),), False),
        ((refused(1.0), other(2.0)), True),
        ((refused(1.0), refused(2.0)), False),  # the SDK tries again what it has no answer to
        ((refused(1.0), other(2.0, request="b")), False),
        ((refused(1.0), other(2.0, item="doc/B1")), False),
        ((refused(1.0), taken(1.5, "a", operation="GetItem"), other(2.0)), False),
        ((refused(1.0), taken(1.5, "b", operation="GetItem"), other(2.0)), True),
        ((refused(1.0), taken(1.5, "b"), other(2.0)), False),
        ((taken(0.5, "b"), refused(1.0), other(2.0)), True),
    ],
)
def test_who_hears_what_stands_in_an_item_does_not_try_it_again_in_vain(
    events: tuple[Event, ...], is_broken: bool
) -> None:
    found = evidence(*WHOLE, events=events)
    assert (UNHEARD in {one.invariant for one in invariants.check(found)[1]}) == is_broken


ONE_AT_A_TIME = "of a part one message at a time gives work back"


@pytest.mark.parametrize(
    ("handed", "given_back", "is_broken"),
    [("1", False, False), ("2", False, True), ("", False, True), ("2", True, False)],
)
def test_who_gives_work_back_has_said_so_in_the_state(handed: str, given_back: bool, is_broken: bool) -> None:
    *begun, ended = gives_back(7.1, *reading("a", 0.5)[:2])
    part = {"PK": "doc", "SK": "B1", **({"by": handed} if handed else {})}
    found = evidence(
        part,
        events=(*begun, msgspec.structs.replace(ended, messages=("1",))),
        system=queue_system(3),
    )
    found = msgspec.structs.replace(found, given_back=given_back)
    assert (ONE_AT_A_TIME in {one.invariant for one in invariants.check(found)[1]}) == is_broken


@pytest.mark.parametrize("handed", [{}, {"by": "1"}])
def test_what_is_stored_is_not_given_back(handed: dict[str, str]) -> None:
    found = evidence(file(set()), batch(1) | handed)
    assert (ONE_AT_A_TIME in {one.invariant for one in invariants.check(found)[1]}) == bool(handed)


FAILS_FOR_A_CAUSE = "an invocation fails for a cause only"


@pytest.mark.parametrize("failed", [{"outcome": "killed"}, {"failed_records": 1}])
@pytest.mark.parametrize(
    ("event", "is_broken"),
    [
        (None, True),
        (Stroke(t=1.0, fault="throttled", number=1, where="Worker dynamodb.GetItem"), False),
        (Stroke(t=1.0, fault="throttled", number=1, where="Opener dynamodb.GetItem"), True),
        (Stroke(t=1.0, fault="stale_read", number=1, where="Worker dynamodb.GetItem"), False),
        (Stroke(t=1.0, fault="slow_environment", number=1, where="Worker/1"), True),
        (Stroke(t=1.0, fault="duplicate_delivery", number=1, where="WorkQueue 1"), True),
        (Stroke(t=1.0, fault="poison_message", number=1, where="WorkQueue"), False),
    ],
)
def test_an_invocation_fails_where_something_struck_its_function(
    event: Event | None, is_broken: bool, failed: dict[str, Any]
) -> None:
    found = evidence(events=(*worked("a", 1, **failed), *((event,) if event else ())))
    found = msgspec.structs.replace(found, usual=Usual(frozenset()))
    assert (FAILS_FOR_A_CAUSE in {one.invariant for one in invariants.check(found)[1]}) == is_broken
    for by_design in (Usual(frozenset(), frozenset({"Worker"})), None):
        found = msgspec.structs.replace(found, usual=by_design)
        assert FAILS_FOR_A_CAUSE not in {one.invariant for one in invariants.check(found)[1]}
    sound = msgspec.structs.replace(evidence(events=worked("a", 1)), usual=Usual(frozenset()))
    assert FAILS_FOR_A_CAUSE not in {one.invariant for one in invariants.check(sound)[1]}


SHORT_OF_TIME = "work is given back when time is short only"


def gives_back(at: float, *begun: Event) -> tuple[Event, ...]:
    """An invocation with a timeout of ten seconds sends a message to its own queue."""
    back = msgspec.structs.replace(sent("a", 9), t=at, target="work")  # as its ARN names WorkQueue
    return (*begun, back, invocation("a", 0.0, at + 0.1))


@pytest.mark.parametrize(
    ("events", "is_broken"),
    [
        (gives_back(7.1, *reading("a", 0.5)[:2]), False),
        (gives_back(6.9, *reading("a", 0.5)[:2]), True),  # three seconds are what one unit needs
        (gives_back(7.1), True),  # and that is the first one
        (gives_back(7.1, worked("a", 0)[0]), False),  # it may have found that a unit cannot be read
    ],
)
def test_work_is_given_back_by_who_has_begun_it_and_has_no_time_for_more(
    events: tuple[Event, ...], is_broken: bool
) -> None:
    found = msgspec.structs.replace(evidence(events=events, system=queue_system(3)), kept_back=3.0)
    assert (SHORT_OF_TIME in {one.invariant for one in invariants.check(found)[1]}) == is_broken


SHORT = "what a batch holds is in its item if it is short"


def put_elsewhere(size: int) -> Call:
    call = Call(
        t=1, caller="Worker", service="s3", operation="PutObject", target="bucket/work/1", request="a"
    )
    return msgspec.structs.replace(call, sent_bytes=size)


@pytest.mark.parametrize(
    ("held", "size", "is_broken"),
    [
        ({"held": "ä" * 5}, None, False),
        ({"held": "ä" * 6}, None, True),  # twelve bytes, where ten are the most
        ({"place": "work/1"}, 11, False),
        ({"place": "work/1"}, 10, True),  # they could stand in the item
        ({"place": "work/1"}, None, True),  # nobody has put them there
        ({"held": "[]", "place": "work/1"}, 11, True),
        ({}, None, True),
    ],
)
def test_what_a_batch_holds_stands_in_its_item_or_in_an_object(
    held: dict[str, str], size: int | None, is_broken: bool
) -> None:
    content = Content(attribute="held", most="Most", elsewhere="place")
    state = msgspec.structs.replace(STATE, parts=msgspec.structs.replace(PARTS, content=content))
    events = (put_elsewhere(size),) if size is not None else ()
    found = evidence(NEW, batch(1, (2,)) | held, ONE, events=events)
    found = msgspec.structs.replace(found, state=state, parameters={"Most": "10"})
    assert (SHORT in {one.invariant for one in invariants.check(found)[1]}) == is_broken


LIVES = "items live as long as the template says"


@pytest.mark.parametrize(
    ("of_file", "of_batch", "is_broken"),
    [
        ({"created": 100, "gone": 172_900}, {"stored": 300, "gone": 173_100}, False),
        ({"created": 100, "gone": 172_901}, {"stored": 300, "gone": 173_100}, True),
        ({"created": 100}, {"stored": 300, "gone": 173_100}, True),
        ({"gone": 172_900}, {"stored": 300, "gone": 173_100}, True),
        ({"created": 100, "gone": 172_900}, {"stored": 300, "gone": 172_900}, True),
    ],
)
def test_items_expire_so_many_days_after_they_were_made(
    of_file: dict[str, int], of_batch: dict[str, int], is_broken: bool
) -> None:
    state = msgspec.structs.replace(STATE, life=Life(attribute="gone", since=("stored", "created")))
    found = evidence(file(set(), **of_file), batch(1) | of_batch, file({1}, **of_file))
    found = msgspec.structs.replace(found, state=state, life_days=2.0)
    assert (LIVES in {one.invariant for one in invariants.check(found)[1]}) == is_broken


@pytest.mark.parametrize(
    ("opened", "closed", "events", "is_broken"),
    [
        (1, 1, (), False),
        (0, 1, (), True),
        (1, 2, (), True),
        (2, 1, (received("1"), received("1")), False),  # what came twice may be told of twice
    ],
)
def test_metrics_tell_the_files_that_were_opened_and_closed(
    opened: int, closed: int, events: tuple[Event, ...], is_broken: bool
) -> None:
    told = [
        Metric(t=1, function="W", request="a", namespace="N", name=name, unit="Count", values=(value,))
        for name, value in (("Opened", opened), ("Closed", closed))
    ]
    found = evidence(*WHOLE, events=(*events, *told))
    found = msgspec.structs.replace(found, told=Calibrate(opened="Opened", closed="Closed"))
    name = "metrics tell the files that were opened and closed"
    assert (name in {one.invariant for one in invariants.check(found)[1]}) == is_broken


def told(*values: float, worked: tuple[float, ...] = (0.2, 0.3), name: str = "Seconds") -> bool:
    """Whether an invocation that made recorded calls of these seconds may tell these values."""
    calls = [Compute(t=1, function="read", cpu_seconds=1, request="a", seconds=one) for one in worked]
    metric = Metric(t=1, function="W", request="a", namespace="N", name=name, unit="Seconds", values=values)
    found = evidence(events=(*calls, metric, invocation("a", 0.0, 1.0)))
    names = Calibrate(pages="Pages", seconds="Seconds")
    found = invariants.Evidence(found.emulation, ["doc"], {}, FIELDS, told=names)
    return "metrics tell the work that was done" not in {one.invariant for one in invariants.check(found)[1]}


def test_metrics_tell_the_work_that_was_done() -> None:
    assert told(0.2, 0.3)
    assert told(0.2, 0.31), "what the handler does between is told too"
    assert told(0.51), "all at once"
    assert not told(0.2), "less than was worked"
    assert not told(0.2, 0.2)
    assert not told(0.2, 0.3, 0.1), "of calls that were not made"
    assert not told(0.6, 0.7), "more than the invocation took"
    assert told(9.0, name="Other")
    assert not told(2.0, name="Pages"), "of two pages, and not how long they took"
    assert told(2.0, name="Pages", worked=()), "of pages that no call was made for"
