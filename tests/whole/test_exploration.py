"""Nothing is lost: hostile runs, every crash point of a small file, healing, and the explorer's own
promises.
"""

from collections import Counter

import msgspec
import pytest
from PIL import Image

from harness.cloud import latency
from harness.exploration.explorer import Case, Explorer, Trial
from harness.faults import scenario
from harness.faults.scenario import Scenario
from harness.runs import inputs
from harness.runs.invariants import Violation
from harness.runs.rig import Options, Rig, quiet
from tests import builders

CI_SEEDS = 20
EXPLORED_SEEDS = 1_000


def rig(files: list[inputs.InputFile], **options) -> Rig:
    chosen = {
        "parameters": {},
        "seed": 0,
        "compute": "recorded",
        "latencies": latency.load(),
        "ledger": builders.LEDGER,
    } | options
    return Rig(builders.CONFIG, files, Options(template=builders.PROJECT / "template.yaml", **chosen))


def sample_files(count: int = 3) -> list[inputs.InputFile]:
    return inputs.collect([builders.sample()], builders.CONFIG.input_suffixes)[:count]


@pytest.fixture(scope="module")
def three_batches(tmp_path_factory: pytest.TempPathFactory) -> list[inputs.InputFile]:
    path = tmp_path_factory.mktemp("three") / "three.tif"
    path.write_bytes(
        builders.tiff(*(Image.new("1", (1700, 2200), 1) for _ in range(3)), compression="group4")
    )
    return [inputs.InputFile("three.tif", path)]


@pytest.fixture(scope="module")
def hostile() -> Explorer:
    return Explorer(rig(sample_files()), scenario.load("hostile"), quiet)


def wrong(trials: list[Trial]) -> list[str]:
    return [f"seed {trial.case.seed}: {trial.violations or trial.error}" for trial in trials if trial.failed]


def test_hostile_runs_break_no_invariant(hostile: Explorer) -> None:
    trials = list(hostile.attempts(hostile.seeds(0, CI_SEEDS)))
    assert wrong(trials) == []
    struck = Counter(kind for trial in trials for kind in trial.strokes)
    assert len(struck) >= 20  # of all kinds of fault


@pytest.mark.slow
def test_a_thousand_hostile_runs_break_no_invariant(hostile: Explorer) -> None:
    assert wrong(list(hostile.attempts(hostile.seeds(0, EXPLORED_SEEDS)))) == []


@pytest.mark.parametrize(("seeds", "rate"), [(1, 0.15), pytest.param(10, 0.3, marks=pytest.mark.slow)])
def test_each_kind_of_fault_alone_is_survived_at_a_high_rate(
    hostile: Explorer, seeds: int, rate: float
) -> None:
    """No other fault is there to excuse what it does."""
    kinds = scenario.load("hostile").faults.items()
    alone = [Scenario(kind, {kind: msgspec.structs.replace(fault, rate=rate)}) for kind, fault in kinds]
    trials = list(hostile.attempts(Case(seed, weather) for weather in alone for seed in range(seeds)))
    assert wrong(trials) == []


