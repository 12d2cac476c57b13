"""What CloudWatch makes of the lines of a log, and what it bills for watching."""

import json
from collections import Counter

import pytest

from harness.bill import meter, prices
from harness.bill.bill import bill
from harness.recorder import Metric
from tests.conformance.tunnel import Tunnel, queue, row, send

FORMAT = "CloudWatch user guide, Specification: Embedded metric format"
PRICING = "Amazon CloudWatch pricing"
ALARMS = "CloudWatch user guide, Using Amazon CloudWatch alarms"
POWERTOOLS = "Powertools for AWS Lambda (Python), Metrics"

PRINTED = {
    "_aws": {
        "Timestamp": 1574109732004,
        "CloudWatchMetrics": [
            {
                "Namespace": "lambda-function-metrics",
                "Dimensions": [["functionVersion"]],
                "Metrics": [{"Name": "time", "Unit": "Milliseconds", "StorageResolution": 60}],
            }
        ],
    },
    "functionVersion": "$LATEST",
    "time": 100,
    "requestId": "989ffbf8-9ace-4817-a57c-e4dd734019ee",
}
"""A document of the form that the specification shows."""


def telling(document: object) -> str:
    return f"""
    import json
    def handler(event, context):
        print(json.dumps({document!r}))
    """


def told(tunnel: Tunnel) -> list[tuple[str, str, str, dict[str, str], tuple[float, ...]]]:
    return [(one.namespace, one.name, one.unit, one.dimensions, one.values) for one in tunnel.events(Metric)]


@row(FORMAT)
def test_a_document_in_a_line_of_the_log_is_a_metric(tunnel: Tunnel) -> None:
    """CloudWatch extracts metrics from a line that is a document with the root node "_aws"."""
    tunnel.run(queue(), telling(PRINTED), send("m"))
    assert told(tunnel) == [
        ("lambda-function-metrics", "time", "Milliseconds", {"functionVersion": "$LATEST"}, (100.0,))
    ]
    assert tunnel.logs == []


def changed(**parts: object) -> dict:
    document = json.loads(json.dumps(PRINTED))
    directive = document["_aws"]["CloudWatchMetrics"][0]
    for name, value in parts.items():
        (directive if name in directive else document)[name] = value
    return document


@row(FORMAT)
def test_each_set_of_dimensions_makes_a_metric(tunnel: Tunnel) -> None:
    """Each DimensionSet of a directive makes a metric of its own; an empty one has none."""
    document = changed(Dimensions=[["functionVersion"], [], ["functionVersion", "place"]], place="here")
    tunnel.run(queue(), telling(document), send("m"))
    assert [one.dimensions for one in tunnel.events(Metric)] == [
        {"functionVersion": "$LATEST"},
        {},
        {"functionVersion": "$LATEST", "place": "here"},
    ]


@row(FORMAT)
def test_a_hundred_values_are_told_at_once(tunnel: Tunnel) -> None:
    """The value of a metric is a number, or a list of at most a hundred; without a unit it is None."""
    document = changed(time=list(range(100)), Metrics=[{"Name": "time"}])
    tunnel.run(queue(), telling(document), send("m"))
    (one,) = tunnel.events(Metric)
    assert (one.unit, len(one.values)) == ("None", 100)


@row(FORMAT)
@pytest.mark.parametrize(
    "document",
    [
        changed(time=list(range(101))),
        changed(time="fast"),
        changed(time=True),
        changed(Metrics=[{"Name": "absent"}]),
        changed(Dimensions=[["absent"]]),
        changed(Dimensions=[["time"]]),  # the value of a dimension is a text
        changed(Dimensions=[[f"d{number}" for number in range(31)]]),
        changed(Namespace=""),
        {**PRINTED, "_aws": {"Timestamp": 1}},
    ],
)
def test_what_breaks_the_specification_is_a_line_like_any_other(tunnel: Tunnel, document: dict) -> None:
    """A document that is not valid gives no metric: too many values or dimensions, members that are missing."""
    tunnel.run(queue(), telling(document), send("m"))
    assert told(tunnel) == []
    assert [json.loads(line) for line in tunnel.logs] == [json.loads(json.dumps(document))]


@row(FORMAT)
def test_metrics_are_billed_as_logs_too(tunnel: Tunnel) -> None:
    """The documents are log events: their bytes are ingested and stored."""
    tunnel.run(queue(), telling(PRINTED), send("m"))
    assert [one.logged_bytes for one in tunnel.invocations] == [len(json.dumps(PRINTED)) + 1]


SLOW_TELLER = """
    import time
    def handler(event, context):
        try:
            time.sleep(100)
        finally:
            print('{"_aws": {"CloudWatchMetrics": [{"Namespace": "N", "Metrics": [{"Name": "n"}]}]}, "n": 1}')
"""


@row(FORMAT)
def test_an_invocation_that_is_cut_short_tells_nothing(tunnel: Tunnel) -> None:
    """A function that is stopped at its timeout has not written what it would have written at its end."""
    tunnel.run(queue(), SLOW_TELLER, send("m"), longest=60)
    assert [one.outcome for one in tunnel.invocations][:1] == ["timeout"]
    assert told(tunnel) == []


