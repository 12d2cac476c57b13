"""What the system tells of itself: metrics that are what was done, alarms and a dashboard that look at metrics which
there are, and a bill that counts all of it.
"""

import json
import re
from collections import Counter
from typing import Any

import pytest

from harness.bill import prices
from harness.cloud import deployment, template
from harness.cloud.moto_imports import cloudformation, cloudformation_parsing
from harness.faults import scenario
from harness.recorder import Compute, Invocation, Metric
from harness.runs import run as runs
from tests import builders

ON = {"Metrics": "on", "Alarms": "on", "Dashboard": "on", "DailyDollars": "40"}
AWS_METRICS = {
    "AWS/SQS": {
        "ApproximateNumberOfMessagesVisible",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateAgeOfOldestMessage",
    },
    "AWS/Lambda": {"Errors", "Invocations", "Throttles", "Duration", "ConcurrentExecutions", "IteratorAge"},
    "AWS/DynamoDB": {"ConsumedWriteCapacityUnits", "WriteThrottleEvents"},
}
"""As AWS names them ("Available CloudWatch metrics for Amazon SQS", "Types of metrics for Lambda functions", "DynamoDB
metrics and dimensions")."""
OWN_METRICS = {
    "FilesOpened",
    "FilesClosed",
    "FilesPartial",
    "FilesFailed",
    "Pages",
    "NpiPages",
    "SuspectPages",
    "UnreadablePages",
    "OcrSeconds",
    "HandBacks",
    "Failures",
    "DeadLetters",
}
STACK = deployment.STACK


def sums(finished: runs.Run) -> Counter[str]:
    found: Counter[str] = Counter()
    for event in finished.emulation.recorder.events:
        if isinstance(event, Metric):
            assert (event.namespace, event.dimensions) == (STACK, {"service": "npi"})
            found[event.name] += sum(event.values)
    return found


def events(finished: runs.Run, kind: type) -> list[Any]:
    return [event for event in finished.emulation.recorder.events if isinstance(event, kind)]


@pytest.fixture(scope="module")
def calm() -> runs.Run:
    return builders.run(builders.sample(), parameters=ON)


def test_the_metrics_of_a_calm_run_are_its_results(calm: runs.Run) -> None:
    results = calm.results.values()
    told = sums(calm)
    assert told.pop("OcrSeconds") == pytest.approx(
        sum(one.seconds for one in events(calm, Compute)), rel=0.01
    )
    assert told == {
        "FilesOpened": len(calm.results),
        "FilesClosed": len(calm.results),
        "Pages": sum(result["totalPages"] for result in results),
        "NpiPages": sum(len(result["npiPages"]) for result in results),
    }


NOTHING_CAN_BE_READ = """
[internal_error]
rate = 1.0
repeats = [9, 9]
where = "WorkerFunction s3.GetObject"
"""


def test_the_metrics_of_a_run_in_which_nothing_can_be_read_are_its_failures() -> None:
    faults = scenario.parse(NOTHING_CAN_BE_READ, "test")
    finished = builders.run(builders.sample(), parameters={**ON, "MaxReceives": "2"}, faults=faults)
    files = len(finished.results)
    assert sums(finished) == {
        "FilesOpened": files,
        "Failures": 2 * files,  # each batch is delivered twice
        "DeadLetters": files,
        "FilesClosed": files,
        "FilesFailed": files,
    }


def test_the_metrics_of_a_hostile_run_are_what_was_done() -> None:
    """A killed invocation tells nothing, one that ended tells which of its records failed."""
    finished = builders.run(
        builders.sample(), seed=3, parameters={**ON, "MaxReceives": "1"}, faults=scenario.load("hostile")
    )
    told = sums(finished)
    answered = [one for one in events(finished, Invocation) if one.outcome == "success"]
    assert told["Failures"] == sum(one.failed_records for one in answered) > 0
    ended = {one.request for one in answered}
    assert {one.request for one in events(finished, Metric)} <= ended
    assert "metrics tell the work that was done" in finished.summary["invariants"]["checked"]
    assert finished.summary["invariants"]["violations"] == []


def test_without_metrics_nothing_else_is_different() -> None:
    told = builders.run(builders.sample(), parameters={"Metrics": "on"})
    silent = builders.run(builders.sample())
    assert not events(silent, Metric)
    assert told.results == silent.results
    assert sum(one.logged_bytes for one in events(silent, Invocation)) == 0


def test_lines_of_the_platform_are_left_out_by_a_parameter(calm: runs.Run) -> None:
    """Then what is ingested is what the functions print themselves."""
    quiet = builders.run(builders.sample(), parameters={"PlatformLogs": "WARN", "Metrics": "on"})
    printed = sum(one.logged_bytes for one in events(quiet, Invocation))
    ingested = sum(line.quantity for line in quiet.bill.lines if line.item == "ingested")
    assert ingested * 2**30 == pytest.approx(printed)
    assert sum(line.quantity for line in calm.bill.lines if line.item == "ingested") > 2 * ingested


