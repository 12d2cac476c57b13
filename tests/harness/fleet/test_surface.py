"""The surface behind a projection's sliders, against fleets that it has not seen."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.bill import prices
from harness.errors import UsageError
from harness.fleet import surface_fitting, workload
from harness.fleet.surface import Point, load
from harness.fleet.surface_fitting import Fleets
from tests import builders
from tests.whole.test_projection import plan_of

MEDIAN, WORST = 0.02, 0.05


@pytest.fixture(scope="module")
def fleets() -> Fleets:
    return fleets_of("10")


def fleets_of(pages: str, **arrivals: float) -> Fleets:
    finished = builders.run(builders.sample(), compute="modelled")
    known = finished.calibration

    def work(files: int) -> workload.Workload:
        return workload.drawn(files, pages, len(known.pages), 750e3, workload.Arrivals(**arrivals), 0)

    return Fleets(plan_of(finished, shards=4), known, prices.load(), work)


@pytest.mark.parametrize("pages", ["10", "lognormal:6,0.9"])
def test_it_is_near_fleets_that_it_was_not_fitted_to(pages: str, record_property) -> None:
    found = surface_fitting.fit(fleets_of(pages), 0, lambda done: None)
    for error in (found.bill_error, found.makespan_error):
        assert error.median <= MEDIAN
        assert error.worst <= WORST
    record_property(f"the surface's worst error, {pages} pages", f"{100 * found.makespan_error.worst:.2f} %")
    # and what is told is what comes out at points of one's own
    points = surface_fitting.drawn(found.axes, 6, 99)
    fleets = fleets_of(pages)
    for point in points:
        made = fleets.at(point)
        assert found.dollars(point) == pytest.approx(made.durations + made.others, rel=WORST)
        assert found.seconds(point) == pytest.approx(made.makespan, rel=WORST)


@given(st.integers(1, 60), st.integers(1, 40))
def test_batches_of_equal_files_are_counted_as_the_controller_makes_them(pages: int, batch: int) -> None:
    point = Point(float(pages), 0.3, float(batch), 1769.0, 100.0)
    assert load(((float(pages), 1.0),), point).batches == pytest.approx(-(-pages // batch))


def test_a_fraction_of_a_page_is_one_more_in_that_share_of_the_files() -> None:
    point = Point(10.25, 0.3, 10.0, 1769.0, 100.0)
    assert load(((10.0, 1.0),), point).batches == pytest.approx(0.75 * 1 + 0.25 * 2)


def test_points_are_spread_over_all_of_each_axis(fleets: Fleets) -> None:
    axes = fleets.axes()
    points = surface_fitting.drawn(axes, 40, 1)
    for name, axis in axes.items():
        values = np.array([getattr(point, name) for point in points])
        assert (values >= axis.low).all()
        assert (values <= axis.high).all()
        assert values[::2].min() < axis.low * (axis.high / axis.low) ** 0.2
        assert values[::2].max() > axis.low * (axis.high / axis.low) ** 0.8


def test_it_is_kept_and_made_anew_where_anything_is_otherwise(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(surface_fitting, "FITTED", 16)
    monkeypatch.setattr(surface_fitting, "UNSEEN", 4)
    calls: list[int] = []
    first = surface_fitting.kept(fleets_of("10"), tmp_path, 0, calls.append)
    assert surface_fitting.kept(fleets_of("10"), tmp_path, 0, calls.append) == first
    assert len(calls) == 20
    surface_fitting.kept(fleets_of("3"), tmp_path, 0, calls.append)
    assert len(calls) == 40
    nowhere = next(tmp_path.iterdir()) / "folder"
    again = surface_fitting.kept(fleets_of("10"), nowhere, 0, calls.append)
    assert again.axes == first.axes, "where nothing can be kept"


def test_files_that_come_over_time_have_no_surface() -> None:
    with pytest.raises(UsageError, match="files come over time"):
        fleets_of("10", rate=5.0)
