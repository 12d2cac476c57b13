"""Least privilege, proven: take any one statement out of the template's roles, and the system no longer does
its whole job.
"""

import copy
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from harness.cloud import latency, template
from harness.compute.policies import Modelled
from harness.compute.sandbox import CodeBase
from harness.engine.randomness import Randomness
from harness.errors import UsageError
from harness.recorder import Call, Message
from harness.runs import clients, inputs
from harness.runs.emulation import Emulation, Setting, emulate
from harness.runs.places import Place
from harness.services.stage import Stage
from pipeline.messages import BatchMessage, FileRef, PageRange, StreamBatch
from pipeline.results import BatchOutcome, PageOutcome
from pipeline.state import StateTable
from tests import builders
from tests.builders import CONFIG, PROJECT

PARAMETERS = {
    "PdfMode": "original",
    "ItemBytes": "1",
    "WorkerTimeout": "120",
    "OcrPageTimeout": "105",
    "BatchPages": "40",
    "MaxReceives": "1",
}
"""Every permission is used: a PDF is made, outcomes go to S3, a worker hands pages back, messages die."""

LOADED = template.load(PROJECT / "template.yaml", PARAMETERS)


def statements() -> list[tuple[str, int, str]]:
    """(role, index, Sid) of every statement but those for logs, which a function runs without."""
    found = []
    for name, resource in LOADED.document["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role":
            listed = resource["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
            found += [
                (name, index, statement["Sid"])
                for index, statement in enumerate(listed)
                if statement["Sid"] != "Logs"
            ]
    return found


def dead_letters(stage: Stage) -> None:
    """What reached the dead-letter queues: a batch of an unknown file, something that is no event, the place
    of a record of the stream.
    """
    ref = FileRef("gone", "uploads/gone.tif", 10, "etag")
    for queue, body in (
        ("BatchDeadLetterQueue", BatchMessage(ref, 1, PageRange(1, (8,))).encode()),
        ("FileDeadLetterQueue", "no event"),
    ):
        send(stage, queue, body)
    stage.kernel.sleep(20.0)
    (source,) = stage.cloud.system.stream_sources
    shard = stage.cloud.moto_table(stage.cloud.system.tables["StateTable"]).stream_shard
    number = shard.items[0].to_json()["dynamodb"]["SequenceNumber"]
    place = StreamBatch(source.stream_arn, shard.id, number, number)
    send(stage, "AggregatorFailureQueue", msgspec.json.encode({"DDBStreamBatchInfo": place}).decode())


def send(stage: Stage, queue: str, body: str) -> None:
    stage.cloud.sqs.send_message(
        QueueUrl=stage.cloud.queue_url(stage.cloud.system.queues[queue]), MessageBody=body
    )


def gone(stage: Stage) -> None:
    """Uploads that were deleted for good: one before it was opened, one before it was read, one before its
    PDF was made.
    """
    system = stage.cloud.system
    bucket = system.buckets["DocumentsBucket"]
    state = StateTable(stage.cloud.client("dynamodb"), system.tables["StateTable"], 1)
    unopened, unread, unmade = (
        FileRef(bucket, f"uploads/{when}.tif", 10, "etag", f"version-{when}")
        for when in ("unopened", "unread", "unmade")
    )
    for ref in (unread, unmade):
        state.create_file(ref, total_pages=1, total_batches=1, fault="", event_id="event")
    send(stage, "FileQueue", upload_event(unopened))
    send(stage, "BatchQueue", BatchMessage(unread, 1, PageRange(1, (8,))).encode())
    state.put_batch(unmade.file_id, BatchOutcome(1, "1-1", (PageOutcome(1, 90),)))
    state.count_completed(unmade.file_id, 1, ())


def upload_event(ref: FileRef) -> str:
    described = {"key": ref.key, "size": ref.size, "eTag": ref.etag, "versionId": ref.version_id}
    record = {
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": ref.bucket}, "object": described},
    }
    return msgspec.json.encode({"Records": [record]}).decode()


def whole_job(folder: Path, document: template.Resource) -> Emulation:
    (folder / "a.tif").write_bytes(
        builders.tiff(*(Image.new("1", (40, 40), 1) for _ in range(30)), compression="group4")
    )
    loaded = msgspec.structs.replace(LOADED, document=document)
    uploads = Place.parse(CONFIG.inputs)
    setting = Setting(
        template=loaded,
        clients=[*clients.of_files(inputs.collect([folder], [".tif"]), uploads, loaded), dead_letters, gone],
        results=Place.parse(CONFIG.results),
        seed=0,
        latencies=latency.load(),
        recorded=CONFIG.record,
        longest=3_000,
    )
    code = CodeBase(list(loaded.code.values()), ["pipeline.handlers.worker.handler"])
    return emulate(setting, code, Modelled(Randomness(0).stream("compute")))


def denied(emulation: Emulation) -> list[str]:
    return [
        f"{event.caller}: {event.operation}"
        for event in emulation.recorder.events
        if isinstance(event, Call) and "AccessDenied" in event.error
    ]


def test_with_all_statements_the_whole_job_is_done_and_nothing_denied(tmp_path: Path) -> None:
    emulation = whole_job(tmp_path, LOADED.document)
    assert denied(emulation) == []
    assert emulation.finished
    assert sorted(Path(key).suffix for key in emulation.results) == [".json"] * 4 + [".pdf"]
    assert (
        emulation.leftovers["BatchParkedQueue"].messages
        == emulation.leftovers["FileParkedQueue"].messages
        == 1
    )


def test_what_was_deleted_is_said_to_be_and_is_tried_once(tmp_path: Path) -> None:
    emulation = whole_job(tmp_path, LOADED.document)
    results = [msgspec.json.decode(body) for key, body in emulation.results.items() if key.endswith(".json")]
    told = {result["s3Key"]: result for result in results}
    deleted = "this version of the file was deleted before it could be read"
    for key in ("uploads/unopened.tif", "uploads/unread.tif"):
        assert (told[key]["status"], deleted in str(told[key])) == ("FAILED", True)
    assert told["uploads/unmade.tif"]["status"] != "FAILED"
    assert deleted in told["uploads/unmade.tif"]["pdfReason"]
    for queue in ("FileDeadLetterQueue", "BatchDeadLetterQueue"):
        received = [one for one in emulation.recorder.events if isinstance(one, Message)]
        assert sum((one.action, one.queue) == ("received", queue) for one in received) == 1  # sent there
    assert [call.error for call in reads(emulation)] == ["NoSuchVersion"] * 3


def reads(emulation: Emulation) -> list[Call]:
    """The reads of uploads that failed."""
    return [
        event
        for event in emulation.recorder.events
        if isinstance(event, Call) and event.operation == "GetObject" and event.error
    ]


@pytest.mark.parametrize(("role", "index", "sid"), statements(), ids=lambda value: str(value))
def test_without_a_statement_something_is_denied(tmp_path: Path, role: str, index: int, sid: str) -> None:
    document = copy.deepcopy(LOADED.document)
    del document["Resources"][role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][index]
    try:
        emulation = whole_job(tmp_path, document)
    except UsageError as refused:
        assert "is refused, as AWS would" in str(refused)  # noqa: PT017 either the deployment or a call is refused
        return
    assert denied(emulation) != []
