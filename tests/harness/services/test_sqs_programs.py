"""Random programs of several clients against the queues, in virtual time; an independent model of SQS judges every
answer.
"""

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from unittest import mock

import boto3
import botocore.loaders
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from moto import mock_aws
from moto.moto_api._internal import mock_random
from moto.sqs import models as moto_sqs

from harness.cloud import botocore_patches, moto_mended, moto_patches
from harness.cloud.deployment import ACCOUNT, CREDENTIALS
from harness.cloud.latency import Latencies
from harness.cloud.wire import Wire
from harness.engine.clock import EPOCH, virtual_time
from harness.engine.randomness import Randomness
from harness.faults.dice import Dice
from harness.faults.scenario import CALM
from harness.recorder import Recorder
from harness.region import REGION
from harness.services import queues
from harness.services.stage import Stage
from tests.conformance.tunnel import MILLISECOND
from tests.harness.services.sqs_model import Model, Offence, Rules

LATENCY = 0.001
NAMES = ("main", "dead")

Step = tuple[Any, ...]
"""What a client does: the name of a step, and its arguments."""

queue = st.sampled_from(("main", "main", "main", "dead"))
picks = st.sampled_from((0, 0, 0, 1, 2, 5))
"""Which of the receipt handles that were handed out, from the latest on."""
bodies = st.sampled_from(("a", "b", "c", "ü" * 512, "ü" * 513, "", "a\x00b", "\ufffe"))
delays = st.sampled_from((None, None, None, 0, 1, 5, 900, 901))
messages = st.tuples(bodies, delays)
hidings = st.tuples(picks, st.sampled_from((0, 1, 3, 10, 43_200, 43_201)))
receives = st.tuples(
    st.just("receive"),
    queue,
    st.sampled_from((1, 2, 10)),
    st.sampled_from((None, 0, 3, 20)),
    st.sampled_from((None, None, 0, 1, 4, 30)),
)
plain = st.just(("send", "main", ("a", None)))
pauses = st.tuples(st.just("pause"), st.sampled_from((0.25, 0.5, 1, 1.5, 4, 11, 61)))
others = st.one_of(
    st.tuples(st.just("send"), queue, messages),
    st.tuples(st.just("send all"), queue, st.lists(messages, min_size=1, max_size=4)),
    st.tuples(st.just("delete"), picks),
    st.tuples(st.just("delete all"), st.lists(picks, min_size=1, max_size=4)),
    st.tuples(st.just("hide"), hidings),
    st.tuples(st.just("hide all"), st.lists(hidings, min_size=1, max_size=4)),
    st.tuples(st.just("count"), queue),
    st.tuples(st.just("wear out"), st.integers(1, 3)),
)
steps = st.one_of(receives, receives, plain, pauses, others, others)
programs = st.lists(st.lists(steps, min_size=6, max_size=14), min_size=1, max_size=3)
"""Of up to three clients at the same time."""
rules = st.builds(
    Rules,
    visibility=st.sampled_from((0, 1, 5, 30)),
    delay=st.sampled_from((0, 0, 3)),
    wait=st.sampled_from((0, 0, 7)),
    retention=st.sampled_from((60, 345_600)),
    receives=st.integers(0, 2),
)
cases = st.tuples(rules, programs)