POWERTOOLS_HANDLER = """
    import time
    from aws_lambda_powertools import Metrics
    metrics = Metrics(namespace="N", service="s")

    @metrics.log_metrics(capture_cold_start_metric=True)
    def handler(event, context):
        metrics.add_metric("Taken", "Count", 1)
        time.sleep(3)
        metrics.add_metric("Done", "Count", 1)
"""


@row(POWERTOOLS)
def test_what_a_library_keeps_of_metrics_is_its_environments(tunnel: Tunnel) -> None:
    """Metrics collects in the process what its function counts, and ColdStart once in each environment's life;
    concurrent environments are processes of their own.
    """
    later = send("d", at=100.0)
    tunnel.run(queue(), POWERTOOLS_HANDLER, send("a", "b", "c"), later)
    counted = Counter()
    for one in tunnel.events(Metric):
        counted[one.name] += sum(one.values)
    assert counted == {"Taken": 4, "Done": 4, "ColdStart": 3}
    done = [one for one in tunnel.events(Metric) if one.name == "Done"]
    assert sorted(one.request for one in done) == sorted(one.request for one in tunnel.invocations)
    assert all(one.values == (1.0,) for one in done)


WATCHED = (
    queue()
    + """
        One:
          Type: AWS::CloudWatch::Alarm
          Properties: {Namespace: AWS/SQS, MetricName: ApproximateAgeOfOldestMessage, Statistic: Maximum, Period: 300, EvaluationPeriods: 1, Threshold: 9, ComparisonOperator: GreaterThanThreshold, Dimensions: [{Name: QueueName, Value: !GetAtt Queue.QueueName}]}
        Share:
          Type: AWS::CloudWatch::Alarm
          Properties:
            EvaluationPeriods: 1
            Threshold: 9
            ComparisonOperator: GreaterThanThreshold
            Metrics:
              - {Id: share, Expression: "100 * e / i"}
              - {Id: e, ReturnData: false, MetricStat: {Metric: {Namespace: AWS/Lambda, MetricName: Errors}, Stat: Sum, Period: 60}}
              - {Id: i, ReturnData: false, MetricStat: {Metric: {Namespace: AWS/Lambda, MetricName: Invocations}, Stat: Sum, Period: 60}}
        Often:
          Type: AWS::CloudWatch::Alarm
          Properties: {Namespace: N, MetricName: n, Statistic: Sum, Period: 10, EvaluationPeriods: 1, Threshold: 9, ComparisonOperator: GreaterThanThreshold}
        Both:
          Type: AWS::CloudWatch::CompositeAlarm
          Properties: {AlarmRule: "ALARM(One) AND ALARM(Often)"}
        Board:
          Type: AWS::CloudWatch::Dashboard
          Properties: {DashboardBody: "{}"}
"""
)


def billed(tunnel: Tunnel, free_tier: bool = False, months: float = 1.0) -> dict[tuple[str, str], float]:
    """Dollars of what CloudWatch bills but for logs, by resource and item."""
    assert tunnel.emulation is not None
    usage = meter.Usage(
        events=tunnel.emulation.recorder.events, system=tunnel.emulation.system, months=months
    )
    made = bill(meter.quantities(usage), prices.load(), free_tier)
    return {
        (line.resource, line.item): round(line.dollars, 9)
        for line in made.lines
        if line.service == "Amazon CloudWatch"
    }


@row(PRICING)
def test_an_alarm_costs_by_its_metrics_and_a_dashboard_by_the_month(tunnel: Tunnel) -> None:
    """$0.10 a month for each metric of an alarm, $0.30 where it looks more often than each minute, $0.50 for a
    composite one, $3 for a dashboard; expressions are not billed. Ten alarms and three dashboards are free.
    """
    tunnel.run(WATCHED, "def handler(event, context): pass")
    assert billed(tunnel, months=2.0) == {
        ("One", "alarm, 2 months"): 0.20,
        ("Share", "alarm, 2 months"): 0.40,
        ("Often", "alarm, 2 months"): 0.60,
        ("Both", "alarm, 2 months"): 1.00,
        ("Board", "dashboard, 2 months"): 6.00,
    }
    free = billed(tunnel, free_tier=True)
    assert {resource: dollars for (resource, _), dollars in free.items()} == {
        "One": 0.0,
        "Share": 0.0,
        "Often": 0.30,
        "Both": 0.50,
        "Board": 0.0,
    }


@row(PRICING)
def test_a_custom_metric_costs_by_the_hours_in_which_it_was_sent(tunnel: Tunnel) -> None:
    """$0.30 a month for each metric, for the hours in which it is sent; what its dimensions tell apart counts
    as another one.
    """
    document = changed(Dimensions=[["functionVersion"], []])
    times = (10.0, 20.0, 3_590.0, 3_700.0)  # in two hours
    tunnel.run(queue(), telling(document), *(send("m", at=at) for at in times))
    hours = 2 * 2
    assert billed(tunnel) == {("lambda-function-metrics", "custom metrics"): round(0.30 * hours / 720, 9)}


@row(ALARMS)
def test_what_watches_changes_nothing_but_the_bill(tunnel: Tunnel) -> None:
    """Alarms and dashboards look at metrics; a run with them is the run without."""
    with_them = tunnel.run(WATCHED, COUNTING, send("m")).recorder.digest()
    assert tunnel.run(queue(), COUNTING, send("m")).recorder.digest() == with_them


COUNTING = "def handler(event, context): print(len(event['Records']))"
