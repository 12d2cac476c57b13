"""Lambda: execution environments, cold starts, concurrency, timeouts, and the record of every invocation.

An invocation is a process whose scope is its environment. Environments are reused, latest first, and
discarded after a timeout, a crash, or some minutes of idleness.
"""

import json
import math
from typing import Any

import msgspec

from harness.cloud.limits import (
    CHAIN_INVOCATIONS,
    IDLE_SECONDS,
    INIT_SECONDS,
    LIFE_SECONDS,
    NEW_ENVIRONMENTS,
    NEW_ENVIRONMENTS_SECONDS,
    PAYLOAD_BYTES,
)
from harness.cloud.system import Function
from harness.engine.kernel import Kernel, Process
from harness.recorder import Invocation, LoopStopped, Throttle
from harness.services.environment import Context, Environment, Host
from harness.services.lineage import NONE, Chain, longer

ENVELOPE_BYTES = len('{"Records": []}')


class ResponseTooLarge(Exception):
    """What a handler returned is longer than Lambda passes on."""


class ExitedEarly(Exception):
    """A handler or its module called `sys.exit`, which ends the runtime ("Lambda runtime environment
    lifecycle").
    """


class Throttled(Exception):
    """Lambda refused an invocation (HTTP 429): the account's, the function's or the scaling rate's limit is
    reached.
    """


class Recursive(Exception):
    """Lambda refused an invocation for good (RecursiveInvocationException): the function was invoked too
    often in one chain of requests.
    """


class Answer(msgspec.Struct, frozen=True):
    """How an invocation ended. `value`: the handler's response as JSON brings it back; `error`: "" for
    success; `request`: the invocation's id.
    """

    value: Any
    error: str = ""
    request: str = ""


