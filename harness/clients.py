"""Clients of a run: each input file is put where the system takes its input, into a bucket or, as a message, into a queue."""

from collections.abc import Sequence

from harness.emulation import Client, Stage
from harness.errors import UsageError
from harness.inputs import InputFile
from harness.places import Place
from harness.recorder import Upload
from harness.template import Template


def of_files(files: Sequence[InputFile], place: Place, template: Template) -> list[Client]:
    """A client for each file; all begin at once. Raises `UsageError` when the template has no such place."""
    resource = template.document["Resources"].get(place.resource, {})
    match resource.get("Type"):
        case "AWS::S3::Bucket":
            return [_uploader(file, place) for file in files]
        case "AWS::SQS::Queue":
            return [_sender(file, place) for file in files]
        case _:
            raise UsageError(f"[tool.harness] inputs names {place.resource}, which is no bucket or queue of {template.path}")


def _uploader(file: InputFile, place: Place) -> Client:
    def upload(stage: Stage) -> None:
        key, body = place.prefix + file.name, file.path.read_bytes()
        stage.cloud.s3.put_object(Bucket=stage.cloud.system.buckets[place.resource], Key=key, Body=body)
        stage.recorder.record(Upload(t=stage.kernel.now, key=key, size=len(body)))

    return upload


def _sender(file: InputFile, place: Place) -> Client:
    def send(stage: Stage) -> None:
        body = file.path.read_text()
        stage.cloud.sqs.send_message(QueueUrl=stage.cloud.queue_url(stage.cloud.system.queues[place.resource]), MessageBody=body)
        stage.recorder.record(Upload(t=stage.kernel.now, key=file.name, size=len(body)))

    return send
