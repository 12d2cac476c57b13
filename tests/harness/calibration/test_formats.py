"""Each format of AWS's logs, by a sample as AWS's documentation prints it: its values and ids, or, of metrics of
queues, its form.
"""

import gzip
import json
from pathlib import Path

import pytest

from harness.calibration import formats, reading
from harness.calibration.samples import Answer, Gauge, Metric, Report
from harness.errors import UsageError

FUNCTIONS = ("ControllerFunction", "WorkerFunction")

TEXT = """\
START RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95 Version: $LATEST
## ENVIRONMENT VARIABLES
END RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95
REPORT RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95\tDuration: 15.74 ms\tBilled Duration: 147 ms\tMemory Size: 128 MB\tMax Memory Used: 56 MB\tInit Duration: 130.49 ms
XRAY TraceId: 1-5e34a614-10bdxmplf1fb44f07bc535a1\tSegmentId: 07f5xmpl2d1f6f85\tSampled: true
"""
"""AWS Lambda developer guide, "Log and monitor Python Lambda functions"."""
TIMEOUT = "REPORT RequestId: c9999607-xmpl-42e1-9d36-e1e6b6a8a6d0\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\tMax Memory Used: 40 MB\tStatus: timeout"
"""In that form, of an invocation that timed out."""
PLATFORM = """
{
    "time": "2022-10-12T00:01:15.000Z",
    "type": "platform.report",
    "record": {
        "metrics": {
            "billedDurationMs": 694,
            "durationMs": 693.92,
            "initDurationMs": 397.68,
            "maxMemoryUsedMB": 84,
            "memorySizeMB": 128
        },
        "requestId": "6d68ca91-49c9-448d-89b8-7ca3e6dc66aa"
    }
}
"""
"""AWS Lambda developer guide, "Lambda Telemetry API Event schema reference", platform.report."""
EMBEDDED = """
{
    "_aws": {
        "Timestamp": 1574109732004,
        "CloudWatchMetrics": [
            {
                "Namespace": "lambda-function-metrics",
                "Dimensions": [["functionVersion"]],
                "Metrics": [{"Name": "time", "Unit": "Milliseconds", "StorageResolution": 60}]
            }
        ]
    },
    "functionVersion": "$LATEST",
    "time": 100,
    "requestId": "989ffbf8-9ace-4817-a57c-e4dd734019ee"
}
"""
"""Amazon CloudWatch user guide, "Specification: Embedded metric format"."""
SEGMENT = """
{
    "name": "DynamoDB",
    "id": "7163fa7c1a3b1c1a",
    "trace_id": "1-5759e988-bd862e3fe1be46a994272793",
    "parent_id": "b2f7f1a8a1c3e0d9",
    "start_time": 1480305974.194,
    "end_time": 1480305974.2,
    "namespace": "aws",
    "http": {"response": {"content_length": 60, "status": 200}},
    "aws": {"table_name": "scorekeep-user", "operation": "UpdateItem", "request_id": "UBQNSO5AEM8T4FDA4RQDEB94OVTDRVV4K4HIRGVJF66Q9ASUAAJG"}
}
"""
"""AWS X-Ray developer guide, "AWS X-Ray segment documents", a subsegment for a call of AWS."""
DATA = """
{
    "MetricDataResults": [
        {
            "Id": "m1",
            "Label": "ApproximateAgeOfOldestMessage",
            "Timestamps": ["2026-11-01T18:05:00+00:00", "2026-11-01T18:00:00+00:00"],
            "Values": [12.0, 30.0],
            "StatusCode": "Complete"
        }
    ]
}
"""
"""Amazon CloudWatch API reference, GetMetricData."""
STATISTICS = """
{
    "Datapoints": [
        {"Timestamp": "2014-04-09T23:18:00Z", "Maximum": 44.79, "Unit": "Count"},
        {"Timestamp": "2014-04-09T21:18:00Z", "Maximum": 47.92, "Unit": "Count"}
    ],
    "Label": "ApproximateNumberOfMessagesVisible"
}
"""
"""AWS CLI command reference, cloudwatch get-metric-statistics."""


def told(text: str) -> list[formats.Sample]:
    return [sample for line in text.splitlines() for sample in formats.of_line(line)]


def test_a_report_line() -> None:
    assert told(TEXT) == [
        Report(
            request="8f507cfc-xmpl-4697-b07a-ac58fc914c95",
            seconds=0.01574,
            billed_seconds=0.147,
            memory_mb=128,
            max_memory_mb=56,
            init_seconds=pytest.approx(0.13049),
        )
    ]


def test_a_report_line_of_a_warm_invocation_that_timed_out() -> None:
    (report,) = told(TIMEOUT)
    assert isinstance(report, Report)
    assert (report.init_seconds, report.status, report.succeeded) == (None, "timeout", False)


def test_a_report_line_with_spaces_behind_a_time_and_a_stream() -> None:
    line = TEXT.splitlines()[3].replace("\t", "  ")
    (report,) = told(f"2026-11-01T18:00:00.123Z 2026/11/01/[$LATEST]0123abcd {line}")
    assert isinstance(report, Report)
    assert report.billed_seconds == 0.147