@pytest.fixture(scope="module")
def deployed() -> dict[str, Any]:
    """Resources of the template with everything on, references replaced."""
    loaded = template.load(builders.PROJECT / "template.yaml", {**ON, "AlarmEmail": "a@example.com"})
    with deployment.deployed(loaded, seed=0):
        stack = cloudformation.cloudformation_backends[deployment.ACCOUNT]["us-east-1"].get_stack(STACK)
        return {
            name: cloudformation_parsing.clean_json(resource, stack.resource_map)["Properties"]
            for name, resource in loaded.document["Resources"].items()
            if resource["Type"].startswith(("AWS::CloudWatch::", "AWS::SNS::"))
        }


def alarms(deployed: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in deployed.items() if name.endswith("Alarm")}


def looked_at(alarm: dict[str, Any]) -> list[tuple[str, str, dict[str, str]]]:
    stats = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one] or [
        alarm
    ]
    return [
        (one["Namespace"], one["MetricName"], {pair["Name"]: pair["Value"] for pair in one["Dimensions"]})
        for one in stats
    ]


def test_alarms_look_at_metrics_that_there_are_and_tell_somebody(deployed: dict[str, Any]) -> None:
    assert deployed["AlarmTopic"]["Subscription"] == [{"Protocol": "email", "Endpoint": "a@example.com"}]
    assert len(alarms(deployed)) == 9
    for alarm in alarms(deployed).values():
        assert len(alarm["AlarmActions"]) == 1
        assert alarm["TreatMissingData"] == "notBreaching"
        for namespace, name, dimensions in looked_at(alarm):
            if namespace == STACK:
                assert name in OWN_METRICS
                assert dimensions == {"service": "npi"}
            else:
                assert name in AWS_METRICS[namespace]
                assert set(dimensions) <= {"FunctionName", "QueueName", "TableName"}
                assert all(dimensions.values())


def test_expressions_name_what_stands_beside_them(deployed: dict[str, Any]) -> None:
    for name, alarm in alarms(deployed).items():
        queries = alarm.get("Metrics", [])
        ids = {one["Id"] for one in queries}
        for one in queries:
            named = set(re.findall(r"\b[a-z]\d\b", one.get("Expression", "")))
            assert named <= ids, name
        if queries:
            assert sum(one.get("ReturnData", True) for one in queries) == 1, "an alarm looks at one series"
            assert sum("MetricStat" in one for one in queries) <= 10, "of at most ten metrics"


def test_the_dashboard_is_a_document_of_metrics_that_there_are(deployed: dict[str, Any]) -> None:
    board = json.loads(deployed["OverviewDashboard"]["DashboardBody"])
    shown = [metric for widget in board["widgets"] for metric in widget["properties"]["metrics"]]
    own = {metric[1] for metric in shown if metric[0] == STACK}
    assert own == OWN_METRICS
    for namespace, name, *rest in shown:
        assert namespace == STACK or name in AWS_METRICS[namespace]
        assert "${" not in json.dumps(rest)
    places = [(widget["x"], widget["y"]) for widget in board["widgets"]]
    assert len(set(places)) == len(places)
    assert all(widget["x"] + widget["width"] <= 24 for widget in board["widgets"])
    assert len(shown) <= 50, "more are no free dashboard"


def test_the_alarm_of_cost_counts_as_the_bill_does(calm: runs.Run, deployed: dict[str, Any]) -> None:
    """Its expressions, by the numbers of a run, come to the bill's lines of Lambda and of the table's writes."""
    order = ("ControllerFunction", "WorkerFunction", "AggregatorFunction", "DeadLetterFunction")
    series: dict[str, float] = {}
    for number, function in enumerate(order):
        mine = [one for one in events(calm, Invocation) if one.function == function]
        series[f"d{number}"] = sum(one.billed_ms for one in mine)
        series[f"i{number}"] = len(mine)
    lines = {(line.resource, line.item): line for line in calm.bill.lines}
    series["w0"] = lines["StateTable", "write request units"].quantity
    told = {one["Id"]: one["Expression"] for one in deployed["CostAlarm"]["Metrics"] if "Expression" in one}
    for name in ("c0", "c1", "c2", "c3", "c4", "c5", "dollars"):
        series[name] = eval(told[name], {"SUM": sum}, series)
    billed = sum(
        line.dollars
        for line in calm.bill.lines
        if line.service == "AWS Lambda" or line.item == "write request units"
    )
    assert series["dollars"] == pytest.approx(billed)
    assert deployed["CostAlarm"]["Threshold"] in (40, "40")


def test_an_arm64_processor_has_its_own_price_in_the_alarm() -> None:
    loaded = template.load(builders.PROJECT / "template.yaml", {**ON, "Architecture": "arm64"})
    text = json.dumps(loaded.document["Resources"]["CostAlarm"])
    for processor in ("x86_64", "arm64"):
        table = prices.load().of(f"lambda.duration.{processor}")
        assert f"{table.tiers[0][1]:.10f}" in text


def test_watching_is_on_the_bill(calm: runs.Run) -> None:
    """Nine alarms of thirty metrics in all, a dashboard, and a share of a month of five metrics."""
    watched = [line for line in calm.bill.lines if line.service == "Amazon CloudWatch"]
    assert sum(line.dollars for line in watched if line.item.startswith("alarm")) == pytest.approx(0.10 * 28)
    assert sum(line.dollars for line in watched if line.item.startswith("dashboard")) == 3.0
    (metrics,) = [line for line in watched if line.item == "custom metrics"]
    assert metrics.quantity == pytest.approx(5 / 720)
