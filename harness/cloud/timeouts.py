"""How long a client of the AWS SDK waits for an answer before it gives the call up.

botocore hands its `read_timeout` to the socket: it is the longest pause in which no byte comes (60 seconds
by default), and not the time that a whole call may take. What comes of it is a `ReadTimeoutError`, which the
SDK tries again like any lost connection.
"""

from math import inf
from typing import Any

from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ReadTimeoutError


def patience_seconds(request: AWSPreparedRequest) -> float:
    """How long the client that made this request waits for the first byte of its answer; infinite for one
    that was told to wait for ever (`Config(read_timeout=None)`).
    """
    context: dict[str, Any] = request.context  # type: ignore[attr-defined]  # the stubs do not have it yet
    seconds = context.get("read_timeout")  # of this call alone, as botocore's URLLib3Session looks for it
    if seconds is None:
        seconds = context["client_config"].read_timeout
    return inf if seconds is None else float(seconds)


def timed_out(request: AWSPreparedRequest) -> ReadTimeoutError:
    """What botocore raises then."""
    return ReadTimeoutError(endpoint_url=request.url)
