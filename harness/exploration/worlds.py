"""Worlds: the circumstances of one emulation, all drawn from its seed.

Each world has most things as usual and some otherwise: a kind of fault is on or off by the toss of a coin, a
parameter is the template's default or drawn. What is on everywhere hides what shows only without it, and
what is rare everywhere is never met with company; drawn so, every pair and every absence comes up soon
(Groce, Zhang, Eide, Chen, Regehr: "Swarm testing", ISSTA 2012).
"""

import json
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, cast, get_args

import msgspec
import numpy as np

from harness.cloud.limits import ACCOUNT_CONCURRENCY
from harness.config import Explore, Redrive
from harness.engine.schedule import Point, Schedule
from harness.errors import UsageError
from harness.faults import scenario
from harness.faults.scenario import Fault, Scenario

Arrival = Literal["at once", "trickle", "bursts", "again", "overwritten"]

NO_FAULT, ONE_FAULT, ONE_GROUP = 0.1, 0.1, 0.2
"""Of all worlds, those in which nothing breaks, in which only one kind of fault strikes, and only kinds of
one group (`scenario.GROUPS`): what breaks elsewhere excuses what is done in vain.
"""
RATES, RATES_ALONE = (0.1, 3.0), (1.0, 10.0)
"""Times the rate of `hostile`: among others, and alone."""
RATES_OF_UPLOADS = (1.0, 8.0)
"""Among others, for what strikes uploads: a world has few of them."""
SOON, SOON_SECONDS = ("overwritten", "removed"), (0.5, 60.0)
"""What strikes while an upload is in work, and the longest delay of a world: some files are done in a second.
"""
HIGHEST_RATE = 0.6
AIMED, RATES_AIMED = 0.3, (5.0, 30.0)
"""Of the worlds in which several kinds strike, and whose parameters ask for no aim, those in which what
strikes calls has one: one function, its calls of one service, or one call; there so often that it fails again
and again, while all else goes on as it does elsewhere. Where the parameters ask for one of several aims, each
kind has its own, of those that it can strike.
"""
RATES_AT_QUEUES = (1.0, 3.0)
"""Of what is aimed at a queue, whose messages pass all the same."""
SCHEDULED, SCHEDULE_WINDOW = 0.2, (0.5, 30.0)
"""Of all worlds, those whose calls come in an order that is drawn; seconds that a call may wait then."""
PREEMPTED, HIGHEST_NUMBER = 2, 30
"""Calls that are preempted at most, and the highest of their numbers."""
OTHERWISE = 0.5
"""Of all worlds, those in which a parameter, the shards or the arrivals are not as usual; slowness and
concurrency are in fewer, since all else is then hard to reach."""
SLOW, SCARCE = 0.5, 0.25
WITHOUT_VERSIONS = 0.1
"""Of all worlds, those whose buckets keep no versions."""
TOGETHER = 0.2
"""Of all worlds, those that take each of the sets of ranges that belong together."""
ALIKE = 0.8
"""Of what makes a world, what its variation shares with it."""
TRICKLE_SECONDS, BURST_SECONDS, IN_WORK_SECONDS = (1.0, 200.0), (20.0, 1000.0), (0.3, 60.0)
"""Between uploads, between bursts of them, and from an upload to the next one under its key."""


class Put(msgspec.Struct, frozen=True, omit_defaults=True):
    """An upload: at `at` virtual seconds, under the name of an input; `content`: of the input whose bytes
    are put, "" for its own.
    """

    input: str
    at: float = 0.0
    content: str = ""

    def __str__(self) -> str:
        content = f" with what is in {self.content}" if self.content else ""
        return f"{self.input}{content}{f' at {self.at:g} s' if self.at else ''}"


