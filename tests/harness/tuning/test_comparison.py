"""Two states of a system side by side: what differs is told, what is noise is called so, and no value is shown."""

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from harness.bill import prices
from harness.errors import UsageError
from harness.runs import run as runs
from harness.runs.rig import quiet
from harness.tuning import comparison, measures
from harness.tuning.comparison import LESS, MORE, NOISE, OPEN, SAME, Ran, Side
from harness.tuning.measures import Taken
from harness.tuning.revision_runs import taken
from reports import pages
from tests import builders

RUN_BILL = measures.BILL, "total", "dollars"


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of runs of the sample by pages a batch."""
    folders = {}
    for pages_a_batch in ("10", "2"):
        folder = folders[pages_a_batch] = tmp_path_factory.mktemp(f"batch{pages_a_batch}")
        runs.write(builders.run(builders.sample(), parameters={"BatchPages": pages_a_batch}), folder)
    return folders


@pytest.fixture(scope="module")
def smaller(left: dict[str, Path]) -> comparison.Compared:
    """Batches of two pages against batches of ten."""
    return compared(side(left["10"]), side(left["2"]))


def side(*folders: Path) -> Side:
    return Side(
        name=str(folders[0].name), title="a run", runs=tuple(taken(one, builders.CONFIG) for one in folders)
    )


def compared(a: Side, b: Side) -> comparison.Compared:
    return comparison.compare(a, b, prices.load(), quiet)


def summary(found: comparison.Compared, **chosen: object) -> dict:
    options = {"on": "bill", "limit": None, "fail_on_lost": False, "real_seconds": 1.0} | chosen
    return json.loads(msgspec.json.encode(comparison.summary(builders.CONFIG, found, **options)))


def rows(found: comparison.Compared) -> dict[tuple[str, str], comparison.Row]:
    return {(row.group, row.name): row for row in found.rows}


def test_identical_runs_differ_in_nothing(left: dict[str, Path]) -> None:
    found = compared(side(left["10"]), side(left["10"]))
    assert {row.verdict for row in found.rows} == {SAME}
    assert (found.lost, found.gained, found.differs, found.unprojected) == ((), (), (), "")
    assert not summary(found, limit=0.0, fail_on_lost=True)["failed"]


def test_smaller_batches_cost_more_where_they_do_and_fail_at_3_percent(
    left: dict[str, Path], smaller: comparison.Compared
) -> None:
    found = smaller
    told = rows(found)
    assert found.differs == ("BatchPages 10 in A, 2 in B",)
    # Ten pages a file: one batch became five.
    queue = told["fleet", "BatchQueue DeleteMessage requests"]
    assert (queue.verdict, queue.b / queue.a) == (MORE, pytest.approx(5))
    assert told["fleet", "total"].verdict == MORE
    assert told["fleet", "DocumentsBucket PutObject requests"].verdict == SAME
    assert told["calls", "s3 GetObject"].difference > 0
    assert told["bill", "total"].verdict == OPEN
    for kind in ("SSN", "ITIN", "CARD_NUMBER"):
        assert told["found", kind].verdict == SAME
    assert summary(found, limit=0.03)["failed"]
    assert summary(found, limit=0.03)["guard"]["surelyAbove"] > 0.03
    assert not summary(found, limit=9.0)["failed"]
    back = compared(side(left["2"]), side(left["10"]))
    assert rows(back)["fleet", "total"].verdict == LESS
    assert not summary(back, limit=0.0)["failed"]


def test_what_both_sides_do_not_know_falls_out_of_their_difference(smaller: comparison.Compared) -> None:
    """A projection's own interval is some forty percent wide."""
    total = rows(smaller)["fleet", "total"]
    assert total.low <= total.difference <= total.high
    assert (total.high - total.low) / total.a < 0.15


def test_one_run_each_decides_nothing_that_has_no_interval(smaller: comparison.Compared) -> None:
    guard = summary(smaller, on="p95", limit=0.03)["guard"]
    assert (guard["undecided"], guard["failed"]) == ("one run of each has no interval", False)


def simulated(bills: list[float], findings: dict | None = None) -> Side:
    """Runs with such bills by seed, which nothing can be projected of."""
    runs_of = [
        Ran(
            taken=Taken(
                seed=seed,
                parameters={},
                options={},
                numbers={RUN_BILL: bill},
                findings=findings or {},
                sizes={},
            ),
            calibration="there is none",
            config=builders.CONFIG,
        )
        for seed, bill in enumerate(bills)
    ]
    return Side(name="x", title="x", runs=tuple(runs_of))


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        ([10.0, 11.0, 12.0], [10.0, 11.0, 12.0], SAME),
        ([10.0, 11.0, 12.0], [10.4, 10.8, 12.1], NOISE),
        ([10.0, 14.0, 12.0], [10.5, 14.5, 12.6], MORE),  # the seeds differ by more than the sides do
        ([10.5, 14.5, 12.6], [10.0, 14.0, 12.0], LESS),
        ([10.0], [11.0], OPEN),
    ],
)
def test_noise_is_no_difference_and_seeds_are_paired(a: list[float], b: list[float], verdict: str) -> None:
    found = compared(simulated(a), simulated(b))
    (row,) = found.rows
    assert row.verdict == verdict
    assert found.unprojected == "x gives no calibration: there is none"
    assert summary(found, limit=0.03)["guard"]["undecided"] == found.unprojected


