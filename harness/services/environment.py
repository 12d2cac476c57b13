"""An execution environment at work: its handler, its clock, its compute, its log.

What it has to itself (modules, variables, /tmp) is its `Sandbox`; here are the phases of its life, from the
first import on, and the charge for what it computes between its AWS calls.
"""

import errno
import importlib
import os
from collections.abc import Callable, Sequence
from math import ceil, inf
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import boto3
import msgspec

import harness
from harness.cloud import embedded_metrics
from harness.cloud.deployment import ACCOUNT, CREDENTIALS
from harness.cloud.embedded_metrics import EmbeddedMetric
from harness.cloud.limits import ACCOUNT_CONCURRENCY, vcpu_share
from harness.cloud.system import Function
from harness.cloud.wire import OUT_OF_MEMORY
from harness.compute.modules import may_import
from harness.compute.policies import Policy, argument
from harness.compute.sandbox import CodeBase, Sandbox
from harness.config import RecordedFunction
from harness.recorder import Compute, Log, Metric, Recorder, SideWork
from harness.region import REGION
from harness.services.lineage import NONE, Chain
from harness.services.stage import Stage


class Host(msgspec.Struct, frozen=True):
    """What all environments of a run share. `cpu_factor`: how many times longer a Lambda vCPU takes than this
    machine's core; `account_concurrency`: invocations of all functions together, at most; `work_factor`: how
    many times longer the recorded functions take, beside that.
    """

    stage: Stage
    code: CodeBase
    policy: Policy
    recorded: Sequence[RecordedFunction]
    cpu_factor: float = 1.0
    account_concurrency: int = ACCOUNT_CONCURRENCY
    work_factor: float = 1.0

    def cpu_speed(self, function: Function) -> float:
        """CPU seconds of this machine that a thread of the function gets done in a second."""
        return vcpu_share(function.memory_mb) / self.cpu_factor


MEGABYTE = 2**20
"""Lambda's MB, of memory and of /tmp."""

_PLACES = (
    (str(Path(boto3.__file__).parents[1]), "/var/lang/lib/python3.13/site-packages"),
    (str(Path(os.__file__).parent), "/var/lang/lib/python3.13"),
    (str(Path(harness.__file__).parent), "/var/runtime"),
)
"""Folders of this machine, and what stands for them on Lambda ("Lambda runtimes": LAMBDA_TASK_ROOT,
LAMBDA_RUNTIME_DIR).
"""


class Context:
    """What a handler gets as its second argument (AWS Lambda developer guide, "Using the Lambda context
    object").
    """

    identity = None
    client_context = None

    def __init__(self, environment: "Environment", request: str) -> None:
        function = environment.function
        self.function_name = function.name
        self.function_version = "$LATEST"
        self.invoked_function_arn = function.arn
        self.memory_limit_in_mb = str(function.memory_mb)
        self.aws_request_id = request
        self.log_group_name = f"/aws/lambda/{function.name}"
        self.log_stream_name = environment.id
        self._environment = environment

    def get_remaining_time_in_millis(self) -> int:
        return self._environment.remaining_ms()


