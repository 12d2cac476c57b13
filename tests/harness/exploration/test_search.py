"""Worlds that showed something new are varied first; what is tried depends on seeds alone."""

import random

from harness.exploration import worlds
from harness.exploration.search import ROUND, VARIATIONS, VARIED, Search
from harness.exploration.worlds import World
from tests import builders

NAMES = ["one.tif", "two.tif", "three.tif", "four.tif", "five.tif"]
STOCK = worlds.Stock(builders.CONFIG.explore, NAMES, ["Reader", "Writer"])
NEW = 7
"""The seed whose world shows what no other does."""


def search(count: int = 4 * ROUND) -> tuple[Search, list[tuple[World, int]]]:
    varied: list[tuple[World, int]] = []

    def vary(world: World, seed: int) -> World:
        varied.append((world, seed))
        return worlds.vary(world, seed, STOCK)

    return Search(0, count, lambda seed: worlds.draw(seed, STOCK), vary), varied


def showed(seed: int) -> frozenset[object]:
    return frozenset({"usual", "news"}) if seed == NEW else frozenset({"usual"})


def tried(one: Search, at_once: int) -> list[World]:
    """All its worlds, `at_once` of them in work, which are done in any order."""
    dice, done, running = random.Random(at_once), [], []
    worlds_ = one.worlds()
    while True:
        while len(running) < at_once and (world := next(worlds_, None)) is not None:
            running.append(world)
        if not running:
            return done
        done.append(running.pop(dice.randrange(len(running))))
        one.shown(done[-1].seed, showed(done[-1].seed))


def test_a_world_that_showed_something_new_is_varied_two_rounds_later() -> None:
    one, varied = search()
    tried(one, 1)
    first = [(world.seed, seed) for world, seed in varied]
    assert [source for source, _ in first] == [0] * VARIATIONS + [
        NEW
    ] * VARIATIONS  # seed 0: what is usual was new
    assert [seed for _, seed in first] == list(range(2 * ROUND, 2 * ROUND + 2 * VARIATIONS))
    assert one.varied == 2 * VARIATIONS


def test_the_worlds_are_the_same_however_many_are_tried_at_once() -> None:
    alone, together = (sorted(tried(search()[0], most), key=lambda world: world.seed) for most in (1, 9))
    assert alone == together
    assert [world.seed for world in alone] == list(range(4 * ROUND))


def test_at_least_half_of_a_round_is_drawn_anew() -> None:
    one, varied = search(6 * ROUND)
    for world in one.worlds():
        assert world is not None
        one.shown(world.seed, frozenset({world.seed}))  # each shows something new
    for start in range(2 * ROUND, 6 * ROUND, ROUND):
        assert sum(start <= seed < start + ROUND for _, seed in varied) == VARIED * ROUND


def test_a_variation_is_like_its_world_in_most_and_has_dice_of_its_own() -> None:
    world = worlds.draw(3, STOCK)
    made = [worlds.vary(world, seed, STOCK) for seed in range(100, 160)]
    assert {one.seed for one in made} == set(range(100, 160))
    for name in ("puts", "slowness", "redrive"):
        alike = sum(getattr(one, name) == getattr(world, name) for one in made)
        assert 30 <= alike < 60, name
    assert 30 <= sum(one.scenario.faults == world.scenario.faults for one in made) < 60
    assert any(one.parameters != world.parameters for one in made)
