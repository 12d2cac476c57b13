"""The formats of AWS's logs, each as its documentation prints it; a piece of JSON or a line -> samples.

- REPORT lines: AWS Lambda developer guide, "Working with Lambda function logs"
- platform.report: "Lambda Telemetry API Event schema reference", which log format JSON writes as well
- embedded metrics: Amazon CloudWatch user guide, "Specification: Embedded metric format"
- segments: AWS X-Ray developer guide, "AWS X-Ray segment documents"; BatchGetTraces of its API reference
- metrics of queues: CloudWatch API reference, GetMetricData and GetMetricStatistics
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from harness.calibration.samples import Answer, Gauge, Metric, Report
from harness.cloud import embedded_metrics

Sample = Report | Metric | Answer | Gauge

_REPORT = re.compile(
    r"REPORT RequestId:\s*(?P<request>\S+)\s+Duration:\s*(?P<duration>[\d.]+) ms\s+"
    r"Billed Duration:\s*(?P<billed>[\d.]+) ms\s+Memory Size:\s*(?P<memory>\d+) MB\s+"
    r"Max Memory Used:\s*(?P<most>\d+) MB"
)
_INIT = re.compile(r"Init Duration:\s*([\d.]+) ms")
_STATUS = re.compile(r"\bStatus:\s*(\w+)")
_UNITS = {"Seconds": 1.0, "Milliseconds": 1e-3, "Microseconds": 1e-6}
"""CloudWatch's units of time, in seconds (API reference, MetricDatum)."""
_SERVICES = {"DynamoDB": "dynamodb", "DynamoDBStreams": "dynamodb-streams", "S3": "s3", "SQS": "sqs"}
"""X-Ray's names of services -> those of a table of latencies."""


def of_line(line: str) -> Iterator[Sample]:
    """Of a line of a log, whatever stands before its message: times, names of streams."""
    if match := _REPORT.search(line):
        yield _report(match, line)
    elif (start := line.find("{")) >= 0:
        try:
            yield from of_json(json.loads(line[start:]))
        except ValueError:
            return


def of_json(value: Any) -> Iterator[Sample]:
    """Of a document, or of many within another: an answer of the AWS CLI."""
    if isinstance(value, list):
        for one in value:
            yield from of_json(one)
    elif isinstance(value, dict):
        yield from _of_document(value)


def _of_document(value: Mapping[str, Any]) -> Iterator[Sample]:
    match value:
        case {"type": "platform.report", "record": {"metrics": {}}}:
            yield _platform_report(value["record"])
        case {"_aws": {"CloudWatchMetrics": [*_]}}:
            yield from _embedded(value)
        case {"events": list(events)}:  # aws logs filter-log-events, get-log-events
            for event in events:
                yield from of_line(str(event.get("message", "")))
        case {"Traces": list(traces)}:  # aws xray batch-get-traces
            for trace in traces:
                for segment in trace.get("Segments", []):
                    yield from of_json(json.loads(segment["Document"]))
        case {"MetricDataResults": list(results)}:
            for result in results:
                yield from _gauge(result.get("Label", ""), result.get("Values", []))
        case {"Label": str(label), "Datapoints": list(points)}:
            names = ("Maximum", "Average", "Sum")
            found = [next((point[name] for name in names if name in point), None) for point in points]
            yield from _gauge(label, [one for one in found if one is not None])
        case {"start_time": _}:
            yield from _answers(value)
        case _:
            pass


def _report(match: re.Match[str], line: str) -> Report:
    init, status = _INIT.search(line), _STATUS.search(line)
    return Report(
        request=match["request"],
        seconds=float(match["duration"]) / 1000,
        billed_seconds=float(match["billed"]) / 1000,
        memory_mb=int(match["memory"]),
        max_memory_mb=int(match["most"]),
        init_seconds=float(init[1]) / 1000 if init else None,
        status=status[1] if status else "",
    )


def _platform_report(record: Mapping[str, Any]) -> Report:
    metrics = record["metrics"]
    init = metrics.get("initDurationMs")
    return Report(
        request=str(record.get("requestId", "")),
        seconds=float(metrics["durationMs"]) / 1000,
        billed_seconds=float(metrics["billedDurationMs"]) / 1000,
        memory_mb=int(metrics["memorySizeMB"]),
        max_memory_mb=int(metrics["maxMemoryUsedMB"]),
        init_seconds=float(init) / 1000 if init is not None else None,
        status=str(record.get("status", "")),
    )


def _embedded(value: Mapping[str, Any]) -> Iterator[Metric]:
    """Times in seconds."""
    request = next((value[name] for name in ("function_request_id", "requestId") if name in value), "")
    for metric in embedded_metrics.of_document(value):
        yield Metric(
            name=metric.name,
            values=tuple(one * _UNITS.get(metric.unit, 1.0) for one in metric.values),
            unit="Seconds" if metric.unit in _UNITS else metric.unit,
            request=str(request),
        )


def _answers(segment: Mapping[str, Any]) -> Iterator[Answer]:
    """Of a segment and all within it: the calls of AWS that went well."""
    operation = (segment.get("aws") or {}).get("operation")
    service = _SERVICES.get(str(segment.get("name", "")))
    failed = segment.get("error") or segment.get("fault") or segment.get("throttle")
    if service and operation and not failed and "end_time" in segment:
        response = (segment.get("http") or {}).get("response") or {}
        size = response.get("content_length", 0)
        yield Answer(
            call=f"{service}.{operation}",
            seconds=float(segment["end_time"]) - float(segment["start_time"]),
            received_bytes=int(size) if str(size).isdigit() else 0,
        )
    for inner in segment.get("subsegments") or []:
        yield from _answers(inner)


def _gauge(label: str, values: list[float]) -> Iterator[Gauge]:
    if values:
        yield Gauge(label, max(values), sum(values))