class LambdaService:
    """All functions of the system. `invoke` blocks the calling process until the invocation has ended."""

    def __init__(self, host: Host) -> None:
        stage = host.stage
        self._host, self._kernel, self._latencies = host, stage.kernel, stage.latencies
        self._dice, self._recorder = stage.dice, stage.recorder
        self.running: dict[str, int] = {}
        self._idle: dict[str, list[Environment]] = {}
        self._allowance: dict[str, tuple[float, float]] = {}
        self._numbers: dict[str, int] = {}
        self._requests = 0
        self._renewed = -1.0
        functions = stage.cloud.system.functions.values()
        self._unreserved = host.account_concurrency - sum(one.reserved or 0 for one in functions)

    def invoke(self, function: Function, event: dict[str, Any], records: int, chain: Chain = NONE) -> Answer:
        """Runs the function on an event; chain: the invocations that led to it. Raises `Throttled` when
        Lambda would answer 429, and `Recursive` when it would stop a loop.
        """
        if not function.may_recur and chain.get(function.logical_id, 0) >= CHAIN_INVOCATIONS:
            self._recorder.record(
                LoopStopped(t=self._kernel.now, function=function.logical_id, records=records)
            )
            raise Recursive(f"{function.logical_id} was invoked {CHAIN_INVOCATIONS} times in a chain")
        environment, cold = self._acquire(function)
        environment.chain = longer(chain, function.logical_id)
        self.running[function.logical_id] = self.running.get(function.logical_id, 0) + 1
        self._requests += 1
        request = f"{self._requests:08x}-0000-4000-8000-{function.memory_mb:012x}"
        started = self._kernel.now
        payload = json.dumps(event)
        phases = _Phases()
        process = self._kernel.spawn(
            f"{environment.id}:{request}",
            lambda: self._run(environment, request, payload, cold, phases),
            environment,
            may_fail=True,
        )
        try:
            answer = msgspec.structs.replace(self._await(process, environment, phases), request=request)
        finally:
            self.running[function.logical_id] -= 1
        messages = tuple(one["messageId"] for one in event.get("Records", ()) if "messageId" in one)
        self._report(environment, request, started, phases, cold, answer, records, messages)
        is_old = environment.born < self._renewed
        if is_old or (answer.error and (phases.timed_out or process.killed or phases.crashed)):
            environment.sandbox.discard()
        else:
            environment.idle_since = self._kernel.now
            self._idle.setdefault(function.logical_id, []).append(environment)
        return answer

    @property
    def idle(self) -> dict[str, int]:
        """Environments that wait for an invocation, by function."""
        return {name: len(environments) for name, environments in self._idle.items()}

    def renew(self) -> None:
        """The functions' code has changed, or all environments are lost: those that wait are discarded, those
        at work end with what they do.
        """
        self._renewed = self._kernel.now
        self.close()

    def close(self) -> None:
        """Discards all environments that wait."""
        for environments in self._idle.values():
            for environment in environments:
                environment.sandbox.discard()
        self._idle.clear()

    def _acquire(self, function: Function) -> tuple[Environment, bool]:
        if function.reserved is not None:
            if self.running.get(function.logical_id, 0) >= function.reserved:
                raise self._throttle(function, "reserved concurrency")
        elif self._running_unreserved() >= self._unreserved:
            raise self._throttle(function, "account concurrency")
        idle = self._idle.setdefault(function.logical_id, [])
        while idle and self._kernel.now - idle[0].idle_since > IDLE_SECONDS:
            idle.pop(0).sandbox.discard()
        while idle and self._kernel.now - idle[-1].born > LIFE_SECONDS:
            idle.pop().sandbox.discard()
        while idle and self._dice.strike("environment_lost", idle[-1].id):
            idle.pop().sandbox.discard()
        if idle:
            return idle.pop(), False
        if not self._may_scale(function):
            raise self._throttle(function, "scaling rate")
        number = self._numbers[function.logical_id] = self._numbers.get(function.logical_id, 0) + 1
        return Environment(self._host, function, number), True

    def _running_unreserved(self) -> int:
        """Invocations of the functions that share what no function has reserved for itself ("Configuring
        reserved concurrency for a function").
        """
        functions = self._host.stage.cloud.system.functions
        return sum(running for name, running in self.running.items() if functions[name].reserved is None)

    def _may_scale(self, function: Function) -> bool:
        left, since = self._allowance.get(function.logical_id, (float(NEW_ENVIRONMENTS), self._kernel.now))
        left = min(
            NEW_ENVIRONMENTS, left + (self._kernel.now - since) * NEW_ENVIRONMENTS / NEW_ENVIRONMENTS_SECONDS
        )
        allowed = left >= 1
        self._allowance[function.logical_id] = (left - allowed, self._kernel.now)
        return allowed

    def _throttle(self, function: Function, reason: str) -> Throttled:
        self._recorder.record(Throttle(t=self._kernel.now, function=function.logical_id, reason=reason))
        return Throttled(f"{function.logical_id}: {reason} is used up")

    def _run(
        self, environment: Environment, request: str, payload: str, cold: bool, phases: "_Phases"
    ) -> Any:
        again = 0.0
        if cold:
            # The sandbox is not billed; the imports are, since August 2025 (AWS compute blog, "INIT phase
            # billing").
            self._kernel.sleep(self._latencies.draw("lambda", "environment"))
            began = self._kernel.now
            environment.request_id = request
            try:
                environment.load()
            except SystemExit as error:
                raise ExitedEarly(f"the module ended the runtime with exit code {error.code}") from error
            init = self._host.policy.init(environment.function)
            computes = init.cpu_seconds / self._host.cpu_speed(environment.function)
            took = self._kernel.now - began + computes
            if took > INIT_SECONDS:  # it is broken off, and made again when the handler is invoked
                again = took
                computes = max(0.0, INIT_SECONDS - (took - computes))
            self._kernel.sleep(computes)
            phases.init_seconds = self._kernel.now - began
            environment.initialised(init.memory_bytes)
        assert environment.handler is not None
        phases.begun = self._kernel.now
        environment.begin(request)
        phases.armed(self._kernel)
        self._kernel.sleep(again)
        try:
            response = environment.handler(json.loads(payload), Context(environment, request))
        except SystemExit as error:
            raise ExitedEarly(f"the handler ended the runtime with exit code {error.code}") from error
        self._kernel.sleep(environment.settle("return"))
        environment.check_storage()
        answer = json.dumps(response)
        if len(answer) > PAYLOAD_BYTES:
            raise ResponseTooLarge(
                f"Response payload size exceeded maximum allowed payload size ({PAYLOAD_BYTES} bytes)."
            )
        return json.loads(answer)

    def _await(self, process: Process, environment: Environment, phases: "_Phases") -> Answer:
        phases.process, phases.environment = process, environment
        if process.alive:
            self._kernel.wait(process.done)
        if phases.timed_out:
            return Answer(None, f"Task timed out after {environment.function.timeout_seconds}.00 seconds")
        if process.error is not None:
            phases.crashed = environment.handler is None
            return Answer(None, environment.as_on_aws(f"{type(process.error).__name__}: {process.error}"))
        if process.killed:
            return Answer(None, environment.ended_by or "the invocation was killed")
        return Answer(process.result)

    def _report(
        self,
        environment: Environment,
        request: str,
        started: float,
        phases: "_Phases",
        cold: bool,
        answer: Answer,
        records: int,
        messages: tuple[str, ...],
    ) -> None:
        duration = self._kernel.now - phases.begun if phases.begun is not None else 0.0
        killed = phases.process is not None and phases.process.killed
        outcome = (
            "success"
            if not answer.error
            else "timeout"
            if phases.timed_out
            else "killed"
            if killed
            else "error"
        )
        self._recorder.record(
            Invocation(
                t=self._kernel.now,
                function=environment.name,
                request=request,
                environment=environment.id,
                start=started,
                init_seconds=phases.init_seconds,
                duration_seconds=duration,
                billed_ms=billed_ms(phases.init_seconds, duration),
                memory_mb=environment.function.memory_mb,
                max_memory_mb=environment.max_memory_mb,
                cold=cold,
                outcome=outcome,
                error=answer.error,
                records=records,
                failed_records=_failed_records(answer.value),
                logged_bytes=environment.logged_bytes,
                compute_seconds=environment.compute_seconds,
                init_failed=phases.crashed,
                messages=messages,
            )
        )


class _Phases:
    """How far an invocation has come; shared by its process and who waits for it."""

    def __init__(self) -> None:
        self.init_seconds = 0.0
        self.begun: float | None = None
        self.timed_out = False
        self.crashed = False
        self.process: Process | None = None
        self.environment: Environment | None = None

    def armed(self, kernel: Kernel) -> None:
        """From now on the function's timeout runs."""
        assert self.process is not None
        assert self.environment is not None
        kernel.call_at(self.environment.deadline, self._expire)

    def _expire(self) -> None:
        assert self.process is not None
        if self.process.alive:
            self.timed_out = True
            self.process.kill()


def _failed_records(response: Any) -> int:
    """How many records a partial batch response names."""
    failures = response.get("batchItemFailures") if isinstance(response, dict) else None
    return len(failures) if isinstance(failures, list) else 0


def billed_ms(init_seconds: float, duration_seconds: float) -> int:
    """Billed duration: init and handler together, rounded up to the millisecond."""
    return math.ceil(round((init_seconds + duration_seconds) * 1000, 6))
