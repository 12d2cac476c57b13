"""Files whose last batch is counted -> their results in S3. Source: the table's stream, filtered to those
events.
"""

from typing import Any

from aws_lambda_powertools.utilities.batch import EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from pipeline import clients, closing, settings
from pipeline.handlers import metrics
from pipeline.handlers.batches import LoggingBatchProcessor
from pipeline.state import StateTable, file_id_of

SETTINGS = settings.load()
STATE = StateTable(clients.dynamodb(), SETTINGS.table_name, SETTINGS.record_days)
PROCESSOR = LoggingBatchProcessor(EventType.DynamoDBStreams)


def close_file(record: DynamoDBRecord, lambda_context: LambdaContext) -> None:
    assert record.dynamodb is not None
    status = closing.close_file(
        clients.s3(),
        STATE,
        SETTINGS,
        file_id_of(record.dynamodb.keys["PK"]),
        remaining_seconds=lambda: lambda_context.get_remaining_time_in_millis() / 1000,
    )
    if status:
        metrics.count("FilesClosed")
    if status in ("PARTIAL", "FAILED"):
        metrics.count(f"Files{status.capitalize()}")


@metrics.told
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    return process_partial_response(
        event=event, record_handler=close_file, processor=PROCESSOR, context=context
    )
