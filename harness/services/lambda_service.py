"""Lambda: execution environments, cold starts, concurrency, timeouts, and the record of every invocation.

An invocation is a process whose scope is its environment. Environments are reused, latest first, and discarded after a timeout, a
crash, or some minutes of idleness.
"""

import importlib
import io
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from harness.cloud import ACCOUNT, CREDENTIALS
from harness.compute import Policy, cpu_clock, vcpu_share
from harness.config import RecordedFunction
from harness.environment import CodeBase, Sandbox
from harness.kernel import Kernel, Process
from harness.latency import Latencies
from harness.recorder import Compute, Invocation, Log, Recorder, Throttle
from harness.region import REGION
from harness.template import Function

ACCOUNT_CONCURRENCY = 1_000
"""Concurrent executions of an account in a region, by default (AWS Lambda developer guide, "Lambda quotas")."""
IDLE_SECONDS = 420.0
"""An idle environment is reclaimed after this. AWS documents only that it happens; measurements agree on 5 to 10 minutes."""
SCALING_BURST, SCALING_PERIOD = 1_000, 10.0
"""New environments of a function: 1,000 every 10 seconds, refilled continuously ("Lambda function scaling behavior")."""


RESPONSE_BYTES = 6 * 2**20
"""Of a synchronous response, at most (same page)."""


class ResponseTooLarge(Exception):
    """What a handler returned is longer than Lambda passes on."""


class Throttled(Exception):
    """Lambda refused an invocation (HTTP 429): the account's, the function's or the scaling rate's limit is reached."""


class Answer(msgspec.Struct, frozen=True):
    """How an invocation ended. `value`: the handler's response as JSON brings it back; `error`: "" for success."""

    value: Any
    error: str = ""


class Context:
    """What a handler gets as its second argument (AWS Lambda developer guide, "Using the Lambda context object")."""

    identity = None
    client_context = None

    def __init__(self, environment: "Environment", request: str) -> None:
        function = environment.function
        self.function_name = function.name
        self.function_version = "$LATEST"
        self.invoked_function_arn = function.arn
        self.memory_limit_in_mb = str(function.memory)
        self.aws_request_id = request
        self.log_group_name = f"/aws/lambda/{function.name}"
        self.log_stream_name = environment.id
        self._environment = environment

    def get_remaining_time_in_millis(self) -> int:
        return self._environment.remaining_ms()


class Environment:
    """One execution environment: a `kernel.Scope` for its processes and a `wire.Caller` for their calls."""

    def __init__(self, service: "LambdaService", function: Function, number: int) -> None:
        self.function, self.name, self.identity = function, function.logical_id, function.identity
        self.id = f"{function.logical_id}/{number}"
        self.sandbox = Sandbox(service.code, _variables(function))
        self.handler: Callable[[Any, Context], Any] | None = None
        self.request_id = ""
        self.idle_since = 0.0
        self.compute = 0.0
        self.logged_bytes = 0
        self.deadline = 0.0
        self._share = vcpu_share(function.memory)
        self._service = service
        self._mark = 0.0
        self._place = "start"
        self._line = ""

    def enter(self) -> None:
        self.sandbox.enter()
        self._mark = cpu_clock()

    def leave(self) -> None:
        self.sandbox.leave()

    def settle(self, operation: str) -> float:
        """Seconds that the compute since the last call takes in virtual time; `operation` is what comes now."""
        cpu = self._service.policy.segment(self.function, f"{self._place}>{operation}", cpu_clock() - self._mark)
        self.compute += cpu
        self._place = operation
        return cpu / self._share

    def resumed(self) -> None:
        """The next segment begins."""
        self._mark = cpu_clock()

    def begin(self, request: str) -> None:
        self.request_id, self.compute, self.logged_bytes = request, 0.0, 0
        self._place = "start"
        self.deadline = self._service.kernel.now + self.function.timeout
        self.resumed()

    def remaining_ms(self) -> int:
        self._service.kernel.sleep(self.settle(self._place))
        self.resumed()
        return max(0, int(round((self.deadline - self._service.kernel.now) * 1000, 6)))

    def log(self, text: str) -> None:
        """Takes what is written to standard output; each line becomes a log event."""
        self.logged_bytes += len(text.encode())
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            if line.strip():
                self._service.recorder.record(Log(t=self._service.kernel.now, function=self.name, text=line[: Recorder.LOG_CHARACTERS]))

    def load(self) -> None:
        """Runs the initialisation: the handler's module, and with it the application's own, are imported afresh."""
        for spec in self._service.recorded:
            module = application_module(spec.module, self._service.code)
            if module is not None:
                setattr(module, spec.name, self._charged(spec, getattr(module, spec.name)))
        self.handler = self.sandbox.load(self.function.handler)

    def _charged(self, spec: RecordedFunction, original: Callable[..., Any]) -> Callable[..., Any]:
        """The function, charged for by the run's policy."""

        def charged(*args: Any, **kwargs: Any) -> Any:
            kernel = self._service.kernel
            due = self.settle(spec.name)
            outcome = self._service.policy.call(spec, original, args, kwargs)
            self.compute += outcome.cpu
            kernel.sleep(due + outcome.cpu / self._share)
            self._service.recorder.record(
                Compute(
                    t=kernel.now,
                    function=spec.function,
                    cpu=outcome.cpu,
                    request=self.request_id,
                    error=type(outcome.error).__name__ if outcome.error else "",
                )
            )
            self.resumed()
            if outcome.error is not None:
                raise outcome.error
            return outcome.value

        return charged


