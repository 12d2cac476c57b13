"""What a button does to a living system, by its name."""

from collections.abc import Callable

from harness.errors import UsageError
from harness.faults import scenario
from harness.live.world import LivingWorld

Action = Callable[[LivingWorld, str], None]


def checked(action: str, value: str) -> None:
    """Raises `UsageError` where there is no such action, or not with this value."""
    if action not in ACTIONS:
        raise UsageError(f"{action} is none of {', '.join(ACTIONS)}")
    known = {"faults": scenario.PRESETS, "strike": tuple(scenario.KINDS)}.get(action)
    if known is not None and value not in known:
        raise UsageError(f"{value or 'nothing'} is none of {', '.join(known)}")


def _change_faults(world: LivingWorld, preset: str) -> None:
    world.stage.dice.change(scenario.load(preset))


def _strike(world: LivingWorld, kind: str) -> None:
    world.stage.dice.order(kind)


def _lose(world: LivingWorld, _: str) -> None:
    world.functions.renew()


def _redrive(world: LivingWorld, _: str) -> None:
    world.redrive()


ACTIONS: dict[str, Action] = {
    "faults": _change_faults,
    "strike": _strike,
    "lose": _lose,
    "redrive": _redrive,
}
