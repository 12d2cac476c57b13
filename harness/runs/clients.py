"""Clients of a run: each input file is put where the system takes its input, into a bucket or, as a message,
into a queue.
"""

import io
from collections.abc import Sequence
from pathlib import Path

from harness.cloud.template import Template
from harness.errors import UsageError
from harness.recorder import Upload
from harness.runs.emulation import Client
from harness.runs.inputs import InputFile
from harness.runs.places import Place
from harness.services.stage import Stage

LONGEST_KEY_BYTES = 1_024
"""Of an object, in UTF-8 (S3 user guide, "Naming Amazon S3 objects")."""


def of_files(files: Sequence[InputFile], place: Place, template: Template) -> list[Client]:
    """A client for each file, which begins when it is time for it. Raises `UsageError` when the template has
    no such place.
    """
    resource = template.document["Resources"].get(place.resource, {})
    match resource.get("Type"):
        case "AWS::S3::Bucket":
            for file in files:
                if (size := len((place.prefix + file.name).encode())) > LONGEST_KEY_BYTES:
                    raise UsageError(
                        f"{file.path} is refused, as S3 would: its key has {size} bytes, "
                        f"{LONGEST_KEY_BYTES} are allowed"
                    )
            return [_uploader(file, place) for file in files]
        case "AWS::SQS::Queue":
            return [_sender(file, place) for file in files]
        case _:
            raise UsageError(
                f"[tool.harness] inputs names {place.resource}, which is no bucket or queue of "
                f"{template.path}"
            )


class _OnDisk(io.RawIOBase):
    """A file's content, read only when the request happens: thousands of uploads are under way at once."""

    def __init__(self, path: Path, size: int) -> None:
        self._path, self._size, self._position = path, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        with self._path.open("rb") as file:
            file.seek(self._position)
            content = file.read(-1 if size is None else size)
        self._position += len(content)
        return content


def _uploader(file: InputFile, place: Place) -> Client:
    def upload(stage: Stage) -> None:
        _wait(file, stage)
        key, size = place.prefix + file.name, file.path.stat().st_size
        stage.cloud.s3.put_object(
            Bucket=stage.cloud.bucket(place.resource), Key=key, Body=_OnDisk(file.path, size)
        )
        stage.recorder.record(Upload(t=stage.kernel.now, key=key, size_bytes=size))

    return upload


def _wait(file: InputFile, stage: Stage) -> None:
    if file.at:
        stage.kernel.sleep(file.at)


def _sender(file: InputFile, place: Place) -> Client:
    def send(stage: Stage) -> None:
        _wait(file, stage)
        body = file.path.read_text(encoding="utf-8", errors="replace")
        stage.cloud.sqs.send_message(
            QueueUrl=stage.cloud.queue_url(stage.cloud.system.queues[place.resource]), MessageBody=body
        )
        stage.recorder.record(Upload(t=stage.kernel.now, key=file.name, size_bytes=len(body)))

    return send
