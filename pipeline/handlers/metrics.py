"""What the functions tell CloudWatch of their work: a line of the log when an invocation ends, in embedded
metric format.

A count is of what an invocation did: what is done twice, since a message came twice, is counted twice.
"""

import os
from collections.abc import Callable, Iterable
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, TypeVar

from aws_lambda_powertools.utilities.typing import LambdaContext

if TYPE_CHECKING:
    from aws_lambda_powertools.metrics import EphemeralMetrics

Answer = TypeVar("Answer")
Handler = Callable[[dict[str, Any], LambdaContext], Answer]

ON = os.environ.get("METRICS") == "on"
"""Each metric is billed, and so is each line."""


@cache
def _metrics() -> "EphemeralMetrics":
    """Counted since the last line; without metrics nothing of this is imported."""
    from aws_lambda_powertools.metrics import EphemeralMetrics

    return EphemeralMetrics(namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "npi"))


if ON:
    _metrics()  # as part of the function's initialisation


def count(name: str, number: int = 1) -> None:
    """Adds to a metric of this invocation."""
    if ON:
        _metrics().add_metric(name, "Count", number)


def seconds(name: str, values: Iterable[float]) -> None:
    """Values of a metric, of which CloudWatch tells percentiles."""
    if ON:
        for value in values:
            _metrics().add_metric(name, "Seconds", round(value, 3))


def told(handler: Handler[Answer]) -> Handler[Answer]:
    """The handler; what its invocation counted is told when it has ended, with the invocation's id, by which
    its other lines are found.
    """

    @wraps(handler)
    def telling(event: dict[str, Any], context: LambdaContext) -> Answer:
        answer = handler(event, context)
        _tell(context.aws_request_id)
        return answer

    return telling


def _tell(request: str) -> None:
    if ON and _metrics().metric_set:
        _metrics().add_metadata("function_request_id", request)
        _metrics().flush_metrics()
