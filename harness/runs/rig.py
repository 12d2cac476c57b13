"""Everything about a system and its inputs that stays the same from one emulation to the next: load once,
emulate often.

With recorded compute an emulation is rehearsed until the ledger holds all it needs; the emulation itself then
computes nothing and is the same every time.
"""

import hashlib
import itertools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from harness.bill import prices
from harness.bill.prices import Prices
from harness.cloud import template
from harness.cloud.latency import Distribution
from harness.cloud.limits import ACCOUNT_CONCURRENCY
from harness.cloud.template import Template
from harness.compute import automata, recording
from harness.compute.ledger import Ledger, fingerprint
from harness.compute.policies import Measured, Modelled, Policy, Recorded
from harness.compute.sandbox import CodeBase
from harness.config import Config
from harness.engine.interrupt import Interrupted
from harness.engine.randomness import Randomness
from harness.engine.schedule import Schedule
from harness.errors import UsageError
from harness.faults.scenario import CALM, Scenario
from harness.runs import clients, invariants, places, planning
from harness.runs.emulation import Client, Emulation, Setting, emulate
from harness.runs.inputs import InputFile
from harness.runs.invariants import Usual, Violation
from harness.runs.places import Place
from harness.runs.results import Results, by_upload

ComputeKind = Literal["measured", "recorded", "modelled"]
MOST_REHEARSALS = 8
"""A handler that asks for other work at every rehearsal is not a function of its inputs, and cannot be
recorded.
"""


class Progress(Protocol):
    """Shows how far a long step is; a context that gives a function to tell the number done."""

    def __call__(self, title: str, total: int) -> AbstractContextManager[Callable[[int], None]]: ...


