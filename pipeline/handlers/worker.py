"""Batches of pages -> what stands on them. Source: the Batch Queue."""

from typing import Any

from aws_lambda_powertools.utilities.batch import EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from pipeline import clients, engines, messages, npi, reading, results, screening, settings
from pipeline.handlers import metrics
from pipeline.handlers.batches import LoggingBatchProcessor, event_id
from pipeline.reading import Reading
from pipeline.state import StateTable

SETTINGS = settings.load()
npi.load_table(SETTINGS.npi_table)  # a table that is wrong is told before the first page,
engines.engine(SETTINGS.ocr)  # and an engine that is not there; models are loaded once
screening.weights()
STATE = StateTable(clients.dynamodb(), SETTINGS.table_name, SETTINGS.record_days)
PROCESSOR = LoggingBatchProcessor(EventType.SQS)


def read_batch(record: SQSRecord, lambda_context: LambdaContext) -> None:
    work = reading.read_batch(
        clients.s3(),
        clients.sqs(),
        STATE,
        SETTINGS,
        messages.decode_batch(record.body),
        event_id(record),
        remaining_seconds=lambda: lambda_context.get_remaining_time_in_millis() / 1000,
    )
    _count(work)


def _count(work: Reading) -> None:
    if work.outcomes:
        metrics.count("Pages", len(work.outcomes))
        metrics.count("NpiPages", len(results.npi_pages(work.outcomes)))
        metrics.seconds("OcrSeconds", work.ocr_seconds)
    if suspect := sum(bool(outcome.suspect) for outcome in work.outcomes):
        metrics.count("SuspectPages", suspect)
    if unreadable := sum(bool(outcome.error) for outcome in work.outcomes):
        metrics.count("UnreadablePages", unreadable)
    if work.handed_back:
        metrics.count("HandBacks")


@metrics.told
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    return process_partial_response(
        event=event, record_handler=read_batch, processor=PROCESSOR, context=context
    )
