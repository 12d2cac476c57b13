"""Conditions of a template by its parameters, checked against what CloudFormation's functions say."""

from typing import Any

import pytest

from harness.cloud import conditions

CONDITIONS: dict[str, Any] = {
    "Yes": {"Fn::Equals": [{"Ref": "Switch"}, "on"]},
    "No": {"Fn::Not": [{"Condition": "Yes"}]},
    "Zero": {"Fn::Equals": [{"Ref": "Number"}, 0]},
    "Here": {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]},
    "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "Zero"}]},
    "Any": {"Fn::Or": [{"Condition": "No"}, {"Condition": "Here"}]},
    "Neither": {"Fn::And": [{"Condition": "No"}, {"Condition": "Here"}]},
    "Surely": {"Fn::Or": [{"Condition": "Yes"}, {"Condition": "Here"}]},
    "Odd": {"Fn::Equals": [{"Fn::Join": ["", ["a", "b"]]}, "ab"]},
}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("Yes", True),
        ("No", False),
        ("Zero", True),
        ("Both", True),
        ("Neither", False),  # whatever the region is
        ("Surely", True),
        ("Here", True),  # not known here: taken to hold
        ("Any", True),
        ("Odd", True),
        ("Absent", True),
    ],
)
def test_a_resource_is_made_when_its_condition_holds(condition: str, holds: bool) -> None:
    resources = {"Some": {"Type": "T", "Condition": condition}, "Always": {"Type": "T"}}
    made = conditions.made(resources, CONDITIONS, {"Switch": "on", "Number": "0"})
    assert set(made) == ({"Some", "Always"} if holds else {"Always"})
