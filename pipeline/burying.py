"""Buries what is dead: a message that nobody could process is recorded as failed, so that its file still closes."""

from pipeline.messages import BatchMessage, FileRef
from pipeline.state import StateTable, decode_outcomes

GIVEN_UP = "not processed: every attempt failed, and its message is kept in the parked queue"


def bury_batch(state: StateTable, batch: BatchMessage) -> None:
    """Records a batch that no worker could process, so that its file still closes."""
    file_id = batch.file.file_id
    pages = _all_pages(batch)
    state.put_failed_batch(file_id, batch.batch_id, pages, GIVEN_UP)
    if state.finished_batch(file_id, batch.batch_id) is None:
        state.count_failed(file_id, batch.batch_id)


def bury_file(state: StateTable, ref: FileRef, event_id: str) -> None:
    """Records a file that no controller could open. Batches that were sent all the same still heal it, as they finish."""
    fault = GIVEN_UP
    known = state.create_file(ref, total_pages=0, total_batches=0, fault=fault, event_id=event_id)
    if known and known.status == "PROCESSING" and known.event_id == event_id:
        for batch_id in range(1, known.total_batches + 1):
            state.count_failed(ref.file_id, batch_id)


def _all_pages(batch: BatchMessage) -> str:
    """The whole batch, also when only its last pages were left in the message."""
    last = batch.pages.first + len(batch.pages.offsets) - 1
    done = decode_outcomes(bytes(batch.done))
    return f"{done[0].page if done else batch.pages.first}-{last}"
