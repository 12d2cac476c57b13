"""How each service says no: the answers and broken connections that a client of AWS must live with.

Sources: Amazon DynamoDB developer guide, "Error handling with DynamoDB"; Amazon SQS API reference, "Common
errors"; Amazon S3 API reference, "Error responses". Below botocore's own retries a caller never hears of
them, above it does; `repeats` of a fault decides which.
"""

import msgspec
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ConnectionClosedError

from harness.faults.dice import Dice


class Unanswered(Exception):
    """This call gets no answer at all."""


Answer = tuple[int, dict[str, str], bytes]

_ERRORS = {
    "throttled": {"dynamodb": (400, "ProvisionedThroughputExceededException"), "s3": (503, "SlowDown")},
    "internal_error": {"dynamodb": (500, "InternalServerError")},
}
_OTHER_ERRORS = {"throttled": (400, "ThrottlingException"), "internal_error": (500, "InternalError")}


class Refusals:
    """Decides for each call of a function whether the service refuses it; a refusal may go on for some calls
    of the same operation.
    """

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._going_on: dict[tuple[str, str], tuple[str, int]] = {}

    def next(
        self, environment: str, where: str, service: str, operation: str, request: AWSPreparedRequest
    ) -> Answer | None:
        """The refusal of this call, if any. Raises `ConnectionClosedError` when the connection ends
        instead, `Unanswered` when nothing ever comes.
        """
        if self._dice.is_resting:  # what was broken is mended, and what was to go on for some calls, too
            return None
        key = (environment, operation)
        kind, left = self._going_on.pop(key, ("", 0))
        if not left:
            kind, left = self._struck(where)
        if not left:
            return None
        if left > 1:
            self._going_on[key] = kind, left - 1
        if kind == "hangs":
            raise Unanswered
        if kind == "connection_reset":
            raise ConnectionClosedError(endpoint_url=request.url)
        status, code = _ERRORS[kind].get(service, _OTHER_ERRORS[kind])
        return answer(service, status, code, f"{kind.replace('_', ' ')}, as the scenario has it")

    def _struck(self, where: str) -> tuple[str, int]:
        for kind in ("hangs", "throttled", "internal_error", "connection_reset"):
            if strike := self._dice.strike(kind, where):
                return kind, strike.repeats
        return "", 0


def answer(service: str, status: int, code: str, message: str, **more: object) -> Answer:
    """An error as the service words it: XML of S3, JSON of the others, which may tell more."""
    if service == "s3":
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        return status, {"Content-Type": "application/xml"}, body.encode()
    return (
        status,
        {"Content-Type": "application/x-amz-json-1.0"},
        msgspec.json.encode({"__type": code, "message": message, **more}),
    )
