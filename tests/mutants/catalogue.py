"""Deliberate bugs of the pipeline, each a change of a few words in a copy of it: what the explorer must be
able to find.

Each is a mistake that somebody makes in such a system. Where a bug needs special weather to show (a slow
machine, old records, large batches), it says so.
"""

from collections.abc import Mapping

import msgspec


class Mutant(msgspec.Struct, frozen=True, kw_only=True):
    """changes: file -> (words, what stands in their place). What it takes to show it: `faults` (a preset),
    parameters, slowness, time, a redrive.
    """

    name: str
    changes: Mapping[str, tuple[tuple[str, str], ...]]
    faults: str = "hostile"
    parameters: Mapping[str, str] = {}
    work_factor: float = 1.0
    aftermath: float = 0.0
    redrive: bool = False


ONCE = (
    '"attribute_exists(PK) AND NOT contains(countedBatches, :id)",\n'
    '            {\n                ":ids": {batch_id},\n                ":id": batch_id,\n                ":one": 1,\n                ":npi"'
)

SHORT_OF_TIME = {"BatchPages": "10", "WorkerTimeout": "120", "OcrPageTimeout": "100", "OcrFindings": "full"}

MUTANTS = (
    Mutant(
        name="counter without condition",
        changes={
            "pipeline/state.py": (
                (ONCE, ONCE.replace(" AND NOT contains(countedBatches, :id)", " AND :id = :id")),
            )
        },
    ),
    Mutant(
        name="stored batch read again",
        changes={
            "pipeline/reading.py": (
                ("    done = state.finished_batch(file_id, batch.batch_id)\n", "    done = None\n"),
            )
        },
    ),
    Mutant(
        name="batch item after the counter",
        faults="calm",  # a counted batch that is not stored yet is seen in any weather
        changes={
            "pipeline/reading.py": (
                (
                    "        state.put_batch(",
                    "        state.count_completed(file_id, batch.batch_id, done.npi_pages)\n        "
                    "state.put_batch(",
                ),
            )
        },
    ),
    Mutant(
        name="message deleted early",
        changes={
            "pipeline/handlers/worker.py": (
                (
                    "    work = reading.read_batch(",
                    "    clients.sqs().delete_message(QueueUrl=SETTINGS.batch_queue_url, "
                    "ReceiptHandle=record.receipt_handle)\n"
                    "    work = reading.read_batch(",
                ),
            )
        },
    ),
    Mutant(
        name="aggregator without idempotency",
        changes={
            "pipeline/closing.py": (
                (
                    'record is None or record.status != "PROCESSING" or record.remaining_batches',
                    "record is None",
                ),
                ('Key=f"results/{file_id}.json"', 'Key=f"results/{file_id}-{time.time()}.json"'),
                ("from typing import", "import time\nfrom typing import"),
            )
        },
    ),
    Mutant(
        name="partial response ignored",
        changes={
            "pipeline/handlers/worker.py": (
                (
                    "    return process_partial_response(",
                    '    return {"batchItemFailures": []} if [process_partial_response(',
                ),
                (
                    "processor=PROCESSOR, context=context\n    )",
                    "processor=PROCESSOR, context=context\n    )] else {}",
                ),
            )
        },
    ),
    Mutant(
        name="dead letters not handled",
        changes={
            "pipeline/handlers/dead_letter.py": (
                ("            burying.bury_batch(", "            (lambda *_: None)("),
            )
        },
        parameters={"MaxReceives": "2"},
    ),
    Mutant(
        name="failures of the aggregator not handled",
        changes={
            "pipeline/handlers/dead_letter.py": (
                ("buried = burying.bury_results(clients.streams(), STATE, failure)", "buried = ()"),
            )
        },
        parameters={"AggregatorRetries": "1"},
    ),
    Mutant(
        name="removal by TTL taken for completion",
        changes={
            "template.yaml": (
                (
                    '{"dynamodb": {"NewImage": {"remainingBatches": {"N": ["0"]}, "status": {"S": ["PROCESSING"]}}}}',
                    '{"dynamodb": {"Keys": {"SK": {"S": ["METADATA"]}}}}',
                ),
            ),
            "pipeline/handlers/aggregator.py": (
                (
                    "    status = closing.close_file(",
                    '    if record.raw_event["eventName"] == "REMOVE":\n'
                    "        image = record.dynamodb.old_image\n"
                    '        told = {"s3Key": image["s3Key"], "status": "COMPLETED", "totalPages": 0, "npiPages": [], "pageErrors": []}\n'
                    '        body = __import__("json").dumps({**told, "reason": ""})\n'
                    '        clients.s3().put_object(Bucket=image["bucket"], Key=f"results/{file_id}.json", Body=body)\n'
                    "    status = closing.close_file(",
                ),
            ),
        },
        faults="calm",
        parameters={"RecordDays": "1"},
        aftermath=26 * 3600.0,
    ),
    Mutant(
        name="pages in the order of their batches' completion",
        changes={
            "pipeline/results.py": (
                (
                    "    found = npi_pages(outcomes)\n",
                    "    found = tuple(p for batch in batches for p in batch.npi_pages)\n",
                ),
            ),
            "pipeline/state.py": (
                ("tuple(sorted(batches, key=lambda batch: batch[0].batch_id))", "tuple(batches[::-1])"),
            ),
        },
        faults="calm",
        parameters={"BatchPages": "1"},
    ),
    Mutant(
        name="transient error taken for permanent",
        changes={
            "pipeline/reading.py": (
                ("    pages = documents.read_pages(", "    try:\n        pages = list(documents.read_pages("),
                (
                    "settings.whole_file_bytes)\n    for index",
                    "settings.whole_file_bytes))\n    except Exception as error:\n"
                    "        return tuple(PageOutcome(first + n, error=str(error)) for n in "
                    "range(len(offsets))), [], None\n"
                    "    pages = iter(pages)\n    for index",
                ),
            )
        },
    ),
    Mutant(
        name="stale read",
        changes={
            "pipeline/state.py": (
                (
                    '            "ConsistentRead": True,\n        }\n        while True',
                    "        }\n        while True",
                ),
            )
        },
    ),
    Mutant(
        name="file id without version",
        changes={"pipeline/messages.py": (("self.version_id or self.etag))", "))"),)},
    ),
    Mutant(
        name="timeout ignored",
        changes={"pipeline/reading.py": (("if index and remaining_seconds() <", "if index and 999 <"),)},
        faults="calm",
        parameters=SHORT_OF_TIME,
        work_factor=150.0,  # a page may then take half a minute and more, and some of them outlast the worker
    ),
    Mutant(
        name="finished pages dropped at the deadline",
        changes={"pipeline/reading.py": (("pages=left, done=carried)", "pages=left)"),)},
        faults="calm",
        parameters=SHORT_OF_TIME,
        work_factor=150.0,  # a page may then take half a minute and more, and some of them outlast the worker
    ),
    Mutant(
        name="refused entries of a batch forgotten",
        changes={"pipeline/opening.py": (("    if failed:\n", "    if failed and not entries:\n"),)},
    ),
    Mutant(
        name="record of a file overwritten by a second event",
        changes={
            "pipeline/state.py": (
                (
                    "        old = self._put_new(item)\n        if old",
                    "        self._client.put_item(TableName=self._table, Item=_dump(item))\n        old: "
                    "Item = {}\n        if old",
                ),
            )
        },
    ),
    Mutant(
        name="a batch counted as failed is never healed",
        changes={
            "pipeline/state.py": (('if old and batch_id in old.get("failedBatchIds", ()):', "if False:"),)
        },
        parameters={"MaxReceives": "1"},
        redrive=True,
    ),
)