class LambdaService:
    """All functions of the system. `invoke` blocks the calling process until the invocation has ended."""

    def __init__(
        self,
        kernel: Kernel,
        code: CodeBase,
        policy: Policy,
        latencies: Latencies,
        recorder: Recorder,
        recorded: Sequence[RecordedFunction],
    ) -> None:
        self.kernel, self.code, self.policy, self.recorder, self.recorded = kernel, code, policy, recorder, recorded
        self.running: dict[str, int] = {}
        self._latencies = latencies
        self._idle: dict[str, list[Environment]] = {}
        self._allowance: dict[str, tuple[float, float]] = {}
        self._numbers: dict[str, int] = {}
        self._requests = 0

    def invoke(self, function: Function, event: dict[str, Any], records: int) -> Answer:
        """Runs the function on an event. Raises `Throttled` when Lambda would answer 429."""
        environment, cold = self._acquire(function)
        self.running[function.logical_id] = self.running.get(function.logical_id, 0) + 1
        self._requests += 1
        request = f"{self._requests:08x}-0000-4000-8000-{function.memory:012x}"
        started = self.kernel.now
        payload = json.dumps(event)
        phases = _Phases()
        process = self.kernel.spawn(
            f"{environment.id}:{request}",
            lambda: self._run(environment, request, payload, cold, phases),
            environment,
            may_fail=True,
        )
        try:
            answer = self._await(process, environment, phases)
        finally:
            self.running[function.logical_id] -= 1
        self._report(environment, request, started, phases, cold, answer, records)
        if answer.error and (phases.timed_out or process.killed or phases.crashed):
            environment.sandbox.discard()
        else:
            environment.idle_since = self.kernel.now
            self._idle.setdefault(function.logical_id, []).append(environment)
        return answer

    def close(self) -> None:
        """Discards all environments."""
        for environments in self._idle.values():
            for environment in environments:
                environment.sandbox.discard()
        self._idle.clear()

    def _acquire(self, function: Function) -> tuple[Environment, bool]:
        running = self.running.get(function.logical_id, 0)
        if function.reserved is not None and running >= function.reserved:
            raise self._throttle(function, "reserved concurrency")
        if sum(self.running.values()) >= ACCOUNT_CONCURRENCY:
            raise self._throttle(function, "account concurrency")
        idle = self._idle.setdefault(function.logical_id, [])
        while idle and self.kernel.now - idle[0].idle_since > IDLE_SECONDS:
            idle.pop(0).sandbox.discard()
        if idle:
            return idle.pop(), False
        if not self._may_scale(function):
            raise self._throttle(function, "scaling rate")
        number = self._numbers[function.logical_id] = self._numbers.get(function.logical_id, 0) + 1
        return Environment(self, function, number), True

    def _may_scale(self, function: Function) -> bool:
        left, since = self._allowance.get(function.logical_id, (float(SCALING_BURST), self.kernel.now))
        left = min(SCALING_BURST, left + (self.kernel.now - since) * SCALING_BURST / SCALING_PERIOD)
        allowed = left >= 1
        self._allowance[function.logical_id] = (left - allowed, self.kernel.now)
        return allowed

    def _throttle(self, function: Function, reason: str) -> Throttled:
        self.recorder.record(Throttle(t=self.kernel.now, function=function.logical_id, reason=reason))
        return Throttled(f"{function.logical_id}: {reason} is used up")

    def _run(self, environment: Environment, request: str, payload: str, cold: bool, phases: "_Phases") -> Any:
        if cold:
            # The sandbox is not billed; the imports are, since August 2025 (AWS compute blog, "INIT phase billing").
            self.kernel.sleep(self._latencies.draw("lambda", "environment"))
            began = self.kernel.now
            environment.request_id = request
            environment.load()
            self.kernel.sleep(self.policy.init(environment.function) / vcpu_share(environment.function.memory))
            phases.init = self.kernel.now - began
        assert environment.handler is not None
        phases.begun = self.kernel.now
        environment.begin(request)
        phases.armed(self.kernel)
        response = environment.handler(json.loads(payload), Context(environment, request))
        self.kernel.sleep(environment.settle("return"))
        answer = json.dumps(response)
        if len(answer) > RESPONSE_BYTES:
            raise ResponseTooLarge(f"Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES} bytes).")
        return json.loads(answer)

    def _await(self, process: Process, environment: Environment, phases: "_Phases") -> Answer:
        phases.process, phases.environment = process, environment
        if process.alive:
            self.kernel.wait(process.done)
        if phases.timed_out:
            return Answer(None, f"Task timed out after {environment.function.timeout}.00 seconds")
        if process.error is not None:
            phases.crashed = environment.handler is None
            return Answer(None, f"{type(process.error).__name__}: {process.error}")
        if process.killed:
            return Answer(None, "the invocation was killed")
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
    ) -> None:
        duration = self.kernel.now - phases.begun if phases.begun is not None else 0.0
        outcome = "success" if not answer.error else "timeout" if phases.timed_out else "error"
        self.recorder.record(
            Invocation(
                t=self.kernel.now,
                function=environment.name,
                request=request,
                environment=environment.id,
                start=started,
                init=phases.init,
                duration=duration,
                billed_ms=_whole_ms(duration) + _whole_ms(phases.init),
                memory=environment.function.memory,
                cold=cold,
                outcome=outcome,
                error=answer.error,
                records=records,
                failed_records=_failed_records(answer.value),
                logged_bytes=environment.logged_bytes,
                compute=environment.compute,
            )
        )