class World(msgspec.Struct, frozen=True, kw_only=True):
    """parameters: of the template, where not its defaults; slowness: how many times longer than recorded the
    recorded functions take; concurrency: of the account; shards: of a table's stream; redrive: what was given
    up is given back in the middle, while things break, or at the end, when nothing does any more;
    keeps_versions: of objects, if the template says so. schedule: the order of the invocations' calls, where
    it is not that in which they are due.
    """

    seed: int
    scenario: Scenario = scenario.CALM
    parameters: dict[str, str] = {}
    slowness: float = 1.0
    concurrency: int = ACCOUNT_CONCURRENCY
    shards: int = 1
    redrive: Redrive = ""
    keeps_versions: bool = True
    arrival: Arrival = "at once"
    puts: tuple[Put, ...] = ()
    schedule: Schedule | None = None

    def inputs(self) -> list[str]:
        """Names of the inputs that it takes, each once."""
        return list(dict.fromkeys(name for put in self.puts for name in (put.input, put.content) if name))

    def unusual(self) -> list[str]:
        """What of it is not as usual, beside its faults, in words; its inputs last."""
        usual = World(seed=self.seed)
        told = [f"{name} {value}" for name, value in self.parameters.items()]
        told += [
            f"{name} {getattr(self, name)}"
            for name in ("slowness", "concurrency", "shards")
            if getattr(self, name) != getattr(usual, name)
        ]
        if not self.keeps_versions:
            told.append("buckets without versions")
        if self.redrive:
            told.append(f"a redrive {'in the middle' if self.redrive == 'middle' else 'at the end'}")
        if self.schedule is not None:
            told += _order(self.schedule)
        return [*told, *map(str, self.puts)]

    def toml(self) -> str:
        """The world as a file that `load` reads."""
        lines = [f"seed = {self.seed}"]
        told = ("slowness", "concurrency", "shards", "redrive", "keeps_versions", "arrival")
        lines += [f"{name} = {json.dumps(getattr(self, name))}" for name in told]
        lines += ["", "[parameters]"]
        lines += [f"{json.dumps(name)} = {json.dumps(value)}" for name, value in self.parameters.items()]
        if self.schedule is not None:
            lines += ["", "[schedule]", *_scheduled(self.schedule)]
        for put in self.puts:
            lines += ["", "[[put]]"]
            lines += [f"{name} = {_quoted(value)}" for name, value in msgspec.to_builtins(put).items()]
        return "\n".join(lines) + "\n\n" + self.scenario.toml("faults.")


def _order(schedule: Schedule) -> Iterator[str]:
    """What a schedule does, in words."""
    if schedule.points:
        yield f"a preemption of {schedule.window:g} s before {' and '.join(map(str, schedule.points))}"
    if schedule.priorities is not None:
        yield f"priorities {schedule.priorities}, with waits of up to {schedule.window:g} s"


def _scheduled(schedule: Schedule) -> Iterator[str]:
    """The lines of its table."""
    yield f"window = {schedule.window}"
    points = (f"{{ step = {_quoted(point.step)}, number = {point.number} }}" for point in schedule.points)
    yield f"points = [{', '.join(points)}]"
    if schedule.priorities is not None:
        yield f"priorities = {schedule.priorities}"


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seed: int
    slowness: float = 1.0
    concurrency: int = ACCOUNT_CONCURRENCY
    shards: int = 1
    redrive: Redrive = ""
    keeps_versions: bool = True
    arrival: Arrival = "at once"
    parameters: dict[str, str] = {}
    put: tuple[Put, ...] = ()
    schedule: Schedule | None = None
    faults: dict[str, Fault] = {}

    def __post_init__(self) -> None:
        if self.slowness <= 0 or self.concurrency < 1 or self.shards < 0:
            raise ValueError("slowness must be above 0, concurrency 1 at least, shards 0 at least")
        if any(put.at < 0 for put in self.put):
            raise ValueError("at must be 0 at least")


def load(path: Path) -> World:
    """The world in a file. Raises `UsageError`."""
    try:
        told = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
    except OSError as error:
        raise UsageError(f"--world {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"the world {path} is wrong: {error}") from error
    fields = {name: getattr(told, name) for name in _File.__struct_fields__ if name not in ("put", "faults")}
    return World(**fields, puts=told.put, scenario=scenario.checked(told.faults, f"world {told.seed}"))


class Stock(msgspec.Struct, frozen=True):
    """What worlds are made of. ranges: of what is drawn; names: of the inputs; functions: logical ids of
    those that faults may be aimed at; calls: that they make where nothing breaks, as
    "Function service.Operation"; queues: logical ids of those whose messages faults may be aimed at; given:
    parameters that somebody has chosen; units: of each input.
    """

    ranges: Explore
    names: Sequence[str]
    functions: Sequence[str] = ()
    calls: Sequence[str] = ()
    queues: Sequence[str] = ()
    given: Sequence[str] = ()
    units: Mapping[str, int] = {}


def draw(seed: int, stock: Stock) -> World:
    """The world of a seed."""
    ranges = stock.ranges
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0x776F726C,)))
    drawn = {
        name: str(_value(generator, values))
        for name, values in ranges.parameters.items()
        if generator.random() < OTHERWISE and name not in stock.given
    }
    aims: list[str] = []
    for set_name, some in ranges.together.items():
        if generator.random() < TOGETHER:
            aims += ranges.aims.get(set_name, ())
            drawn |= {
                name: str(_value(generator, values))
                for name, values in some.items()
                if name not in stock.given
            }
    redrive = ("", *get_args(Redrive))[int(generator.integers(4))]
    arrival = get_args(Arrival)[int(generator.integers(len(get_args(Arrival))))]
    return World(
        seed=seed,
        scenario=_scenario(generator, seed, stock, aims),
        parameters=drawn,
        slowness=round(_log(generator, *ranges.slowness), 2) if generator.random() < SLOW else 1.0,
        concurrency=_whole(generator, *ranges.concurrency)
        if generator.random() < SCARCE
        else ACCOUNT_CONCURRENCY,
        shards=_whole(generator, *ranges.shards) if generator.random() < OTHERWISE else ranges.shards[0],
        redrive=cast(Redrive, drawn.pop("redrive", redrive)),
        keeps_versions=bool(generator.random() >= WITHOUT_VERSIONS),
        arrival=arrival,
        puts=_within(_puts(generator, arrival, stock.names, ranges.most_inputs), stock),
        schedule=_schedule(generator, stock.calls)
        if stock.calls and generator.random() < SCHEDULED
        else None,
    )