@pytest.mark.parametrize(
    "parameters",
    [
        {"MaxReceives": "1"},
        {"AggregatorRetries": "1"},
        pytest.param({"MaxReceives": "2"}, marks=pytest.mark.slow),
        pytest.param({"BatchPages": "1"}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_hostile_runs_heal_by_a_redrive(parameters: dict[str, str]) -> None:
    explorer = Explorer(
        rig(sample_files(), parameters=parameters, redrive=True), scenario.load("hostile"), quiet
    )
    assert wrong(list(explorer.attempts(explorer.seeds(0, CI_SEEDS // 2)))) == []


def test_messages_sent_again_after_a_lost_answer_are_no_work_without_a_cause(
    three_batches: list[inputs.InputFile],
) -> None:
    """SQS takes the batches, its answer is lost, botocore sends them again: each is read twice, and nobody is
    to blame.
    """
    explorer = Explorer(rig(three_batches, parameters={"BatchPages": "1"}), scenario.CALM, quiet)
    trials = [
        explorer.attempt(Case(0, Scenario("lost", {"answer_lost": scenario.Fault(only=(number,))})))
        for number in range(1, 8)
    ]
    assert any("ControllerFunction sqs.SendMessageBatch" in trial.places["answer_lost"] for trial in trials)
    assert wrong(trials) == []


def test_a_small_file_survives_a_crash_at_every_call(
    three_batches: list[inputs.InputFile], record_property
) -> None:
    explorer = Explorer(rig(three_batches, parameters={"BatchPages": "1"}), scenario.CALM, quiet)
    trials = list(explorer.attempts(explorer.crash_points(pairs=False)))
    record_property("crash points", len(trials))
    assert len(trials) > 30
    assert all(sum(map(len, trial.strokes.values())) == 1 for trial in trials)
    assert wrong(trials) == []


@pytest.mark.slow
def test_a_small_file_survives_two_crashes_at_every_pair_of_calls(
    three_batches: list[inputs.InputFile], record_property
) -> None:
    explorer = Explorer(rig(three_batches, parameters={"BatchPages": "1"}), scenario.CALM, quiet)
    trials = list(explorer.attempts(explorer.crash_points(pairs=True)))
    record_property("crash points and pairs of them", len(trials))
    assert wrong(trials) == []


def test_a_seed_is_the_same_run_in_any_process_and_order(hostile: Explorer) -> None:
    parallel = {trial.case.seed: trial.digest for trial in hostile.attempts(hostile.seeds(40, 4), jobs=2)}
    alone = {seed: hostile.attempt(Case(seed, scenario.load("hostile"))).digest for seed in (43, 41)}
    assert {seed: parallel[seed] for seed in alone} == alone


def test_strokes_replay_exactly_from_their_scenario_file(hostile: Explorer) -> None:
    found = hostile.attempt(Case(5, scenario.load("hostile")))
    replay = scenario.parse(found.case.scenario.only(found.strokes).toml(), "replay")
    assert hostile.attempt(Case(5, replay)).digest == found.digest


class Suspicious(Explorer):
    """Takes an expired message for a failure, though the invariants excuse what it destroys."""

    def attempt(self, case: Case) -> Trial:
        trial = super().attempt(case)
        planted = [Violation("planted", "a message expired")] if "message_expires" in trial.strokes else []
        return msgspec.structs.replace(trial, violations=planted)


def test_a_failure_is_shrunk_to_the_fault_that_causes_it() -> None:
    rough = scenario.load("rough").faults
    cause = {
        "hangs": scenario.Fault(rate=0.2),
        "message_expires": scenario.Fault(only=(1,), seconds=(0.0, 0.0)),
    }
    explorer = Suspicious(rig(sample_files()), scenario.load("rough"), quiet)
    found = explorer.attempt(Case(0, Scenario("noisy", rough | cause)))
    assert len(found.strokes) > 1
    assert explorer.shrink(found).strokes == {"message_expires": [1]}


def test_pages_that_alone_exceed_the_limit_are_page_errors_and_no_batch_goes_round_for_ever() -> None:
    """When reading takes 700 times longer a full page takes two minutes, OCR may take one, and the worker runs for
    two.
    """
    slow = rig(
        sample_files(2), parameters={"OcrPageTimeout": "60", "WorkerTimeout": "120"}, work_factor=700.0
    )
    emulation = slow.emulate(scenario.CALM, 0, quiet)
    results, _, _ = slow.check(emulation, None)
    errors = [error["reason"] for found in results.values() for error in found[0].errors]
    assert set(errors) == {"page took longer than 60 s"}
    assert all(found[0].status != "PROCESSING" for found in results.values())
    assert emulation.gone == []
    assert emulation.finished
