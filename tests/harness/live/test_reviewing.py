"""The draw of a review, and what becomes of its verdicts."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.live.reviewing import Reviewing
from harness.runs.results import Outcome
from tests import builders


def test_so_many_of_each_kind_are_drawn_and_the_same_seed_draws_them_again(tmp_path: Path) -> None:
    draws = []
    for name in ("one", "other"):
        made = reviewing(tmp_path / f"{name}.json")
        made.draw(outcomes(files=10), wanted=4, seed=3)
        assert made.review is not None
        draws.append([(one.key, one.unit, one.stratum) for one in made.review.units])
    assert draws[0] == draws[1]
    assert sorted(stratum for *_, stratum in draws[0]) == ["marked"] * 4 + ["unmarked"] * 4
    assert made.review.population == {"marked": 20, "unmarked": 30}


def test_another_seed_draws_others(tmp_path: Path) -> None:
    made = reviewing(tmp_path / "review.json")
    draws = []
    for seed in (1, 2):
        made.draw(outcomes(files=10), wanted=4, seed=seed)
        draws.append({(one.key, one.unit) for one in made.review.units})
    assert draws[0] != draws[1]


def test_where_there_are_fewer_all_are_drawn(tmp_path: Path) -> None:
    made = reviewing(tmp_path / "review.json")
    made.draw(outcomes(files=1), wanted=30, seed=0)
    assert [len(made.review.units), *made.review.population.values()] == [5, 2, 3]


def test_a_unit_has_its_types_and_its_highest_confidence_and_no_value(tmp_path: Path) -> None:
    made = reviewing(tmp_path / "review.json")
    made.draw(outcomes(files=1), wanted=30, seed=0)
    marked = next(one for one in made.review.units if one.unit == 1)
    assert (marked.types, marked.confidence) == (["DATE_OF_BIRTH", "SSN"], 91.0)
    assert "***-**-**01" not in (tmp_path / "review.json").read_text()


@pytest.mark.parametrize(("wanted", "seed"), [(0, 0), (10_001, 0), (1, -1)])
def test_a_draw_that_makes_no_sense_is_refused(tmp_path: Path, wanted: int, seed: int) -> None:
    with pytest.raises(UsageError):
        reviewing(tmp_path / "review.json").draw(outcomes(files=1), wanted, seed)


def test_nothing_can_be_drawn_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no result yet"):
        reviewing(tmp_path / "review.json").draw({}, 1, 0)


def test_where_nothing_is_marked_nothing_can_be_wrong(tmp_path: Path) -> None:
    made = reviewing(tmp_path / "review.json")
    made.draw(outcomes(files=1), wanted=30, seed=0)
    place = next(place for place, one in enumerate(made.review.units) if one.stratum == "unmarked")
    with pytest.raises(UsageError, match="right or missed"):
        made.judge(place, "wrong")
    with pytest.raises(UsageError, match="none of right, wrong, missed"):
        made.judge(place, "perhaps")
    with pytest.raises(UsageError, match="no such unit"):
        made.judge(99, "right")


def test_a_review_goes_on_where_it_was_left(tmp_path: Path) -> None:
    first = reviewing(tmp_path / "review.json")
    first.draw(outcomes(files=3), wanted=2, seed=0)
    first.judge(0, "right")
    assert reviewing(tmp_path / "review.json").told() == first.told()
    assert [one["verdict"] for one in first.told()["units"]].count("right") == 1


def test_harness_accuracy_reads_the_verdicts(tmp_path: Path) -> None:
    made = reviewing(tmp_path / "review.json")
    made.draw(outcomes(files=10), wanted=10, seed=0)
    for place, one in enumerate(made.review.units):
        made.judge(place, "wrong" if (place, one.stratum) == (first_marked(made), "marked") else "right")
    harness = Path(sys.executable).with_name("harness")
    command = [harness, "accuracy", tmp_path / "review.json", "--out", tmp_path / "out"]
    done = subprocess.run(command, cwd=builders.PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    (found,) = summary["reviews"].values()
    assert (found["precision"]["part"], found["precision"]["whole"]) == (9, 10)
    assert summary["all"]["precision"] == found["precision"]
    assert "asking marks for a confidence of" in done.stdout
    assert (tmp_path / "out" / "report.html").is_file()


def first_marked(made: Reviewing) -> int:
    return next(place for place, one in enumerate(made.review.units) if one.stratum == "marked")


def reviewing(path: Path) -> Reviewing:
    return Reviewing(path, builders.CONFIG.result)


def outcomes(files: int) -> dict[str, Outcome]:
    """Files of five pages, of which the first and the third are marked."""
    findings = [
        {"page": 1, "type": "SSN", "confidence": 91, "masked": "***-**-**01", "box": [1, 1, 2, 2]},
        {"page": 1, "type": "DATE_OF_BIRTH", "confidence": 80, "masked": "", "box": [1, 1, 2, 2]},
        {"page": 3, "type": "SSN", "confidence": 70, "masked": "***-**-**01", "box": [1, 1, 2, 2]},
    ]
    return {
        f"uploads/{number}.tiff": Outcome(
            stored=f"results/{number}.json",
            upload=f"uploads/{number}.tiff",
            status="COMPLETED",
            units=5,
            marked=[1, 3],
            errors=[],
            suspects=[],
            reason="",
            findings=findings,
            missing=(),
            whole={},
        )
        for number in range(files)
    }
