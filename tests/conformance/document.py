"""Writes docs/conformance.md from the tests: behaviour, source, test. `python -m tests.conformance.document`."""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

MODULES = {
    "test_s3": "S3 notifications",
    "test_sqs_source": "SQS and its event source mapping",
    "test_lambda": "Lambda",
    "test_iam": "IAM",
    "test_streams": "DynamoDB Streams and their event source mapping",
}
NOT_MODELLED = (
    "at-least-once duplicates of SQS and S3, and unordered delivery of SQS",
    "the event `s3:TestEvent` when notifications are configured",
    "conditions of IAM statements, resource policies and permission boundaries",
    "the in-flight limit of a queue (120,000), and the quotas of batch requests beyond moto's own checks",
    "the scale-down of a mapping when its function fails, and provisioned mode",
    "several shards of a stream, and the removal of expired items (TTL)",
    "the size limit of an event (6 MB) beyond the cut of a batch",
)
TARGET = Path(__file__).parents[2] / "docs" / "conformance.md"


def rows(module: str) -> Iterator[Callable[..., None]]:
    """The tests of a module that are rows, in their order."""
    for value in vars(importlib.import_module(f"tests.conformance.{module}")).values():
        if hasattr(value, "source"):
            yield value


def document() -> str:
    lines = ["# Conformance", "", "Generated from tests/conformance by `python -m tests.conformance.document`. Each row is a test.", ""]
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
