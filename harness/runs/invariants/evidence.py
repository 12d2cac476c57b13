"""What the invariants look at, and what they find."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from functools import cached_property
from math import inf
from typing import Any
from urllib.parse import quote_plus

import msgspec
from boto3.dynamodb.types import TypeDeserializer

from harness.config import Calibrate, ResultFields, StateFields
from harness.engine.clock import seconds_of
from harness.recorder import Call, Compute, Invocation, Message, Stroke, Upload
from harness.runs.emulation import Emulation
from harness.runs.results import Outcome, Results

Item = dict[str, Any]
_plain = TypeDeserializer().deserialize
_NUMBER = re.compile(r"[0-9a-f]{16,}|[0-9]+")


class Violation(msgspec.Struct, frozen=True):
    """`about`: the upload that it concerns, "" for the whole run."""

    invariant: str
    detail: str
    about: str = ""


class Part(msgspec.Struct, frozen=True):
    """An image of a part's item: `t`: virtual seconds when it was written; `key`: as `Call.item` has it."""

    t: float
    key: str
    item: Item


class Step(msgspec.Struct, frozen=True):
    """A change of a file's item: as it was (None where there was none), as it became, and the images that its
    parts' items have had by then, by the parts' numbers.
    """

    before: Item | None
    after: Item
    parts: Mapping[int, tuple[Part, ...]]


class Usual(msgspec.Struct, frozen=True):
    """What a run does in which nothing breaks: the kinds of objects that its functions store (`stored`), and
    the functions of which an invocation fails, or one of its records, all the same.
    """

    stored: frozenset[str]
    failing: frozenset[str] = frozenset()