def quiet(title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    """A `Progress` that shows nothing."""
    return nullcontext(lambda done: None)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a user chooses. `parameters` are the template's; `ledger` is where recorded compute is kept;
    `cpu_factor`: how many times longer a Lambda vCPU takes than this machine's core; `faults`: what breaks;
    `account_concurrency`: invocations of all functions together, at most;
    `aftermath`: virtual seconds that the run goes on at least, for what happens long after all is done;
    `redrive`: at the end what was given up is given back, with nothing broken any more; `redrives_midway`,
    `work_factor`, `schedule`, `keeps_versions`: see `Setting`; `stream_shards`: of a table's stream, where
    not as [tool.harness] says.
    prices, free_tier: what the bill is made with; months: how long what is stored stays there.
    """

    template: Path
    parameters: dict[str, str]
    seed: int
    compute: ComputeKind
    latencies: dict[str, Distribution]
    ledger: Path
    cpu_factor: float = 1.0
    account_concurrency: int = ACCOUNT_CONCURRENCY
    faults: Scenario = CALM
    aftermath: float = 0.0
    redrive: bool = False
    redrives_midway: int = 0
    work_factor: float = 1.0
    stream_shards: int | None = None
    schedule: Schedule | None = None
    keeps_versions: bool = True
    prices: Prices = msgspec.field(default_factory=prices.load)
    free_tier: bool = False
    months: float = 1.0


class Rig:
    """Raises `UsageError` for a template or configuration that is wrong."""

    def __init__(
        self,
        config: Config,
        inputs: Sequence[InputFile],
        options: Options,
        like: "Rig | None" = None,
        loaded: Template | None = None,
        bring: Callable[[Sequence[InputFile], Place, Template], list[Client]] = clients.of_files,
    ) -> None:
        """bring: makes the clients that bring the inputs; like: a rig of the same template with other
        parameters, whose code need not be looked at again; loaded: the template with these parameters, where
        it need not be read. An input may be put more than once.
        """
        self.config, self.options, self.fields = config, options, config.result
        self.template = loaded or template.load(
            options.template, options.parameters, kept=options.ledger.parent / "translated"
        )
        self.uploads = uploads = Place.parse(config.inputs) if config.inputs else places.infer(self.template)
        self._has_results = bool(config.results and config.result.key)
        self.notes = list(self.template.notes)
        if not config.source:
            self.notes.append(
                f"no pyproject.toml with [tool.harness] lies beside {options.template} or above it: "
                f"nothing is known of its results"
            )
        if not config.inputs:
            self.notes.append(
                f"input goes to {uploads.resource}{'/' + uploads.prefix if uploads.prefix else ''}, the "
                f"only place for it"
            )
        self._inputs = tuple(inputs)
        self.put([file.name for file in inputs])
        self.usual: Usual | None = None
        """What is done in a calm run, once there was one."""
        self.setting = Setting(
            template=self.template,
            clients=[
                *bring(inputs, uploads, self.template),
                lambda stage: stage.kernel.sleep(options.aftermath),
            ],
            results=Place.parse(config.results),
            seed=options.seed,
            latencies=options.latencies,
            recorded=config.record,
            stream_shards=config.stream_shards if options.stream_shards is None else options.stream_shards,
            cpu_factor=options.cpu_factor,
            work_factor=options.work_factor,
            account_concurrency=options.account_concurrency,
            schedule=options.schedule,
            keeps_versions=options.keeps_versions,
        )
        self.handlers = [resource["Properties"]["Handler"] for resource in self.template.functions()]
        self.folders = [*self.template.code.values(), *itertools.chain(*self.template.layers.values())]
        alike = like is not None and (like.handlers, like.folders) == (self.handlers, self.folders)
        self.code: CodeBase = like.code if like and alike else CodeBase(self.folders, self.handlers)

    def put(self, names: Sequence[str]) -> None:
        """These are the inputs, by their names; each stands once."""
        self.names = list(dict.fromkeys(names))
        self.keys = [self.uploads.prefix + name for name in self.names]

    def emulate(self, faults: Scenario, seed: int, progress: Progress) -> Emulation:
        """Runs the system on the inputs."""
        setting = msgspec.structs.replace(
            self.setting,
            faults=faults,
            seed=seed,
            redrive=self.options.redrive and faults is not CALM,
            redrives_midway=self.options.redrives_midway if faults is not CALM else 0,
        )
        if self.options.compute == "recorded":
            ledger = Ledger(self.options.ledger)
            try:
                return self._recorded(setting, ledger, progress)
            finally:
                ledger.close()
        policy: Policy = (
            Measured() if self.options.compute == "measured" else Modelled(Randomness(seed).stream("compute"))
        )
        return self._once(setting, policy, progress)

    def replay(self, faults: Scenario, seed: int) -> Emulation | None:
        """What `emulate` gives where nothing is left to record; None where something is."""
        if self.options.compute != "recorded":
            return self.emulate(faults, seed, quiet)
        ledger = Ledger(self.options.ledger)
        try:
            policy = Recorded(ledger, self.code)
            setting = msgspec.structs.replace(self.setting, faults=faults, seed=seed)
            emulation = self._once(setting, policy, quiet)
            return None if policy.incomplete else emulation
        finally:
            ledger.close()

    def inputs_digest(self) -> str:
        """Names the inputs: their names and content."""
        hasher = hashlib.blake2b(digest_size=16)
        for file in self._inputs:
            with file.path.open("rb") as content:
                hasher.update(file.name.encode() + b"\0")
                hasher.update(hashlib.file_digest(content, "blake2b").digest())
        return hasher.hexdigest()

    def fingerprints(self) -> list[str]:
        """Name the code of each function."""
        modules = [handler.replace("/", ".").rpartition(".")[0] for handler in self.handlers]
        return [fingerprint(module, self.code) for module in modules]

    def calm(self, progress: Progress) -> Emulation:
        """A run in which nothing breaks. Raises `Interrupted`."""
        emulation = self.emulate(CALM, self.options.seed, progress)
        if emulation.interrupted:
            raise Interrupted("nothing was emulated but the calm run that others are compared with")
        self.usual = invariants.usual(emulation)
        return emulation

    def results(self, emulation: Emulation) -> Results:
        """The results by the key of the upload that they are about."""
        return by_upload(emulation.results, self.fields)

    def check(
        self, emulation: Emulation, expected: Results | None
    ) -> tuple[Results, list[str], list[Violation]]:
        """(results, names of the invariants checked, violations). `expected`: results of a calm run, if there
        are any.
        """
        results = self.results(emulation)
        evidence = invariants.Evidence(
            emulation,
            self.keys,
            results,
            self.fields,
            self.config.state,
            expected,
            self.options.redrive,
            self.options.redrive or emulation.redriven > 0,
            self._has_results,
            self.config.calibrate,
            self._kept_back(),
            planning.record_days(self.config, self.template.parameters),
            self.template.parameters,
            self.options.keeps_versions,
            self.usual,
        )
        return results, *invariants.check(evidence)

    def _kept_back(self) -> float:
        """Of another template than the one that [tool.harness] speaks of, nothing is known."""
        told = self.config.hand_back
        known = told is not None and told.parameter in self.template.parameters
        return planning.kept_back(self.config, self.template.parameters) if known else 0.0

    def _recorded(self, setting: Setting, ledger: Ledger, progress: Progress) -> Emulation:
        for _ in range(MOST_REHEARSALS):
            policy = Recorded(ledger, self.code)
            emulation = self._once(setting, policy, progress, lambda policy=policy: policy.full)  # type: ignore[misc]
            if emulation.interrupted and policy.incomplete:  # its results are stand-ins
                raise Interrupted("this was a rehearsal; what is recorded so far is kept")
            if not policy.incomplete:
                return emulation
            if policy.pending:
                pending = list(policy.pending.values())
                units = " and ".join(f"{unit}s" for unit in dict.fromkeys(one.unit for one in pending))
                try:
                    with progress(f"Recording {units}", len(pending)) as tell:
                        recording.record(ledger, pending, tell)
                except KeyboardInterrupt:
                    raise Interrupted(
                        f"the {units} recorded so far are kept, the next run goes on from there"
                    ) from None
            else:
                policy.learn()
        raise UsageError(
            "the recorded functions of [tool.harness] are called with other arguments at every run: use "
            "--compute measured"
        )

    def _once(
        self,
        setting: Setting,
        policy: Policy,
        progress: Progress,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Emulation:
        alike = nullcontext() if isinstance(policy, Measured) else automata.shared()
        with alike, progress("Emulating", len(setting.clients)) as tell:
            return emulate(setting, self.code, policy, tell, should_stop)
