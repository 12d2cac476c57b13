"""Upload events -> METADATA and batches of pages. Source: the File Queue."""

from typing import Any

from aws_lambda_powertools.utilities.batch import EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from pipeline import clients, messages, opening, settings
from pipeline.handlers import metrics
from pipeline.handlers.batches import LoggingBatchProcessor, event_id
from pipeline.state import StateTable

SETTINGS = settings.load()
STATE = StateTable(clients.dynamodb(), SETTINGS.table_name, SETTINGS.record_days)
PROCESSOR = LoggingBatchProcessor(EventType.SQS)


def open_files(record: SQSRecord) -> None:
    for ref in messages.decode_uploads(record.body):
        if opening.open_file(clients.s3(), clients.sqs(), STATE, SETTINGS, ref, event_id(record)):
            metrics.count("FilesOpened")


@metrics.told
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    return process_partial_response(
        event=event, record_handler=open_files, processor=PROCESSOR, context=context
    )
