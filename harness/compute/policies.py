"""How much compute a handler is charged: measured, recorded or modelled.

Between two AWS calls a handler computes; each such *segment* is charged when the next call is made. Functions
named in [tool.harness] are charged on their own, since they are most of it. CPU seconds are those of one
vCPU, which Lambda gives at 1,769 MB; less memory makes them longer, more does not make one thread faster.
"""

import hashlib
import inspect
import math
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, Protocol, get_type_hints

import msgspec
import numpy as np

from harness.cloud.deployment import CREDENTIALS
from harness.cloud.system import Function
from harness.compute import footprint
from harness.compute.ledger import MEASURED, Entry, Ledger, brought_by, fingerprint
from harness.compute.sandbox import CodeBase
from harness.config import RecordedFunction
from harness.errors import UsageError

MODELLED_SEGMENT_SECONDS = 0.002
MODELLED_INIT_SECONDS = 0.55
"""Of this repository's handlers, measured on a 2020s server core; for modelled runs, which must be the same
everywhere.
"""

_IMPORT = "import "
"""Begins the ledger's label of a module that is imported late."""
PENDING_BYTES = 2**30
"""Arguments of calls to be recorded that are held at once, at most; then they are recorded before the
rehearsal goes on.
"""


def cpu_clock() -> float:
    """CPU seconds of this process and of its finished children."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


class Outcome(msgspec.Struct, frozen=True):
    """What a recorded function did: CPU seconds, its value or the error to raise, real seconds, and the
    memory that it needed beyond what its process had; None where that is not known.
    """

    cpu_seconds: float
    value: object = None
    error: Exception | None = None
    seconds: float = 0.0
    memory_bytes: int | None = None


class Init(msgspec.Struct, frozen=True):
    """What the import of a handler takes: CPU seconds at one vCPU, and the memory of the process that has
    done it (None where that is not known).
    """

    cpu_seconds: float
    memory_bytes: int | None = None


NOTHING = Init(0.0, 0)


class Policy(Protocol):
    """Decides what compute costs. Seconds are at one vCPU."""

    def clock(self, function: Function) -> float:
        """CPU seconds so far, where the function's segments go by them: a system call at every turn."""

    def segment(self, function: Function, label: str, measured: float) -> float: ...

    def init(self, function: Function) -> Init: ...

    def late_import(self, function: Function, module: str) -> Init:
        """What it takes a process of the function to import a module of the application that its handler does
        not bring: seconds, and memory beyond the base. Nothing for one that it brings.
        """

    def call(
        self, spec: RecordedFunction, original: Callable[..., Any], args: Any, kwargs: Any
    ) -> Outcome: ...


class Measured:
    """The CPU time of this very run, on this machine. What calls need in memory is lost in the process of the
    run itself.
    """

    def __init__(self) -> None:
        self._init: dict[str, Init] = {}

    def clock(self, function: Function) -> float:
        return cpu_clock()

    def segment(self, function: Function, label: str, measured: float) -> float:
        return measured

    def init(self, function: Function) -> Init:
        if function.logical_id not in self._init:
            self._init[function.logical_id] = measure_init(function)
        return self._init[function.logical_id]

    def late_import(self, function: Function, module: str) -> Init:
        return NOTHING  # it happens in this process, at its time

    def call(self, spec: RecordedFunction, original: Callable[..., Any], args: Any, kwargs: Any) -> Outcome:
        return measure(original, args, kwargs)


