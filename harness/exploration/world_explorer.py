"""Exploration in worlds of their own: each trial deploys the template with its world's parameters and puts
its world's inputs.

What is right does not depend on a world but for parameters that decide what is read ([tool.harness.explore]
reads): for each of their values a calm run of all inputs is recorded beforehand and says it.
"""

import itertools
from collections.abc import Iterator, Sequence
from functools import cached_property

import msgspec

from harness.cloud import template
from harness.cloud.template import Template
from harness.config import Config
from harness.errors import UsageError
from harness.exploration import worlds
from harness.exploration.explorer import Case, Explorer, calls_of
from harness.exploration.worlds import Stock, World
from harness.faults.scenario import CALM
from harness.runs.inputs import InputFile
from harness.runs.invariants import Usual
from harness.runs.results import Outcome, Results
from harness.runs.rig import Options, Progress, Rig, quiet

MIDWAY = 3
"""How often a world that is redriven in the middle is."""

Reads = tuple[tuple[str, str], ...]
"""Parameters that decide what is read, with their values."""


class WorldExplorer(Explorer):
    """A case for each seed is a world that `worlds.draw` makes of it."""

    def __init__(
        self,
        config: Config,
        pool: Sequence[InputFile],
        options: Options,
        sound: "WorldExplorer | None" = None,
    ) -> None:
        """pool: the inputs that worlds take theirs from; options: of all worlds, with the parameters that are
        not drawn; sound: says what is right where this system's own calm run is not to be trusted. Raises
        `UsageError` for ranges that the template does not allow.
        """
        self._config, self._options, self._sound = config, options, sound
        self._pool = {file.name: file for file in pool}
        self._document = template.parsed(options.template)
        self._rigs: dict[Reads, Rig] = {}
        self._right: dict[Reads, dict[str, Outcome]] = {}
        self._usual: dict[Reads, Usual | None] = {}
        self._latest: tuple[World, Rig] | None = None
        self._check()
        self._base = self._rig_of({}, pool)
        self._check_aims()
        self._made: set[str] = set()

    def prepare(self, progress: Progress) -> None:
        """Records what all worlds need, so that they only replay."""
        names = [name for name in self._config.explore.reads if name not in self._options.parameters]
        choices = [self._config.explore.parameters[name] for name in names]
        usual = [self._base.template.parameters[name] for name in names]
        for values in itertools.product(
            *(dict.fromkeys((default, *map(str, some))) for default, some in zip(usual, choices, strict=True))
        ):
            self._prepare(self._reads(dict(zip(names, values, strict=True))), progress)

    @cached_property
    def stock(self) -> Stock:
        """What worlds are drawn from, when all that they need is recorded."""
        return Stock(
            self._config.explore,
            names=sorted(self._pool),
            functions=self._named("AWS::Lambda::Function"),
            calls=sorted(self._made),
            queues=self._named("AWS::SQS::Queue"),
            given=tuple(self._options.parameters),
            units={name: one.units for right in self._right.values() for name, one in right.items()},
        )

    def prepare_for(self, world: World, progress: Progress) -> None:
        """Records what this one world needs."""
        self._prepare(self._reads(world.parameters), progress)

    @property
    def rig(self) -> Rig:
        return self._base

    def seeds(self, first: int, count: int) -> Iterator[Case]:
        return (Case.of(self.draw(seed)) for seed in range(first, first + count))

    def draw(self, seed: int) -> World:
        """The world of a seed."""
        return worlds.draw(seed, self.stock)

    def vary(self, world: World, seed: int) -> World:
        """The world of a seed that is much like another one."""
        return worlds.vary(world, seed, self.stock)

    def staged(self, case: Case) -> tuple[Rig, Results]:
        """Raises `UsageError` for a world that takes inputs that are not there, or parameters that the
        template does not allow.
        """
        world = case.world
        assert world is not None
        if unknown := [name for name in world.inputs() if name not in self._pool]:
            raise UsageError(f"the world takes {unknown[0]}, which is none of the inputs that are given")
        reads = self._reads(world.parameters)
        right = self._prepare(reads, quiet)
        rig = self._world_rig(world)
        rig.usual = (self._sound or self)._usual[reads]
        expected: dict[str, list[Outcome]] = {}
        keys = dict(zip(rig.names, rig.keys, strict=True))
        for put in world.puts:
            if (outcome := right.get(put.content or put.input)) is not None:
                expected.setdefault(keys[put.input], []).append(outcome)
        return rig, expected

    def simpler(self, case: Case) -> Iterator[tuple[str, Case]]:
        assert case.world is not None
        return ((less, Case.of(world)) for less, world in worlds.simpler(case.world))

    def _world_rig(self, world: World) -> Rig:
        """The rig of a world; that of the latest is kept, since faults are left out of it one by one."""
        calm = msgspec.structs.replace(world, scenario=CALM)
        if self._latest is None or self._latest[0] != calm:
            files = [
                InputFile(put.input, self._pool[put.content or put.input].path, put.at) for put in world.puts
            ]
            rig = self._rig_of(
                world.parameters,
                files,
                seed=world.seed,
                work_factor=world.slowness,
                account_concurrency=world.concurrency,
                stream_shards=world.shards,
                keeps_versions=world.keeps_versions,
                redrive=world.redrive == "end",
                redrives_midway=MIDWAY if world.redrive == "middle" else 0,
                faults=world.scenario,
                schedule=world.schedule,
            )
            self._latest = calm, rig
        return self._latest[1]

    def _rig_of(self, parameters: dict[str, str], files: Sequence[InputFile], **chosen: object) -> Rig:
        options = msgspec.structs.replace(
            self._options, parameters=self._options.parameters | parameters, **chosen
        )
        like = getattr(self, "_base", None)
        return Rig(self._config, files, options, like=like, loaded=self._loaded(options))

    def _loaded(self, options: Options) -> Template:
        return template.load(options.template, options.parameters, document=self._document)

    def _reads(self, parameters: dict[str, str]) -> Reads:
        values = self._base.template.parameters | parameters
        return tuple((name, values[name]) for name in self._config.explore.reads)

    def _prepare(self, reads: Reads, progress: Progress) -> dict[str, Outcome]:
        """The right results by the name of their input, where these parameters decide what is read."""
        if self._sound is not None:
            return self._sound._prepare(reads, progress)
        if reads not in self._right:
            rig = self._rig_of(dict(reads), list(self._pool.values()))
            emulation = rig.calm(progress)
            self._made |= set(calls_of(emulation))
            self._usual[reads] = rig.usual
            results = rig.results(emulation)
            self._right[reads] = {
                name: results[key][0]
                for name, key in zip(rig.names, rig.keys, strict=True)
                if results.get(key)
            }
        return self._right[reads]

    def _named(self, kind: str) -> list[str]:
        """Logical ids of the template's resources of this type."""
        resources = self._base.template.document["Resources"]
        return sorted(name for name, resource in resources.items() if resource["Type"] == kind)

    def _check_aims(self) -> None:
        """Raises `UsageError` for aims at what the template does not have."""
        targets = {*self._named("AWS::Lambda::Function"), *self._named("AWS::SQS::Queue")}
        for aims in self._config.explore.aims.values():
            for aim in aims:
                if aim.partition(" ")[0] not in targets:
                    raise UsageError(
                        f"[tool.harness.explore.aims]: {aim} begins with no function or queue of the template"
                    )

    def _check(self) -> None:
        """Raises `UsageError` for ranges and values that the template's parameters do not have."""
        declared = self._document.get("Parameters") or {}
        explore = self._config.explore
        named = [*explore.parameters.items()]
        named += [one for some in explore.together.values() for one in some.items() if one[0] != "redrive"]
        for name, values in named:
            for value in values:
                try:
                    template.check_parameters(
                        self._options.template, declared, {**self._options.parameters, name: str(value)}
                    )
                except UsageError as error:
                    raise UsageError(f"[tool.harness.explore.parameters]: {error}") from error
