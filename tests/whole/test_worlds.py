"""Every seed its own world: drawn from the seed alone, different in everything, replayed exactly, and shrunk
to what matters.
"""

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from harness import config
from harness.cloud import latency
from harness.errors import UsageError
from harness.exploration import worlds
from harness.exploration.explorer import Case, Trial
from harness.exploration.world_explorer import WorldExplorer
from harness.exploration.worlds import Put, World
from harness.faults import scenario
from harness.faults.scenario import Fault, Scenario
from harness.recorder import Compute, Message
from harness.runs import application, inputs
from harness.runs.invariants import Violation
from harness.runs.rig import Options, quiet
from tests import builders

NAMES = ["one.tif", "three.tif", "sixty.tif", "empty.tif", "two words.tiff", "ümläut/文書 №7.Tiff", "a.tif"]
EXPLORE = builders.CONFIG.explore
STOCK = worlds.Stock(
    EXPLORE,
    NAMES,
    functions=["AggregatorFunction", "WorkerFunction"],
    calls=["AggregatorFunction s3.PutObject", "WorkerFunction dynamodb.PutItem"],
    queues=["BatchQueue"],
)
DRAWN = [worlds.draw(seed, STOCK) for seed in range(50)]
LEFT_OUT = {
    "sixty.tif",
    "many pages unreadable.tif",
    "seven.tiff",
    "heavy.tif",
    "in tiles.tif",
    "other byte order.tif",
}
"""Of the pool, where a test wants to be quick."""


def options(**chosen) -> Options:
    return Options(
        template=builders.PROJECT / "template.yaml",
        parameters={},
        seed=0,
        compute="recorded",
        latencies=latency.load(),
        ledger=builders.LEDGER,
        **chosen,
    )


@pytest.fixture(scope="module")
def pool() -> list[inputs.InputFile]:
    folder = application.pool(builders.CONFIG, quiet)
    return inputs.collect([folder], builders.CONFIG.input_suffixes)


@pytest.fixture(scope="module")
def explorer(pool: list[inputs.InputFile]) -> WorldExplorer:
    """What is read of a page is decided by PdfMode, of which two values stand for all here."""
    chosen = msgspec.structs.replace(EXPLORE, parameters={**EXPLORE.parameters, "PdfMode": ("searchable",)})
    made = WorldExplorer(
        msgspec.structs.replace(builders.CONFIG, explore=chosen),
        [file for file in pool if file.name not in LEFT_OUT],
        options(),
    )
    made.prepare(quiet)
    return made


IN_PARTS = {"WholeFileBytes": "65536"}


def played(explorer: WorldExplorer, world: World) -> tuple[Trial, list[Compute]]:
    """What became of a world, and its recorded calls."""
    rig, _ = explorer.staged(Case.of(world))
    events = rig.emulate(world.scenario, world.seed, quiet).recorder.events
    return explorer.attempt(Case.of(world)), [event for event in events if isinstance(event, Compute)]


def wrong(trials: list[Trial]) -> list[str]:
    return [f"seed {trial.case.seed}: {trial.violations or trial.error}" for trial in trials if trial.failed]


def test_a_world_is_decided_by_its_seed() -> None:
    assert [worlds.draw(seed, STOCK) for seed in range(50)] == DRAWN
    assert len({world.toml().partition("\n")[2] for world in DRAWN}) == 50


def test_fifty_worlds_differ_in_everything_that_is_drawn() -> None:
    for name in EXPLORE.parameters:
        values = Counter(world.parameters.get(name, "") for world in DRAWN)
        assert 10 <= values[""] <= 40, f"{name} is as usual in {values['']} of 50"
        assert len(values) > 2, name
    kinds = Counter(kind for world in DRAWN for kind in world.scenario.faults)
    assert set(kinds) == set(scenario.load("hostile").faults)
    assert max(kinds.values()) < 40
    numbers = [len(world.scenario.faults) for world in DRAWN]
    assert {0, 1} < set(numbers)
    assert max(numbers) > 10
    assert {world.arrival for world in DRAWN} == {"at once", "trickle", "bursts", "again", "overwritten"}
    assert {world.redrive for world in DRAWN} == {"", "middle", "end"}
    assert {1, 2, 3} <= {world.shards for world in DRAWN} <= {1, 2, 3, 4}
    assert len({world.slowness for world in DRAWN}) > 10
    assert len({world.concurrency for world in DRAWN}) > 5
    assert {name for world in DRAWN for name in world.inputs()} == set(NAMES)
    assert any(put.content for world in DRAWN for put in world.puts)
    assert {len({put.input for put in world.puts}) for world in DRAWN} == {1, 2, 3, 4, 5}