class World:
    """Two queues, one the other's dead-letter queue, clients that work on them, and the judge."""

    def __init__(self, kernel: Any, main: Rules) -> None:
        recorder = Recorder()
        self.kernel = kernel
        self.model = Model({"main": main, "dead": replace(main, delay=0, receives=0)}, EPOCH.timestamp())
        self._wire = Wire(
            kernel,
            Latencies(MILLISECOND, Randomness(0).stream("latency")),
            recorder,
            Dice(CALM, 0, kernel, recorder),
        )
        self._recorder = recorder
        self._handles: list[tuple[str, str]] = []

    def run(self, programs: list[list[Step]]) -> None:
        """Raises `Offence`."""
        with self._wire.connected(), mock_aws(config={"core": {"mock_credentials": False}}):
            mock_random.seed(0)
            self._sqs: Any = _session().client("sqs", config=Config(retries={"max_attempts": 0}))
            arns = {name: f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}" for name in NAMES}
            self._urls = {
                name: self._sqs.create_queue(QueueName=name, Attributes=self._attributes(name, arns))[
                    "QueueUrl"
                ]
                for name in reversed(NAMES)
            }
            backend = moto_sqs.sqs_backends[ACCOUNT][REGION]
            cloud: Any = SimpleNamespace(
                system=SimpleNamespace(queues={name: arns[name] for name in NAMES}, sqs_sources=()),
                queues={arns[name]: backend.get_queue(name) for name in NAMES},
            )
            stage = Stage(
                self.kernel,
                cloud,
                self._wire,
                Latencies({}, Randomness(0).stream("x")),
                self._wire._dice,
                self._recorder,
            )
            queues.Queues(stage)
            for number, program in enumerate(programs):
                self.kernel.spawn(f"client {number}", lambda program=program: self._follow(program))
            self.kernel.run()

    def _attributes(self, name: str, arns: dict[str, str]) -> dict[str, str]:
        rules = self.model.rules[name]
        attributes = {
            "VisibilityTimeout": rules.visibility,
            "DelaySeconds": rules.delay,
            "ReceiveMessageWaitTimeSeconds": rules.wait,
            "MessageRetentionPeriod": rules.retention,
            "MaximumMessageSize": rules.largest,
        }
        if rules.receives:
            attributes["RedrivePolicy"] = json.dumps(  # type: ignore[assignment]
                {"deadLetterTargetArn": arns["dead"], "maxReceiveCount": rules.receives}
            )
        return {name: str(value) for name, value in attributes.items()}

    def _follow(self, program: list[Step]) -> None:
        for name, *arguments in program:
            getattr(self, f"_{name.replace(' ', '_')}")(*arguments)

    @property
    def _now(self) -> float:
        return float(self.kernel.now)

    def _pick(self, place: int) -> tuple[str, str]:
        return self._handles[-1 - place] if place < len(self._handles) else ("main", "never")

    def _pause(self, seconds: float) -> None:
        self.kernel.sleep(seconds)

    def _send(self, queue: str, message: tuple[str, int | None]) -> None:
        answer = _asked(self._sqs.send_message, QueueUrl=self._urls[queue], **_message(message))
        self.model.sent(queue, *message, now=self._now, told=answer.get("MessageId"))

    def _send_all(self, queue: str, messages: list[tuple[str, int | None]]) -> None:
        entries = [{"Id": str(number), **_message(one)} for number, one in enumerate(messages)]
        answer = self._sqs.send_message_batch(QueueUrl=self._urls[queue], Entries=entries)
        told = {entry["Id"]: entry["MessageId"] for entry in answer.get("Successful", [])}
        for number, one in enumerate(messages):
            self.model.sent(queue, *one, now=self._now, told=told.get(str(number)))

    def _receive(self, queue: str, most: int, wait: int | None, visibility: int | None) -> None:
        options = {"WaitTimeSeconds": wait, "VisibilityTimeout": visibility}
        asked = self._now + LATENCY
        answer = self._sqs.receive_message(
            QueueUrl=self._urls[queue],
            MaxNumberOfMessages=most,
            MessageSystemAttributeNames=["All"],
            **{name: value for name, value in options.items() if value is not None},
        )
        told = answer.get("Messages", [])
        self.model.received(queue, most, wait, visibility, asked, self._now, told)
        self._handles += [(queue, one["ReceiptHandle"]) for one in told]

    def _wear_out(self, times: int) -> None:
        """Receives without a pause until a message is received too often, and looks for it."""
        for queue in ("main",) * times + ("dead",):
            self._receive(queue, 10, 0, 0)
            self.kernel.sleep(4 * LATENCY)

    def _delete(self, place: int) -> None:
        queue, handle = self._pick(place)
        answer = _asked(self._sqs.delete_message, QueueUrl=self._urls[queue], ReceiptHandle=handle)
        self.model.deleted(queue, handle, self._now, answer.get("error", ""))

    def _delete_all(self, places: list[int]) -> None:
        for queue, entries in self._by_queue([(place,) for place in places]).items():
            answer = self._sqs.delete_message_batch(QueueUrl=self._urls[queue], Entries=entries)
            errors = {entry["Id"]: entry["Code"] for entry in answer.get("Failed", [])}
            for entry in entries:
                self.model.deleted(queue, entry["ReceiptHandle"], self._now, errors.get(entry["Id"], ""))

    def _hide(self, hiding: tuple[int, int]) -> None:
        queue, handle = self._pick(hiding[0])
        answer = _asked(
            self._sqs.change_message_visibility,
            QueueUrl=self._urls[queue],
            ReceiptHandle=handle,
            VisibilityTimeout=hiding[1],
        )
        self.model.hidden(queue, handle, hiding[1], self._now, answer.get("error", ""))

    def _hide_all(self, hidings: list[tuple[int, int]]) -> None:
        for queue, entries in self._by_queue(hidings).items():
            answer = self._sqs.change_message_visibility_batch(QueueUrl=self._urls[queue], Entries=entries)
            errors = {entry["Id"]: entry["Code"] for entry in answer.get("Failed", [])}
            for entry in entries:
                handle, timeout = entry["ReceiptHandle"], entry["VisibilityTimeout"]
                self.model.hidden(queue, handle, timeout, self._now, errors.get(entry["Id"], ""))

    def _by_queue(self, chosen: list[tuple[int, ...]]) -> dict[str, list[dict[str, Any]]]:
        """Entries of batches for picked handles, and timeouts if there are any."""
        batches: dict[str, list[dict[str, Any]]] = {}
        for number, (place, *timeout) in enumerate(chosen):
            queue, handle = self._pick(place)
            entry = {"Id": str(number), "ReceiptHandle": handle}
            entry |= {"VisibilityTimeout": timeout[0]} if timeout else {}
            batches.setdefault(queue, []).append(entry)
        return batches

    def _count(self, queue: str) -> None:
        kinds = ("", "NotVisible", "Delayed")
        names = [f"ApproximateNumberOfMessages{kind}" for kind in kinds]
        told = self._sqs.get_queue_attributes(QueueUrl=self._urls[queue], AttributeNames=names)["Attributes"]
        self.model.counted(queue, self._now, *(int(told[name]) for name in names))


