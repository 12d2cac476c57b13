"""The wire between every AWS client and moto: each call takes virtual time and happens at one exact virtual
moment.

A hook on botocore's `before-send`, in the place of moto's own, charges the caller's compute, draws the
latency, lets the kernel move on, and then hands the request to moto. Calls of concurrent invocations
therefore interleave in the order of virtual time. Observers are told of each call after it happened; that is
how queues and streams learn of new work.
"""

import zlib
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import urlsplit

import botocore.handlers
import msgspec
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber

from harness.cloud import backends, capacity, denials, message_rules, throughput, timeouts
from harness.cloud.addresses import bucket_and_key
from harness.cloud.identity import Identity
from harness.cloud.latency import Latencies
from harness.engine.kernel import Kernel
from harness.engine.schedule import Schedule, Turns, Wait
from harness.faults import refusals
from harness.faults.dice import Dice
from harness.faults.distortions import Distortions
from harness.recorder import Call, Held, Recorder
from harness.region import REGION

OUT_OF_MEMORY = "Runtime exited with error: signal: killed"
"""What Lambda says of an invocation that takes more memory than its function has."""
_FOR_EVER_SECONDS = 1e9
_CONDITIONS = frozenset({"ConditionalCheckFailedException", "TransactionCanceledException"})
"""Errors of writes that DynamoDB has looked into, and counts."""


class RealEndpoint(Exception):
    """A request to somewhere that moto does not stand for. Nothing is ever sent there."""


class Caller(Protocol):
    """An execution environment, making a call: `settle` tells how long its compute until now takes, `resumed`
    that it goes on; deadline: when its function's timeout ends it.
    """

    id: str
    name: str
    request_id: str
    identity: Identity
    ended_by: str
    deadline: float

    def settle(self, operation: str) -> float: ...

    def resumed(self) -> None: ...


class Exchange(msgspec.Struct, frozen=True):
    """A call with its answer, for observers. `body` is the request's payload as sent, `answer` the
    response's.
    """

    caller: str
    service: str
    operation: str
    status: int
    url: str
    body: Any
    headers: dict[str, str]
    answer: bytes


Observer = Callable[[Exchange], None]
Answering = Callable[[str, AWSPreparedRequest], "tuple[int, Any, Any] | None"]
"""Given a service and a request, what a service answers: status, headers and body; None where no service of
the cloud is meant.
"""
Holder = Callable[[Any, Callable[[], refusals.Answer], float], refusals.Answer | None]
"""Given a request's body, what asks the service, and for how many seconds the caller waits, it answers: in
its own time, and by as many questions as it needs. None: the caller has hung up before.
"""