def test_rates_of_a_fault_differ_by_more_than_ten_times() -> None:
    for kind in ("throttled", "duplicate_delivery"):
        rates = [world.scenario.faults[kind].rate for world in DRAWN if kind in world.scenario.faults]
        assert max(rates) / min(rates) > 10


def test_in_some_worlds_faults_of_calls_are_aimed_and_come_often() -> None:
    anywhere = msgspec.structs.replace(STOCK, ranges=msgspec.structs.replace(EXPLORE, aims={}))
    drawn = [worlds.draw(seed, anywhere).scenario.faults for seed in range(400)]
    aims = [{fault.where for kind, fault in faults.items() if kind in scenario.OF_CALLS} for faults in drawn]
    found = Counter(aim for aims_of_world in aims for aim in aims_of_world)
    assert all(len(aims_of_world) < 2 for aims_of_world in aims), "one aim a world"
    services = [f"{function} {service}" for function in STOCK.functions for service in ("dynamodb", "s3")]
    assert set(found) == {"", *STOCK.functions, *services, *STOCK.calls}
    assert 0.15 < (found.total() - found[""]) / found.total() < 0.35
    kinds_elsewhere = {kind for faults in drawn for kind in faults} - scenario.OF_CALLS
    assert not any(faults[kind].where for faults in drawn for kind in kinds_elsewhere & faults.keys())
    killed = [
        faults["killed_before_call"] for faults in drawn if len(faults) > 1 and "killed_before_call" in faults
    ]
    assert max(fault.rate for fault in killed if fault.where) > 3 * max(
        fault.rate for fault in killed if not fault.where
    )


def test_in_some_worlds_calls_come_in_an_order_that_is_drawn() -> None:
    orders = [world.schedule for seed in range(200) if (world := worlds.draw(seed, STOCK)).schedule]
    assert 20 <= len(orders) <= 60
    assert {point.step for order in orders for point in order.points} == set(STOCK.calls)
    assert {len(order.points) for order in orders} == {0, 1, 2}
    assert len({order.priorities for order in orders}) == len(orders)


def test_what_belongs_together_is_drawn_together() -> None:
    rare = {"BatchPages": (39, 40), "MaxReceives": (6, 6)}
    ranges = msgspec.structs.replace(EXPLORE, together={"rare": rare}, aims={})
    drawn = [worlds.draw(seed, msgspec.structs.replace(STOCK, ranges=ranges)) for seed in range(200)]
    both = [
        world
        for world in drawn
        if world.parameters.get("BatchPages") in ("39", "40") and world.parameters.get("MaxReceives") == "6"
    ]
    assert 15 <= len(both) <= 60, "by chance it would be one"
    late = msgspec.structs.replace(ranges, together={"rare": {"MaxReceives": (6, 6), "redrive": ("middle",)}})
    drawn = [worlds.draw(seed, msgspec.structs.replace(STOCK, ranges=late)) for seed in range(200)]
    redriven = sum(world.redrive == "middle" for world in drawn)
    assert 60 <= redriven <= 110, "a quarter, and a fifth of the others"
    assert not any("redrive" in world.parameters for world in drawn)