class Environment:
    """One execution environment: a `kernel.Scope` for its processes and a `wire.Caller` for their calls."""

    def __init__(self, host: Host, function: Function, number: int) -> None:
        self.function, self.name, self.identity = function, function.logical_id, function.identity
        self.id = f"{function.logical_id}/{number}"
        self.sandbox = Sandbox(host.code, _variables(function), function.folders, self._imported_now)
        self.handler: Callable[[Any, Context], Any] | None = None
        self.request_id = ""
        self.chain: Chain = NONE
        self.idle_since = 0.0
        self.born = host.stage.kernel.now
        self.compute_seconds = 0.0
        self.logged_bytes = 0
        self.deadline = 0.0
        self.ended_by = ""
        self._base_bytes: int | None = None
        self._modules: set[str] = set()
        self._most_bytes = 0
        self._is_known = True
        slow = host.stage.dice.strike("slow_environment", self.id)
        self._speed = host.cpu_speed(function) / (slow.factor if slow else 1.0)
        self._host, self._kernel, self._recorder = host, host.stage.kernel, host.stage.recorder
        self._mark = 0.0
        self._place = "start"
        self._attempted: tuple[object, object, bool] | None = None
        self._line = ""
        self._places = [
            *_PLACES,
            *((str(layer), "/opt/python") for layer in function.layers),
            (str(function.code), "/var/task"),
        ]

    def enter(self) -> None:
        self.sandbox.enter()
        self._mark = self._host.policy.clock(self.function)

    def leave(self) -> None:
        self.sandbox.leave()

    def settle(self, operation: str) -> float:
        """Seconds that the compute since the last call takes in virtual time; `operation` is what comes
        now.
        """
        policy = self._host.policy
        since = policy.clock(self.function) - self._mark
        cpu = policy.segment(self.function, f"{self._place}>{operation}", since)
        self.compute_seconds += cpu
        self._place = operation
        return cpu / self._speed

    def resumed(self) -> None:
        """The next segment begins."""
        self._mark = self._host.policy.clock(self.function)

    def begin(self, request: str) -> None:
        self.request_id, self.compute_seconds, self.logged_bytes = request, 0.0, 0
        self._place, self._attempted = "start", None
        self.deadline = self._kernel.now + self.function.timeout_seconds
        self.resumed()

    @property
    def max_memory_mb(self) -> int:
        """What it has used at most in all its life, as REPORT lines say it; 0 where that is not known."""
        used = ceil(self._most_bytes / MEGABYTE) if self._is_known else 0
        return min(used, self.function.memory_mb)

    def initialised(self, base_bytes: int | None) -> None:
        """Its module is imported, and its process has this size."""
        self._base_bytes = base_bytes
        self._need(0)

    def check_storage(self) -> None:
        """Raises `OSError` when its /tmp holds more than the function's. On AWS the write that is too much
        does; here it is what runs meanwhile, a recorded call or the handler.
        """
        if self.sandbox.stored_bytes() > self.function.storage_mb * MEGABYTE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _need(self, more_bytes: int | None) -> None:
        """So much is needed beside the base: where that is more than the function has, its process ends."""
        if self._base_bytes is None or more_bytes is None:
            self._is_known = False
            return
        self._most_bytes = max(self._most_bytes, self._base_bytes + more_bytes)
        if self._most_bytes > self.function.memory_mb * MEGABYTE:
            self.ended_by = OUT_OF_MEMORY
            self._kernel.die()

    def remaining_ms(self) -> int:
        self._kernel.sleep(self.settle(self._place))
        self.resumed()
        return max(0, int(round((self.deadline - self._kernel.now) * 1000, 6)))

    def as_on_aws(self, text: str) -> str:
        """A text with the paths that it would have there: where a project lies on this machine must not
        change a run.
        """
        for path, there in self._places:
            text = text.replace(path, there)
        return text

    def log(self, text: str) -> None:
        """Takes what is written to standard output: each line becomes a log event, or the metrics that are
        embedded in it.
        """
        text = self.as_on_aws(text)
        self.logged_bytes += len(text.encode())
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            if found := embedded_metrics.of_line(line):
                self._record_metrics(found)
            elif line.strip():
                self._recorder.record(
                    Log(t=self._kernel.now, function=self.name, text=line[: Recorder.LOG_CHARACTERS])
                )

    def _record_metrics(self, found: Sequence[EmbeddedMetric]) -> None:
        for metric in found:
            for dimensions in metric.dimensions:
                self._recorder.record(
                    Metric(
                        t=self._kernel.now,
                        function=self.name,
                        request=self.request_id,
                        namespace=metric.namespace,
                        name=metric.name,
                        unit=metric.unit,
                        dimensions=dimensions,
                        values=metric.values,
                    )
                )

    def load(self) -> None:
        """Runs the initialisation: the handler's module, and with it the application's own, are imported
        afresh.
        """
        code, handler = self._host.code, self.function.handler.replace("/", ".").rpartition(".")[0]
        ever = may_import(handler, self.function.folders, code, code.edition)
        for spec in self._host.recorded:
            if spec.module in ever:  # now, so that its import is in nobody's time
                importlib.import_module(spec.module)
        self.handler = self.sandbox.load(self.function.handler)

    def _imported_now(self, module: ModuleType) -> None:
        """What is recorded of a module is charged for from the beginning."""
        for spec in self._host.recorded:
            if spec.module == module.__name__:
                setattr(module, spec.name, self._charged(spec, getattr(module, spec.name)))

    def _charged(self, spec: RecordedFunction, original: Callable[..., Any]) -> Callable[..., Any]:
        """The function, charged for by the run's policy."""

        def charged(*args: Any, **kwargs: Any) -> Any:
            kernel = self._kernel
            began = kernel.now
            due = self.settle(spec.name) + self._imported(spec.module)
            outcome = self._host.policy.call(spec, original, args, kwargs)
            cpu_seconds = outcome.cpu_seconds * (self._host.work_factor if spec.counted else 1.0)
            seconds = cpu_seconds / self._speed
            limit = float(argument(spec.limit, original, args, kwargs)) if spec.limit else inf
            error = self._limit_error(spec, limit) if seconds > limit else outcome.error
            self.compute_seconds += min(cpu_seconds, limit * self._speed)
            kernel.sleep_until(began + (due + min(seconds, limit)))  # some time may have passed already
            took = min(seconds, limit)
            in_vain = seconds <= limit and (error is not None or bool(getattr(outcome.value, spec.doubt, "")))
            further = self._is_further(spec, original, args, kwargs, in_vain)
            failed = type(error).__name__ if error else ""
            self._record(spec, cpu_seconds, took, failed, seconds > limit, further)
            self._need(outcome.memory_bytes)
            self.resumed()
            self.check_storage()
            if error is not None:
                raise error
            return outcome.value

        return charged

    def _is_further(
        self,
        spec: RecordedFunction,
        original: Callable[..., Any],
        args: Any,
        kwargs: Any,
        in_vain: bool,
    ) -> bool:
        """Whether a call is another attempt at the unit that the one before was for, in vain
        (`RecordedFunction`); `in_vain`: whether this one was.
        """
        if not spec.place or not spec.attempt:
            return False
        place, attempt = (argument(path, original, args, kwargs) for path in (spec.place, spec.attempt))
        before, self._attempted = self._attempted, ((spec.function, place), attempt, in_vain)
        return (
            before is not None and before[0] == (spec.function, place) and before[1] != attempt and before[2]
        )

    def _record(
        self,
        spec: RecordedFunction,
        cpu_seconds: float,
        seconds: float,
        error: str,
        cut_short: bool,
        further: bool,
    ) -> None:
        now, name, request = self._kernel.now, spec.function, self.request_id
        if spec.counted:
            event: Compute | SideWork = Compute(
                t=now,
                function=name,
                cpu_seconds=cpu_seconds,
                request=request,
                error=error,
                cut_short=cut_short,
                seconds=seconds,
                further=further,
            )
        else:
            event = SideWork(
                t=now,
                function=name,
                cpu_seconds=cpu_seconds,
                request=request,
                error=error,
                seconds=seconds,
            )
        self._recorder.record(event)

    def _imported(self, module: str) -> float:
        """Seconds that it takes to import the module of a recorded function, at its first call, where the
        handler has not brought it. What memory that takes is the environment's from then on.
        """
        if module in self._modules:
            return 0.0
        self._modules.add(module)
        late = self._host.policy.late_import(self.function, module)
        self.compute_seconds += late.cpu_seconds
        if self._base_bytes is not None:
            self._base_bytes = None if late.memory_bytes is None else self._base_bytes + late.memory_bytes
        return late.cpu_seconds / self._speed

    def _limit_error(self, spec: RecordedFunction, limit: float) -> Exception:
        """What the function raises when it has taken as long as it allows itself."""
        module, _, name = spec.limit_error.partition(":")
        return cast(
            Exception,
            getattr(importlib.import_module(module), name)(f"{spec.unit} took longer than {limit:.0f} s"),
        )


def _variables(function: Function) -> dict[str, str]:
    """Environment variables of a function ("Defined runtime environment variables")."""
    return {
        **{
            name: value
            for name, value in os.environ.items()
            if name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")
        },
        **CREDENTIALS,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "LAMBDA_TASK_ROOT": str(function.code),
        "AWS_ACCOUNT_ID": ACCOUNT,
        "AWS_REGION": REGION,
        "TZ": ":UTC",
        **function.environment,
    }