def test_a_platform_report() -> None:
    (report,) = formats.of_json(json.loads(PLATFORM))
    assert report == Report(
        request="6d68ca91-49c9-448d-89b8-7ca3e6dc66aa",
        seconds=pytest.approx(0.69392),
        billed_seconds=0.694,
        memory_mb=128,
        max_memory_mb=84,
        init_seconds=pytest.approx(0.39768),
    )
    assert list(formats.of_line(json.dumps(json.loads(PLATFORM)))) == [report], "in a line of a log"


def test_an_embedded_metric_in_seconds() -> None:
    (metric,) = formats.of_json(json.loads(EMBEDDED))
    assert metric == Metric(
        name="time", values=(0.1,), unit="Seconds", request="989ffbf8-9ace-4817-a57c-e4dd734019ee"
    )


def test_an_embedded_metric_of_many_values() -> None:
    document = json.loads(EMBEDDED) | {"time": [100, 250.5]}
    (metric,) = formats.of_json(document)
    assert isinstance(metric, Metric)
    assert metric.values == (0.1, 0.2505)


def test_a_segment_and_what_is_within_it() -> None:
    call = json.loads(SEGMENT)
    expected = Answer("dynamodb.UpdateItem", pytest.approx(0.006, abs=1e-6), 60)
    assert list(formats.of_json(call)) == [expected]
    whole = {"name": "WorkerFunction", "origin": "AWS::Lambda::Function", "start_time": 1.0, "end_time": 2.0}
    document = json.dumps(
        {**whole, "subsegments": [{"name": "Invocation", "start_time": 1.0, "subsegments": [call]}]}
    )
    traces = {
        "Traces": [{"Id": "1-x", "Segments": [{"Id": "a", "Document": document}]}],
        "UnprocessedTraceIds": [],
    }
    assert list(formats.of_json(traces)) == [expected]


@pytest.mark.parametrize("how", ["error", "fault", "throttle"])
def test_a_call_that_failed_tells_no_latency(how: str) -> None:
    assert list(formats.of_json(json.loads(SEGMENT) | {how: True})) == []


def test_metrics_of_a_queue() -> None:
    assert list(formats.of_json(json.loads(DATA))) == [Gauge("ApproximateAgeOfOldestMessage", 30.0, 42.0)]
    (gauge,) = formats.of_json(json.loads(STATISTICS))
    assert gauge == Gauge("ApproximateNumberOfMessagesVisible", 47.92, pytest.approx(92.71))


def test_events_as_the_command_line_filters_them() -> None:
    events = {
        "events": [{"logStreamName": "s", "timestamp": 1, "message": line} for line in TEXT.splitlines()]
    }
    assert list(formats.of_json(events)) == told(TEXT)


def test_events_with_a_space_before_their_tabs() -> None:
    """As the same page prints what get-log-events gives."""
    message = (
        "REPORT RequestId: 4ce9340a-b765-490f-ad8a-02ab3415e2bf\tDuration: 26.73 ms\tBilled Duration: 27 ms "
        "\tMemory Size: 128 MB\tMax Memory Used: 75 MB\t\n"
    )
    (report,) = formats.of_json({"events": [{"timestamp": 1559763003218, "message": message}]})
    assert isinstance(report, Report)
    assert (report.seconds, report.billed_seconds) == (0.02673, 0.027)


def test_what_is_none_of_these_is_passed_over() -> None:
    assert told('{"level": "INFO", "message": "hello"}\n{torn\nREPORT of something else\n[]\n') == []


def test_files_are_read_packed_or_not_and_belong_to_the_function_that_they_name(tmp_path: Path) -> None:
    (tmp_path / "workerfunction.log").write_text(TEXT)
    (tmp_path / "000000.gz").write_bytes(gzip.compress(TEXT.encode()))
    (tmp_path / "trace.json").write_text(SEGMENT)
    files = [str(tmp_path / name) for name in ("workerfunction.log", "000000.gz", "trace.json")]
    files[1] = f"ControllerFunction={files[1]}"
    found = reading.read(files, FUNCTIONS)
    assert {name: len(reports) for name, reports in found.reports.items()} == {
        "WorkerFunction": 1,
        "ControllerFunction": 1,
    }
    assert len(found.answers) == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("some.log", TEXT, "whose log is .*some.log. Say it as FUNCTION="),
        ("workerfunction.log", "hello\n", "tells nothing"),
        ("workerfunction.log", b"\xff\xfe", "cannot read the logs"),
        (
            "workerfunction.json",
            '{"type": "platform.report", "record": {"metrics": {}}}',
            "not as AWS writes them",
        ),
        (
            "workerfunction.log",
            "x\n" + '{"type": "platform.report", "record": {"metrics": {}}}',
            "line 2, are not as",
        ),
    ],
)
def test_logs_that_cannot_be_used_are_told_in_a_line(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError, match=message):
        reading.read([str(path)], FUNCTIONS)


def test_a_function_that_is_none_of_the_systems_is_told() -> None:
    with pytest.raises(UsageError, match="Other is none of ControllerFunction, WorkerFunction"):
        reading.read(["Other=x.log"], FUNCTIONS)
