"""The best setting of a grid that is too large to try all of: a model of what was tried says what to try next
(TPE, by Optuna).

The same seed asks for the same settings, since answers are told in rounds of a fixed size whatever machine
gives them; so a search that was ended goes on by being done again, with what is kept.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from harness.errors import UsageError
from harness.tuning import grid, recommendation
from harness.tuning.grid import Axis, Setting
from harness.tuning.point import Outcome
from harness.tuning.recommendation import Row
from harness.tuning.wishes import Wish

ROUND = 4
"""Settings that are tried at once, and only then told: as many on every machine."""
FIRST = 8
"""Settings that are drawn by chance before the model is asked."""
MOST_REPEATS = 50
"""Settings already tried that the model may name in a row before it is taken to know no better."""

optuna.logging.set_verbosity(optuna.logging.ERROR)


class Range(Axis, frozen=True):
    """Numbers from `low` to `high` in steps, all of which are tried; values: as an axis has them."""

    low: float = 0.0
    high: float = 0.0
    step: float = 1.0


def parse(pairs: Sequence[str]) -> list[Axis]:
    """NAME=LOW:HIGH, NAME=LOW:HIGH:STEP, or NAME=a,b,c (NAME=a;b where values have commas). Raises
    `UsageError`.
    """
    found: dict[str, Axis] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (name and equals and text):
            raise UsageError(f"--parameter {pair} is neither NAME=LOW:HIGH[:STEP] nor NAME=VALUE,VALUE")
        if name in found:
            raise UsageError(f"--parameter {pair} says again what {name} may be: say it once")
        found[name] = (
            _range(pair, name, text) if ":" in text else Axis(name, grid.values(f"--parameter {pair}", text))
        )
    return list(found.values())


def _range(pair: str, name: str, text: str) -> Range:
    try:
        low, high, *rest = map(float, text.split(":"))
        (step,) = rest or [1.0]
    except ValueError:
        raise UsageError(f"--parameter {pair}: a range is LOW:HIGH or LOW:HIGH:STEP, in numbers") from None
    if not (low <= high and 0 < step < math.inf):
        raise UsageError(f"--parameter {pair}: LOW is at most HIGH, and STEP more than 0")
    steps = (high - low) / step + 1e-9  # infinite for ends or steps that are no size of anything
    if steps >= MOST_VALUES:
        raise UsageError(
            f"--parameter {pair} has more than {MOST_VALUES:,} values: take larger steps, or nearer ends"
        )
    count = int(steps) + 1
    values = tuple(_spelled(low + step * number) for number in range(count))
    return Range(name, values, low, low + step * (count - 1), step)


MOST_VALUES = 10_000
"""Of a range: each is checked against the template before anything runs."""


def _spelled(value: float) -> str:
    return f"{value:.10g}"


def distributions(axes: Sequence[Axis]) -> dict[str, BaseDistribution]:
    found: dict[str, BaseDistribution] = {}
    for axis in axes:
        if not isinstance(axis, Range):
            found[axis.name] = CategoricalDistribution(axis.values)
        elif all(number.is_integer() for number in (axis.low, axis.high, axis.step)):
            found[axis.name] = IntDistribution(int(axis.low), int(axis.high), step=int(axis.step))
        else:
            found[axis.name] = FloatDistribution(axis.low, axis.high, step=axis.step)
    return found


def search(
    axes: Sequence[Axis],
    start: Setting,
    wishes: Sequence[Wish],
    trials: int,
    seed: int,
    evaluate: Callable[[Sequence[Setting]], Sequence[Outcome]],
) -> Iterator[list[Outcome]]:
    """The outcomes of each round, until `trials` settings are tried, or all that there are. start: what is
    tried first; evaluate: the outcomes of settings, with all their seeds.
    """
    sampler = optuna.samplers.TPESampler(
        seed=seed,
        n_startup_trials=FIRST,
        multivariate=True,
    )
    study = optuna.create_study(sampler=sampler, direction="minimize")
    space = distributions(axes)
    whole = math.prod(len(axis.values) for axis in axes)
    known: dict[tuple[str, ...], Row] = {}
    study.enqueue_trial({name: _value(space[name], start[name]) for name in space})
    while len(known) < min(trials, whole):
        asked: dict[tuple[str, ...], tuple[optuna.Trial, Setting]] = {}
        repeats = 0
        room = min(ROUND, min(trials, whole) - len(known))
        while len(asked) < room and repeats < MOST_REPEATS:
            trial = study.ask(space)
            setting = {axis.name: _said(trial.params[axis.name]) for axis in axes}
            key = tuple(setting.values())
            if key in known:
                _tell(study, trial, known[key], wishes)
                repeats += 1
            elif key in asked:
                study.tell(trial, state=TrialState.FAIL)
                repeats += 1
            else:
                asked[key] = trial, setting
        if not asked:
            return
        outcomes = evaluate([setting for _, setting in asked.values()])
        for row in recommendation.rows(outcomes):
            key = tuple(row.parameters.values())
            known[key] = row
            _tell(study, asked[key][0], row, wishes)
        yield list(outcomes)


def _tell(study: optuna.Study, trial: optuna.Trial, row: Row, wishes: Sequence[Wish]) -> None:
    """Its cost, and by how much it misses what is wished: above 0 it does."""
    for wish in wishes:
        trial.set_constraint(wish.text, 1.0 if row.error else wish.excess(row.values()))
    study.tell(trial, float("inf") if row.error else row.cost)


def _value(space: BaseDistribution, text: str) -> object:
    if isinstance(space, IntDistribution):
        return int(float(text))
    return float(text) if isinstance(space, FloatDistribution) else text


def _said(value: object) -> str:
    return value if isinstance(value, str) else _spelled(float(value))  # type: ignore[arg-type]
