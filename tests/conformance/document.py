"""Writes docs/conformance.md from the tests: behaviour, source, test. `python -m
tests.conformance.document`.
"""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.moto_suites import DIFFERENCES

MODULES = {
    "test_s3": "S3 notifications",
    "test_sqs": "SQS",
    "test_sqs_source": "The event source mapping on SQS",
    "test_sdk": "The AWS SDK in a handler",
    "test_lambda": "Lambda",
    "test_cloudwatch": "CloudWatch",
    "test_iam": "IAM",
    "test_dynamodb": "DynamoDB",
    "test_streams": "DynamoDB Streams and their event source mapping",
    "test_configurations": "Configurations",
}
NOT_MODELLED = (
    ("conditions of IAM statements, resource policies and permission boundaries", "nothing: it has none"),
    (
        "threads of a handler that call AWS or sleep (they are told so); the parts of a transfer come one after "
        "the other",
        "nothing: no handler has threads of its own",
    ),
    (
        "connections that cannot be made (the SDK's connect_timeout), objects of S3 that stop halfway",
        "nothing: the one is tried again like a read timeout, the other fails an invocation like tries used up, and "
        "both of these are modelled",
    ),
    (
        "what ChangeMessageVisibility does with the handle of an earlier delivery (AWS documents no answer; here "
        "MessageNotInflight)",
        "nothing: no handler calls it",
    ),
    ("FIFO queues, and fair queues of several tenants", "nothing: its queues are standard ones"),
    (
        "by how much a mapping lowers its concurrency when its function fails or is throttled (AWS documents "
        "that it does; here it halves)",
        "nothing in calm weather: 800 workers, 50 controllers and the stream's lanes are fewer than the account's "
        "1,000; after failures the time until all lanes are back, at 300 a minute under three minutes",
    ),
    (
        "when DynamoDB removes expired items (documented: within days; here within the hour)",
        "nothing of its time; storage of what has expired, for days of the 90",
    ),
    (
        "the splitting of a stream's shards while a run lasts",
        "the aggregator has at first the lanes of four shards, and more after a split: results come sooner than "
        "projected, at the same cost",
    ),
    (
        "throughput limits of S3 prefixes (documented: 3,500 writes and 5,500 reads a second for each)",
        "nothing: 800 workers that read a batch of pages in seconds make some hundred calls a second",
    ),
    (
        "throughput of DynamoDB's indexes; batches of which a throttled table takes a part",
        "nothing: it has no index, and writes items one by one",
    ),
    (
        "partition keys that share a partition of a table, which serves them together",
        "little: a file's items are written once a batch, some units a second",
    ),
    (
        "event pollers of provisioned mode by their throughput in MB/s; here each runs ten invocations",
        "nothing: its mappings do not use it",
    ),
    (
        "several threads or processes of one handler above 1,769 MB",
        "nothing: a worker reads one page after the other in one thread; it would be another program",
    ),
    (
        "more CPU than the memory's share during an init phase (not documented, often observed)",
        "cold starts as here or shorter: of 8 million files' bill inits are less than 0.1 %",
    ),
    (
        "memory that a handler holds between its recorded calls, and Lambda's own runtime, in Max Memory Used; files "
        "in /tmp that are gone before the invocation ends",
        "nothing: recorded calls need a quarter of a worker's memory at most on the pages tried",
    ),
    (
        "asynchronous and synchronous invocations by other clients, versions, aliases, extensions and SnapStart",
        "nothing: it uses none of them",
    ),
)
"""What is left out, and what it would change of 8 million files with the template as it stands."""
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
    lines += [
        "## Where moto's own tests say otherwise",
        "",
        "`make conformance-moto` runs them against the patched moto.",
        "",
        "| moto's test | followed instead |",
        "|---|---|",
        *(f"| {test} | {page} |" for test, page in DIFFERENCES.items()),
        "",
        "## Knowingly not modelled",
        "",
        "| what | what it would change of 8 million files, with the template as it stands |",
        "|---|---|",
        *(f"| {gap} | {effect} |" for gap, effect in NOT_MODELLED),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    TARGET.write_text(document())