def vary(world: World, seed: int, stock: Stock) -> World:
    """The world of a seed that is like another one in most: each thing is that world's, or as drawn; its dice
    are its own.
    """
    drawn = draw(seed, stock)
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0x76617279,)))

    def kept() -> bool:
        return bool(generator.random() < ALIKE)

    parameters = {
        name: source.parameters[name]
        for name in stock.ranges.parameters
        for source in [world if kept() else drawn]
        if name in source.parameters
    }
    fields = {
        name: getattr(world if kept() else drawn, name)
        for name in ("slowness", "concurrency", "shards", "redrive", "keeps_versions", "schedule")
    }
    faults = world if kept() else drawn
    inputs = world if kept() else drawn
    return World(
        seed=seed,
        scenario=Scenario(f"world {seed}", faults.scenario.faults),
        parameters=parameters,
        arrival=inputs.arrival,
        puts=inputs.puts,
        **fields,
    )


def _scenario(generator: np.random.Generator, seed: int, stock: Stock, aims: Sequence[str] = ()) -> Scenario:
    """aims: those of them that the world's parameters ask for."""
    hostile = scenario.load("hostile").faults
    mood = generator.random()
    if mood < NO_FAULT:
        chosen, rates = [], RATES
    elif mood < NO_FAULT + ONE_FAULT:
        chosen, rates = [list(hostile)[int(generator.integers(len(hostile)))]], RATES_ALONE
    else:
        strike = set(hostile)
        if mood < NO_FAULT + ONE_FAULT + ONE_GROUP:
            strike &= scenario.GROUPS[int(generator.integers(len(scenario.GROUPS)))].keys()
        chosen, rates = [kind for kind in hostile if kind in strike and generator.random() < OTHERWISE], RATES
        if not aims and stock.functions and generator.random() < AIMED:
            aims = [_aim(generator, stock)]
    faults = {}
    for kind in chosen:
        fitting = [aim for aim in aims if kind in _struck_at(aim, stock)] if rates == RATES else []
        aim = fitting[int(generator.integers(len(fitting)))] if fitting else ""
        factor = _log(generator, *_rates(kind, aim, rates))
        rate = round(min(HIGHEST_RATE, hostile[kind].rate * factor), 6)
        changes = {"seconds": (0.0, round(_log(generator, *SOON_SECONDS), 2))} if kind in SOON else {}
        faults[kind] = msgspec.structs.replace(hostile[kind], rate=rate, where=aim, **changes)
    return Scenario(f"world {seed}", faults)


def _rates(kind: str, aim: str, usual: tuple[float, float]) -> tuple[float, float]:
    """Times the rate of `hostile`; usual: of this world."""
    if aim:
        return RATES_AT_QUEUES if kind in scenario.OF_QUEUES else RATES_AIMED
    return RATES_OF_UPLOADS if kind in scenario.OF_UPLOADS and usual == RATES else usual


def _struck_at(aim: str, stock: Stock) -> frozenset[str]:
    """Kinds of fault that can strike there."""
    return scenario.OF_QUEUES if aim in stock.queues else scenario.OF_CALLS


def _aim(generator: np.random.Generator, stock: Stock) -> str:
    """A function, what it calls of one service, or one call."""
    services = dict.fromkeys(call.partition(" ")[2].partition(".")[0] for call in stock.calls)
    of_services = [f"{function} {service}" for function in stock.functions for service in services]
    levels = [level for level in (stock.functions, of_services, stock.calls) if level]
    level = levels[int(generator.integers(len(levels)))]
    return level[int(generator.integers(len(level)))]


