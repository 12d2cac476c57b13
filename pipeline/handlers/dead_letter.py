"""What could not be processed -> recorded as FAILED, so that every file still closes. Source: the dead-letter
queues, and the queue that Lambda tells of stream records which the aggregator failed for.

The message itself goes on to the parked queue, from where it can be redriven after a fix.
"""

from typing import Any

import msgspec
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from pipeline import burying, clients, messages, settings
from pipeline.handlers import metrics
from pipeline.handlers.batches import EVENT_ID, LoggingBatchProcessor, event_id
from pipeline.state import StateTable

logger = Logger()
SETTINGS = settings.load()
STATE = StateTable(clients.dynamodb(), SETTINGS.table_name, SETTINGS.record_days)
PROCESSOR = LoggingBatchProcessor(EventType.SQS)


def bury(record: SQSRecord) -> None:
    parked = record.body
    try:
        if record.event_source_arn == SETTINGS.file_dead_letters:
            for ref in messages.decode_uploads(record.body):
                burying.bury_file(STATE, ref, event_id(record))
        elif record.event_source_arn == SETTINGS.aggregator_failures:
            parked = bury_results(record.body)
        else:
            burying.bury_batch(STATE, messages.decode_batch(record.body))
    except msgspec.DecodeError as error:
        # Belongs to no file. It is kept in the parked queue like the others, for a person to look at.
        logger.error(
            "a message that is not ours", extra={"message_id": record.message_id, "error": str(error)}
        )
    if parked:
        metrics.count("DeadLetters")
        clients.sqs().send_message(
            QueueUrl=SETTINGS.parked_queues[record.event_source_arn],
            MessageBody=parked,
            MessageAttributes={EVENT_ID: {"DataType": "String", "StringValue": event_id(record)}},
        )


def bury_results(body: str) -> str:
    """What is to be parked of a failure of the aggregator: the ids of its files, since in a day the stream
    will have forgotten them.

    Nothing is ("") when all are closed. A redriven one lets the aggregator try again.
    """
    failure = messages.decode_aggregator_failure(body)
    if isinstance(failure, messages.Unclosed):
        for file_id in failure.unclosed_files:
            STATE.reopen(file_id)
        return ""
    buried = burying.bury_results(clients.streams(), STATE, failure)
    return messages.Unclosed(buried).encode() if buried else ""


@metrics.told
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    return process_partial_response(event=event, record_handler=bury, processor=PROCESSOR, context=context)