class Modelled:
    """Distributions of [tool.harness]; no function that it names is run at all, unless it says so."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        self._values: dict[Callable[..., Any], object] = {}

    def clock(self, function: Function) -> float:
        return 0.0

    def segment(self, function: Function, label: str, measured: float) -> float:
        return MODELLED_SEGMENT_SECONDS

    def init(self, function: Function) -> Init:
        return Init(MODELLED_INIT_SECONDS)

    def late_import(self, function: Function, module: str) -> Init:
        return NOTHING

    def call(self, spec: RecordedFunction, original: Callable[..., Any], args: Any, kwargs: Any) -> Outcome:
        model = spec.modelled
        cpu = model.median_seconds * float(np.exp(model.sigma * self._generator.standard_normal()))
        if model.runs:
            done = measure(original, args, kwargs)
            return Outcome(cpu, done.value, done.error)
        if original not in self._values:
            self._values[original] = _stand_in(spec, original)
        return Outcome(cpu, self._values[original])


class Pending(msgspec.Struct, frozen=True):
    """A call that must be recorded: run in a process of its own it needs no simulator. variables: the
    environment of the function that made it; unit: what it processes.
    """

    key: bytes
    original: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    limit_seconds: float = math.inf
    variables: Mapping[str, str] = {}
    unit: str = "call"


class Recorded:
    """What the ledger holds. In a rehearsal, what it lacks is collected instead."""

    def __init__(self, ledger: Ledger, code: CodeBase) -> None:
        self._ledger, self._code = ledger, code
        self._fingerprints: dict[str, str] = {}
        self._segments: dict[str, dict[str, float]] = {}
        self._inits: dict[str, Init] = {}
        self._samples: dict[str, dict[str, list[float]]] = {}
        self._typical: dict[str, float] = {}
        self._returns: dict[Callable[..., Any], Any] = {}
        self.pending: dict[bytes, Pending] = {}
        self._pending_bytes = 0
        self.incomplete = False
        self._variables: dict[str, dict[str, str]] = {}

    @property
    def full(self) -> bool:
        """Whether as much is pending as may be held in memory."""
        return self._pending_bytes > PENDING_BYTES

    def clock(self, function: Function) -> float:
        return 0.0 if self._code_of(function) in self._typical else cpu_clock()

    def segment(self, function: Function, label: str, measured: float) -> float:
        code = self._code_of(function)
        known = self._segments[code].get(label)
        if known is not None:
            return known
        if code in self._typical:
            return self._typical[code]
        self._samples.setdefault(code, {}).setdefault(label, []).append(measured)
        self.incomplete = True
        return measured

    def init(self, function: Function) -> Init:
        code = self._code_of(function)
        if code not in self._inits:
            memory = self._ledger.base_bytes(code)
            if "init" not in self._segments[code] or memory is None:
                measured = measure_init(function)
                self._ledger.keep_segments(code, {"init": measured.cpu_seconds})
                self._segments[code] |= self._ledger.segments(code)
                if measured.memory_bytes is not None:
                    self._ledger.keep_base(code, measured.memory_bytes)
                    memory = self._ledger.base_bytes(code)
            self._inits[code] = Init(self._segments[code]["init"], memory)
        return self._inits[code]

    def late_import(self, function: Function, module: str) -> Init:
        handler = _module_of(function)
        with self._code.within(function.folders):
            if module in brought_by(handler, self._code):
                return NOTHING
        code, label = self._code_of(function), f"{_IMPORT}{module}"
        if label not in self._segments[code] or self._ledger.base_bytes(f"{code}+{module}") is None:
            measured = measure_init(function, module)
            self._ledger.keep_segments(code, {label: measured.cpu_seconds})
            self._segments[code] |= self._ledger.segments(code)
            if measured.memory_bytes is not None:
                self._ledger.keep_base(f"{code}+{module}", measured.memory_bytes)
        return Init(self._segments[code][label], self._ledger.base_bytes(f"{code}+{module}"))

    def call(self, spec: RecordedFunction, original: Callable[..., Any], args: Any, kwargs: Any) -> Outcome:
        key = self._key(spec, original, args, kwargs)
        limit = float(argument(spec.limit, original, args, kwargs)) if spec.limit else math.inf
        if (outcome := self._known(key, limit, original)) is not None:
            return outcome
        self.incomplete = True
        if key not in self.pending:
            self.pending[key] = Pending(
                key, original, args, kwargs, limit, self._variables_of_caller(), spec.unit
            )
            self._pending_bytes += weight(args)
        return Outcome(spec.modelled.median_seconds, _stand_in(spec, original))

    def _variables_of_caller(self) -> Mapping[str, str]:
        """The environment of the function that is running, as its first call found it."""
        return self._variables.setdefault(os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""), dict(os.environ))

    def replay(self, spec: RecordedFunction, original: Callable[..., Any], args: Any, kwargs: Any) -> Outcome:
        """What the ledger holds of a call, else the call itself."""
        limit = float(argument(spec.limit, original, args, kwargs)) if spec.limit else math.inf
        known = self._known(self._key(spec, original, args, kwargs), limit, original)
        return known or measure(original, args, kwargs)

    def _known(self, key: bytes, limit: float, original: Callable[..., Any]) -> Outcome | None:
        entry = self._ledger.call(key)
        if entry is None or entry.limit_seconds < limit:
            return None  # one that ran into its limit says nothing about a longer one
        if entry.error:
            return Outcome(
                entry.cpu_seconds,
                error=_revive(entry.error, entry.value),
                memory_bytes=entry.memory_bytes,
            )
        if original not in self._returns:
            self._returns[original] = msgspec.msgpack.Decoder(get_type_hints(original)["return"])
        value = self._returns[original].decode(entry.value)
        return Outcome(entry.cpu_seconds, value, memory_bytes=entry.memory_bytes)

    def learn(self) -> None:
        """Keeps the segments of a rehearsal that was complete: the median of each."""
        for code, samples in self._samples.items():
            self._ledger.keep_segments(
                code, {label: statistics.median(values) for label, values in samples.items()}
            )

    def _code_of(self, function: Function) -> str:
        if function.logical_id not in self._fingerprints:
            module = _module_of(function)
            with self._code.within(function.folders):
                code = self._fingerprints[function.logical_id] = (
                    f"{function.handler}@{fingerprint(module, self._code)}"
                )
            self._segments[code] = self._ledger.segments(code)
            between = [
                cpu
                for label, cpu in self._segments[code].items()
                if label != "init" and not label.startswith(_IMPORT)
            ]
            if between:
                self._typical[code] = statistics.median(between)
        return self._fingerprints[function.logical_id]

    def _key(self, spec: RecordedFunction, original: Callable[..., Any], args: Any, kwargs: Any) -> bytes:
        if spec.function not in self._fingerprints:
            self._fingerprints[spec.function] = fingerprint(spec.module, self._code, spec.versions)
        parts = [MEASURED, spec.function, self._fingerprints[spec.function]]
        parts += [
            _without_limit(path, argument(path, original, args, kwargs), spec.limit) for path in spec.key
        ]
        return hashlib.blake2b(msgspec.msgpack.encode(parts), digest_size=20).digest()


def argument(path: str, original: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """An argument of a call, or an attribute of one: "options.page_timeout"."""
    bound = inspect.signature(original).bind(*args, **kwargs)
    bound.apply_defaults()
    name, *attributes = path.split(".")
    value = bound.arguments[name]
    for attribute in attributes:
        value = getattr(value, attribute)
    return value


def _without_limit(path: str, value: Any, limit: str) -> Any:
    """An argument as it counts in a key: how long a call may take says nothing about what it gives."""
    if limit == path:
        return None
    if not limit.startswith(f"{path}."):
        return value
    plain: dict[str, Any] = msgspec.to_builtins(value)
    inner = plain
    *way, last = limit.removeprefix(f"{path}.").split(".")
    for name in way:
        inner = inner[name]
    inner.pop(last, None)
    return plain


def _stand_in(spec: RecordedFunction, original: Callable[..., Any]) -> object:
    """The modelled value, as the type that the function returns."""
    return msgspec.convert(spec.modelled.value, get_type_hints(original)["return"])


def measure(original: Callable[..., Any], args: Any, kwargs: Any) -> Outcome:
    """Calls the function and measures its CPU time, children included."""
    began, started = cpu_clock(), perf_counter()
    try:
        value = original(*args, **kwargs)
    except Exception as error:
        return Outcome(cpu_clock() - began, error=error, seconds=perf_counter() - started)
    return Outcome(cpu_clock() - began, value, seconds=perf_counter() - started)


def to_entry(outcome: Outcome, limit: float = math.inf) -> Entry:
    """What the ledger keeps of a call that may have been cut short by its limit."""
    reached = limit if outcome.seconds >= limit else math.inf
    if outcome.error is None:
        value, error = msgspec.msgpack.encode(outcome.value), ""
    else:
        kind = type(outcome.error)
        value, error = str(outcome.error).encode(), f"{kind.__module__}:{kind.__qualname__}"
    return Entry(outcome.cpu_seconds, value, error, reached, outcome.memory_bytes)


def _module_of(function: Function) -> str:
    return function.handler.replace("/", ".").rpartition(".")[0]


def measure_init(function: Function, late: str = "", runs: int = 3) -> Init:
    """What importing a handler takes in a fresh interpreter: the median of `runs`. late: a module that is
    imported afterwards, and what that takes is told, the memory beyond the handler's.
    """
    before = f"importlib.import_module({_module_of(function)!r})\n{footprint.TELL}" if late else "print(0)\n"
    script = (
        f"import importlib, time\n{before}"
        f"began = time.process_time(); importlib.import_module({late or _module_of(function)!r}); "
        f"print(time.process_time() - began)\n{footprint.TELL}"
    )
    taken, needed = [], []
    for _ in range(runs):
        done = subprocess.run(  # noqa: S603 the script is ours, the module's name the template's
            [sys.executable, "-c", script],
            cwd=function.code,
            env=_plain_environment(
                {"PYTHONPATH": os.pathsep.join(map(str, function.folders)), **function.environment}
            ),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            told = (done.stderr.strip() or "it says nothing").splitlines()[-1]
            raise UsageError(
                f"the handler {function.handler} of {function.logical_id} cannot be imported on its own: "
                f"{told}"
            )
        *_, before_bytes, seconds, memory = done.stdout.split()
        taken.append(float(seconds))
        needed.append(int(memory) - int(before_bytes))
    return Init(statistics.median(taken), statistics.median_low(needed))


def _plain_environment(variables: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", **CREDENTIALS, **variables}


def _revive(error: str, message: bytes) -> Exception:
    """The recorded error, of the class that the running environment knows."""
    module, _, name = error.partition(":")
    kind = getattr(sys.modules.get(module), name, RuntimeError)
    return (
        kind(message.decode())
        if isinstance(kind, type) and issubclass(kind, Exception)
        else RuntimeError(message.decode())
    )


def weight(value: object) -> int:
    """Bytes that a call's arguments hold, roughly: they are there before it begins."""
    if isinstance(value, bytes | str):
        return len(value)
    if isinstance(value, tuple | list):
        return sum(map(weight, value))
    if isinstance(value, msgspec.Struct):
        return sum(weight(getattr(value, name)) for name in value.__struct_fields__)
    return 8