def _schedule(generator: np.random.Generator, calls: Sequence[str]) -> Schedule:
    """An order of calls; see `harness.engine.schedule`."""
    points = (
        Point(calls[int(generator.integers(len(calls)))], _whole(generator, 1, HIGHEST_NUMBER))
        for _ in range(int(generator.integers(PREEMPTED + 1)))
    )
    return Schedule(
        window=round(_log(generator, *SCHEDULE_WINDOW), 2),
        points=tuple(dict.fromkeys(points)),
        priorities=int(generator.integers(2**31)),
    )


def _puts(
    generator: np.random.Generator, arrival: Arrival, names: Sequence[str], most: int
) -> tuple[Put, ...]:
    count = int(generator.integers(1, min(most, len(names)) + 1))
    chosen = [names[place] for place in generator.permutation(len(names))[:count]]
    if arrival == "trickle":
        gap = _log(generator, *TRICKLE_SECONDS)
        waits = np.cumsum(generator.exponential(gap, count)).tolist()
        return tuple(Put(name, round(at, 3)) for name, at in zip(chosen, waits, strict=True))
    if arrival == "bursts":
        gap = _log(generator, *BURST_SECONDS)
        return tuple(Put(name, round(gap * int(generator.integers(3)), 3)) for name in chosen)
    puts = [Put(name) for name in chosen]
    if arrival in ("again", "overwritten"):
        for name in chosen:
            if name == chosen[0] or generator.random() < OTHERWISE:
                other = names[int(generator.integers(len(names)))] if arrival == "overwritten" else ""
                at = round(_log(generator, *IN_WORK_SECONDS), 3)
                puts.append(Put(name, at, "" if other == name else other))
    return tuple(puts)


def _within(puts: tuple[Put, ...], stock: Stock) -> tuple[Put, ...]:
    """The uploads but for those with which a world would have too many units; the first is always kept."""
    kept: list[Put] = []
    left = stock.ranges.most_units
    for put in puts:
        units = stock.units.get(put.content or put.input, 0)
        if not kept or units <= left:
            kept.append(put)
            left -= units
    return tuple(kept)


def _value(generator: np.random.Generator, values: Sequence[int | str]) -> int | str:
    if isinstance(values[0], str):
        return values[int(generator.integers(len(values)))]
    return _whole(generator, int(values[0]), int(values[1]))


def _whole(generator: np.random.Generator, low: int, high: int) -> int:
    """From `low` to `high`, both included, small numbers as often as large ones."""
    return min(high, int(_log(generator, low, high + 1)))


def _log(generator: np.random.Generator, low: float, high: float) -> float:
    return math.exp(generator.uniform(math.log(low), math.log(high)))


def simpler(world: World) -> Iterator[tuple[str, World]]:
    """The same world with one thing less that is not as usual, and which it is; the largest steps first."""

    def changed(**fields: object) -> World:
        return msgspec.structs.replace(world, **fields)

    if world.scenario.faults:
        yield "faults", changed(scenario=Scenario(world.scenario.name))
    if world.schedule is not None:
        for less, schedule in _looser(world.schedule):
            yield less, changed(schedule=schedule)
    half = len(world.puts) // 2
    if half > 1:
        yield "second half of puts", changed(puts=world.puts[:half])
        yield "first half of puts", changed(puts=world.puts[half:])
    if len(world.puts) > 1:
        for place, put in enumerate(world.puts):
            yield f"put {put}", changed(puts=world.puts[:place] + world.puts[place + 1 :])
    if len(world.parameters) > 1:
        yield "parameters", changed(parameters={})
    for name in world.parameters:
        left = {key: value for key, value in world.parameters.items() if key != name}
        yield f"parameter {name}", changed(parameters=left)
    usual = World(seed=world.seed)
    for name in ("slowness", "concurrency", "shards", "redrive", "keeps_versions"):
        if getattr(world, name) != getattr(usual, name):
            yield name, changed(**{name: getattr(usual, name)})
    if world.arrival != "at once" or any(put.at for put in world.puts):
        at_once = tuple(msgspec.structs.replace(put, at=0.0) for put in world.puts)
        yield "times", changed(arrival="at once", puts=at_once)
    for place, put in enumerate(world.puts):
        if put.content:
            own = msgspec.structs.replace(put, content="")
            yield f"content of {put}", changed(puts=(*world.puts[:place], own, *world.puts[place + 1 :]))


def _looser(schedule: Schedule) -> Iterator[tuple[str, Schedule]]:
    """The schedule with one thing less that it decides, and which it is."""
    if schedule.priorities is not None:
        yield "priorities", msgspec.structs.replace(schedule, priorities=None)
    for point in schedule.points:
        left = tuple(other for other in schedule.points if other != point)
        yield f"preemption before {point}", msgspec.structs.replace(schedule, points=left)
