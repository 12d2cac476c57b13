"""Batches of pages -> what stands on them. Source: the Batch Queue."""

from typing import Any

from aws_lambda_powertools.utilities.batch import EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from pipeline import clients, engines, messages, npi, reading, screening, settings
from pipeline.handlers.batches import LoggingBatchProcessor
from pipeline.state import StateTable

SETTINGS = settings.load()
npi.load_table(SETTINGS.npi_table)  # a table that is wrong is told before the first page,
engines.engine(SETTINGS.ocr)  # and an engine that is not there; models are loaded once
screening.weights()
STATE = StateTable(clients.dynamodb(), SETTINGS.table_name, SETTINGS.record_days)
PROCESSOR = LoggingBatchProcessor(EventType.SQS)


def read_batch(record: SQSRecord, lambda_context: LambdaContext) -> None:
    reading.read_batch(
        clients.s3(),
        clients.sqs(),
        STATE,
        SETTINGS,
        messages.decode_batch(record.body),
        remaining_seconds=lambda: lambda_context.get_remaining_time_in_millis() / 1000,
    )


def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    return process_partial_response(
        event=event, record_handler=read_batch, processor=PROCESSOR, context=context
    )
