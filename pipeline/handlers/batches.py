"""What the handlers share: a batch processor of Powertools that logs why a record failed, and answers which
did.
"""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, ExceptionInfo
from aws_lambda_powertools.utilities.batch.base import FailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from pipeline.handlers import metrics

logger = Logger()

EVENT_ID = "eventId"
"""Attribute of a parked message: the id of the message that it was, by which its file knows it when it is
redriven.
"""


def event_id(record: SQSRecord) -> str:
    """Names the message that told of something: its id, also after it was parked and redriven."""
    attribute = record.message_attributes[EVENT_ID]
    return str(attribute.string_value) if attribute is not None else record.message_id


class LoggingBatchProcessor(BatchProcessor):
    """Answers with the records that failed, even when all did, so that only those come again; each failure is
    logged once.

    The log names the error and where it rose, never what was in the record.
    """

    def __init__(self, event_type: EventType) -> None:
        super().__init__(event_type=event_type, raise_on_entire_batch_failure=False)

    def failure_handler(self, record: Any, exception: ExceptionInfo) -> FailureResponse:
        metrics.count("Failures")
        kind, error, trace = exception
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""
        logger.error(
            "a record failed",
            extra={"error": kind.__name__ if kind else "", "detail": str(error), "place": place},
        )
        return super().failure_handler(record, exception)
