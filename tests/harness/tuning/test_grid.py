"""A grid is every combination of values that the template allows, in the order in which they were given."""

import pytest

from harness.errors import UsageError
from harness.tuning import grid
from harness.tuning.grid import Axis
from tests import builders

TEMPLATE = builders.PROJECT / "template.yaml"


def test_the_last_axis_varies_fastest() -> None:
    found = grid.settings([Axis("a", ("1", "2")), Axis("b", ("x", "y"))])
    assert [tuple(one.values()) for one in found] == [("1", "x"), ("1", "y"), ("2", "x"), ("2", "y")]


def test_options_and_parameters_become_axes_and_values_are_taken_once() -> None:
    found = grid.axes(
        builders.CONFIG, {"batch-pages": "5, 10,5", "memory": None}, ["OcrMending=none;level,deskew"]
    )
    assert found == [Axis("BatchPages", ("5", "10")), Axis("OcrMending", ("none", "level,deskew"))]


@pytest.mark.parametrize(
    ("given", "pairs", "told"),
    [
        ({"batch-pages": ","}, [], "--batch-pages has no values"),
        ({"batch-pages": "5"}, ["BatchPages=6"], "says again what BatchPages may be"),
        ({}, ["BatchPages"], "is not of the form NAME=VALUE,VALUE"),
        ({"colour": "1"}, [], "does not say which parameter --colour sets"),
    ],
)
def test_what_is_no_axis_is_told(given: dict, pairs: list[str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        grid.axes(builders.CONFIG, given, pairs)


@pytest.mark.parametrize(
    ("axis", "told"),
    [
        (Axis("Nonsense", ("1",)), "has no parameter Nonsense"),
        (Axis("BatchPages", ("5", "1000")), "BatchPages is 1000; it must lie between 1 and 100"),
        (Axis("OcrEngine", ("tesserocr", "eyes")), "OcrEngine is eyes; allowed are"),
    ],
)
def test_every_value_is_checked_against_the_template(axis: Axis, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        grid.defaults(TEMPLATE, [Axis("OcrMemory", ("1769",)), axis])


def test_the_usual_setting_is_the_templates_own_or_in_the_middle() -> None:
    axes = [Axis("BatchPages", ("5", "10", "15")), Axis("OcrMemory", ("1024", "2048", "3008"))]
    assert grid.usual(axes, grid.defaults(TEMPLATE, axes)) == {"BatchPages": "15", "OcrMemory": "2048"}
