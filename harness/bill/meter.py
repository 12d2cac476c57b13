"""What AWS counts when it bills: units of requests, from what was recorded."""

from math import ceil

from harness.recorder import Call

SQS_CHUNK_BYTES = 65_536
"""Each 64 KB of a payload is billed as one request (Amazon SQS pricing)."""


def sqs_requests(call: Call) -> int:
    """Billed requests of one SQS call: its messages' bytes in chunks, and one at least."""
    return max(1, ceil(sum(call.items) / SQS_CHUNK_BYTES))
