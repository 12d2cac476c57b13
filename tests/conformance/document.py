"""Writes docs/conformance.md from the tests: behaviour, source, test. `python -m
tests.conformance.document`.
"""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

MODULES = {
    "test_s3": "S3 notifications",
    "test_sqs": "SQS",
    "test_sqs_source": "The event source mapping on SQS",
    "test_sdk": "The AWS SDK in a handler",
    "test_lambda": "Lambda",
    "test_iam": "IAM",
    "test_dynamodb": "DynamoDB",
    "test_streams": "DynamoDB Streams and their event source mapping",
    "test_configurations": "Configurations",
}
NOT_MODELLED = (
    "conditions of IAM statements, resource policies and permission boundaries",
    "threads of a handler that call AWS or sleep (they are told so); the parts of a transfer come one after "
    "the other",
    "what ChangeMessageVisibility does with the handle of an earlier delivery (AWS documents no answer; here "
    "MessageNotInflight)",
    "FIFO queues, and fair queues of several tenants",
    "by how much a mapping lowers its concurrency when its function fails or is throttled (AWS documents that it does; "
    "here it halves)",
    "when DynamoDB removes expired items (documented: within days; here within the hour), and the "
    "splitting of shards",
    "throughput limits of S3 prefixes and of DynamoDB's indexes, other than as seeded faults; batches of "
    "which a throttled table takes a part",
    "event pollers of provisioned mode by their throughput in MB/s; here each runs ten invocations",
    "memory that a handler holds between its recorded calls, and Lambda's own runtime in Max Memory Used; files "
    "in /tmp that are gone before the invocation ends",
    "asynchronous and synchronous invocations by other clients, versions, aliases, layers, extensions and "
    "SnapStart",
)
TARGET = Path(__file__).parents[2] / "docs" / "conformance.md"


def rows(module: str) -> Iterator[Callable[..., None]]:
    """The tests of a module that are rows, in their order."""
    for value in vars(importlib.import_module(f"tests.conformance.{module}")).values():
        if hasattr(value, "source"):
            yield value


def document() -> str:
    lines = [
        "# Conformance",
        "",
        "Generated from tests/conformance by `python -m tests.conformance.document`. Each row is a test.",
        "",
    ]
    for module, title in MODULES.items():
        lines += [f"## {title}", "", "| behaviour | source | test |", "|---|---|---|"]
        for test in rows(module):
            behaviour = " ".join((test.__doc__ or "").split()).rstrip(".")
            lines.append(f"| {behaviour} | {test.source} | {module}.py: {test.__name__} |")  # type: ignore[attr-defined]
        lines.append("")
    lines += ["## Knowingly not modelled", "", *(f"- {gap}" for gap in NOT_MODELLED), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    TARGET.write_text(document())