def test_what_is_drawn_together_may_have_an_aim() -> None:
    aims = {"rare": ("AggregatorFunction s3", "WorkerFunction")}
    ranges = msgspec.structs.replace(EXPLORE, together={"rare": {"MaxReceives": (6, 6)}}, aims=aims)
    chosen = msgspec.structs.replace(STOCK, ranges=ranges, functions=(), calls=())
    drawn = [worlds.draw(seed, chosen) for seed in range(300)]
    aimed = [
        (world.scenario.faults, fault.where)
        for world in drawn
        for fault in world.scenario.faults.values()
        if fault.where
    ]
    assert {where for _, where in aimed} == set(aims["rare"])
    assert all(len(faults) > 1 for faults, _ in aimed), "what strikes alone strikes anywhere"
    taken = {world.seed for world in drawn if world.parameters.get("MaxReceives") == "6"}
    assert {world.seed for world in drawn for fault in world.scenario.faults.values() if fault.where} <= taken


def test_each_kind_of_fault_has_an_aim_that_it_can_strike() -> None:
    aims = {"rare": ("WorkerFunction dynamodb.PutItem", "BatchQueue")}
    ranges = msgspec.structs.replace(EXPLORE, together={"rare": {"MaxReceives": (1, 1)}}, aims=aims)
    chosen = msgspec.structs.replace(STOCK, ranges=ranges, functions=(), calls=())
    drawn = [worlds.draw(seed, chosen).scenario.faults for seed in range(300)]
    aimed = {(kind, fault.where) for faults in drawn for kind, fault in faults.items() if fault.where}
    calls = {(kind, "WorkerFunction dynamodb.PutItem") for kind in scenario.OF_CALLS}
    assert aimed == calls | {(kind, "BatchQueue") for kind in scenario.OF_QUEUES}


def test_in_a_fifth_of_the_worlds_faults_of_one_group_strike_alone() -> None:
    drawn = [worlds.draw(seed, STOCK).scenario.faults.keys() for seed in range(400)]
    some = [kinds for kinds in drawn if len(kinds) > 1]
    groups = [index for kinds in some for index, group in enumerate(scenario.GROUPS) if kinds <= group.keys()]
    assert 0.1 * len(drawn) < len(groups) < 0.25 * len(drawn)
    assert set(groups) == set(range(len(scenario.GROUPS)))
    assert {kind for group in scenario.GROUPS for kind in group} == set(scenario.KINDS)


def test_in_some_worlds_buckets_keep_no_versions() -> None:
    without = sum(not worlds.draw(seed, STOCK).keeps_versions for seed in range(400))
    assert 20 < without < 60


def test_a_world_has_no_more_units_than_it_may_but_for_one_input() -> None:
    many = dict.fromkeys(NAMES, 3) | {NAMES[0]: 100}
    stock = msgspec.structs.replace(STOCK, ranges=msgspec.structs.replace(EXPLORE, most_units=10), units=many)
    drawn = [worlds.draw(seed, stock).puts for seed in range(200)]
    units = [[many[put.content or put.input] for put in puts] for puts in drawn]
    assert all(sum(some) <= 10 or (some[0] == 100 and len(some) == 1) for some in units)
    assert {sum(some) for some in units} >= {3, 6, 9, 100}


def test_what_somebody_has_chosen_is_not_drawn() -> None:
    assert any("BatchPages" in some for some in EXPLORE.together.values())
    chosen = msgspec.structs.replace(STOCK, given=["BatchPages"])
    assert not any("BatchPages" in worlds.draw(seed, chosen).parameters for seed in range(50))