class Evidence(msgspec.Struct, frozen=True, dict=True):
    """What the invariants look at. `results`: the decoded results by input key, with how many there are for
    each.

    expected: the results of a calm run by input key, None where there was none to compare with. given_back:
    what was given up was given back; healed: when nothing broke any more; told: names of metrics. kept_back:
    seconds before its timeout from which on who reads a batch gives back what is left of it, 0 for never;
    life_days: that an item of the state lives, None where that is not known; parameters: of the template;
    keeps_versions: whether an upload that is overwritten can still be read; usual: what is done where nothing
    breaks, None where that is not known.
    """

    emulation: Emulation
    uploads: Sequence[str]
    results: Results
    fields: ResultFields
    state: StateFields | None = None
    expected: Results | None = None
    healed: bool = False
    given_back: bool = False
    has_results: bool = True
    told: Calibrate = Calibrate()
    kept_back: float = 0.0
    life_days: float | None = None
    parameters: Mapping[str, str] = {}
    keeps_versions: bool = True
    usual: Usual | None = None

    def events(self, kind: type) -> Sequence[Any]:
        return self._by_kind.get(kind, ())

    @cached_property
    def _by_kind(self) -> Mapping[type, Sequence[Any]]:
        found: dict[type, list[Any]] = defaultdict(list)
        for event in self.emulation.recorder.events:
            found[type(event)].append(event)
        return found

    def is_gone(self, key: str, action: str, elsewhere_than: Container[str] = ()) -> bool:
        """Whether a message about an upload left a queue in this way ("redriven", "expired") instead of being
        processed; elsewhere_than: queues that do not count.
        """
        within_json = (json.dumps(key, ensure_ascii=ascii_only)[1:-1] for ascii_only in (False, True))
        named = (key, *within_json, quote_plus(key, safe="/"))
        return any(
            one.action == action
            and one.queue not in elsewhere_than
            and any(name in one.body for name in named)
            for one in self.emulation.gone
        )

    def is_destroyed(self, key: str) -> bool:
        """Whether a fault took the input, or a message about it, out of the world."""
        return key in self.removed or self.is_gone(key, "expired")

    def is_given_up_twice(self, key: str) -> bool:
        """Whether a message about an upload was given up by who receives dead letters, too, for all that
        broke, and waits to be given back: nothing is lost, but nobody does anything for the time being.
        """
        system = self.emulation.system
        dead = {name for name, arn in system.queues.items() if arn in system.dead_letters}
        others = {one.queue for one in self.emulation.gone} - dead
        return not self.healed and self.is_gone(key, "redriven", elsewhere_than=others)

    def is_abandoned(self, image: Item) -> bool:
        """Whether nobody tries any more to close the file of this image, for all that broke."""
        if self.state is None or self.state.abandoned is None:
            return False
        attribute, most = self.state.abandoned
        return image[self.state.status] == self.state.processing and int(image.get(attribute, 0)) >= most

    @cached_property
    def abandoned(self) -> Counter[str]:
        """How many files of each upload were left so, by key."""
        state = self.state
        last = (history[-1] for history in self.histories.values())
        return Counter(str(image[state.file]) for image in last if state and self.is_abandoned(image))

    @cached_property
    def is_undisturbed(self) -> bool:
        """Whether nothing came twice, nothing failed, and no fault struck but those that only take time.
        Where no version is kept, the same content that is put again is the same upload again.
        """
        if not self.keeps_versions and max(self.versions.values(), default=1) > 1:
            return False
        received = [event for event in self.events(Message) if event.action == "received"]
        return not (
            len(received) > len({(event.queue, event.message) for event in received})
            or any(map(has_failed, self.events(Invocation)))
            or any(event.fault not in PATIENCE for event in self.events(Stroke))
            or any(event.action in ("redriven", "expired") for event in self.events(Message))
        )

    @cached_property
    def versions(self) -> Counter[str]:
        """How often each object was put, by key; what lay there from the beginning once."""
        puts = ("PutObject", "CompleteMultipartUpload", "CopyObject")
        lying = (upload.key for upload in self.events(Upload) if upload.lay_there)
        return Counter(lying) + Counter(
            call.target.partition("/")[2]
            for call in self.events(Call)
            if call.operation in puts and call.status < 300
        )

    @cached_property
    def cut_short(self) -> Counter[str]:
        """How many recorded calls took as long as they allow themselves, by key of the upload that they were
        about.
        """
        requests = Counter(call.request for call in self.events(Compute) if call.cut_short)
        read = {
            (call.request, call.target.partition("/")[2])
            for call in self.events(Call)
            if call.operation == "GetObject" and call.request in requests
        }
        found: Counter[str] = Counter()
        for request, key in read:
            found[key] += requests[request]
        return found

    @cached_property
    def removed(self) -> frozenset[str]:
        """Keys of the uploads that a fault removed, or that were overwritten where no version is kept."""
        gone = {stroke.where for stroke in self.events(Stroke) if stroke.fault == "removed"}
        if not self.keeps_versions:
            gone |= {key for key, times in self.versions.items() if times > 1}
        return frozenset(gone)

    @cached_property
    def ways(self) -> Sequence[Sequence[Step]]:
        """The changes of each file's item, in order; a new item under the keys of a removed one goes a way of
        its own.
        """
        return _ways(self.emulation.changes, self.state) if self.state is not None else ()

    @cached_property
    def closed(self) -> Mapping[str, Sequence[tuple[float, float]]]:
        """When each upload's file was closed, from and until, by key; of uploads that have one file only."""
        state, found = self.state, defaultdict[str, dict[str, list[tuple[float, bool]]]](dict)
        for record in self.emulation.changes if state is not None else ():
            told = record["dynamodb"]
            image = told.get("NewImage", {})
            if state is not None and state.total in image:
                is_closed = _plain(image[state.status]) != state.processing
                moments = found[_plain(image[state.file])].setdefault(str(told["Keys"]), [])
                moments.append((seconds_of(told["ApproximateCreationDateTime"]), is_closed))
        return {key: _spans(*files.values()) for key, files in found.items() if len(files) == 1}

    def is_closing(self, step: Step) -> bool:
        """Whether this change of a file's item closed it."""
        state = self.state
        assert state is not None
        was_open = step.before is None or step.before[state.status] == state.processing
        return bool(was_open and step.after[state.status] != state.processing)

    @property
    def part_images(self) -> Iterator[Part]:
        """All images of the items of files' parts."""
        return (part for way in self.ways for images in way[-1].parts.values() for part in images)

    @cached_property
    def histories(self) -> Mapping[str, Sequence[Item]]:
        """The successive images of each file's item, by its keys."""
        if self.state is None:
            return {}
        found: dict[str, list[Item]] = defaultdict(list)
        for record in self.emulation.changes:
            image = record["dynamodb"].get("NewImage", {})
            if self.state.total in image:
                found[str(record["dynamodb"]["Keys"])].append(
                    {name: _plain(value) for name, value in image.items()}
                )
        return found