LOADER = botocore.loaders.Loader()
"""Of the service models: one for all examples."""


def _session() -> boto3.Session:
    session = botocore.session.Session()
    session.register_component("data_loader", LOADER)
    return boto3.Session(botocore_session=session, region_name=REGION)


def _message(message: tuple[str, int | None]) -> dict[str, Any]:
    body, delay = message
    return {"MessageBody": body} | ({} if delay is None else {"DelaySeconds": delay})


def _asked(call: Callable[..., dict[str, Any]], **options: Any) -> dict[str, Any]:
    try:
        return call(**options)
    except ClientError as error:
        return {"error": error.response["Error"]["Code"]}


@contextmanager
def patched() -> Iterator[None]:
    with (
        mock.patch.dict("os.environ", CREDENTIALS),
        moto_patches.applied(),
        moto_mended.applied(),
        botocore_patches.applied(),
    ):
        yield


def judge(main: Rules, clients: list[list[Step]], bug: Callable[[], Any] = nullcontext) -> None:
    """Runs the clients' programs on queues with these rules, and with a bug. Raises `Offence`."""
    with patched(), bug(), virtual_time() as kernel:
        World(kernel, main).run(clients)


QUIET = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)


@settings(QUIET, max_examples=25)
@given(cases)
def test_random_programs_meet_queues_as_documented(case: tuple[Rules, list[list[Step]]]) -> None:
    judge(*case)


@pytest.mark.slow
@settings(QUIET, max_examples=3_000)
@given(cases)
def test_many_random_programs_meet_queues_as_documented(case: tuple[Rules, list[list[Step]]]) -> None:
    judge(*case)


def _deaf_alarm() -> Any:
    """Nobody is woken when a message becomes visible."""
    return mock.patch.object(queues.Queue, "_arm")


def _patient_polls() -> Any:
    """A long poll lasts as long as it may."""
    original = queues.Queues._long_poll

    def patient(those: Any, body: Any, ask: Any, patience_seconds: float) -> Any:
        those._kernel.sleep(json.loads(body).get("WaitTimeSeconds", 0))
        return original(those, body, ask, patience_seconds)

    return mock.patch.object(queues.Queues, "_long_poll", patient)


def _late_redrive() -> Any:
    """A message is received once more than maxReceiveCount."""
    original = moto_sqs.Queue._setup_dlq

    def set_up(queue: Any, policy: Any) -> None:
        original(queue, policy)
        queue.redrive_policy["maxReceiveCount"] += 1

    return mock.patch.object(moto_sqs.Queue, "_setup_dlq", set_up)


def _fresh_dead_letters() -> Any:
    """A message in the dead-letter queue counts as sent when it was moved."""
    original = moto_mended._moved

    def moved(message: Any, queue: Any) -> None:
        original(message, queue)
        message.mark_sent()

    return mock.patch.object(moto_mended, "_moved", moved)


BUGS: dict[str, Callable[[], Any]] = {
    "deaf alarm": _deaf_alarm,
    "patient polls": _patient_polls,
    "late redrive": _late_redrive,
    "fresh dead letters": _fresh_dead_letters,
    "timeouts of half the length": lambda: _scaled("change_visibility", 0.5),
    "delays of half the length": lambda: _scaled("delay", 0.5),
    "nothing refused": lambda: mock.patch.object(moto_mended.message_rules, "check_message"),
    "no source of dead letters": lambda: mock.patch.object(moto_mended, "_moved"),
    "twice the retention": lambda: mock.patch.object(queues.Queue, "retention_seconds", 120),
    "nothing is deleted": lambda: mock.patch.object(moto_sqs.Queue, "delete_message"),
}
"""Deliberate bugs of the queues, each as a patch."""


def _scaled(name: str, factor: float) -> Any:
    """A method of a message that is given seconds."""
    original = getattr(moto_sqs.Message, name)

    def scaled(message: Any, *given: Any, **named: Any) -> None:
        (seconds,) = (*given, *named.values())
        original(message, int(int(seconds) * factor))

    return mock.patch.object(moto_sqs.Message, name, scaled)


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS)
def test_a_deliberate_bug_of_the_queues_is_found(bug: str, record_property: Callable[..., None]) -> None:
    tried = itertools.count(1)
    found: list[int] = []

    @settings(QUIET, max_examples=500, phases=[Phase.generate], database=None, derandomize=True)
    @given(cases)
    def search(case: tuple[Rules, list[list[Step]]]) -> None:
        number = next(tried)
        try:
            judge(*case, BUGS[bug])
        except Offence:
            found.append(number)
            raise

    with pytest.raises(Offence):
        search()
    record_property(f"programs until {bug} is found", found[0])
