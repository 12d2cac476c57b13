"""A living system from its start to its end: the event loop in one thread, and what others ask of it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import msgspec

from harness.compute import automata
from harness.compute.ledger import Ledger
from harness.compute.policies import Modelled, Policy
from harness.engine import interrupt
from harness.engine.kernel import Arrival
from harness.engine.pace import WallClock
from harness.engine.randomness import Randomness
from harness.live import actions, requests
from harness.live.actions import ACTIONS
from harness.live.compute import Living
from harness.live.journal import Began, Came, Done, Ended, Entry, Journal
from harness.live.requests import Answer, Outside
from harness.live.workers import Program, Workers
from harness.live.world import GONE, LivingWorld
from harness.runs.emulation import Emulation, staged
from harness.runs.rig import Rig
from harness.services.stage import Stage

Seen = TypeVar("Seen")
WAIT_SECONDS = 0.5
"""Of real time, until somebody who waits looks whether there still is what he waits for."""


class SessionEnded(Exception):
    """Nobody answers any more."""


class Session:
    """What is asked of it may be asked in any thread, and is done in that of the loop."""

    def __init__(
        self, rig: Rig, speed: float = 1.0, is_paused: bool = False, journal: Journal | None = None
    ) -> None:
        self.rig, self.pace, self._journal = rig, WallClock(speed), journal
        self.pace.change(is_paused=is_paused)
        program = Program(
            root=str(rig.config.root),
            folders=tuple(map(str, rig.code.folders)),
            handlers=tuple(rig.handlers),
            modules=tuple(spec.module for spec in rig.config.record),
        )
        self.workers = Workers(program)
        self.world: LivingWorld
        self.stage: Stage
        self._policy: Living | None = None
        self._has_ended = False

    @contextmanager
    def begun(self) -> Iterator[None]:
        """The system is deployed, and lives as soon as `run` is called."""
        setting = msgspec.structs.replace(self.rig.setting, clients=(), faults=self.rig.options.faults)
        with ExitStack() as stack:
            stack.enter_context(automata.shared())
            policy = self._chosen(stack)
            self.stage, functions = stack.enter_context(staged(setting, self.rig.code, policy, self.pace))
            if self._policy is not None:
                options = self.rig.options
                self._policy.begins(self.stage.kernel, options.cpu_factor, options.work_factor)
                self._policy.prepare(self.stage.cloud.system)
            self.world = LivingWorld(setting, self.stage, functions, self.pace, self.rig.uploads)
            requests.warm()
            self.workers.start()  # by now, so that what they import does not keep the system from being ready
            stack.callback(self.workers.close)
            yield

    def run(self, ready: Callable[[], None]) -> Emulation:
        """Until `stop`, or an interrupt. ready: called when what came before has been played once more.
        Raises `UsageError` when that is damaged.
        """
        self._remember(ready)
        self.world.start()
        try:
            with interrupt.stopped_by(self._interrupt):
                self.stage.kernel.run()
            self._keep(Ended(self.stage.kernel.now))
            self.rig.put(self.world.uploaded)
            return self.world.outcome()
        finally:
            self._has_ended = True

    def stop(self) -> None:
        """Ends it after the event that is under way."""
        self.pace.post(lambda: self.stage.kernel.stop(), is_cause=False)

    def ask(self, request: Outside) -> Answer:
        """What the cloud answers; it takes its time."""
        answered: SimpleQueue[Answer] = SimpleQueue()

        def perform() -> None:
            if not request.only_looks:
                self._keep(Came(self.stage.kernel.now, request))
            self.world.perform(request, answered)

        self._do(perform, is_cause=not request.only_looks)
        answer: Answer = self._got(answered, GONE)
        return answer

    def upload(self, name: str, body: bytes) -> Answer:
        """Puts an input where the system takes its input."""
        return self.ask(self.world.upload(name, body))

    def look(self, look: Callable[[], Seen]) -> Seen:
        """What a function sees that looks at the system between two events."""
        seen: SimpleQueue[Any] = SimpleQueue()

        def tell() -> None:
            try:
                seen.put((look(), None))
            except Exception as error:
                seen.put((None, error))

        self._do(tell, is_cause=False)
        value, error = self._got(seen, (None, SessionEnded("this cloud has ended")))
        if error is not None:
            raise error
        found: Seen = value
        return found

    def change(self, action: str, value: str) -> None:
        """Does what a button says. Raises `UsageError`."""
        actions.checked(action, value)

        def act() -> None:
            self._keep(Done(self.stage.kernel.now, action, value))
            ACTIONS[action](self.world, value)

        self._do(act, is_cause=True)

    def change_pace(self, speed: float | None = None, is_paused: bool | None = None) -> None:
        """Of time; see `WallClock.change`."""
        self._do(lambda: self.pace.change(speed, is_paused), is_cause=False)

    def renew(self) -> None:
        """The code has changed: functions are deployed with it anew."""
        self._do(self._renew, is_cause=False)

    @property
    def has_ended(self) -> bool:
        return self._has_ended

    def _got(self, queue: "SimpleQueue[Any]", otherwise: Any) -> Any:
        """What comes, or something else where it has ended before."""
        while True:
            try:
                return queue.get(timeout=WAIT_SECONDS)
            except Empty:
                if self._has_ended:
                    return otherwise

    @property
    def underway(self) -> int:
        """Pages that are being read."""
        return self._policy.underway if self._policy is not None else 0

    def _renew(self) -> None:
        self.rig.code.forget()
        self.world.functions.renew()
        self.workers.renew()
        if self._policy is not None:
            self._policy.renew()

    def _keep(self, entry: Entry) -> None:
        if self._journal is not None:
            self._journal.keep(entry)

    def _remember(self, ready: Callable[[], None]) -> None:
        names = self.world.names
        entries = self._journal.read(names) if self._journal is not None else []
        past = [Arrival(entry.t, lambda entry=entry: self._repeat(entry)) for entry in entries]  # type: ignore[misc]

        def begin() -> None:
            self._keep(Began(self.stage.kernel.now, names))
            ready()

        self.pace.remember([*past, Arrival(entries[-1].t if entries else 0.0, begin)])

    def _repeat(self, entry: Entry) -> None:
        match entry:
            case Came(request=request):
                self.world.perform(request, SimpleQueue())
            case Done(action=action, value=value):
                ACTIONS[action](self.world, value)

    def _do(self, act: Callable[[], object], *, is_cause: bool) -> None:
        self.pace.post(act, is_cause=is_cause)

    def _interrupt(self) -> None:
        self.world.interrupt()
        self.stop()

    def _chosen(self, stack: ExitStack) -> Policy:
        options = self.rig.options
        if options.compute == "modelled":
            return Modelled(Randomness(options.seed).stream("compute"))
        ledger = Ledger(options.ledger)
        stack.callback(ledger.close)
        self._policy = Living(ledger, self.rig.code, self.workers, self.pace)
        return self._policy