class Wire:
    def __init__(
        self,
        kernel: Kernel,
        latencies: Latencies,
        recorder: Recorder,
        dice: Dice,
        schedule: Schedule | None = None,
    ) -> None:
        """schedule: of the calls of invocations, where they do not happen just when they are due."""
        self._turns = Turns(kernel, schedule) if schedule is not None else None
        self._kernel, self._latencies, self._recorder, self._dice = kernel, latencies, recorder, dice
        self._refusals, self._distortions = refusals.Refusals(dice), Distortions(dice)
        self._observers: dict[str, list[Observer]] = {}
        self._throughput = throughput.Throughput(backends.table_mode)
        self._holders: dict[tuple[str, str], Holder] = {}

    def observe(self, service: str, observer: Observer) -> None:
        """Calls `observer` after every successful call of a service; it must not block."""
        self._observers.setdefault(service, []).append(observer)

    def hold(self, service: str, operation: str, holder: Holder) -> None:
        """Lets `holder` answer an operation that may keep its caller waiting; it blocks in virtual time."""
        self._holders[service, operation] = holder

    @contextmanager
    def connected(self) -> Iterator[None]:
        """For as long as this lasts, every client made anywhere in the process is on the wire."""
        # botocore asks every handler of the event, also after one has answered: moto's own must give way, or
        # calls happen twice.
        handlers: Any = botocore.handlers.BUILTIN_HANDLERS
        place = handlers.index(("before-send", botocore_stubber))
        handlers[place] = ("before-send", self._on_request)
        try:
            yield
        finally:
            handlers[place] = ("before-send", botocore_stubber)

    def _on_request(self, event_name: str, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        service, operation = event_name.split(".")[1:]
        return self.carry(service, operation, request, backends.answer)

    def carry(
        self, service: str, operation: str, request: AWSPreparedRequest, answer: Answering
    ) -> AWSResponse:
        """Has a request answered in its own time; `answer`: by whom."""
        process = self._kernel.current
        if process is None:
            return _response(request, *self._ask(service, operation, request, answer)[0])[0]
        caller: Any = process.scope
        used = capacity.Units()
        sent = _payload_bytes(request)
        latency, patience = self._latencies.draw(service, operation), timeouts.patience_seconds(request)
        late = latency > patience
        seconds = min(latency, patience) + self._latencies.transfer(service, operation, sent)
        patience = max(0.0, patience - latency)
        self._kernel.sleep(seconds + (caller.settle(operation) if caller is not None else 0.0))
        name = caller.name if caller is not None else process.name
        where = f"{name} {service}.{operation}"
        if self._turns is not None and caller is not None:
            due = self._kernel.now
            self._turns.take(where, caller.deadline, self._held)
            seconds += self._kernel.now - due

        def once() -> refusals.Answer:
            nonlocal used
            answered, used = self._ask(service, operation, request, answer)
            return answered

        def ask() -> refusals.Answer:
            holder = self._holders.get((service, operation))
            answered = holder(request.body, once, patience) if holder else once()
            if answered is None:
                if caller is not None:
                    caller.resumed()
                raise timeouts.timed_out(request)
            return answered

        asked = self._kernel.now
        if caller is not None:
            refused = self._refusal(caller, where, service, operation, request, patience)
            answered = refused or denials.permitted(
                caller.identity,
                service,
                operation,
                request,
                lambda: self._distortions.perform(where, service, operation, request, ask),
            )
        else:
            answered = ask()
        seconds += self._kernel.now - asked
        response, content = _response(request, *answered)
        if response.status_code < 300:  # at the moment of the change, not when the caller hears of it
            exchange = Exchange(
                name,
                service,
                operation,
                response.status_code,
                request.url,
                request.body,
                dict(response.headers),
                content,
            )
            for observer in self._observers.get(service, ()):
                observer(exchange)
        killed = caller is not None and self._dice.strike("killed_after_call", where)
        lost = caller is not None and self._dice.strike("answer_lost", where)
        if (
            not killed
            and not lost
            and not late
            and (transfer := self._latencies.transfer(service, operation, len(content)))
        ):
            seconds += transfer
            self._kernel.sleep(transfer)
        self._record(name, caller, service, operation, request, response, content, seconds, used)
        if killed:
            self._kernel.die()
        if caller is not None:
            caller.resumed()
        if late:
            raise timeouts.timed_out(request)
        if lost:
            raise ConnectionClosedError(endpoint_url=request.url)
        return response

    def _held(self, wait: Wait) -> None:
        self._recorder.record(
            Held(
                t=self._kernel.now,
                where=wait.step.step,
                number=wait.step.number,
                seconds=wait.seconds,
                behind=wait.behind,
            )
        )

    def _ask(
        self, service: str, operation: str, request: AWSPreparedRequest, answer: Answering
    ) -> tuple[refusals.Answer, capacity.Units]:
        meter = None
        body: Any = request.body or b"{}"
        if service == "dynamodb":
            asked = msgspec.json.decode(body)
            meter = capacity.Metered(operation, asked, backends.stored_item)
        answered = answer(service, request)
        if answered is None:
            raise RealEndpoint(
                f"a request to {urlsplit(request.url).netloc} was refused: this cloud is in the process "
                f"itself"
            )
        status, headers, made = answered
        content = made.encode() if isinstance(made, str) else bytes(made)
        used = capacity.Units()
        if meter is not None:
            error = _error_of(service, status, content)
            payload = msgspec.json.decode(content or b"{}")
            used = meter.units(payload, failed=error in _CONDITIONS, refused=bool(error))
            self._throughput.used(operation, asked, used, self._kernel.now)
            told = None if error else capacity.told(operation, asked, used)
            if told is not None or (not error and "ConsumedCapacity" in payload):
                payload.pop("ConsumedCapacity", None)  # moto's own takes every item for one unit
                if told is not None:
                    payload["ConsumedCapacity"] = told
                content = msgspec.json.encode(payload)
                headers = {**headers, "x-amz-crc32": str(zlib.crc32(content))}
        return (status, headers, content), used

    def _refusal(
        self,
        caller: Any,
        where: str,
        service: str,
        operation: str,
        request: AWSPreparedRequest,
        patience: float,
    ) -> refusals.Answer | None:
        """How the service refuses an environment's call, if it does; the environment may also end here, or
        wait in vain for as long as its client does.
        """
        if self._dice.strike("killed_before_call", where):
            self._kernel.die()
        if self._dice.strike("out_of_memory", where):
            caller.ended_by = OUT_OF_MEMORY
            self._kernel.die()
        try:
            if refused := self._refusals.next(caller.id, where, service, operation, request):
                return refused
        except refusals.Unanswered:
            self._kernel.sleep(min(patience, _FOR_EVER_SECONDS))
            caller.resumed()
            raise timeouts.timed_out(request) from None
        except ConnectionClosedError:
            caller.resumed()
            raise
        if denied := denials.refusal(caller.identity, service, operation, request):
            return denied
        return self._throttled(operation, request) if service == "dynamodb" else None

    def _throttled(self, operation: str, request: AWSPreparedRequest) -> refusals.Answer | None:
        body: Any = request.body or b"{}"
        refused = self._throughput.refusal(operation, msgspec.json.decode(body), self._kernel.now)
        if refused is None:
            return None
        details = refused.details(f"arn:aws:dynamodb:{REGION}:{DEFAULT_ACCOUNT_ID}:table/")
        return refusals.answer("dynamodb", 400, refused.code, refused.message, **details)

    def _record(
        self,
        name: str,
        caller: Any,
        service: str,
        operation: str,
        request: AWSPreparedRequest,
        response: AWSResponse,
        answer: bytes,
        seconds: float,
        used: capacity.Units,
    ) -> None:
        target, messages = _subject(service, request, answer)
        self._recorder.record(
            Call(
                t=self._kernel.now,
                caller=name,
                service=service,
                operation=operation,
                target=target,
                status=response.status_code,
                error=_error_of(service, response.status_code, answer),
                seconds=seconds,
                sent_bytes=_payload_bytes(request),
                received_bytes=len(answer),
                items=messages or used.items,
                read_units=used.read,
                write_units=used.write,
                request=caller.request_id if caller is not None else "",
                item=_item_of(service, request),
            )
        )


def _response(
    request: AWSPreparedRequest, status: int, headers: Any, body: bytes
) -> tuple[AWSResponse, bytes]:
    return AWSResponse(request.url, status, headers, MockRawResponse(body)), body


def _payload_bytes(request: AWSPreparedRequest) -> int:
    """Bytes of the request's body; of one that is sent in signed chunks, those of the payload itself."""
    length = request.headers.get("X-Amz-Decoded-Content-Length") or request.headers.get("Content-Length") or 0
    return int(length)


def _subject(service: str, request: AWSPreparedRequest, answer: bytes) -> tuple[str, tuple[int, ...]]:
    """What the call is about (queue, table, object) and the bytes of each message that it carries."""
    if service == "s3":
        return "/".join(bucket_and_key(request.url)), ()
    body = request.body
    if not isinstance(body, str | bytes) or not body.startswith((b"{", "{")[isinstance(body, str)]):  # type: ignore[arg-type]
        return "", ()
    payload = msgspec.json.decode(body)
    if service == "sqs":
        queue = str(payload.get("QueueUrl", "")).rpartition("/")[2]
        if "Entries" in payload:
            return queue, tuple(map(_message_bytes, payload["Entries"]))
        if "MessageBody" in payload:
            return queue, (_message_bytes(payload),)
        messages = msgspec.json.decode(answer).get("Messages", []) if answer else []
        return queue, tuple(map(_message_bytes, messages))
    if service == "dynamodb":
        tables = {str(payload["TableName"])} if "TableName" in payload else _tables(payload)
        return ",".join(sorted(tables)), ()
    return "", ()


def _item_of(service: str, request: AWSPreparedRequest) -> str:
    """The key of the item that a call of DynamoDB is about; "" where it is about none or several."""
    if service != "dynamodb" or not request.body:
        return ""
    body: Any = request.body
    payload = msgspec.json.decode(body)
    return backends.key_of(payload.get("TableName", ""), payload.get("Key") or payload.get("Item") or {})


def _message_bytes(message: dict[str, Any]) -> int:
    """A message as sent or received."""
    attributes = {
        name: {**value, "BinaryValue": b64decode(value["BinaryValue"])} if "BinaryValue" in value else value
        for name, value in (message.get("MessageAttributes") or {}).items()
    }
    return message_rules.message_bytes(message.get("MessageBody") or message.get("Body") or "", attributes)


def _tables(payload: dict[str, Any]) -> set[str]:
    """Of a call that names several: a batch or a transaction."""
    transacted = (one for entry in payload.get("TransactItems", []) for one in entry.values())
    return {*payload.get("RequestItems", {}), *(str(one["TableName"]) for one in transacted)}


def _error_of(service: str, status: int, answer: bytes) -> str:
    """The error code of a refused call; "" for one that succeeded."""
    if status < 300:
        return ""
    if service == "s3":
        return answer.partition(b"<Code>")[2].partition(b"</Code>")[0].decode() or str(status)
    try:
        return str(msgspec.json.decode(answer).get("__type", status)).rpartition("#")[2]
    except msgspec.DecodeError:
        return str(status)