def test_a_world_is_the_same_after_it_was_written_and_read(tmp_path: Path) -> None:
    odd = World(seed=1, puts=(Put("a \"b\" 'c' \\ №\t.tif", 1.5, "percent%20.tif"),))
    for number, world in enumerate([*DRAWN, odd]):
        file = tmp_path / f"{number}.toml"
        file.write_text(world.toml(), encoding="utf-8")
        again = worlds.load(file)
        assert msgspec.structs.replace(again, scenario=world.scenario) == world
        assert again.scenario.faults == world.scenario.faults


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed = 1\nslowness = 0.0", "slowness must be above 0"),
        ("seed = 1\nweather = 2", "unknown field `weather`"),
        ("[parameters]", "missing required field `seed`"),
        ("seed = 1\nredrive = 'often'", "Invalid enum value 'often'"),
        ("seed = 1\n[faults.rain]\nrate = 1.0", "has a fault rain, which is none of"),
        ("seed = 1\n[[put]]\ninput = 'a'\nat = -1.0", "at must be 0 at least"),
    ],
)
def test_a_world_that_makes_no_sense_is_refused_in_one_line(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "world.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=said) as refused:
        worlds.load(file)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("most_inputs = 0", "most_inputs and most_units must be 1 at least"),
        ("most_units = 0", "most_inputs and most_units must be 1 at least"),
        ("shards = [3, 1]", "shards must be two numbers above 0, the lower first"),
        ("rain = 1", "unknown field `rain`"),
        ('reads = ["PdfMode"]', "reads names PdfMode, which has no texts in parameters"),
        ("parameters = { BatchPages = [1, 2, 3] }", "BatchPages must be two numbers"),
        (
            "together = { rush = { BatchPages = [1, 2] } }",
            "together names BatchPages, which is none of parameters",
        ),
        (
            "parameters = { BatchPages = [1, 9] }\ntogether = { rush = { BatchPages = [2, 1] } }",
            "BatchPages must be two numbers above 0, the lower first",
        ),
        (
            'together = { rush = { redrive = ["twice"] } }',
            "redrive is 'twice'; it must be middle or end, or empty",
        ),
        ('aims = { rush = ["Worker"] }', "aims names rush, which is none of together"),
    ],
)
def test_ranges_that_make_no_sense_are_refused_in_one_line(line: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.harness.explore]\n{line}\n")
    with pytest.raises(UsageError, match=said) as refused:
        config.load(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_range_that_the_template_does_not_allow_is_refused(pool: list[inputs.InputFile]) -> None:
    wide = msgspec.structs.replace(
        EXPLORE, reads=(), parameters={"BatchPages": (1, 1_000)}, together={}, aims={}
    )
    with pytest.raises(UsageError, match="BatchPages is 1000; it must lie between 1 and 100"):
        WorldExplorer(msgspec.structs.replace(builders.CONFIG, explore=wide), pool, options())


def test_an_aim_at_nothing_is_refused(pool: list[inputs.InputFile]) -> None:
    astray = msgspec.structs.replace(EXPLORE, together={"rare": {}}, aims={"rare": ("Wrker s3",)})
    with pytest.raises(UsageError, match="Wrker s3 begins with no function or queue of the template"):
        WorldExplorer(msgspec.structs.replace(builders.CONFIG, explore=astray), pool, options())


def test_worlds_break_no_invariant_and_much_happens_in_them(explorer: WorldExplorer) -> None:
    trials = list(explorer.attempts(explorer.seeds(0, 12), jobs=2))
    assert wrong(trials) == []
    happened = Counter(name for trial in trials for name in trial.happened)
    assert {"spilled", "made a PDF", "held a bad unit", "put again"} <= set(happened)


def test_a_world_has_the_same_digest_when_it_is_played_again_from_its_file(
    explorer: WorldExplorer, pool: list[inputs.InputFile], tmp_path: Path
) -> None:
    cases = list(explorer.seeds(3, 3))
    parallel = {trial.case.seed: trial.digest for trial in explorer.attempts(iter(cases), jobs=2)}
    for case in cases:
        assert case.world is not None
        (tmp_path / "world.toml").write_text(case.world.toml(), encoding="utf-8")
        world = worlds.load(tmp_path / "world.toml")
        alone = WorldExplorer(
            builders.CONFIG, [file for file in pool if file.name in world.inputs()], options()
        )
        assert alone.attempt(Case.of(world)).digest == parallel[case.seed]


def test_a_slow_world_hands_back_and_pages_cut_short_are_no_violation(explorer: WorldExplorer) -> None:
    """A page takes longer than it may where the vCPU is slow; the calm run, in which it does not, is right
    all the same."""
    slow = World(
        seed=0,
        parameters={"WorkerTimeout": "120", "OcrPageTimeout": "40"},
        slowness=200.0,
        puts=(Put("sixteen.tif"),),
    )
    trial = explorer.attempt(Case.of(slow))
    assert {"handed back", "cut short", "held a bad unit"} <= set(trial.happened)
    assert wrong([trial]) == []


def test_an_unreadable_page_may_run_out_of_time_before_that_is_known(explorer: WorldExplorer) -> None:
    """It fails for another reason than in the calm run, where nothing was slow."""
    noisy = Scenario("noisy", {"slow_environment": Fault(rate=1.0, factor=(20.0, 20.0))})
    world = World(seed=0, scenario=noisy, slowness=2000.0, puts=(Put("only page unreadable.tif"),))
    trial = explorer.attempt(Case.of(world))
    assert "cut short" in trial.happened
    assert wrong([trial]) == []


def test_a_damaged_page_may_be_tried_once_more_with_what_lies_beyond_its_counts(
    explorer: WorldExplorer,
) -> None:
    """Where files are not fetched whole; that is no work done twice."""
    trial, calls = played(explorer, World(seed=1, parameters=IN_PARTS, puts=(Put("short counts.tif"),)))
    assert [call.further for call in calls] == [False, True, False, True]
    assert wrong([trial]) == []


def test_a_sound_page_is_not_tried_once_more_for_what_lies_behind_it(explorer: WorldExplorer) -> None:
    """Where files are not fetched whole: its byte counts are right, though others could be there."""
    trial, calls = played(explorer, World(seed=1, parameters=IN_PARTS, puts=(Put("room between.tif"),)))
    assert [call.further for call in calls] == [False, False]
    assert trial.happened == ()
    assert wrong([trial]) == []


def test_a_page_that_took_too_long_is_not_tried_once_more(explorer: WorldExplorer) -> None:
    """World 82 paid for two minutes of OCR in vain, where one minute is what a page may take."""
    slow = World(seed=1, parameters=IN_PARTS, slowness=1000.0, puts=(Put("three.tif"),))
    trial, calls = played(explorer, slow)
    assert [call.cut_short for call in calls] == [True, True, True]
    assert wrong([trial]) == []


def test_a_further_attempt_is_made_in_the_time_that_is_left(explorer: WorldExplorer) -> None:
    """In world 40064 a page had a second less than the whole time of a page, and was given up unread."""
    hurried = IN_PARTS | {"WorkerTimeout": "120", "OcrPageTimeout": "104"}
    trial, _ = played(
        explorer, World(seed=1, parameters=hurried, slowness=180.0, puts=(Put("short counts.tif"),))
    )
    assert wrong([trial]) == []


def test_an_overwritten_file_has_the_result_of_each_content(explorer: WorldExplorer) -> None:
    world = World(seed=0, puts=(Put("three.tif"), Put("three.tif", 0.5, "last page unreadable.tif")))
    case = Case.of(world)
    rig, expected = explorer.staged(case)
    results = rig.results(rig.emulate(case.scenario, 0, quiet))
    assert sorted(one.units for one in results["uploads/three.tif"]) == [3, 5]
    assert sorted(one.units for one in expected["uploads/three.tif"]) == [3, 5]
    assert wrong([explorer.attempt(case)]) == []


def test_where_no_version_is_kept_an_upload_may_be_overwritten_before_it_is_read(
    explorer: WorldExplorer,
) -> None:
    """What is gone is said to be; the same content put again is the same upload."""
    overwritten = (Put("three.tif"), Put("three.tif", 0.001, "one.tif"))
    world = World(seed=0, keeps_versions=False, puts=(*overwritten, Put("one.tif"), Put("one.tif", 9.0)))
    rig, _ = explorer.staged(Case.of(world))
    emulation = rig.emulate(world.scenario, 0, quiet)
    results = rig.results(emulation)
    assert sorted(one.status for one in results["uploads/three.tif"]) == ["COMPLETED", "FAILED"]
    assert [one.status for one in results["uploads/one.tif"]] == ["COMPLETED"]
    items = [item for some in emulation.items.values() for item in some]
    assert {item["versionId"] for item in items if "versionId" in item} == {""}
    assert wrong([explorer.attempt(Case.of(world))]) == []


def test_that_an_upload_was_hidden_is_told_beside_it_and_changes_nothing(explorer: WorldExplorer) -> None:
    told = Scenario("told", {"removal_event": Fault(rate=1.0, seconds=(0.0, 5.0))})
    world = World(seed=0, scenario=told, puts=(Put("three.tif"), Put("one.tif")))
    rig, _ = explorer.staged(Case.of(world))
    emulation = rig.emulate(told, 0, quiet)
    sent = [
        event for event in emulation.recorder.events if isinstance(event, Message) and event.action == "sent"
    ]
    assert sum(event.queue == "FileQueue" for event in sent) == 5, (
        "two uploads, two markers, and S3's own test"
    )
    assert {key: len(found) for key, found in rig.results(emulation).items()} == {
        "uploads/three.tif": 1,
        "uploads/one.tif": 1,
    }
    assert wrong([explorer.attempt(Case.of(world))]) == []


def test_records_that_come_late_close_the_file_later(explorer: WorldExplorer) -> None:
    late = Scenario("late", {"late_records": Fault(rate=1.0, seconds=(100.0, 100.0))})
    rig, _ = explorer.staged(Case.of(World(seed=0, scenario=late, puts=(Put("one.tif"),))))
    ended = [rig.emulate(faults, 0, quiet).ended for faults in (scenario.CALM, late)]
    assert 90 < ended[1] - ended[0] < 110
    assert wrong([explorer.attempt(Case.of(World(seed=0, scenario=late, puts=(Put("one.tif"),))))]) == []


def test_a_redrive_in_the_middle_gives_back_while_things_break(explorer: WorldExplorer) -> None:
    """The only delivery of the batch is lost; what was parked comes back though the dice are not at rest."""
    dies = Scenario("dies", {"poller_dies_before": Fault(only=(2,))})
    world = World(
        seed=0, scenario=dies, parameters={"MaxReceives": "1"}, redrive="middle", puts=(Put("one.tif"),)
    )
    rig, _ = explorer.staged(Case.of(world))
    emulation = rig.emulate(dies, 0, quiet)
    assert emulation.redriven > 0
    assert emulation.given_up is None
    assert [one.status for one in rig.results(emulation)["uploads/one.tif"]] == ["COMPLETED"]
    assert wrong([explorer.attempt(Case.of(world))]) == []


def test_dead_letters_are_buried_one_by_one_where_each_second_call_kills(explorer: WorldExplorer) -> None:
    """World 246: ten at a time never came through, since those that were done came again with the others."""
    dying = Scenario(
        "dying",
        {
            "throttled": Fault(rate=0.6, repeats=(1, 8), where="WorkerFunction dynamodb"),
            "killed_before_call": Fault(rate=0.5, where="DeadLetterFunction dynamodb"),
        },
    )
    one_each = {"BatchPages": "1", "MaxReceives": "1"}
    world = World(seed=246, scenario=dying, parameters=one_each, puts=(Put("copies/of/sixteen.TIF"),))
    trial = explorer.attempt(Case.of(world))
    assert "parked a message" in trial.happened
    assert wrong([trial]) == []


def test_a_batch_that_is_handed_back_and_comes_twice_each_time_is_still_one(explorer: WorldExplorer) -> None:
    """World 352: it doubled with each of its pages, and more. Of each page now there are at most five messages,
    one for each delivery of the one that went on, and each is delivered five times.
    """
    twice = Scenario(
        "twice", {"duplicate_delivery": Fault(rate=1.0, seconds=(0.0, 20.0), where="BatchQueue")}
    )
    slow = {"BatchPages": "16", "WorkerTimeout": "120", "OcrPageTimeout": "98"}
    world = World(
        seed=352, scenario=twice, parameters=slow, slowness=100.0, puts=(Put("copies/of/sixteen.TIF"),)
    )
    trial = explorer.attempt(Case.of(world))
    assert "handed back" in trial.happened
    assert trial.invocations < 16 * 5 * 5
    assert wrong([trial]) == []


REMOVED_AND_LATE = World(
    seed=822,
    scenario=Scenario(
        "removed, and told late",
        {
            "removed": Fault(seconds=(0.0, 30.0), only=(1,)),
            "late_event": Fault(seconds=(1.0, 900.0), only=(1,)),
        },
    ),
    puts=(Put("one.tif"), Put("one.tif", 0.0, "empty.tif")),
)
OVERWRITTEN_AND_REMOVED = World(
    seed=746,
    scenario=Scenario(
        "overwritten and removed",
        {
            "removed": Fault(seed=0, seconds=(0.0, 30.0), only=(4,)),
            "late_delivery": Fault(seed=0, seconds=(0.1, 60.0), only=(2, 6)),
        },
    ),
    puts=(Put("zeros.tif"), Put("one.tif"), Put("three.tif", 0.383), Put("zeros.tif", 37.772, "one.tif")),
)


OVERWRITTEN_AND_GIVEN_UP = World(
    seed=528,
    scenario=Scenario(
        "throttled", {"throttled": Fault(rate=1.0, repeats=(9, 9), where="ControllerFunction")}
    ),
    parameters={"MaxReceives": "2"},
    puts=(Put("three.tif"), Put("three.tif", 0.83, "empty.tif")),
)


@pytest.mark.parametrize(
    "world",
    [REMOVED_AND_LATE, OVERWRITTEN_AND_REMOVED, OVERWRITTEN_AND_GIVEN_UP],
    ids=["removed", "overwritten", "given up"],
)
def test_what_an_upload_loses_by_a_fault_is_no_violation(explorer: WorldExplorer, world: World) -> None:
    """One of two versions is removed or given up, and its result says what that of the empty one says."""
    trial = explorer.attempt(Case.of(world))
    assert "ended failed" in trial.happened
    assert trial.strokes.keys() == world.scenario.faults.keys()
    assert wrong([trial]) == []


def test_what_is_given_back_while_it_is_still_in_work_may_be_done_twice(explorer: WorldExplorer) -> None:
    """The second delivery of a message dies at once, and comes back from the parked queue before the first has
    ended."""
    twice = Scenario("twice", {"duplicate_delivery": Fault(seed=2, seconds=(0.0, 20.0), only=(1,))})
    world = World(
        seed=630,
        scenario=twice,
        parameters={"MaxReceives": "1"},
        slowness=60.0,
        redrive="middle",
        puts=(Put("three.tif"),),
    )
    case = Case.of(world)
    rig, _ = explorer.staged(case)
    emulation = rig.emulate(twice, world.seed, quiet)
    assert sum(isinstance(event, Compute) for event in emulation.recorder.events) == 2 * 3
    assert wrong([explorer.attempt(case)]) == []


class Planted(WorldExplorer):
    """Takes it for a bug when three pages are in batches of one and a message comes twice."""

    def attempt(self, case: Case) -> Trial:
        trial = super().attempt(case)
        assert case.world is not None
        met = (
            case.world.parameters.get("BatchPages") == "1"
            and "three.tif" in case.world.inputs()
            and "duplicate_delivery" in trial.strokes
        )
        return msgspec.structs.replace(trial, violations=[Violation("planted", "it is met")] if met else [])


def test_a_failure_is_shrunk_to_what_matters_of_its_world(pool: list[inputs.InputFile]) -> None:
    small = [file for file in pool if file.name in ("one.tif", "three.tif", "two words.tiff")]
    explorer = Planted(builders.CONFIG, small, options())
    world = World(
        seed=3,
        scenario=Scenario("noisy", {"duplicate_delivery": Fault(rate=0.5), "late_event": Fault(rate=1.0)}),
        parameters={"BatchPages": "1", "ItemBytes": "20"},
        slowness=7.0,
        shards=3,
        puts=(
            Put("three.tif", 3.0),
            Put("one.tif", 9.0, "two words.tiff"),
        ),
    )
    found = explorer.attempt(Case.of(world))
    assert found.failed
    small_trial = explorer.shrink(found)
    assert {kind: len(points) for kind, points in small_trial.strokes.items()} == {"duplicate_delivery": 1}
    left = small_trial.case.world
    assert left is not None
    assert msgspec.structs.replace(left, scenario=found.case.scenario) == World(
        seed=3,
        scenario=found.case.scenario,
        parameters={"BatchPages": "1"},
        puts=(Put("three.tif"),),
    )