Found = Iterator[tuple[str, ...]]
"""Violations: what is wrong, and the upload that it is about, if any."""

Invariants = dict[str, Callable[[Evidence], Found]]

HARMLESS = frozenset(
    {
        "late_event",
        "duplicate_event",
        "removal_event",
        "late_delivery",
        "late_records",
        "overwritten",
        "slow_environment",
        "environment_lost",
        "short_page",
        "empty_read",
    }
)
"""Faults that no invocation or delivery fails for."""


PATIENCE = HARMLESS - {"duplicate_event", "removal_event", "overwritten"}
"""Those of them that only take time."""


def stored(emulation: Emulation) -> dict[str, str]:
    """The keys of the objects that functions put, with their kinds: numbers and digests are left out."""
    puts = (
        call.target.partition("/")[2]
        for call in emulation.recorder.events
        if isinstance(call, Call) and call.request and call.operation == "PutObject" and call.status < 300
    )
    return {key: _NUMBER.sub("#", key) for key in puts}


def has_failed(invocation: Invocation) -> bool:
    return invocation.outcome != "success" or invocation.failed_records > 0


def usual(calm: Emulation) -> Usual:
    """What is usual, by a run in which nothing broke."""
    events = calm.recorder.events
    failed = (event.function for event in events if isinstance(event, Invocation) and has_failed(event))
    return Usual(frozenset(stored(calm).values()), frozenset(failed))


def each_result(evidence: Evidence) -> Iterator[tuple[str, Outcome]]:
    return ((key, result) for key, results in evidence.results.items() for result in results)


def _spans(moments: Sequence[tuple[float, bool]]) -> list[tuple[float, float]]:
    """From when to when something was so."""
    spans: list[tuple[float, float]] = []
    since: float | None = None
    for moment, is_so in moments:
        if is_so and since is None:
            since = moment
        elif not is_so and since is not None:
            spans.append((since, moment))
            since = None
    return spans if since is None else [*spans, (since, inf)]


def _ways(changes: Sequence[Mapping[str, Any]], state: StateFields) -> list[list[Step]]:
    ways: dict[str, list[Step]] = {}
    ended: list[list[Step]] = []
    parts: dict[str, dict[int, tuple[Part, ...]]] = defaultdict(dict)
    for record in changes:
        told = record["dynamodb"]
        keys = [str(next(iter(value.values()))) for value in told["Keys"].values()]
        partition, image = keys[0], told.get("NewImage")
        if image is None:
            if state.total in told.get("OldImage", {}) and partition in ways:
                ended.append(ways.pop(partition))
            continue
        item = {name: _plain(value) for name, value in image.items()}
        if state.total in item:
            way = ways.setdefault(partition, [])
            way.append(Step(way[-1].after if way else None, item, dict(parts[partition])))
        elif state.parts is not None and state.parts.number in item:
            number = int(item[state.parts.number])
            written = Part(seconds_of(told["ApproximateCreationDateTime"]), "/".join(keys), item)
            parts[partition][number] = (*parts[partition].get(number, ()), written)
    return [*ended, *ways.values()]