class _Phases:
    """How far an invocation has come; shared by its process and who waits for it."""

    def __init__(self) -> None:
        self.init = 0.0
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


class Output(io.TextIOBase):
    """Standard output: what a function prints goes to its log, what anyone else prints goes where it went before.

    There is one for the whole Python process: logging handlers that an application makes keep it from one run to the next.
    """

    def __init__(self) -> None:
        self._kernel: Kernel | None = None
        self._original: Any = sys.stdout

    @contextmanager
    def of(self, kernel: Kernel) -> Iterator[None]:
        """Takes the place of standard output for a run."""
        self._kernel, self._original, sys.stdout = kernel, sys.stdout, self
        try:
            yield
        finally:
            self._kernel, sys.stdout = None, self._original

    def write(self, text: str) -> int:
        process = self._kernel.current if self._kernel is not None else None
        scope: Any = process.scope if process is not None else None
        if isinstance(scope, Environment):
            scope.log(text)
            return len(text)
        return int(self._original.write(text))

    def flush(self) -> None:
        self._original.flush()


OUTPUT = Output()


def application_module(name: str, code: CodeBase) -> Any:
    """A module of the application in the environment that is entered; None when the application has no such module."""
    return importlib.import_module(name) if code.owns(name) else None


def _variables(function: Function) -> dict[str, str]:
    """Environment variables of a function ("Defined runtime environment variables")."""
    return {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")},
        **CREDENTIALS,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "LAMBDA_TASK_ROOT": str(function.code),
        "AWS_ACCOUNT_ID": ACCOUNT,
        "AWS_REGION": REGION,
        "TZ": ":UTC",
        **function.environment,
    }


def _failed_records(response: Any) -> int:
    """How many records a partial batch response names."""
    failures = response.get("batchItemFailures") if isinstance(response, dict) else None
    return len(failures) if isinstance(failures, list) else 0


def _whole_ms(seconds: float) -> int:
    return math.ceil(round(seconds * 1000, 6))
