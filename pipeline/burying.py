"""Buries what is dead: a message that nobody could process is recorded as failed, so that its file still closes."""

from pipeline.messages import BatchMessage, FileRef
from pipeline.state import GIVEN_UP, StateTable, decode_outcomes


def bury_batch(state: StateTable, batch: BatchMessage) -> None:
    """Records a batch that no worker could process, so that its file still closes."""
    file_id = batch.file.file_id
    pages = _all_pages(batch)
    state.put_failed_batch(file_id, batch.batch_id, pages, GIVEN_UP)
    _count(state, file_id, batch.batch_id)


def bury_file(state: StateTable, ref: FileRef, event_id: str) -> None:
    """Records a file that no controller could open. Batches that were sent all the same still heal it, as they finish."""
    known = state.create_file(ref, total_pages=0, total_batches=0, fault=GIVEN_UP, event_id=event_id)
    if known and known.status == "PROCESSING" and known.event_id == event_id:
        for batch_id in range(1, known.total_batches + 1):
            _count(state, ref.file_id, batch_id)


def _count(state: StateTable, file_id: str, batch_id: int) -> None:
    """Counts a batch as failed, unless a worker has stored it: then all that failed was to count it."""
    done = state.finished_batch(file_id, batch_id)
    if done is not None:
        state.count_completed(file_id, batch_id, done.npi_pages)
    else:
        state.count_failed(file_id, batch_id)


def _all_pages(batch: BatchMessage) -> str:
    """The whole batch, also when only its last pages were left in the message."""
    last = batch.pages.first + len(batch.pages.offsets) - 1
    done = decode_outcomes(bytes(batch.done))
    return f"{done[0].page if done else batch.pages.first}-{last}"
