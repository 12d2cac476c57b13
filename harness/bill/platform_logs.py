"""The lines that Lambda itself writes into a function's log, which are billed like any other.

Source: AWS Lambda developer guide, "Working with Lambda function logs" and "Log and monitor Python Lambda
functions" (format of START, END and REPORT), "Configuring advanced logging controls for Lambda functions"
(format JSON and system log levels).
"""

import json

from harness.cloud.system import Function
from harness.recorder import Invocation

RUNTIME = f"python:3.13.v1\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:{'0' * 64}"


def size_bytes(invocation: Invocation, function: Function) -> int:
    """Bytes of the lines of one invocation."""
    if function.logs.format == "JSON" and function.logs.system_level not in ("DEBUG", "INFO"):
        return 0
    return sum(len(line.encode()) + 1 for line in lines(invocation, function.logs.format))


def lines(invocation: Invocation, log_format: str = "Text") -> list[str]:
    """The lines of one invocation, as they stand in its function's log."""
    return _json(invocation) if log_format == "JSON" else _text(invocation)


def _text(invocation: Invocation) -> list[str]:
    request = invocation.request
    init = f"\tInit Duration: {invocation.init_seconds * 1000:.2f} ms" if invocation.cold else ""
    report = (
        f"REPORT RequestId: {request}\tDuration: {invocation.duration_seconds * 1000:.2f} ms\t"
        f"Billed Duration: {invocation.billed_ms} ms\tMemory Size: {invocation.memory_mb} MB\t"
        f"Max Memory Used: {_most_used(invocation)} MB{init}\t"
    )
    return [
        *([f"INIT_START Runtime Version: {RUNTIME}"] if invocation.cold else []),
        f"START RequestId: {request} Version: $LATEST",
        f"END RequestId: {request}",
        report,
    ]


def _most_used(invocation: Invocation) -> int:
    """MB; all of the function's, where it is not known what was used."""
    return invocation.max_memory_mb or invocation.memory_mb


def _json(invocation: Invocation) -> list[str]:
    metrics = {
        "durationMs": round(invocation.duration_seconds * 1000, 3),
        "billedDurationMs": invocation.billed_ms,
        "memorySizeMB": invocation.memory_mb,
        "maxMemoryUsedMB": _most_used(invocation),
        **({"initDurationMs": round(invocation.init_seconds * 1000, 3)} if invocation.cold else {}),
    }
    request, status = {"requestId": invocation.request}, "success" if not invocation.error else "error"
    told = [
        ("platform.start", request | {"version": "$LATEST"}),
        ("platform.report", request | {"metrics": metrics, "status": status}),
    ]
    if invocation.cold:
        init = {
            "initializationType": "on-demand",
            "phase": "init",
            "runtimeVersion": RUNTIME.partition("\t")[0],
        }
        told.insert(0, ("platform.initStart", init))
    return [
        json.dumps(
            {"time": "2026-01-01T00:00:00.000Z", "type": kind, "record": record}, separators=(",", ":")
        )
        for kind, record in told
    ]