def test_false_alarms_are_as_rare_as_promised() -> None:
    import numpy as np

    generator = np.random.default_rng(5)
    alarms = 0
    for _ in range(1000):
        common = generator.normal(100, 10, 3)
        a, b = (list(common + generator.normal(0, 1, 3)) for _ in range(2))
        alarms += compared(simulated(a), simulated(b)).rows[0].verdict != NOISE
    assert 25 <= alarms <= 80  # 5 % of 1,000, with both ends


def test_lost_findings_are_told_by_page_and_type_with_masks_alone(
    left: dict[str, Path], tmp_path: Path
) -> None:
    fewer = tmp_path / "fewer"
    shutil.copytree(left["10"], fewer)
    path = next(one for one in sorted((fewer / "results").rglob("*.json")) if '"SSN"' in one.read_text())
    result = json.loads(path.read_text())
    gone = next(one for one in result["findings"] if one["type"] == "SSN")
    result["findings"].remove(gone)
    path.write_text(json.dumps(result))
    found = compared(side(left["10"]), side(fewer))
    (lost,) = found.lost
    assert (lost.input, lost.unit, lost.type) == (path.name.removesuffix(".json"), gone["page"], "SSN")
    assert lost.a == (gone["masked"],)
    assert found.gained == ()
    assert not summary(found)["failed"]
    assert summary(found, fail_on_lost=True)["failed"]

    out = tmp_path / "out"
    out.mkdir()
    (out / "summary.json").write_text(json.dumps(summary(found, limit=0.03, fail_on_lost=True)))
    pages.write(out)
    comment = (out / "comparison.md").read_text()
    assert f"**Lost findings**: {lost.input} page {lost.unit} SSN" in comment.replace("\\", "")
    assert "FAILS: findings are lost" in comment
    assert gone["masked"] not in comment
    assert gone["masked"] in (out / "report.html").read_text()


def test_what_one_side_lost_the_other_has_gained() -> None:
    had = {("scan.tif", 2): {"SSN": ("***-**-**81", "***-**-**99")}}
    has = {("scan.tif", 2): {"SSN": ("***-**-**81",)}, ("scan.tif", 3): {}}
    there, back = (
        compared(simulated([1.0, 1.0], a), simulated([1.0, 1.0], b)) for a, b in ((had, has), (has, had))
    )
    assert [(one.unit, one.type, one.seeds) for one in there.lost] == [(2, "SSN", 2)]
    assert [(one.unit, one.type) for one in there.gained] == [(3, "")]  # marked, and nothing named
    assert [one.unit for one in back.gained] == [2]
    assert [one.unit for one in back.lost] == [3]


def test_the_page_and_the_comment_hold_no_value_and_no_foreign_markup(
    smaller: comparison.Compared, tmp_path: Path
) -> None:
    numbers = summary(smaller, limit=0.03)
    numbers["b"]["title"] = "a | b <img src=x> @all"
    (tmp_path / "summary.json").write_text(json.dumps(numbers))
    pages.write(tmp_path)
    truth = json.loads((builders.sample() / "truth.json").read_text())
    values = {one["value"] for file in truth.values() for page in file for one in page["npi"]}
    assert len(values) > 20
    for name in ("comparison.md", "report.html", "summary.json"):
        text = (tmp_path / name).read_text()
        assert [value for value in values if value in text] == []
    comment = (tmp_path / "comparison.md").read_text()
    assert "<img" not in comment
    assert "@all" not in comment
    assert "### Bill of 8 million files: +" in comment
    assert "<details><summary>" in comment
    assert "FAILS: surely more than 3 % above A in its bill" in comment
    assert "<img" not in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("***-**-**81", "***-**-**81"),
        ("676-84-7081", "***-**-**81"),
        ("ab", "ab"),
        ("", ""),
        ("J. Doe", "*. *oe"),
    ],
)
def test_masks_show_two_characters_whatever_an_application_calls_a_mask(text: str, mask: str) -> None:
    assert measures.masked(text) == mask


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "trace.jsonl").unlink(), "damaged, or of another version"),
        (lambda folder: (folder / "files.json").write_text("{"), "damaged, or of another version"),
        (lambda folder: (folder / "summary.json").write_text('{"kind": "sweep"}'), "of the kind sweep"),
    ],
)
def test_a_damaged_run_is_said_to_be_one(left: dict[str, Path], tmp_path: Path, damage, message: str) -> None:
    folder = tmp_path / "run"
    shutil.copytree(left["10"], folder)
    damage(folder)
    with pytest.raises(UsageError, match=message):
        taken(folder, builders.CONFIG)
