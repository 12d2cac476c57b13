"""Filter patterns, as the Lambda developer guide documents them."""

import pytest

from harness.services.filters import matcher


@pytest.mark.parametrize(
    ("pattern", "event", "matches"),
    [
        ('{"a": ["x"]}', {"a": "x"}, True),
        ('{"a": ["x", "y"]}', {"a": "y"}, True),
        ('{"a": ["x"]}', {"a": "X"}, False),
        ('{"a": ["x"]}', {}, False),
        ('{"a": [1]}', {"a": True}, False),
        ('{"a": [null]}', {"a": None}, True),
        ('{"a": {"b": ["x"]}}', {"a": {"b": "x", "c": 1}}, True),
        ('{"a": {"b": ["x"]}}', {"a": "x"}, False),
        ('{"a": ["x"], "b": ["y"]}', {"a": "x", "b": "z"}, False),
        ('{"$or": [{"a": ["x"]}, {"b": ["y"]}]}', {"a": "z", "b": "y"}, True),
        ('{"a": [{"prefix": "us-"}]}', {"a": "us-east-1"}, True),
        ('{"a": [{"suffix": ".tif"}]}', {"a": "scan.tif"}, True),
        ('{"a": [{"equals-ignore-case": "TIF"}]}', {"a": "tif"}, True),
        ('{"a": [{"anything-but": ["x"]}]}', {"a": "y"}, True),
        ('{"a": [{"anything-but": ["x"]}]}', {"a": "x"}, False),
        ('{"a": [{"anything-but": {"prefix": "x"}}]}', {"a": "xy"}, False),
        ('{"a": [{"numeric": [">", 0, "<=", 5]}]}', {"a": 5}, True),
        ('{"a": [{"numeric": [">", 0, "<=", 5]}]}', {"a": "5"}, False),
        ('{"a": [{"exists": true}]}', {"a": 0}, True),
        ('{"a": [{"exists": false}]}', {"b": 0}, True),
        ('{"a": ["x"]}', {"a": ["w", "x"]}, True),
    ],
)
def test_pattern(pattern: str, event: dict[str, object], matches: bool) -> None:
    assert matcher((pattern,))(event) is matches


def test_without_patterns_every_event_matches_and_with_several_one_is_enough() -> None:
    assert matcher(())({})
    assert matcher(('{"a": ["x"]}', '{"b": ["y"]}'))({"b": "y"})
